"""Root images beside their registries and images.lock, and the images that an update concerns."""

from __future__ import annotations

import pytest

from slipway.config.images_lock import LOCAL, ImagesLock
from slipway.core.image import Image
from slipway.release.outdated import RootState, Touched, lock_edit, root_standings, standing_on, touched

ONE, TWO = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"
FRONTEND = "docker/dockerfile:1"
STACK = (
    Image("base-floor", "floor", roots=("python:3.12",), foundation="python:3.12", frontend=FRONTEND),
    Image("base-tool", "tool", roots=(f"alpine@{ONE}",)),
    Image("svc-cart", "cart", parents=("base-floor",), foundation="base-floor"),
    Image("svc-sign", "sign", roots=("docker.io/library/python:3.12",), frontend=f"docker/dockerfile:1@{ONE}"),
)
SIZES = {"base-floor": 100, "svc-cart": 130}


def test_each_root_image_has_one_name_and_all_its_users() -> None:
    assert standing_on(STACK) == {FRONTEND: ("base-floor",), "python:3.12": ("base-floor", "svc-sign")}


def test_an_update_touches_all_images_above_and_the_bytes_of_their_own_layers() -> None:
    assert touched(STACK, ["base-floor"], SIZES) == Touched(("base-floor", "svc-cart"), 130)
    assert touched(STACK, ["svc-cart"], SIZES) == Touched(("svc-cart",), 130)
    assert str(Touched(("svc-cart",), 1500)) == "1 image, 1.50 kB" and str(Touched(("a", "b"))) == "2 images"


@pytest.mark.parametrize(
    ("locked", "found", "state", "entry"),
    [
        (ONE, ONE, RootState.LOCKED, ONE),
        (ONE, TWO, RootState.MOVED, TWO),
        ("", TWO, RootState.NEW, TWO),
        (ONE, "", RootState.GONE, ONE),
        ("", LOCAL, RootState.LOCAL, LOCAL),
    ],
)
def test_the_state_of_a_root_image(locked: str, found: str, state: RootState, entry: str) -> None:
    lock = ImagesLock({"python:3.12": locked} if locked else {}, exists=True)
    _, python = root_standings(STACK, lock, {FRONTEND: TWO, "python:3.12": found}, SIZES)
    assert (python.state, python.entry) == (state, entry)
    assert python.touched.images == ("base-floor", "svc-cart", "svc-sign")


def test_an_update_writes_the_lock_and_keeps_the_lines_of_images_elsewhere() -> None:
    lock = ImagesLock({"other:1": ONE, "python:3.12": ONE}, exists=True)
    found = root_standings(STACK, lock, {FRONTEND: TWO, "python:3.12": TWO}, {})
    edit = lock_edit(lock.text, lock, found)
    assert [line for line in edit.diff.splitlines() if line[0] in "+-"][2:] == [
        f'+"docker/dockerfile:1" = "{TWO}"',
        f'-"python:3.12" = "{ONE}"',
        f'+"python:3.12" = "{TWO}"',
    ]
    same = lock_edit(edit.after, ImagesLock({"other:1": ONE, FRONTEND: TWO, "python:3.12": TWO}, exists=True), found)
    assert same.before == same.after
