"""Requirements that exclude the version that a base pins."""

from __future__ import annotations

import pytest

from slipway.core.image import Image, Stack
from slipway.core.reference import Reference
from slipway.plan.decide import Facts
from slipway.release.pins import conflicts, lines_of, requirement_files
from slipway.stack.digest import Manifest
from slipway.stack.entries import FileEntry, Kind, encode_file

BASE = Image("base-floor", "infra/docker/base-floor.Dockerfile")
SHOP = Image("svc-till", "apps/svc_till/Dockerfile", parents=("base-floor",), foundation="base-floor")
COPIES = Image("svc-copy", "apps/svc_copy/Dockerfile", parents=("base-floor",), foundation="python:3.12")
LOCK = "libs/requirements-base.txt"


def found(**lines: str) -> list[str]:
    """Return the conflicts of svc-till. ``lines``: image → the text of its file."""
    texts = {LOCK: lines["base"], "apps/svc_till/requirements.txt": lines["own"]}
    manifests = {
        "base-floor": Manifest("", {LOCK: FileEntry(Kind.FILE, None, "1")}),
        "svc-till": Manifest("", {path: FileEntry(Kind.FILE, None, "1") for path in texts}),
        "svc-copy": Manifest("", {"apps/svc_till/requirements.txt": FileEntry(Kind.FILE, None, "1")}),
    }
    references = {name: Reference("r", name, "v1") for name in manifests}
    facts = Facts(references, dict.fromkeys(manifests, "sha256:1"), manifests)
    return [str(one) for one in conflicts(Stack((BASE, SHOP, COPIES)), facts, texts.get)]


def test_another_pin_is_a_conflict_with_both_places() -> None:
    assert found(base="# lock\nclick==8.2.1\n", own="httpx==0.28\nclick==8.1.7 \\\n    --hash=sha256:00\n") == [
        "apps/svc_till/requirements.txt:2: click==8.1.7, and base-floor has click==8.2.1 (libs/requirements-base.txt:2)"
    ]


@pytest.mark.parametrize("own", ["click<8.2", "Click==8.1.*", "click!=8.2.1", "click[extra]~=8.1.0"])
def test_a_range_that_excludes_the_pin_is_a_conflict(own: str) -> None:
    assert len(found(base="click==8.2.1", own=own)) == 1


@pytest.mark.parametrize("own", ["click", "click>=8", "click==8.2.1", "-c base.txt", "click @ https://x.example/c.whl"])
def test_a_line_that_the_pin_fits_is_not_a_conflict(own: str) -> None:
    assert found(base="click==8.2.1", own=own) == []


def test_a_line_with_a_marker_is_not_judged() -> None:
    assert found(base="click==8.2.1", own='click==8.1.7 ; python_version < "3.9"') == []


def test_a_base_without_a_pin_has_none() -> None:
    assert found(base="click>=8\nhttpx==8.*", own="click<8\nhttpx<1") == []


def test_lines_have_their_numbers_also_after_continued_ones() -> None:
    text = "a==1 \\\n  --hash=sha256:1 \\\n  --hash=sha256:2\n\n--require-hashes\nb == 2  # why\r\n?!\nc==3"
    assert [(line.place, str(line.requirement)) for line in lines_of("r.txt", text)] == [
        ("r.txt:1", "a==1"),
        ("r.txt:6", "b==2"),
        ("r.txt:8", "c==3"),
    ]


def test_the_files_of_a_tree_count() -> None:
    tree = {"requirements.txt": encode_file(0o644, "1"), "notes.txt": encode_file(0o644, "2")}
    manifest = Manifest(
        "", {"app": FileEntry(Kind.TREE, None, "t"), "constraints.txt": FileEntry(Kind.FILE, None, "3")}
    )
    image = Image("svc-x", "Dockerfile", context="apps/x")
    facts = Facts({}, {}, {"svc-x": manifest}, {"t": tree})
    assert requirement_files(image, facts) == ("apps/x/app/requirements.txt", "apps/x/constraints.txt")
