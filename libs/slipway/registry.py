"""The registry, over HTTP: does a reference exist, its digest, move a tag, layer sizes.

Follows the OCI distribution specification 1.1. "Not found" and "denied" are answers and never retried; 429 (with
Retry-After), 5xx and cut connections are, within a budget. A manifest PUT is idempotent, so it is retried too.
"""

from __future__ import annotations

import base64
import hashlib
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from slipway.engine import Credentials
from slipway.errors import PushError
from slipway.model import LOOPBACK, Reference

if TYPE_CHECKING:
    import requests

_MANIFESTS = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')
#: Seconds between tries.
_PAUSES = (1.0, 2.0, 4.0)
_LONGEST_WAIT_SECONDS = 120.0


@dataclass(frozen=True)
class Manifest:
    """A manifest's exact bytes; ``digest`` is computed from them, not believed."""

    body: bytes
    media_type: str

    @property
    def digest(self) -> str:
        return f"sha256:{hashlib.sha256(self.body).hexdigest()}"


def base_url(host: str) -> str:
    """Plain HTTP for loopback, as docker does; TLS for all else."""
    name = host if host.startswith("[") else host.partition(":")[0]
    plain = name in LOOPBACK or host.startswith("[::1]") or name.startswith("127.")
    return f"{'http' if plain else 'https'}://{host}"


class Registry:
    """The registry at ``host``. ``credentials`` are asked for once, when the registry wants some."""

    def __init__(
        self,
        host: str,
        credentials: Callable[[str], Credentials | None] = lambda host: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.host = host
        self._credentials = credentials
        self._sleep = sleep
        self._tokens: dict[str, str] = {}

    def digest(self, reference: Reference) -> str:
        """The digest a tag stands for, or an empty string when there is none. Raises PushError."""
        reply = self._ask("HEAD", reference, f"manifests/{reference.tag or reference.digest}")
        if reply.status_code == 404:
            return ""
        self._expect(reply, 200, f"{reference}")
        return reply.headers.get("Docker-Content-Digest") or self.manifest(reference).digest

    def manifest(self, reference: Reference) -> Manifest:
        """Raises PushError, also when the body is not what its digest says."""
        reply = self._ask("GET", reference, f"manifests/{reference.digest or reference.tag}")
        self._expect(reply, 200, f"{reference}")
        manifest = Manifest(reply.content, reply.headers.get("Content-Type", ""))
        if reference.digest and manifest.digest != reference.digest:
            raise PushError(f"{reference}: the registry answered {manifest.digest}")
        return manifest

    def put(self, reference: Reference, manifest: Manifest) -> None:
        """Make ``reference.tag`` stand for ``manifest``. A reply that is lost proves nothing: read the tag back."""
        path = f"manifests/{reference.tag or reference.digest}"
        reply = self._ask("PUT", reference, path, manifest.body, {"Content-Type": manifest.media_type})
        self._expect(reply, 201, f"{reference}: manifest PUT")

    def config(self, reference: Reference) -> Mapping[str, Any]:
        """The image's configuration (labels, user, history). Raises PushError."""
        import json

        described = json.loads(self.manifest(reference).body)
        if "config" not in described:
            return {}
        reply = self._ask("GET", reference, f"blobs/{described['config']['digest']}")
        self._expect(reply, 200, f"{reference}: configuration")
        found: Mapping[str, Any] = json.loads(reply.content)
        return found

    def answers(self) -> bool:
        """Whether a registry speaks at ``host``, also when it asks for a login."""
        import requests

        try:
            reply = self._session.get(f"{base_url(self.host)}/v2/", timeout=(3, 5))
        except requests.RequestException:
            return False
        return reply.status_code in (200, 401)

    @cached_property
    def _session(self) -> requests.Session:
        import requests

        session = requests.Session()
        # Without one of its own, a session would put ~/.netrc's login in place of ours.
        session.auth = lambda request: request
        return session

    def _ask(
        self, method: str, reference: Reference, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> requests.Response:
        import requests

        url = f"{base_url(self.host)}/v2/{reference.path}/{path}"
        said = {"Accept": _MANIFESTS, **(headers or {})}
        cause = ""
        for wait in (*_PAUSES, None):
            try:
                reply = self._authorized(method, url, reference, body, said)
            except requests.exceptions.SSLError as error:
                raise PushError(f"{reference}: {_transport(error)}", hint="invoke doctor") from None
            except (requests.ConnectionError, requests.Timeout) as error:
                cause = _transport(error)
            else:
                if reply.status_code != 429 and reply.status_code < 500:
                    return reply
                cause = f"{path.partition('/')[0].removesuffix('s')} {method} {reply.status_code}"
                wait = wait and max(wait, _asked_wait(reply.headers.get("Retry-After")))
            if wait:
                self._sleep(wait)
        raise PushError(f"{reference}: {cause} after {len(_PAUSES) + 1} tries", hint="invoke doctor")

    def _authorized(
        self, method: str, url: str, reference: Reference, body: bytes, headers: Mapping[str, str]
    ) -> requests.Response:
        scope = f"repository:{reference.path}:{'pull,push' if method == 'PUT' else 'pull'}"

        def send(token: str) -> requests.Response:
            said = {**headers, **({"Authorization": token} if token else {})}
            return self._session.request(method, url, data=body or None, headers=said, timeout=(10, 60))

        token = self._tokens.get(scope, "")
        reply = send(token)
        fresh = self._log_in(reply, scope) if reply.status_code == 401 else ""
        if not fresh or fresh == token:
            return reply
        self._tokens[scope] = fresh
        return send(fresh)

    def _log_in(self, reply: requests.Response, scope: str) -> str:
        """The answer to a challenge (RFC 7235, distribution's token specification), or an empty string."""
        kind, _, rest = reply.headers.get("WWW-Authenticate", "").partition(" ")
        credentials = self._credentials(self.host)
        basic = (credentials.username, credentials.password.reveal()) if credentials and credentials.username else None
        if kind.lower() == "basic" and basic:
            return f"Basic {base64.b64encode(':'.join(basic).encode()).decode()}"
        challenge = dict(_CHALLENGE.findall(rest))
        if kind.lower() != "bearer" or "realm" not in challenge:
            return ""
        query = {"service": challenge.get("service", ""), "scope": scope}
        answer = self._session.get(challenge["realm"], params=query, auth=basic, timeout=(10, 30))
        token = answer.json().get("token") or answer.json().get("access_token") if answer.ok else ""
        return f"Bearer {token}" if token else ""

    def _expect(self, reply: requests.Response, status: int, what: str) -> None:
        if reply.status_code == status:
            return
        login = f"docker login {self.host}"
        if reply.status_code == 401:
            raise PushError(f"{what}: the registry wants a login", hint=login)
        if reply.status_code == 403:
            raise PushError(f"{what}: denied to this login", hint=f"{login}, as one who may write there")
        raise PushError(f"{what}: {reply.status_code} {' '.join(reply.text.split())[:200]}")


def _transport(error: Exception) -> str:
    text = str(error)
    if "CERTIFICATE_VERIFY_FAILED" in text or "SSLError" in text:
        return "TLS: " + text.rpartition("SSLError(")[2].rstrip(")")
    if "refused" in text:
        return "connection refused"
    if "Name or service not known" in text or "NameResolution" in text:
        return "host name not found"
    return "timed out" if "timed out" in text else "connection lost"


def _asked_wait(retry_after: str | None) -> float:
    """Seconds from a Retry-After header (RFC 9110, 10.2.3: seconds or a date), at most two minutes."""
    if not retry_after:
        return 0.0
    if retry_after.isdigit():
        return min(float(retry_after), _LONGEST_WAIT_SECONDS)
    try:
        return min(parsedate_to_datetime(retry_after).timestamp() - time.time(), _LONGEST_WAIT_SECONDS)
    except ValueError:
        return 0.0
