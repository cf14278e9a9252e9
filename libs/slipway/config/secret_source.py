"""Name the sources of build secrets, as ``[tool.slipway.secrets]`` maps them to ids."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

SECRET_ID = re.compile(r"\w[\w./ -]{0,127}", re.ASCII)


@dataclass(frozen=True)
class SecretSource:
    """Name the source of a build secret.

    A ``file`` (relative to the repository's root, or ``~/…``), or a name in the environment or in ``.env``.
    """

    file: str = ""
    env: str = ""


def secret_faults(secrets: object) -> Iterator[tuple[str, str, str]]:
    """Yield each wrong id, the fault, and the fix."""
    form = 'gh_token = { env = "GH_TOKEN" }, npmrc = { file = "~/.npmrc" }'
    if not isinstance(secrets, dict):
        yield "secrets", "secrets maps an id to its source", form
        return
    for name, source in secrets.items():
        if not SECRET_ID.fullmatch(name):
            yield name, f"secrets: {name!r} is not an id", "letters and digits, with _ . / - between them"
        elif not (
            isinstance(source, dict)
            and len(source) == 1
            and all(key in ("file", "env") and isinstance(text, str) and text for key, text in source.items())
        ):
            yield name, f"secrets.{name} is a table with a file or an env", form
