"""Find the shell of a container."""

from __future__ import annotations

from slipway.compose.containers import Client, Found
from slipway.compose.failures import ServiceCause
from slipway.core.errors import PrerequisiteError
from slipway.engine.container_state import first_line

_FIND = "command -v bash || command -v sh"


def find_shell(client: Client, container: Found) -> str:
    """Return the path of bash in a running container, or else of sh. Raises PrerequisiteError where neither starts."""
    started = client.api.exec_create(container.id, ["sh", "-c", _FIND])["Id"]
    try:
        said: bytes = client.api.exec_start(started)
    except OSError as error:
        if getattr(error, "response", None) is None:  # the engine is lost
            raise
        raise _no_shell(container, str(error)) from None
    text = said.decode("utf-8", "replace").strip()
    if client.api.exec_inspect(started)["ExitCode"]:
        raise _no_shell(container, text)
    return text


def _no_shell(container: Found, said: str) -> PrerequisiteError:
    what = f"{container.service}: no shell starts in its container: {first_line(said)}"
    hint = f"docker cp {container.name}:<path> . copies a file out of it"
    return PrerequisiteError(what, hint=hint, code=ServiceCause.NO_SHELL)
