"""Registries of other kinds, as proxies before Debian's registry: they do what Gitea and zot do differently.

Gitea's rules are those of its routers/api/packages/container and models/packages/container; zot's are those of its
pkg/api/routes.go, of the distribution specification 1.1, and of its issues 724 and 3104.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
import time
import urllib.request
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from tests.faults.proxy import Exchange, Proxy, Reply
from tests.rig.stacks import MANIFESTS

USER, PASSWORD = "ann", "open-sesame"
_BASIC = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
_INDEX = "application/vnd.oci.image.index.v1+json"
#: The time for which a manifest is being written. Two that arrive within it overlap.
_WRITING_SECONDS = 0.02


@dataclass(frozen=True)
class Target:
    """Hold a request's method, repository and reference. ``kind``: manifests, tags, referrers …"""

    method: str
    name: str = ""
    kind: str = ""
    reference: str = ""
    query: str = ""

    @classmethod
    def of(cls, exchange: Exchange) -> Target:
        method, _, url = str(exchange.request).partition(" ")
        path, _, query = url.partition("?")
        found = re.fullmatch(r"/v2/(.+)/(manifests|tags|referrers)/([^/]+)", path)
        return cls(method, found[1], found[2], found[3], query) if found else cls(method)

    @property
    def writes_manifest(self) -> bool:
        return (self.method, self.kind) == ("PUT", "manifests")


class Dialect(Proxy):
    """Stand before a registry, which tests and the dialect itself ask past the proxy."""

    def ask(self, method: str, path: str) -> bytes:
        """Ask the registry for ``path``, below ``/v2/``. Raises HTTPError."""
        request = urllib.request.Request(f"http://{self._to}/v2/{path}", method=method, headers={"Accept": MANIFESTS})
        with urllib.request.urlopen(request, timeout=10) as reply:
            content: bytes = reply.read()
            return content


class Gitea(Dialect):
    """Answer as Gitea does.

    A client logs in as ``ann`` for a token that is valid until ``expire``. Tags are kept and found in lower case. A
    manifest goes with the last version that it was written under, a tag or its digest: ``removed``. A manifest that
    arrives while another one of its repository is written gets 500: ``overlaps`` counts these.
    """

    def __init__(self, to: str) -> None:
        super().__init__(to)
        self.overlaps = 0
        self.removed: list[str] = []
        self.tokens = 0
        self._valid: set[str] = set()
        self._writing: set[str] = set()
        self._versions: dict[tuple[str, str], str] = {}

    def expire(self, exchange: Exchange) -> None:
        """Let no token be valid that was given so far, from this request on."""
        self._valid.clear()
        self.serve(exchange)

    def put(self, path: str, manifest: bytes) -> str:
        """Write a manifest as another client does, and return its digest."""
        with urllib.request.urlopen(
            urllib.request.Request(f"http://{self.address}/v2/token", headers={"Authorization": _BASIC}), timeout=10
        ) as reply:
            token = json.load(reply)["token"]
        headers = {"Authorization": f"Bearer {token}", "Content-Type": json.loads(manifest)["mediaType"]}
        request = urllib.request.Request(f"http://{self.address}/v2/{path}", manifest, headers, method="PUT")
        with urllib.request.urlopen(request, timeout=10) as reply:
            return str(reply.headers["Docker-Content-Digest"])

    def serve(self, exchange: Exchange) -> None:
        if str(exchange.request).startswith("GET /v2/token"):
            return self._give_token(exchange)
        if exchange.request.header("Authorization") not in self._valid:
            asked = f'Bearer realm="http://{self.address}/v2/token",service="container_registry",scope="*"'
            return exchange.say(401, {"WWW-Authenticate": asked}, _error("UNAUTHORIZED", ""))
        target = Target.of(exchange)
        if target.kind == "manifests":
            exchange.redirect(f"/v2/{target.name}/manifests/{target.reference.lower()}")
        if target.writes_manifest:
            return self._write(exchange, target)
        return exchange.answer(exchange.pass_on())

    def _give_token(self, exchange: Exchange) -> None:
        if exchange.request.header("Authorization") != _BASIC:
            return exchange.say(401, {})
        token = secrets.token_hex(8)
        self._valid.add(f"Bearer {token}")
        self.tokens += 1
        return exchange.say(200, {"Content-Type": "application/json"}, json.dumps({"token": token}).encode())

    def _write(self, exchange: Exchange, target: Target) -> None:
        with self._lock:
            overlaps = target.name in self._writing
            self._writing.add(target.name)
            self.overlaps += overlaps
        if overlaps:
            return exchange.say(500, {}, _error("UNKNOWN", "package version already exists"))
        try:
            time.sleep(_WRITING_SECONDS)
            reply = exchange.pass_on()
            if reply.status == 201:
                self._replace(target, reply.header("Docker-Content-Digest"))
        finally:
            with self._lock:
                self._writing.discard(target.name)
        return exchange.answer(reply)

    def _replace(self, target: Target, digest: str) -> None:
        version = target.name, target.reference.lower()
        before, self._versions[version] = self._versions.get(version), digest
        kept = {held for (name, _), held in self._versions.items() if name == target.name}
        if before and before not in kept:
            self.removed.append(before)
            self.ask("DELETE", f"{target.name}/manifests/{before}")


class Zot(Dialect):
    """Answer as zot does: it lists the manifests about a manifest itself.

    ``compat``: it takes Docker's own manifests, too, as with ``compat: [docker2s2]`` in its configuration.
    """

    def __init__(self, to: str) -> None:
        super().__init__(to)
        self.compat = False
        self.asked_for_lists = 0
        self._about: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}

    def serve(self, exchange: Exchange) -> None:
        target = Target.of(exchange)
        if target.kind == "referrers":
            return self._list(exchange, target)
        if not target.writes_manifest:
            return exchange.answer(exchange.pass_on())
        if not self.compat and ".docker." in exchange.request.header("Content-Type"):
            return exchange.say(400, {}, _error("MANIFEST_INVALID", "manifest invalid"))
        reply = exchange.pass_on()
        return exchange.answer(self._noted(target, reply) if reply.status == 201 else reply)

    def _noted(self, target: Target, reply: Reply) -> Reply:
        """Note the subject of a written manifest, and confirm it."""
        digest = reply.header("Docker-Content-Digest")
        body = self.ask("GET", f"{target.name}/manifests/{digest}")
        described = json.loads(body)
        subject = (described.get("subject") or {}).get("digest")
        if not subject:
            return reply
        entry = {"mediaType": described["mediaType"], "digest": digest, "size": len(body)}
        more = {key: described[key] for key in ("artifactType", "annotations") if described.get(key)}
        self._about.setdefault((target.name, subject), {})[digest] = entry | more
        return reply.with_header("OCI-Subject", subject)

    def _list(self, exchange: Exchange, target: Target) -> None:
        self.asked_for_lists += 1
        found = list(self._about.get((target.name, target.reference), {}).values())
        headers = {"Content-Type": _INDEX}
        if wanted := parse_qs(target.query).get("artifactType"):
            found = [entry for entry in found if entry.get("artifactType") in wanted]
            headers["OCI-Filters-Applied"] = "artifactType"
        index = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": found}
        exchange.say(200, headers, json.dumps(index).encode())


def _error(code: str, message: str) -> bytes:
    return json.dumps({"errors": [{"code": code, "message": message}]}).encode()
