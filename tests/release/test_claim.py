"""The claim on the tags: of several releases without a common lock, one goes on, and the others wait for its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from slipway.core.clock import Clock
from slipway.core.errors import LockedError
from slipway.release.claim import PATIENCE, Claims
from slipway.release.record import Record
from slipway.runs.run import Run
from slipway.testing.fakes import RegistryServer
from tests.release.shop import OWNER, Shop


class Machine:
    """A machine that releases v1. Its time passes only while it sleeps; ``asleep`` is called in each sleep."""

    def __init__(self, server: RegistryServer, folder: Path, content: str) -> None:
        shop = Shop(server, folder, content)
        self.records, self.run = shop.records, Run(shop.home)
        self.record = Record("v1", (), tools={"content": content})
        self.records.store(self.record)
        self.asleep: Callable[[], None] = lambda: None
        self.time = 0.0
        self.told: list[str] = []
        self.claims = Claims(self.records, Clock(lambda: self.time, self._sleep), self.told.append)

    @property
    def digest(self) -> str:
        return self.record.artifact.manifest.digest

    def take(self) -> None:
        self.claims.take(self.record, self.run)

    def _sleep(self, seconds: float) -> None:
        self.time += seconds
        self.asleep()


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    with RegistryServer() as server:
        yield server


@pytest.fixture
def machines(server: RegistryServer, tmp_path: Path) -> tuple[Machine, Machine]:
    return Machine(server, tmp_path, "one"), Machine(server, tmp_path, "two")


def test_a_lone_release_looks_writes_and_looks(machines: tuple[Machine, Machine], server: RegistryServer) -> None:
    one, _ = machines
    del server.requests[:]
    one.take()
    assert [request.partition(" ")[0] for request in server.requests] == ["HEAD", "PUT", "HEAD"]
    assert (one.records.claimed(), one.time, one.told) == (one.digest, 0.5, [])
    one.take()
    assert one.time == 0.5, "a resumed release has its claim already"
    assert one.records.versions() == () and one.records.all() == ()


@pytest.mark.fault("P45")
def test_of_two_claims_the_later_one_counts(machines: tuple[Machine, Machine]) -> None:
    """The second looked before the first wrote its claim, and writes its own while the first waits."""
    one, two = machines
    steps = {0.5: lambda: two.records.claim(two.record), 3.5: lambda: two.records.publish(two.record)}
    one.asleep = lambda: steps.get(one.time, lambda: None)()
    with pytest.raises(LockedError, match=f"was written before, as {two.digest}"):
        one.take()
    assert one.told == ["another release (v1) is at work; slipway waits for its end, for 60 s at most"]
    assert (one.records.claimed(), one.time) == (two.digest, 3.5)


def test_a_claim_that_is_freed_can_be_taken(machines: tuple[Machine, Machine]) -> None:
    one, two = machines
    two.take()
    one.asleep = lambda: two.claims.free(two.record, two.run) if one.time == 2 else None
    one.take()
    assert one.records.claimed() == one.digest and one.time == 2.5
    two.claims.free(two.record, two.run)
    assert one.records.claimed() == one.digest, "the claim of another stays"


def test_the_claim_of_a_killed_release_is_taken_over_after_a_wait(machines: tuple[Machine, Machine]) -> None:
    one, two = machines
    two.take()
    one.take()
    assert one.records.claimed() == one.digest and one.time == PATIENCE + 0.5


def test_a_release_waits_once_for_a_killed_one(machines: tuple[Machine, Machine]) -> None:
    """It waits before it plans, because the tags may move until then."""
    one, two = machines
    assert one.claims.awaited() == one.claims
    two.take()
    one.claims = one.claims.awaited()
    assert (one.claims.over, one.time) == (two.digest, PATIENCE)
    one.take()
    assert one.time == PATIENCE + 0.5


def test_the_claim_of_a_published_record_counts_no_longer(machines: tuple[Machine, Machine]) -> None:
    """Its release was killed before it freed the claim."""
    one, two = machines
    two.take()
    two.records.publish(two.record)
    assert one.claims.awaited().over == two.digest
    with pytest.raises(LockedError):
        one.take()
    one.record = replace(one.record, version="v2")
    one.records.store(one.record)
    one.take()
    assert (one.time, one.told) == (0.5, [])


def test_a_claim_that_stands_for_no_record_is_taken_over(
    machines: tuple[Machine, Machine], server: RegistryServer
) -> None:
    one, _ = machines
    server.tags[f"{OWNER}/releases", "_claim"] = server.add(f"{OWNER}/releases", "other")
    one.take()
    assert one.time == PATIENCE + 0.5


def test_a_slow_registry_makes_the_wait_longer(machines: tuple[Machine, Machine]) -> None:
    one, _ = machines
    seen = iter([0.0, 3.0, 3.0, 3.0])
    one.claims = replace(one.claims, clock=Clock(lambda: next(seen), one._sleep))
    one.take()
    assert one.time == 6


def test_a_release_frees_its_claim_however_it_ends(server: RegistryServer, tmp_path: Path) -> None:
    shop = Shop(server, tmp_path)
    server.fault("PUT .*/svc-till/manifests/v1", 403)
    for end in (shop.release(shop.planned()), shop.resume()):
        assert end[0] in (8, 0)
        assert shop.records.claimed() == "" and (f"{OWNER}/releases", "_claim") in server.tags
    assert shop.records.versions() == ("v1",)
