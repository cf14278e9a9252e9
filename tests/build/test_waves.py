"""Which images are baked together, and in which order."""

from __future__ import annotations

import pytest

from slipway.build.waves import Waves

GiB = 2**30
PARENTS = {"base": (), "ml": ("base",), "svc-a": ("base",), "svc-b": ("ml",)}


def unasked() -> tuple[int, int]:
    raise AssertionError("the engine was asked")


def test_a_wave_holds_the_images_whose_parents_are_built() -> None:
    waves = Waves(PARENTS, unasked)
    assert list(waves.all(list(PARENTS))) == [["base"], ["ml", "svc-a"], ["svc-b"]]
    assert waves.next(["svc-a", "svc-b"]) == ["svc-a", "svc-b"], "parents that are not to be built are in the engine"


def test_a_separate_builder_gets_all_images_together() -> None:
    assert list(Waves(PARENTS, unasked, linked=True).all(list(PARENTS))) == [list(PARENTS)]


@pytest.mark.parametrize(
    ("ready", "jobs", "memory", "cores", "sizes"),
    [
        (8, 0, 0, 0, [8]),
        (9, 0, 0, 0, [5, 4]),
        (9, 0, 64 * GiB, 1, [9]),
        (51, 0, 64 * GiB, 1, [26, 25]),
        (50, 0, 64 * GiB, 1, [50]),
        (20, 0, 10 * 192 * 2**20, 64, [10, 10]),
        (8, 3, 64 * GiB, 64, [3, 3, 2]),
        (9, 100, 0, 0, [9]),
    ],
)
def test_a_wave_is_as_large_as_jobs_memory_and_cores_allow(
    ready: int, jobs: int, memory: int, cores: int, sizes: list[int]
) -> None:
    names = [f"svc-{number}" for number in range(ready)]
    waves = Waves(dict.fromkeys(names, ()), lambda: (memory, cores), jobs)
    assert [len(wave) for wave in waves.all(names)] == sizes
