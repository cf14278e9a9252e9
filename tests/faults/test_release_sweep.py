"""Every request of a release of four images and two tags each, failed in turn, once and for ever.

After each round the registry's own state is compared with the exit code: 0 means that all tags and the record are new,
7 that every tag and the record are as before, 8 that the table names the state of each tag. Then the fault ends, and
one resumed run releases the version without a build.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from slipway.core.retry import RetryPolicy
from slipway.release.signing import Signing
from slipway.testing.fakes import HASTE, RegistryServer
from slipway.testing.fault import Fault
from tests.release.shop import NAMES, PlainSignatures, Shop

TROUBLES: dict[str, dict[str, Any]] = {
    "not sent": {"unsent": True},
    "reply lost": {"lost": True},
    "cut": {"cut": True},
    "429": {"status": 429, "headers": {"Retry-After": "120"}},
    "500": {"status": 500},
    "503": {"status": 503},
    "hang": {"hangs": True},
}
#: The client waits for a reply for so long, where the server may hang.
SOON = replace(HASTE, answer=0.5)
FOR_EVER = 10**6


@dataclass(frozen=True)
class Case:
    """The ``position``-th request that matches ``pattern`` gets ``trouble``; with ``always``, so do all later ones."""

    pattern: str
    position: int
    trouble: str
    always: bool
    fresh: bool = False


class Round:
    """A signed release of v1 and latest; both stand for older content before, unless the tags are ``fresh``."""

    def __init__(
        self, server: RegistryServer, folder: Path, *, fresh: bool = False, policy: RetryPolicy = HASTE
    ) -> None:
        self.shop = Shop(server, folder, policy=policy)
        self.shop.signing = Signing.tried(PlainSignatures())
        self.older = dict.fromkeys(NAMES, "") if fresh else self.shop.publish_older()
        self.planned = self.shop.planned()
        del server.requests[:]

    def stands(self) -> list[tuple[str, str]]:
        """Return for each tag its digest before and now, the version tags first."""
        found = (self.shop.stands(tag) for tag in ("v1", "latest"))
        return [(self.older[name], now[name]) for now in found for name in NAMES]

    def check(self, code: int, said: str, case: object) -> None:
        """The exit code and the text are as the registry's own state."""
        stands, new = self.stands(), [self.shop.contents[name] for name in NAMES] * 2
        is_new, is_old = [now for _, now in stands] == new, all(now == before for before, now in stands)
        record = self.shop.record()
        if code == 0:
            assert is_new and record, (case, stands)
        elif code == 7:
            assert is_old and record is None, (case, said, stands)
            assert "no version tag moved" in said
        else:
            assert code == 8, (case, code, said)
            table = [line for line in said.splitlines() if line.startswith("  ")]
            assert len(table) == 8, said
            for line, (before, now) in zip(table, stands, strict=True):
                unknown = "does not answer" in line
                assert unknown or line.endswith("stays" if now == before else f"-> {now[:19]}"), (case, line, now)

    def is_released(self) -> bool:
        return self.shop.record() is not None and all(
            now == self.shop.contents[name] for (_, now), name in zip(self.stands(), NAMES * 2, strict=True)
        )


def pattern(request: str) -> str:
    """Return a regular expression for this request in any round. The record, and so its digest, names the port."""
    path = re.sub("sha256([:-])[0-9a-f]{64}", r"sha256\1DIGEST", request.partition("?")[0])
    return rf"^{re.escape(path).replace('DIGEST', '[0-9a-f]+')}(\?|$)"


def enumerated(folder: Path, *, fresh: bool) -> list[tuple[str, int]]:
    """Return the requests of an undisturbed release: its pattern, and how many equal ones came before."""
    with RegistryServer() as server:
        made = Round(server, folder, fresh=fresh)
        assert made.shop.release(made.planned) == (0, "")
        seen: list[str] = []
        found = []
        for request in server.requests:
            found.append((pattern(request), seen.count(pattern(request))))
            seen.append(pattern(request))
    return found


def fail(folder: Path, case: Case) -> int:
    """Release with a fault; then end the fault and resume. Return the exit code of the release."""
    with RegistryServer() as server:
        made = Round(server, folder, fresh=case.fresh, policy=SOON if case.trouble == "hang" else HASTE)
        times = FOR_EVER if case.always else 1
        fault: Fault = server.fault(case.pattern, after=case.position, times=times, **TROUBLES[case.trouble])
        code, said = made.shop.release(made.planned)
        assert fault.struck, f"{case} never fired: {server.requests}"
        made.check(code, said, case)
        assert case.always or code == 0, (case, said)
        server.faults.clear()
        del made.shop.engine.calls[:]
        again = made.shop.resume()
        assert again == (0, "") and made.is_released(), (case, again)
        assert all(call[0] == "push" for call in made.shop.engine.calls), made.shop.engine.calls
        assert made.shop.resume() == (0, "")
    return code


@pytest.fixture
def folders(tmp_path: Path) -> Callable[[], Path]:
    numbers: Iterator[int] = iter(range(FOR_EVER))
    return lambda: tmp_path / str(next(numbers))


def kinds(requests: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    """Return one request of each kind: the first of one, the last of the next."""
    found: dict[str, list[tuple[str, int]]] = {}
    for request in requests:
        kind = re.sub(r"(svc\\-\w+|base\\-floor)/", "IMAGE/", request[0])
        found.setdefault(re.sub(r"in\\-\w+", "CONTENT", kind), []).append(request)
    return [entries[-(number % 2)] for number, entries in enumerate(found.values())]


@pytest.mark.fault("P48")
def test_each_kind_of_request_is_failed_once_and_for_ever(folders: Callable[[], Path]) -> None:
    chosen = kinds(enumerated(folders(), fresh=False))
    assert len(chosen) > 15
    ways = zip(cycle(TROUBLES), cycle([False, True]), strict=False)
    cases = [Case(*request, trouble, always) for request, (trouble, always) in zip(chosen, ways, strict=False)]
    assert {(case.trouble, case.always) for case in cases} == {(one, way) for one in TROUBLES for way in (False, True)}
    codes = [fail(folders(), case) for case in cases]
    assert {0, 7} <= set(codes) <= {0, 7, 8}


@pytest.mark.fault("P48")
def test_new_tags_of_a_registry_that_fails_for_ever_are_reported(folders: Callable[[], Path]) -> None:
    requests = [request for request in enumerated(folders(), fresh=True) if re.search("PUT.*/(v1|latest)", request[0])]
    assert len(requests) == 9
    cases = [
        Case(*request, trouble, True, fresh=True)
        for request, trouble in zip(requests[1::3], cycle(["500", "503", "429"]), strict=False)
    ]
    assert [fail(folders(), case) for case in cases] == [8, 8, 8]


@pytest.mark.soak
@pytest.mark.parametrize("fresh", [False, True])
def test_each_request_is_failed_in_every_way(folders: Callable[[], Path], fresh: bool) -> None:
    requests = enumerated(folders(), fresh=fresh)
    codes = [
        fail(folders(), Case(*request, trouble, always, fresh))
        for request in requests
        for trouble in TROUBLES
        for always in (False, True)
    ]
    print(f"{len(codes)} faults: {codes.count(0)} released, {codes.count(7)} unmoved, {codes.count(8)} mixed")
    assert codes.count(0) > len(requests) * len(TROUBLES)
