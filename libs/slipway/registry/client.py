"""What is asked of a registry: digests, manifests, configurations, blobs; and told: a tag's new content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slipway.engine import Credentials
from slipway.errors import PushError, SlipwayError
from slipway.model import Reference
from slipway.patience import Patience
from slipway.registry.wire import Question, Wire

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


@dataclass(frozen=True)
class Manifest:
    """A manifest's exact bytes; ``digest`` is computed from them, not believed."""

    body: bytes
    media_type: str

    @property
    def digest(self) -> str:
        return f"sha256:{hashlib.sha256(self.body).hexdigest()}"

    @property
    def config(self) -> str:
        """The digest of the image's configuration; empty for an index."""
        return str(self._described.get("config", {}).get("digest", ""))

    @property
    def blobs(self) -> tuple[str, ...]:
        """The digests of the blobs that the manifest names: configuration and layers."""
        layers = [str(layer["digest"]) for layer in self._described.get("layers", ())]
        return (self.config, *layers) if self.config else tuple(layers)

    @property
    def members(self) -> tuple[str, ...]:
        """The digests of the manifests that an index names."""
        return tuple(str(member["digest"]) for member in self._described.get("manifests", ()))

    @property
    def _described(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = json.loads(self.body)
        return found


class Registry:
    """The registry at ``host``. ``credentials`` are asked for once, when the registry wants some.

    ``insecure`` are the hosts that are spoken to in plain HTTP, beside loopback. ``through``: a socket here that leads
    to it, from a machine that reaches it.
    """

    def __init__(
        self,
        host: str,
        credentials: Callable[[str], Credentials | None] = lambda host: None,
        patience: Patience = Patience(),  # noqa: B008
        insecure: Collection[str] = (),
        through: str = "",
    ) -> None:
        self.host = host
        self._wire = Wire(host, credentials, patience, insecure, through)

    def digest(self, reference: Reference) -> str:
        """The digest a tag stands for, or an empty string when there is none. Raises PushError."""
        reply = self._ask("HEAD", reference, f"manifests/{reference.tag or reference.digest}")
        if reply.status_code == 404:
            return ""
        self._wire.expect(reply, 200, f"{reference}")
        return reply.headers.get("Docker-Content-Digest") or self.manifest(reference).digest

    def manifest(self, reference: Reference) -> Manifest:
        """Raises PushError, also when the body is not what its digest says."""
        reply = self._ask("GET", reference, f"manifests/{reference.digest or reference.tag}")
        self._wire.expect(reply, 200, f"{reference}")
        manifest = Manifest(reply.content, reply.headers.get("Content-Type", ""))
        if reference.digest and manifest.digest != reference.digest:
            raise PushError(f"{reference}: the registry answered {manifest.digest}")
        return manifest

    def put(self, reference: Reference, manifest: Manifest) -> None:
        """Make ``reference.tag`` stand for ``manifest``. A reply that is lost proves nothing: read the tag back."""
        path = f"manifests/{reference.tag or reference.digest}"
        reply = self._ask("PUT", reference, path, manifest.body, {"Content-Type": manifest.media_type})
        self._wire.expect(reply, 201, f"{reference}: manifest PUT")

    def tags(self, reference: Reference) -> tuple[str, ...]:
        """The tags of the reference's repository, as the registry lists them first; none when it has no such one."""
        reply = self._ask("GET", reference, "tags/list")
        if reply.status_code == 404:
            return ()
        self._wire.expect(reply, 200, f"{reference.repository}: tags")
        return tuple(map(str, reply.json().get("tags") or ()))

    def config(self, reference: Reference) -> Mapping[str, Any]:
        """The image's configuration (labels, user, history). Raises PushError."""
        digest = self.manifest(reference).config
        if not digest:
            return {}
        reply = self._ask("GET", reference, f"blobs/{digest}")
        self._wire.expect(reply, 200, f"{reference}: configuration")
        found: Mapping[str, Any] = json.loads(reply.content)
        return found

    def holds(self, reference: Reference, blob: str) -> bool:
        """Whether the reference's repository has the blob of this digest. Raises PushError."""
        reply = self._ask("HEAD", reference, f"blobs/{blob}")
        if reply.status_code == 404:
            return False
        self._wire.expect(reply, 200, f"{reference}: {blob[:19]}")
        return True

    def check_write(self, reference: Reference) -> None:
        """Raises PushError unless the login in use may write to the reference's repository.

        An upload is begun and cancelled: the specification has no question for it, and a token server may hand out a
        token that allows less than was asked for.
        """
        reply = self._ask("POST", reference, "blobs/uploads/")
        self._wire.expect(reply, 202, f"{reference.repository}: upload")
        if location := reply.headers.get("Location"):
            self._wire.cancel(location, reference.path)

    def status(self) -> int:
        """The HTTP status with which a registry greets, 0 when nothing answers. Raises PushError for a certificate."""
        return self._wire.status()

    @property
    def plain(self) -> bool:
        """Whether it is spoken to in plain HTTP."""
        return self._wire.url.startswith("http:")

    def answers(self) -> bool:
        """Whether a registry speaks at ``host``, also when it asks for a login."""
        try:
            return self.status() in (200, 401)
        except SlipwayError:
            return False

    def _ask(
        self, method: str, reference: Reference, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> requests.Response:
        question = Question(method, reference.path, path, f"{reference}", body)
        return self._wire.ask(question, {"Accept": _MANIFESTS, **(headers or {})})
