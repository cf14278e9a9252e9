"""Provide fakes for fast tests: an engine in memory, commands with prepared results, a registry on loopback.

The registry is a real HTTP server, so tests run the production code of ``slipway.registry``. It can produce faults.
Each fault counts how often it struck, and the test that added it asserts the count.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from slipway.core.clock import CLOCK, Clock
from slipway.core.command import Command, Result
from slipway.core.errors import RegistryError
from slipway.core.image import INPUT_LABEL, TITLE_LABEL, LocalImage
from slipway.core.platform import this_platform
from slipway.core.reference import Reference, full_name
from slipway.core.retry import RetryPolicy
from slipway.core.streams import OnLine
from slipway.engine import Engine, OnTransfer
from slipway.hosts.runner import ShouldStop
from slipway.registry.artifact import INDEX_TYPE as INDEX_TYPE
from slipway.registry.artifact import digest_of as digest_of
from slipway.testing.fault import Fault

#: Tries as often as the default policy, but never waits.
HASTE = RetryPolicy(clock=Clock(sleep=lambda seconds: None))
MEDIA_TYPE = "application/vnd.oci.image.manifest.v1+json"


def local_image(text: str, *tags: str, name: str = "", created: int = 0, size: int = 0, source: str = "") -> LocalImage:
    """Return an image as slipway builds it.

    ``text`` determines its id. ``source`` is its input digest; without one, ``text`` determines that, too.
    """
    labels = {INPUT_LABEL: source or digest_of(text.encode()), TITLE_LABEL: name} if name else {}
    return LocalImage(digest_of(f"image {text}".encode()), tuple(map(full_name, tags)), (), labels, size, created)


class FakeEngine(Engine):
    """Hold images in memory.

    ``published``: a reference → the image that a pull brings. ``refused``: a reference → the message with which a
    pull, tag, untag or push of it fails. ``platforms``: an image's id → its platform, if that is not this machine's.
    ``indexes``: the engine can hold an image of several platforms. ``stays_away``: the engine does not return once it
    is gone. ``calls``: the calls in order, ``("tag", source, reference)``, ``("pull", reference)`` …
    """

    def __init__(self, images: Iterable[LocalImage] = (), registry: RegistryServer | None = None) -> None:
        super().__init__("fake")
        self.held = list(images)
        self.registry = registry
        self.refused: dict[str, str] = {}
        self.published: dict[str, LocalImage] = {}
        self.platforms: dict[str, str] = {}
        self.version = "28.5.2"
        self.containerd = False
        self.stays_away = False
        self.calls: list[tuple[str, ...]] = []
        self._tagging = threading.Lock()

    def returns(self, within: float, clock: Clock = CLOCK) -> bool:
        return not self.stays_away

    def list_ahead(self) -> None:
        """Do nothing: the images are in memory."""

    def images(self) -> tuple[LocalImage, ...]:
        return tuple(self.held)

    def inspect(self, image: str) -> LocalImage | None:
        here = next((one for one in self.held if {image, full_name(image)} & {one.id, *one.tags, *one.digests}), None)
        return replace(here, platform=self.platforms.get(here.id, this_platform())) if here else None

    def load(self, image: LocalImage) -> None:
        """Add an image as a finished bake does, and take its tags from every other image."""
        self.held = [replace(held, tags=tuple(tag for tag in held.tags if tag not in image.tags)) for held in self.held]
        self.held.append(image)

    def tag(self, image: str, reference: Reference) -> None:
        self._do("tag", image, str(reference))
        with self._tagging:  # slipway tags several images together
            held = next(held for held in self.held if image == held.id or image in (*held.tags, *held.digests))
            self.held.remove(held)
            self.load(replace(held, tags=(*held.tags, str(reference))))

    def untag(self, reference: Reference) -> None:
        self._do("untag", str(reference))
        without = [replace(held, tags=tuple(tag for tag in held.tags if tag != str(reference))) for held in self.held]
        self.held = [held for held in without if held.tags]

    def has_containerd_store(self) -> bool:
        return self.containerd

    def pull(self, reference: Reference, on_transfer: OnTransfer | None = None, platform: str = "") -> None:
        self._do("pull", *filter(None, [platform]), name := str(reference))
        tags, digests = ([], [name]) if reference.digest else ([name], [])
        self.load(self.published.get(name) or replace(local_image(name, *tags), digests=tuple(digests)))

    def push(self, reference: Reference, on_transfer: OnTransfer | None = None) -> str:
        self._do("push", str(reference))
        if on_transfer:
            on_transfer("layer", "Pushing", 1, 2)
        held = next(held for held in self.held if str(reference) in held.tags)
        if self.registry is None:
            raise RegistryError(f"push {reference}: no registry")
        return self.registry.add(reference.path, reference.tag, labels=held.labels, id=held.id)

    def _do(self, *call: str) -> None:
        self.calls.append(call)
        if call[-1] in self.refused:
            raise RegistryError(f"{call[0]} {call[-1]}: {self.refused[call[-1]]}")


Answer = Result | Callable[[Command, OnLine], Result]


class FakeRun:
    """Answer commands by rules, as a ``Run`` or ``Watched`` does.

    The first rule whose words begin the argv applies. Without a matching rule, the call raises AssertionError.
    ``FakeRun({("docker", "version"): Result(0, "28.5")})``; an answer may be a function of the command and
    ``on_line``.
    """

    def __init__(self, answers: Mapping[tuple[str, ...], Answer]) -> None:
        self._answers = dict(answers)
        self.commands: list[Command] = []

    def __call__(
        self,
        command: Command,
        on_line: OnLine | None = None,
        timeout: float | None = None,
        should_stop: ShouldStop | None = None,
    ) -> Result:
        self.commands.append(command)
        for words, answer in self._answers.items():
            if command.argv[: len(words)] == words:
                return answer if isinstance(answer, Result) else answer(command, on_line or (lambda line: None))
        raise AssertionError(f"no answer for: {command}")


class RegistryServer:
    """Serve a registry on 127.0.0.1: manifests, configurations and tags, by the distribution specification.

    ``login``: (kind, user, password). With ``basic`` or ``bearer`` the server requires such credentials. With
    ``identity`` its token server accepts the password as an identity token. ``referrers``: the server lists the
    manifests about a manifest. ``forgets``: as Gitea, the server removes a manifest when its last tag moves, unless it
    was also written by its digest. ``folds``: the server keeps each tag in lower case, and knows no other spelling of
    it. ``page``: the number of entries in an answer with a list, if not all. ``requests``: every ``METHOD path``. Use
    the server as a context manager.
    """

    def __init__(
        self,
        *,
        login: tuple[str, str, str] | None = None,
        referrers: bool = False,
        forgets: bool = False,
        folds: bool = False,
        page: int = 0,
    ) -> None:
        self.login = login
        self.referrers = referrers
        self.forgets = forgets
        self.folds = folds
        self.page = page
        self.kept: set[tuple[str, str]] = set()
        self.manifests: dict[tuple[str, str], bytes] = {}
        self.tags: dict[tuple[str, str], str] = {}
        self.blobs: dict[tuple[str, str], bytes] = {}
        self.faults: list[Fault] = []
        self.requests: list[str] = []
        self.token = 0
        self.lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.host = f"127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> RegistryServer:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def reference(self, path: str, tag: str) -> Reference:
        return Reference(self.host, path, tag)

    def add(self, path: str, tag: str, labels: Mapping[str, str] | None = None, salt: str = "", id: str = "") -> str:
        """Add an image under ``tag``, with ``labels`` in its configuration; return the manifest's digest.

        ``id``: the image's id in an engine that does not keep configurations.
        """
        config = json.dumps({"config": {"Labels": dict(labels or {})}, "salt": salt}, sort_keys=True).encode()
        id = id or digest_of(config)
        manifest = json.dumps({"schemaVersion": 2, "config": {"digest": id}, "layers": []}).encode()
        self.blobs[path, id] = config
        self.manifests[path, digest_of(manifest)] = manifest
        self.tags[path, tag] = digest_of(manifest)
        return digest_of(manifest)

    def fault(self, pattern: str, status: int = 0, **more: Any) -> Fault:
        """Make requests fail. Return the Fault, which counts how often it struck."""
        self.faults.append(Fault(pattern, status, **more))
        return self.faults[-1]

    def expire_tokens(self) -> None:
        self.token += 1


def _handler(registry: RegistryServer) -> type[BaseHTTPRequestHandler]:
    class Handler(_Handler):
        held = registry

    return Handler


class _Handler(BaseHTTPRequestHandler):
    held: RegistryServer
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""

    def do_GET(self) -> None:
        self._handle()

    def do_HEAD(self) -> None:
        self._handle()

    def do_PUT(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def do_DELETE(self) -> None:
        self._handle()

    def _handle(self) -> None:
        request = f"{self.command} {self.path}"
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with self.held.lock:
            self.held.requests.append(request)
            fault = next((fault for fault in self.held.faults if fault.strikes(request)), None)
            if fault and fault.status:
                return self._say(fault.status, b"", fault.headers)
            status, body, headers = (0, b"", {}) if fault and fault.idle else self._answer(sent)
        if fault and fault.hangs:
            self.connection.recv(1)  # returns when the client closes the connection
        if fault and (fault.lost or fault.idle):
            self.close_connection = True
            return None
        if fault and fault.cut:
            return self._say_half(status, body)
        return self._say(status, body if fault is None or fault.body is None else fault.body, headers)

    def _answer(self, sent: bytes) -> tuple[int, bytes, Mapping[str, str]]:
        path = self.path.partition("?")[0]
        if path == "/token":
            return self._give_token(sent)
        if not self._welcome():
            return 401, b"", {"WWW-Authenticate": self._challenge()}
        if upload := re.fullmatch(r"/v2/(.+)/blobs/uploads/\w*", path):
            return self._upload(upload[1], sent)
        found = re.fullmatch(r"/v2/(.+)/(manifests|blobs|tags|referrers)/([^/]+)", path)
        if not found:
            return (200 if path == "/v2/" else 404), b"{}", {}
        name, kind, reference = found.groups()
        if kind == "tags":
            return self._list_tags(name)
        if kind == "referrers":
            return self._list_referrers(name, reference)
        if kind == "blobs":
            blob = self.held.blobs.get((name, reference))
            return (200, blob, {}) if blob is not None else (404, b"", {})
        if self.command == "PUT":
            self.held.manifests[name, digest_of(sent)] = sent
            if reference.startswith("sha256:"):
                self.held.kept.add((name, reference))
            else:
                self._move(name, reference, digest_of(sent))
            subject = (json.loads(sent).get("subject") or {}).get("digest", "")
            listed = {"OCI-Subject": subject} if self.held.referrers and subject else {}
            return 201, b"", {"Docker-Content-Digest": digest_of(sent), **listed}
        digest = self.held.tags.get((name, reference), reference)
        manifest = self.held.manifests.get((name, digest))
        if manifest is None:
            return 404, b"", {}
        media_type = json.loads(manifest).get("mediaType", MEDIA_TYPE)
        return 200, manifest, {"Docker-Content-Digest": digest, "Content-Type": media_type}

    def _move(self, name: str, tag: str, digest: str) -> None:
        tag = tag.lower() if self.held.folds else tag
        before = self.held.tags.get((name, tag), "")
        self.held.tags[name, tag] = digest
        named = any(path == name and found == before for (path, _), found in self.held.tags.items())
        if self.held.forgets and not named and (name, before) not in self.held.kept:
            self.held.manifests.pop((name, before), None)

    def _upload(self, name: str, sent: bytes) -> tuple[int, bytes, Mapping[str, str]]:
        """Begin an upload, cancel it, mount a blob, or keep the content when the digest is right."""
        if self.command == "DELETE":
            return 204, b"", {}
        query = parse_qs(self.path.partition("?")[2])
        (digest,), (mount,), (source,) = (query.get(word) or [""] for word in ("digest", "mount", "from"))
        if (source, mount) in self.held.blobs:
            self.held.blobs[name, mount] = self.held.blobs[source, mount]
            return 201, b"", {"Docker-Content-Digest": mount}
        if not digest:
            return 202, b"", {"Location": f"{self.path.partition('?')[0]}one"}
        if digest_of(sent) != digest:
            return 400, b"", {}
        self.held.blobs[name, digest] = sent
        return 201, b"", {"Docker-Content-Digest": digest}

    def _list_tags(self, name: str) -> tuple[int, bytes, Mapping[str, str]]:
        listed, more = self._page(f"{name}/tags/list", [tag for path, tag in self.held.tags if path == name])
        return 200, json.dumps({"tags": listed}).encode(), more

    def _page(self, path: str, entries: Iterable[str]) -> tuple[list[str], Mapping[str, str]]:
        """Return the entries of the page that the request is about, and the header that names the next one."""
        (last,) = parse_qs(self.path.partition("?")[2]).get("last") or ("",)
        found = sorted(entry for entry in entries if entry > last)
        listed = found[: self.held.page or None]
        return listed, {} if listed == found else {"Link": f'</v2/{path}?last={listed[-1]}>; rel="next"'}

    def _list_referrers(self, name: str, subject: str) -> tuple[int, bytes, Mapping[str, str]]:
        if not self.held.referrers:
            return 404, b"404 page not found\n", {"Content-Type": "text/plain"}
        about = {
            digest: {
                "mediaType": MEDIA_TYPE,
                "digest": digest,
                "size": len(body),
                "artifactType": json.loads(body).get("artifactType", ""),
                "annotations": json.loads(body).get("annotations", {}),
            }
            for (path, digest), body in self.held.manifests.items()
            if path == name and (json.loads(body).get("subject") or {}).get("digest") == subject
        }
        listed, more = self._page(f"{name}/referrers/{subject}", about)
        body = json.dumps({"manifests": [about[digest] for digest in listed]}).encode()
        return 200, body, {"Content-Type": INDEX_TYPE, **more}

    def _welcome(self) -> bool:
        if not self.held.login:
            return True
        wanted = self._basic() if self.held.login[0] == "basic" else f"Bearer token-{self.held.token}"
        return self.headers.get("Authorization") == wanted

    def _basic(self) -> str:
        _, user, password = self.held.login or ("", "", "")
        return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

    def _challenge(self) -> str:
        if self.held.login and self.held.login[0] == "basic":
            return 'Basic realm="registry"'
        return f'Bearer realm="http://{self.held.host}/token",service="registry"'

    def _give_token(self, sent: bytes) -> tuple[int, bytes, Mapping[str, str]]:
        kind, _, password = self.held.login or ("", "", "")
        form = parse_qs(sent.decode()) if self.command == "POST" else {}
        known = form.get("refresh_token") == [password] and form.get("grant_type") == ["refresh_token"]
        if not known if kind == "identity" else self.headers.get("Authorization") != self._basic():
            return 401, b"{}", {}
        name = "access_token" if kind == "identity" else "token"
        return 200, json.dumps({name: f"token-{self.held.token}"}).encode(), {}

    def _say_half(self, status: int, body: bytes) -> None:
        """Send half of a body, or half of the status line of a reply without a body, and cut the connection."""
        self.close_connection = True
        if self.command == "HEAD" or not body:
            self.wfile.write(b"HTTP/1")
            return
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2])

    def _say(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
