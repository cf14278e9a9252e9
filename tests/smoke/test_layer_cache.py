"""Each layer is read once, and what is kept is what was read."""

from __future__ import annotations

import io
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from slipway.core.errors import PolicyError
from slipway.smoke.image_archive import Layer
from slipway.smoke.layer_cache import LayerCache
from tests.smoke.test_image_archive import KEY, archive, several

BASE = {"sha256:1": archive({"./lib/a-1.0.dist-info/METADATA": b"Name: a\n\ntext", "key": KEY, "b\udcff": b""})}
SERVICE = {**BASE, "sha256:2": archive({"app/main.py": b"x"})}
OTHER = {**BASE, "sha256:3": archive({"app/other.py": b"x"})}


class Images:
    """An engine that saves images; it counts how often."""

    def __init__(self, **images: Mapping[str, bytes]) -> None:
        self._images, self.saves = images, 0

    def save(self) -> io.BytesIO:
        self.saves += 1
        return io.BytesIO(several(self._images))


def test_a_layer_is_read_once_for_every_image_and_process(tmp_path: Path) -> None:
    engine = Images(service=SERVICE, other=OTHER)
    read = LayerCache(tmp_path).layers(tuple(SERVICE), engine.save)
    assert [layer.name for layer in read] == ["sha256:1", "sha256:2"]
    assert read[0].findings and read[0].texts and read[0].paths[-1] == "b\udcff"
    assert LayerCache(tmp_path).layers(tuple(SERVICE), engine.save) == read, "kept layers are equal to read ones"
    assert LayerCache(tmp_path).layers(tuple(OTHER), engine.save)[1].paths == ("app/other.py",)
    assert engine.saves == 1


def test_a_layer_that_occurs_twice_in_an_image_counts_twice(tmp_path: Path) -> None:
    chain = ("sha256:1", "sha256:1")
    assert len(LayerCache(tmp_path).layers(chain, Images(base=BASE).save)) == 2


@pytest.mark.parametrize("damage", [b"", b"no gzip", b"\x1f\x8b"])
def test_a_damaged_file_of_the_cache_is_read_again(tmp_path: Path, damage: bytes) -> None:
    engine, cache = Images(base=BASE), LayerCache(tmp_path)
    read = cache.layers(tuple(BASE), engine.save)
    [kept] = tmp_path.iterdir()
    kept.write_bytes(damage)
    assert cache.layers(tuple(BASE), engine.save) == read
    assert cache.layers(tuple(BASE), engine.save) == read
    assert engine.saves == 2


def test_layers_that_other_code_read_do_not_count(tmp_path: Path) -> None:
    engine, cache = Images(base=BASE), LayerCache(tmp_path)
    cache.layers(tuple(BASE), engine.save)
    [kept] = tmp_path.iterdir()
    kept.rename(kept.with_name(f"sha256-1-{'0' * 16}.json.gz"))
    cache.layers(tuple(BASE), engine.save)
    assert engine.saves == 2


@pytest.mark.parametrize("folder", [None, "gone"])
def test_without_a_cache_folder_an_image_is_read_each_time(tmp_path: Path, folder: str | None) -> None:
    engine, cache = Images(base=BASE), LayerCache(tmp_path / folder if folder else None)
    assert cache.layers(tuple(BASE), engine.save) == cache.layers(tuple(BASE), engine.save)
    assert engine.saves == 2


def test_a_layer_that_the_engine_did_not_save_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="layer sha256:2 could not be read: the engine did not save it"):
        LayerCache(tmp_path).layers(tuple(SERVICE), Images(base=BASE).save)


def test_only_one_of_two_readers_asks_the_engine(tmp_path: Path) -> None:
    engine, reading, resumed = Images(base=BASE), threading.Event(), threading.Event()

    def slow() -> io.BytesIO:
        reading.set()
        assert resumed.wait(10)
        return engine.save()

    found: list[tuple[Layer, ...]] = []
    first = threading.Thread(target=lambda: found.append(LayerCache(tmp_path).layers(tuple(BASE), slow)))
    first.start()
    assert reading.wait(10)
    second = threading.Thread(target=lambda: found.append(LayerCache(tmp_path).layers(tuple(BASE), engine.save)))
    second.start()
    resumed.set()
    first.join(10)
    second.join(10)
    assert engine.saves == 1 and found[0] == found[1]
