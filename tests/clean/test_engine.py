"""A look at an engine in memory, and the removals that follow it."""

from __future__ import annotations

from typing import Any

import pytest

from slipway.clean.engine import look_at_cache, look_at_images, used_images
from slipway.clean.items import Stay
from slipway.clean.needed import Needed
from slipway.core.errors import RegistryError
from slipway.core.image import LocalImage
from slipway.core.reference import Reference, full_name
from slipway.testing.fakes import FakeEngine, local_image

HOME = "localhost:5000/acme/svc"
NEEDED = Needed({"svc": "sha256:now"}, {"svc": Reference("localhost:5000", "acme/svc", "v1")})
CUT = 1_700_000_000.0
OLD = 1_600_000_000


class Engine(FakeEngine):
    """``layers``: an image's layers with their bytes. ``tagged``: the time of an image's last tag."""

    def __init__(self, *images: LocalImage) -> None:
        super().__init__(images)
        self.layers: dict[str, dict[str, int]] = {}
        self.tagged: dict[str, str] = {}
        self.others: dict[str, Any] = {}

    def get(self, question: str) -> Any:
        if question in self.others:
            return self.others[question]
        image, _, part = question.removeprefix("/images/").rpartition("/")
        if part == "history":
            return [{"Size": size, "CreatedBy": "RUN"} for size in reversed(self.layers.get(image, {}).values())]
        return {
            "RootFS": {"Layers": list(self.layers.get(image, {}))},
            "Metadata": {"LastTagTime": self.tagged.get(image, "0001-01-01T00:00:00Z")},
        }

    def remove(self, name: str) -> None:
        self._do("remove", full_name(name))
        self.untag(Reference.read(name))


def old(text: str, *tags: str) -> LocalImage:
    return local_image(text, *(f"{HOME}:{tag}" for tag in tags), name="svc", created=OLD)


def test_the_bytes_are_those_of_layers_that_no_other_image_has() -> None:
    one, two, other = old("one", "in-1"), old("two", "in-2"), local_image("other", "debian:12")
    engine = Engine(one, two, other)
    engine.layers = {one.id: {"a": 1, "b": 10}, two.id: {"a": 1, "c": 100}, other.id: {"a": 1}}
    doomed, stays = look_at_images(engine, NEEDED, CUT)
    assert [(each.item.name, each.item.bytes) for each in doomed] == [(f"{HOME}:in-1", 10), (f"{HOME}:in-2", 100)]
    assert not stays


def test_an_image_that_keeps_another_name_frees_nothing() -> None:
    both = local_image("both", f"{HOME}:in-1", "localhost:5000/else/svc:in-1", name="svc", created=OLD)
    engine = Engine(both)
    engine.layers = {both.id: {"a": 1}}
    ((one,), _) = look_at_images(engine, NEEDED, CUT)
    assert one.item.bytes == 0 and one.remove() is None
    assert engine.held[0].tags == ("localhost:5000/else/svc:in-1",)


def test_an_old_image_that_was_tagged_lately_is_young() -> None:
    one = old("one", "in-1")
    engine = Engine(one)
    engine.tagged = {one.id: "2030-01-01T00:00:00.123456789Z"}
    assert look_at_images(engine, NEEDED, CUT) == ([], {Stay.YOUNG: 1})


def test_a_name_that_stands_for_another_image_after_the_look_stays() -> None:
    engine = Engine(old("one", "in-1", "v0"))
    ((one,), _) = look_at_images(engine, NEEDED, CUT)
    another = old("another", "v0")
    engine.load(another)
    assert one.remove() == f"{HOME}:v0 stands for {another.id[:19]} by now"
    assert another in engine.held


def test_a_refusal_of_the_engine_is_an_error() -> None:
    engine = Engine(old("one", "in-1"))
    ((one,), _) = look_at_images(engine, NEEDED, CUT)
    engine.refused = {f"{HOME}:in-1": "conflict: a container uses it"}
    with pytest.raises(RegistryError, match="a container uses it"):
        one.remove()


def test_the_images_of_containers_are_known_by_id_and_name() -> None:
    engine = Engine()
    engine.others = {"/containers/json?all=1": [{"ImageID": "sha256:1", "Image": "acme/svc"}]}
    assert used_images(engine) == {"sha256:1", "docker.io/acme/svc:latest"}


def test_only_old_records_of_the_cache_that_no_build_uses_are_counted() -> None:
    old_record = {"Size": 10, "InUse": False, "LastUsedAt": "2020-01-01T00:00:00Z"}
    engine = Engine()
    engine.others = {
        "/system/df?type=build-cache": {
            "BuildCache": [
                old_record,
                {**old_record, "Shared": True},
                {**old_record, "InUse": True},
                {**old_record, "LastUsedAt": "2030-01-01T00:00:00Z"},
                {**old_record, "LastUsedAt": None, "CreatedAt": "2020-01-01T00:00:00Z"},
                {"Size": 10},
            ]
        }
    }
    (one,) = look_at_cache(engine, 60, CUT)
    assert (one.item.bytes, one.item.name.split()[0]) == (20, "3")
    engine.others = {"/system/df?type=build-cache": {"BuildCache": None}}
    assert look_at_cache(engine, 60, CUT) == []
