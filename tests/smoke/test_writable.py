"""How a container may write to the paths that the table of its image names."""

from __future__ import annotations

import pytest

from slipway.smoke.image_archive import Layer, Member
from slipway.smoke.writable import places

LAYERS = (
    Layer("", (Member("srv/cache", 0o755, 1, 1, "d"), Member("etc/app.conf", 0o644, 0, 0, "f")), (), {}),
    Layer("", (Member("srv/old", 0o755, 0, 0, "d"),), (), {}),
    Layer("", (Member("srv/.wh.old", 0o644, 0, 0, "f"),), (), {}),
)


def never() -> tuple[Layer, ...]:
    raise AssertionError("the layers are read")


@pytest.mark.parametrize(
    ("path", "kept", "empty"),
    [
        ("/srv/cache", ["/data", "/srv/cache"], []),
        ("/srv/new", ["/data"], ["/srv/new"]),
        ("/srv/old", ["/data"], ["/srv/old"]),
        ("/etc/app.conf", ["/data"], ["/etc/app.conf"]),
    ],
)
def test_a_folder_of_the_image_keeps_its_content(path: str, kept: list[str], empty: list[str]) -> None:
    assert places([path], ["/data"], lambda: LAYERS) == (kept, empty)


def test_volumes_and_tmp_are_writable_already() -> None:
    assert places(["/data", "/tmp"], ["/data"], never) == (["/data"], [])
