"""A server of advisories on loopback: an OSV service, and the data of Debian's security tracker."""

from __future__ import annotations

import json
import re
import threading
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

#: CVSS 3.1 vectors by the severity that their score has.
VECTORS = {
    "critical": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
    "high": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N",
    "low": "CVSS:3.1/AV:L/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N",
}
_RECORD = re.compile(r"/v1/vulns/(.+)")


class Fault(StrEnum):
    """Name the faults of the server. Each request that it answers with one counts as struck."""

    REFUSE = "500"
    GARBLE = "garbage"
    HANG = "hang"
    CUT = "cut"


def advisory(
    id: str, package: str, fixed: str = "", *, severity: str = "", aliases: Iterable[str] = ()
) -> dict[str, Any]:
    """Return an advisory in the OSV format about all versions of ``package`` below ``fixed``."""
    events = [{"introduced": "0"}, *([{"fixed": fixed}] if fixed else [])]
    affected = {"package": {"name": package, "ecosystem": "PyPI"}, "ranges": [{"type": "ECOSYSTEM", "events": events}]}
    scores = [{"type": "CVSS_V3", "score": VECTORS[severity]}] if severity else []
    return {"id": id, "aliases": list(aliases), "summary": "made up", "affected": [affected], "severity": scores}


def debian_data(*entries: str, advisories: Iterable[str] = ()) -> bytes:
    """Return data as debsecan downloads it. ``advisories``: ids; ``entries``: lines that name them by number."""
    named = [f"{id},,made up" for id in advisories]
    return zlib.compress("\n".join(["VERSION 1", *named, "", *entries, "", ""]).encode())


@dataclass
class Advisories:
    """``url``: of the server. ``records``: the advisories by id. ``debian``: suite → data. ``asked``: the paths."""

    url: str = ""
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    debian: dict[str, bytes] = field(default_factory=dict)
    faults: dict[str, Fault] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    struck: int = 0
    ended: threading.Event = field(default_factory=threading.Event)

    def add(self, *advisories: dict[str, Any]) -> None:
        self.records |= {one["id"]: one for one in advisories}

    @property
    def tracker(self) -> str:
        return f"{self.url}/debian/"

    def fault(self, path: str) -> Fault | None:
        """Return the fault of the requests to paths that begin with one of ``faults``."""
        return next((fault for begin, fault in self.faults.items() if path.startswith(begin)), None)

    def reply(self, path: str, body: bytes) -> bytes | None:
        """Return the reply to a request; None for a path that the server does not have."""
        if path == "/v1/query":
            return json.dumps(self._about(json.loads(body))).encode()
        if found := _RECORD.fullmatch(path):
            return json.dumps(self.records[found[1]]).encode() if found[1] in self.records else None
        return self.debian.get(path.removeprefix("/debian/"))

    def _about(self, query: Mapping[str, Any]) -> dict[str, Any]:
        name = query["package"]["name"]
        named = [one for one in self.records.values() for of in one["affected"] if of["package"]["name"] == name]
        return {"vulns": named} if named else {}


@contextmanager
def advisories() -> Iterator[Advisories]:
    """Serve advisories until the end of the block."""
    state = Advisories()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers["Content-Length"])))

        def do_GET(self) -> None:
            self._answer(b"")

        def _answer(self, body: bytes) -> None:
            state.asked.append(self.path)
            fault, reply = state.fault(self.path), state.reply(self.path, body)
            state.struck += fault is not None
            if fault is Fault.HANG:
                state.ended.wait(60)
                return
            said = b"<html>" if fault is Fault.GARBLE else reply or b""
            self.send_response(500 if fault is Fault.REFUSE else 404 if reply is None and not fault else 200)
            self.send_header("Content-Length", str(len(said) + (9 if fault is Fault.CUT else 0)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        state.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield state
        finally:
            state.ended.set()
            server.shutdown()
