"""Tell a registry from other servers by its answer to ``GET /v2/``, the first request of the specification."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from slipway.core.objects import find_object

#: Sent by most registries: distribution, Docker Hub, ECR, Artifact Registry, ACR, Quay, Gitea, Harbor since 2.0 …
_VERSION = "Docker-Distribution-Api-Version"
_CHALLENGES = ("basic", "bearer")


@dataclass(frozen=True)
class Greeting:
    """Hold the answer to ``GET /v2/``.

    ``status``: its HTTP status, 0 without an answer. ``proven``: it proves a registry. ``answer``: its description.
    """

    status: int = 0
    proven: bool = False
    answer: str = ""

    @property
    def is_foreign(self) -> bool:
        """Tell whether a server answered that is not a registry.

        429 and 5xx may be temporary, and prove nothing.
        """
        return bool(self.status) and not self.proven and self.status != 429 and self.status < 500

    @property
    def problem(self) -> str:
        """Return the problem with the answer; empty when there is none.

        The text continues a sentence that begins with the host.
        """
        if not self.status:
            return "does not answer"
        if self.is_foreign:
            return f"does not answer as a registry (GET /v2/ gives {self.answer})"
        return f"answers GET /v2/ with {self.status}" if self.status == 429 or self.status >= 500 else ""


NO_ANSWER = Greeting()


def read_greeting(status: int, headers: Mapping[str, str], body: bytes, elsewhere: str = "") -> Greeting:
    """Judge the answer to ``GET /v2/``. ``elsewhere``: the URL on another host to which it redirects.

    Docker's header proves a registry; so do a challenge, and an error body of the OCI specification. Some registries
    send 200 with an empty body and no header. A web server's HTML page does not count.
    """
    kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    answer = f"{status}{f', {kind}' if kind else ''}{f', a redirect to {elsewhere}' if elsewhere else ''}"
    challenge = headers.get("WWW-Authenticate", "").partition(" ")[0].lower()
    described = find_object(body)
    proven = not elsewhere and (
        headers.get(_VERSION, "").strip().lower().startswith("registry/2")
        or (status == 401 and challenge in _CHALLENGES)
        or (status == 200 and (described is not None or (not body and kind != "text/html")))
        or (status in (401, 403) and isinstance((described or {}).get("errors"), list))
    )
    return Greeting(status, proven, answer)
