"""A registry on loopback that deletes manifests, as distribution's does where that is enabled."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from slipway.testing.fakes import RegistryServer


class DeletingServer(RegistryServer):
    """``deletes``: it does not answer 405. Its lists of tags have two in each page."""

    def __init__(self, *, referrers: bool = False) -> None:
        super().__init__(referrers=referrers)
        self.deletes = True
        self._server.RequestHandlerClass = _deleting(self, self._server.RequestHandlerClass)

    def tags_after(self, name: str, last: str) -> tuple[list[str], bool]:
        """Return the next two tags of a repository, and whether there are more."""
        rest = sorted(tag for path, tag in self.tags if path == name and tag > last)
        return rest[:2], len(rest) > 2

    def remove(self, name: str, digest: str) -> int:
        """Delete a manifest with all its tags; return the status of the reply."""
        if not self.deletes:
            return 405
        if self.manifests.pop((name, digest), None) is None:
            return 404
        for place in [place for place, found in self.tags.items() if (place[0], found) == (name, digest)]:
            del self.tags[place]
        return 202


def _deleting(server: DeletingServer, handler: Any) -> Any:
    class Handler(handler):  # type: ignore[misc]
        def _answer(self, sent: bytes) -> tuple[int, bytes, Mapping[str, str]]:
            path, _, query = self.path.partition("?")
            name, kind, last = path.removeprefix("/v2/").rsplit("/", 2) if path.count("/") > 3 else ("", "", "")
            if self.command == "DELETE" and kind == "manifests" and self._welcome():
                return server.remove(name, last), b"", {}
            if (kind, last) != ("tags", "list") or not self._welcome():
                answer: tuple[int, bytes, Mapping[str, str]] = super()._answer(sent)
                return answer
            shown, more = server.tags_after(name, parse_qs(query).get("last", [""])[0])
            link = {"Link": f'</v2/{name}/tags/list?last={shown[-1]}&n=2>; rel="next"'} if more else {}
            return 200, json.dumps({"name": name, "tags": shown}).encode(), link

    return Handler
