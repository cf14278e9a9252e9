"""Read digests, manifests, configurations and blobs from a registry, and write manifests to it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from slipway.core.errors import RefusedError, RegistryError, SlipwayError
from slipway.core.objects import find_object
from slipway.core.reference import Reference
from slipway.core.retry import RetryPolicy
from slipway.engine import FindLogin, anonymous
from slipway.registry.artifact import INDEX_TYPE, digest_of
from slipway.registry.greeting import Greeting
from slipway.registry.http import RegistryHttp, Request
from slipway.registry.manifest import MANIFEST_TYPES, ImageManifest, contradicts, digest_by_headers, read_manifest
from slipway.registry.replies import FOREIGN

if TYPE_CHECKING:
    from slipway.registry.transport import Reply

_ACCEPTED = ", ".join(MANIFEST_TYPES)
#: The most pages of a list that slipway reads.
_PAGES = 1000
#: The digest of a manifest that does not exist.
_NO_MANIFEST = f"sha256:{'0' * 64}"


class Registry:
    """Use the registry at ``host``. ``logins`` is called once, when the registry requires a login.

    ``insecure``: hosts that slipway contacts over plain HTTP, in addition to loopback. ``through``: a Unix socket on
    this machine whose other end is on a machine that reaches the registry.
    """

    def __init__(
        self,
        host: str,
        logins: FindLogin = anonymous,
        policy: RetryPolicy = RetryPolicy(),  # noqa: B008
        insecure: Collection[str] = (),
        through: str = "",
    ) -> None:
        self.host = host
        self._http = RegistryHttp(host, logins, policy, insecure, through)
        self._greeting: Greeting | None = None
        self._manifests: dict[tuple[str, str], ImageManifest] = {}

    def digest(self, reference: Reference) -> str:
        """Return the digest of a tag, or an empty string when the tag does not exist.

        Raises RefusedError when the answer is not a manifest's, and RegistryError.
        """
        reply = self._ask("HEAD", reference, f"manifests/{reference.tag or reference.digest}")
        if reply.status == 404:
            return ""
        self._refuse_elsewhere(reference, reply)
        self._http.expect(reply, 200, f"{reference}")
        return digest_by_headers(reply.headers) or self.manifest(reference).digest

    def fetched_digest(self, reference: Reference) -> str:
        """Return the digest of a tag as ``digest`` does, and fetch its manifest, which ``manifest`` then has.

        Raises as ``manifest``.
        """
        found = self.find_manifest(reference)
        return found.digest if found else ""

    def manifest(self, reference: Reference) -> ImageManifest:
        """Return the manifest of a reference. The manifest of a digest never changes, so slipway asks once for it.

        Raises RefusedError when the answer is not a manifest, and RegistryError when its bytes have another digest.
        """
        if kept := self._manifests.get((reference.path, reference.digest)):
            return kept
        reply = self._ask("GET", reference, f"manifests/{reference.digest or reference.tag}")
        return self._read(reference, reply)

    def find_manifest(self, reference: Reference) -> ImageManifest | None:
        """Return the manifest of a tag; None when the tag does not exist. Raises as ``manifest``."""
        reply = self._ask("GET", reference, f"manifests/{reference.tag}")
        return None if reply.status == 404 else self._read(reference, reply)

    def _read(self, reference: Reference, reply: Reply) -> ImageManifest:
        self._refuse_elsewhere(reference, reply)
        self._http.expect(reply, 200, f"{reference}")
        manifest = read_manifest(reply.headers, reply.content)
        if manifest is None:
            raise self._foreign(reference, reply.headers.get("Content-Type") or "bytes without a type")
        if (reference.digest and manifest.digest != reference.digest) or contradicts(reply.headers, manifest):
            raise RegistryError(f"{reference}: the registry answered {manifest.digest}")
        self._manifests[reference.path, manifest.digest] = manifest
        return manifest

    def _refuse_elsewhere(self, reference: Reference, reply: Reply) -> None:
        """Raise RefusedError when the reply redirects to another host.

        A server that wants a login in a browser redirects so.
        """
        if elsewhere := self._http.elsewhere(reply):
            raise self._foreign(reference, f"a redirect to {elsewhere}")

    def _foreign(self, reference: Reference, answer: str) -> RefusedError:
        said = f"{reference}: {self.host} does not answer as a registry (GET a manifest gives {answer})"
        return RefusedError(said, hint=FOREIGN.hint, code=FOREIGN.code)

    def put(self, reference: Reference, manifest: ImageManifest) -> None:
        """Make ``reference.tag`` point to ``manifest``.

        A lost reply leaves the result unknown: read the tag to learn it.
        """
        self.put_listed(reference, manifest)

    def put_listed(self, reference: Reference, manifest: ImageManifest) -> bool:
        """Do as ``put``. Tell whether the registry itself lists the manifest as a referrer of its subject."""
        path = f"manifests/{reference.tag or reference.digest}"
        reply = self._ask("PUT", reference, path, manifest.body, {"Content-Type": manifest.media_type})
        self._http.expect(reply, 201, f"{reference}: manifest PUT")
        return bool(reply.headers.get("OCI-Subject"))

    def referrers(self, reference: Reference) -> tuple[bytes, ...] | None:
        """Return the indexes that list the manifests about ``reference.digest``, one for each page.

        Return None when the registry has no such list. Raises RegistryError.
        """
        found = []
        for reply in self._pages(reference, f"referrers/{reference.digest}"):
            if reply.status != 200 or reply.headers.get("Content-Type", "").partition(";")[0] != INDEX_TYPE:
                return None
            found.append(reply.content)
        return tuple(found)

    def put_blob(self, reference: Reference, content: bytes) -> str:
        """Upload a blob to the reference's repository, and return its digest. Raises RegistryError."""
        digest = digest_of(content)
        if self.holds(reference, digest):
            return digest
        reply = self._ask("POST", reference, "blobs/uploads/")
        self._http.expect(reply, 202, f"{reference.repository}: upload")
        request = Request("PUT", reference.path, "blobs/uploads/", f"{reference.repository}: {digest[:19]}", content)
        finished = self._http.finish(request, reply.headers.get("Location", ""), digest)
        if not self.holds(reference, digest):
            self._http.expect(finished, 201, f"{reference.repository}: {digest[:19]}")
            raise RegistryError(f"{reference.repository}: {digest[:19]} is missing after its upload")
        return digest

    def blob(self, reference: Reference, digest: str) -> bytes:
        """Return the bytes of a blob. Raises RegistryError when they have another digest."""
        reply = self._ask("GET", reference, f"blobs/{digest}")
        self._http.expect(reply, 200, f"{reference}: {digest[:19]}")
        if digest_of(reply.content) != digest:
            raise RegistryError(f"{reference}: the registry answered other bytes than {digest[:19]}")
        return reply.content

    def tags(self, reference: Reference) -> tuple[str, ...]:
        """Return all tags of the reference's repository; none when it does not exist. Raises RegistryError."""
        found: list[str] = []
        for reply in self._pages(reference, "tags/list"):
            if reply.status != 404:
                self._http.expect(reply, 200, f"{reference.repository}: tags")
                found += map(str, self._json(reply, f"{reference.repository}: tags").get("tags") or ())
        return tuple(dict.fromkeys(found))

    def delete(self, reference: Reference) -> bool:
        """Delete the manifest ``reference.digest`` with all its tags. Tell whether the registry had it.

        Raises RegistryError, also when the registry has it afterwards.
        """
        reply = self._ask("DELETE", reference, f"manifests/{reference.digest}")
        if reply.status == 404:
            return False
        self._http.expect(reply, 202, f"{reference}: manifest DELETE")
        self._manifests.pop((reference.path, reference.digest), None)
        if self.digest(reference):
            raise RegistryError(f"{reference}: is in the registry after its deletion")
        return True

    def keeps_all(self, reference: Reference) -> str:
        """Return the reason for which the registry deletes nothing of a repository; empty when it deletes.

        slipway asks it to delete a manifest that does not exist.
        """
        try:
            reply = self._ask("DELETE", reference, f"manifests/{_NO_MANIFEST}")
        except RegistryError as error:
            return error.message
        if reply.status in (202, 404):
            return ""
        if reply.status in (401, 403):
            return f"{self.host} lets this login delete nothing ({reply.status})"
        return f"{self.host} deletes nothing ({reply.status})"

    def config(self, reference: Reference) -> Mapping[str, Any]:
        """Return the image's configuration (labels, user, history); empty for an index.

        Raises RegistryError.
        """
        return self.configuration(reference, self.manifest(reference))

    def platforms(self, reference: Reference) -> frozenset[str]:
        """Return the platforms in an index of which the registry has the manifest; none for an image of one platform.

        Raises RegistryError.
        """
        named = self.manifest(reference).platforms
        held = {platform: self.digest(replace(reference, tag="", digest=member)) for platform, member in named.items()}
        return frozenset(platform for platform, digest in held.items() if digest)

    def labels(self, reference: Reference) -> Mapping[str, str]:
        """Return the labels of the image; those of the first image in an index. Raises RegistryError."""
        manifest = self.manifest(reference)
        if not manifest.config and manifest.members:
            manifest = self.manifest(replace(reference, tag="", digest=manifest.members[0]))
        found = self.configuration(reference, manifest)
        return (found.get("config") or {}).get("Labels") or {}

    def configuration(self, reference: Reference, manifest: ImageManifest) -> Mapping[str, Any]:
        """Return the configuration that a manifest of the reference's repository names. Raises RegistryError."""
        if not manifest.config:
            return {}
        reply = self._ask("GET", reference, f"blobs/{manifest.config}")
        self._http.expect(reply, 200, f"{reference}: configuration")
        return self._json(reply, f"{reference}: configuration")

    def holds(self, reference: Reference, blob: str) -> bool:
        """Tell whether the reference's repository has the blob with this digest. Raises RegistryError."""
        reply = self._ask("HEAD", reference, f"blobs/{blob}")
        if reply.status == 404:
            return False
        self._http.expect(reply, 200, f"{reference}: {blob[:19]}")
        return True

    def check_write(self, reference: Reference, blob: str = "") -> None:
        """Raise RegistryError unless the login in use may write to the reference's repository.

        slipway starts an upload and cancels it. The specification has no request that reports permissions, and a token
        server may issue a token that allows less than requested. With a ``blob`` of the repository, slipway asks for a
        mount of this blob from the repository itself. The answer 201 needs no second request.
        """
        reply = self._mount(reference, blob) if blob else None
        if reply is None or reply.status not in (201, 202, 401, 403):
            reply = self._ask("POST", reference, "blobs/uploads/")
        elif reply.status == 201:
            return
        self._http.expect(reply, 202, f"{reference.repository}: upload")
        if location := reply.headers.get("Location"):
            self._http.cancel(location, reference.path)

    def _mount(self, reference: Reference, blob: str) -> Reply:
        """Ask the registry to mount a blob from the reference's own repository.

        A registry that mounts nothing answers 202, and has started an upload (OCI distribution 1.1, "Mounting a blob").
        """
        query = urlencode({"mount": blob, "from": reference.path})
        return self._ask("POST", reference, f"blobs/uploads/?{query}")

    def greeting(self) -> Greeting:
        """Return the answer to ``GET /v2/``, without retries. Raises RefusedError for a refused certificate.

        A registry that answered as one is not asked again.
        """
        greeting = self._greeting or self._http.greeting()
        self._greeting = None if greeting.problem else greeting
        return greeting

    def refuse_foreign(self) -> None:
        """Raise RefusedError when another kind of server answers at ``host``.

        A server that does not answer passes: a registry may answer later.
        """
        greeting = self.greeting()
        if greeting.is_foreign:
            raise RefusedError(f"{self.host} {greeting.problem}", hint=FOREIGN.hint, code=FOREIGN.code)

    @property
    def plain(self) -> bool:
        """Tell whether slipway contacts the registry over plain HTTP."""
        return self._http.url.startswith("http:")

    def answers(self) -> bool:
        """Tell whether a registry answers at ``host``, also when it requires a login."""
        try:
            return not self.greeting().problem
        except SlipwayError:
            return False

    def _json(self, reply: Reply, what: str) -> Mapping[str, Any]:
        found = find_object(reply.content)
        if found is None:
            kind = reply.headers.get("Content-Type", "bytes without a type")
            cause = f"{self.host} answers {kind}, not JSON"
            raise RefusedError.of([FOREIGN.problem(what, cause)])
        return found

    def _pages(self, reference: Reference, path: str) -> Iterator[Reply]:
        """Yield the pages of a list. Each names the next one; a page that came before ends the list."""
        url, known = "", {""}
        for _ in range(_PAGES):
            reply = self._ask("GET", reference, path, url=url)
            yield reply
            url = self._http.next_page(reply)
            if url in known:
                return
            known.add(url)

    def _ask(
        self,
        method: str,
        reference: Reference,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        url: str = "",
    ) -> Reply:
        request = Request(method, reference.path, path, f"{reference}", body)
        reads = method in ("GET", "HEAD") and path.startswith(("manifests/", "referrers/"))
        accepted = {"Accept": _ACCEPTED} if reads else {}
        return self._http.ask(request, {**accepted, **(headers or {})}, url)
