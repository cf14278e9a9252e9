"""Orphans of dead runs: which they are, and how they go from an engine in memory that is still busy."""

from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from slipway.smoke import orphans


class Refused(OSError):
    """As the SDK tells a reply."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}")
        self.response = SimpleNamespace(status_code=status)


class Busy:
    """Holds a container, a volume and a network each of a dead and a living owner; answers removals by rule."""

    def __init__(self, *answers: int) -> None:
        self.api = self
        self.answers = list(answers)
        self.kept = [(kind, owner) for kind in ("container", "volume", "network") for owner in ("dead", "living")]

    def containers(self, **_: Any) -> list[dict[str, Any]]:
        return [{"Id": owner, "Names": [f"/c-{owner}"], "Labels": labels} for owner, labels in self._of("container")]

    def volumes(self, **_: Any) -> dict[str, Any]:
        return {"Volumes": [{"Name": owner, "Labels": labels} for owner, labels in self._of("volume")] or None}

    def networks(self, **_: Any) -> list[dict[str, Any]]:
        return [{"Id": owner, "Name": f"n-{owner}", "Labels": labels} for owner, labels in self._of("network")]

    def remove_container(self, name: str, **_: Any) -> None:
        self._remove("container", name)

    def remove_volume(self, name: str, **_: Any) -> None:
        self._remove("volume", name)

    def remove_network(self, name: str) -> None:
        self._remove("network", name)

    def _of(self, kind: str) -> list[tuple[str, dict[str, str]]]:
        return [(owner, {orphans.OWNER_LABEL: owner}) for held, owner in self.kept if held == kind]

    def _remove(self, kind: str, owner: str) -> None:
        if self.answers and (status := self.answers.pop(0)):
            raise Refused(status)
        self.kept.remove((kind, owner))


LIVING = [("container", "living"), ("volume", "living"), ("network", "living")]


@pytest.fixture(autouse=True)
def haste(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orphans, "_PAUSE", 0.0)


def is_dead(owner: str) -> bool:
    return owner == "dead"


@pytest.mark.parametrize("answers", [[], [404], [409], [0, 409], [409, 409, 403], [409, 0, 403, 0, 403]])
def test_all_of_the_dead_goes_though_the_engine_is_busy(answers: list[int]) -> None:
    engine = Busy(*answers)
    assert sorted(orphans.remove_orphans(engine, dead=is_dead)) == ["c-dead", "dead", "n-dead"]
    assert engine.kept == LIVING and engine.answers == []


def test_an_orphan_that_stays_busy_is_left_for_the_next_run() -> None:
    engine = Busy(*[409] * 100_000)
    assert orphans.remove_orphans(engine, dead=is_dead, patience=0.05) == ()
    assert len(engine.kept) == 6 and len(engine.answers) < 100_000


def test_another_refusal_is_raised() -> None:
    with pytest.raises(OSError, match="HTTP 500"):
        orphans.remove_orphans(Busy(500), dead=is_dead)


@pytest.mark.process
def test_only_an_owner_of_this_host_that_has_ended_is_dead() -> None:
    mine = orphans.owner()
    assert not orphans.is_dead(mine)
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    host, started = mine.rsplit(" ", 2)[0], mine.rsplit(" ", 1)[1]
    assert orphans.is_dead(f"{host} {child.pid} {started}")
    assert orphans.is_dead(f"{host} {os.getpid()} 1"), "the pid lives on in another process"
    assert not orphans.is_dead(f"elsewhere pid:[1] {child.pid} {started}")
    assert not orphans.is_dead("not a label of ours")
