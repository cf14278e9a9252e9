"""The packages of an image on its bases: which image brought each, and the document about it."""

from __future__ import annotations

from slipway.audit.contents import Below, Contents
from slipway.core.reference import Reference
from slipway.tasks.audited import Audited
from tests.audit.trees import deb, layer, status, wheel

LAYERS = (
    layer("root", status(deb("libc6", "2.36"))),
    layer("base", wheel("click", "8")),
    layer("own", wheel("x", "1")),
)
CONTENTS = Contents(f"sha256:{'5' * 64}", "linux/amd64", LAYERS)
BELOW = (Below("python:3.12-slim", ("sha256:root",)), Below("base-runtime", ("sha256:root", "sha256:base")))


def audited(*below: Below) -> Audited:
    reference = Reference("registry.example", "acme/svc-x", "v1")
    return Audited("svc-x", reference, CONTENTS, CONTENTS.inventory, below)


def test_each_package_has_the_image_that_brought_it() -> None:
    one = audited(*BELOW)
    assert {found.distribution.name: one.origin(found) for found in one.inventory.installed} == {
        "libc6": "python:3.12-slim",
        "click": "base-runtime",
        "x": "svc-x",
    }


def test_without_its_bases_an_image_brought_all() -> None:
    one = audited()
    assert {one.origin(found) for found in one.inventory.installed} == {"svc-x"}


def test_the_document_is_about_the_image_of_the_engine() -> None:
    said = audited().document["metadata"]["component"]
    assert (said["name"], said["version"]) == ("registry.example/acme/svc-x", CONTENTS.id)
