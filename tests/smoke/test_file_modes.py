"""The permissions of an image's files, on layers made here."""

from __future__ import annotations

import io
import tarfile
from typing import Any

import pytest

from slipway.smoke.file_modes import merged, setuid_complaints, started, writable_complaints
from slipway.smoke.image_archive import Layer, Member, read_layers
from tests.smoke.test_image_archive import image


def file(path: str, mode: int = 0o644, owner: int = 0) -> Member:
    return Member(path, mode, owner, owner, "f")


def folder(path: str, mode: int = 0o755) -> Member:
    return Member(path, mode, 0, 0, "d")


def link(path: str, target: str) -> Member:
    return Member(path, 0o777, 0, 0, "l", target)


def layer(*members: Member) -> Layer:
    return Layer("layer", members, ())


def test_the_entries_of_a_layer_are_read_from_its_archive() -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for kind, name, target in (
            (tarfile.REGTYPE, "./srv/run", ""),
            (tarfile.DIRTYPE, "./srv", ""),
            (tarfile.SYMTYPE, "./bin", "usr/bin"),
            (tarfile.LNKTYPE, "./srv/same", "./srv/run"),
            (tarfile.CHRTYPE, "./dev/null", ""),
        ):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode, entry.uid, entry.gid, entry.linkname = kind, 0o104755, 7, 8, target
            tar.addfile(entry)
    [read] = read_layers(io.BytesIO(image(buffer.getvalue()))).values()
    assert read.members == (
        Member("srv/run", 0o4755, 7, 8, "f"),
        Member("srv", 0o4755, 7, 8, "d"),
        Member("bin", 0o4755, 7, 8, "l", "usr/bin"),
        Member("srv/same", 0o4755, 7, 8, "f"),
        Member("dev/null", 0o4755, 7, 8, "-"),
    )


def test_a_later_layer_hides_files_below() -> None:
    below = layer(folder("a"), file("a/x"), file("a/y"), folder("b"), file("b/x"), file("bc"), file("c"))
    above = layer(file("a/.wh.x"), file("b/.wh..wh..opq"), file("b/new"), file("c", 0o600), file(".wh.nothing"))
    tree = merged([below, above])
    assert {path: number for path, (number, _) in tree.items()} == {
        "/a": 1, "/a/y": 1, "/b": 1, "/bc": 1, "/b/new": 2, "/c": 2
    }  # fmt: skip
    assert merged([below, layer(file(".wh.a"))]).keys() == {"/b", "/b/x", "/bc", "/c"}


def test_a_file_put_in_the_place_of_an_opaque_folder_s_stays() -> None:
    """A layer may list its new files before the mark that hides the old ones."""
    tree = merged([layer(folder("b"), file("b/x", 0o600)), layer(file("b/x"), file("b/.wh..wh..opq"))])
    assert tree["/b/x"] == (2, file("b/x"))


def test_programs_that_lend_rights_are_listed_by_layer() -> None:
    layers = [
        layer(file("usr/bin/su", 0o4755), file("bin/mount", 0o4755), folder("var/mail", 0o2775)),
        layer(file("usr/bin/ping", 0o4755), file("opt/tool", 0o2711, 5), file("opt/su", 0o4755)),
        layer(file("opt/mended", 0o4755), file("usr/bin/su-b", 0o4755)),
        layer(file("opt/mended", 0o755)),
    ]
    assert setuid_complaints(layers) == (
        "layer 2 of 4: /usr/bin/ping: setuid (4755, 0:0)",
        "layer 2 of 4: /opt/tool: setgid (2711, 5:5)",
        "layer 2 of 4: /opt/su: setuid (4755, 0:0)",
        "layer 3 of 4: /usr/bin/su-b: setuid (4755, 0:0)",
    )
    assert setuid_complaints(layers, ["/usr/bin/ping", "/opt/su", "/opt/tool", "/usr/bin/su-b"]) == ()


def test_world_writable_files_are_listed_and_tmp_is_not() -> None:
    layers = [
        layer(folder("tmp", 0o1777), folder("srv", 0o777), file("srv/x", 0o666), link("y", "x"), file("z", 0o664))
    ]
    assert writable_complaints(layers, {}) == (
        "layer 1 of 1: /srv: anyone may write (777)",
        "layer 1 of 1: /srv/x: anyone may write (666)",
    )


ROOT = layer(
    link("bin", "usr/bin"),
    file("usr/bin/sh", 0o755),
    link("usr/local/bin/python", "python3.12"),
    file("usr/local/bin/python3.12", 0o755),
    link("loop", "/loop"),
)


@pytest.mark.parametrize(
    ("config", "found"),
    [
        ({"Entrypoint": ["/app/run.sh"], "Cmd": ["--port", "80"]}, ("/app/run.sh",)),
        ({"Cmd": ["python", "-m", "app"]}, ("/usr/local/bin/python3.12",)),
        ({"Cmd": ["/bin/sh", "/app/run.sh"]}, ("/usr/bin/sh", "/app/run.sh")),
        ({"Cmd": ["./run.sh"], "WorkingDir": "/app"}, ("/app/run.sh",)),
        ({"Cmd": ["run.sh"], "Env": ["PATH=/nowhere:/app"]}, ("/app/run.sh",)),
        ({"Cmd": ["run.sh"], "Env": ["X=PATH=/nowhere", "PATH=/a=b:/app"]}, ("/app/run.sh",)),
        ({"Cmd": ["run.sh"], "Env": ["X=PATH=/app"]}, ()),
        ({"Cmd": ["/loop"]}, ()),
        ({"Cmd": ["/app"]}, ()),
        ({"Cmd": ["absent"]}, ()),
        ({}, ()),
    ],
)
def test_the_started_programs_are_found(config: dict[str, Any], found: tuple[str, ...]) -> None:
    assert started(merged([ROOT, layer(folder("app"), file("app/run.sh", 0o755))]), config) == found


@pytest.mark.parametrize(
    ("mode", "owner", "user", "told"),
    [
        (0o755, 10001, "10001:10001", True),
        (0o575, 10001, "10002:10001", True),
        (0o555, 10001, "10001:10001", False),
        (0o755, 0, "10001:10001", False),
        (0o775, 10001, "10002", False),
        (0o755, 0, "0:0", False),
        (0o755, 0, "", False),
        (0o775, 10001, "5:10001:7", False),
    ],
)
def test_a_started_program_must_not_be_writable_by_its_user(mode: int, owner: int, user: str, told: bool) -> None:
    layers = [ROOT, layer(file("app/run.sh", mode, owner))]
    said = f"layer 2 of 2: /app/run.sh: is run, and its user {user} may write it"
    assert writable_complaints(layers, {"Entrypoint": ["/app/run.sh"], "User": user}) == ((said,) if told else ())
