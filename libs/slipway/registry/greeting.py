"""Tell a registry from other servers by its answer to ``GET /v2/``, the first request of the specification."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from slipway.core.objects import find_object

#: Most registries send it: distribution, Docker Hub, ECR, Artifact Registry, ACR, Quay, Gitea, Harbor since 2.0 …
_VERSION = "Docker-Distribution-Api-Version"
_CHALLENGES = ("basic", "bearer")


@dataclass(frozen=True)
class Greeting:
    """The answer to ``GET /v2/``: its HTTP status, 0 when nothing answered; whether it is a registry's; what it is."""

    status: int = 0
    proven: bool = False
    answer: str = ""

    @property
    def is_foreign(self) -> bool:
        """Whether something answered that is not a registry. 429 and 5xx may pass, and prove nothing."""
        return bool(self.status) and not self.proven and self.status != 429 and self.status < 500

    @property
    def problem(self) -> str:
        """What is wrong with the answer, as the rest of a sentence that begins with the host; empty when nothing is."""
        if not self.status:
            return "does not answer"
        if self.is_foreign:
            return f"does not answer as a registry (GET /v2/ gives {self.answer})"
        return f"answers GET /v2/ with {self.status}" if self.status == 429 or self.status >= 500 else ""


NO_ANSWER = Greeting()


def read_greeting(status: int, headers: Mapping[str, str], body: bytes, elsewhere: str = "") -> Greeting:
    """Judge the answer to ``GET /v2/``. ``elsewhere``: the URL of another host that it redirects to.

    Docker's header proves a registry, and so do a challenge and an error body of the OCI specification. Some registries
    send 200 with an empty body and no header; a web server's page is not that.
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
