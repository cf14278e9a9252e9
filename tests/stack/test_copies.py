"""Copies of one Dockerfile, in folders of several images: slipway reads them once, and each has its own inputs."""

from __future__ import annotations

from slipway.stack import discovery
from slipway.stack.definition import Definition
from tests.stack.assembling import V1, assemble_texts

SERVICE = "apps/svc_{}/Dockerfile"


def test_copies_have_their_own_names_and_places() -> None:
    text = "FROM debian:12\nCOPY ${UNKNOWN}/x /x\n"
    faults = assemble_texts({SERVICE.format(name): text for name in "ab"}).stack.faults
    assert {name: fault.error.problems[0].where for name, fault in faults.items()} == {
        "svc-a": "apps/svc_a/Dockerfile:2",
        "svc-b": "apps/svc_b/Dockerfile:2",
    }


def test_a_line_that_cannot_be_parsed_has_the_place_of_each_copy() -> None:
    faults = assemble_texts({SERVICE.format(name): "FROM debian:12\nCOPPY a b\n" for name in "ab"}).stack.faults
    assert [fault.error.problems[0].where for fault in faults.values()] == [
        "apps/svc_a/Dockerfile:2",
        "apps/svc_b/Dockerfile:2",
    ]


def test_copies_with_other_build_args_have_other_parents() -> None:
    text = "ARG BASE=unset\nFROM reg:5000/acme/${BASE}:v1\n"
    definitions = [
        Definition("base-one", "one/Dockerfile"),
        Definition("base-two", "two/Dockerfile"),
        Definition("a", "a/Dockerfile", args={"BASE": "base-one"}),
        Definition("b", "b/Dockerfile", args={"BASE": "base-two"}),
        Definition("c", "c/Dockerfile", args={"BASE": "base-two"}),
    ]
    texts = {one.dockerfile: text if one.args else "FROM debian:12\n" for one in definitions}
    stack = discovery.assemble(definitions, texts, naming=V1, args={}).stack
    assert {image.name: image.parents for image in stack if image.args} == {
        "a": ("base-one",),
        "b": ("base-two",),
        "c": ("base-two",),
    }


def test_copies_run_the_triggers_of_the_image_that_each_stands_on() -> None:
    """``floor`` stands on the published image with the same name, and its copy on ``floor``."""
    text = "FROM reg:5000/acme/floor:latest\nONBUILD COPY own /own\n"
    definitions = [Definition("floor", "floor/Dockerfile"), Definition("copy", "copy/Dockerfile")]
    texts = {one.dockerfile: text for one in definitions}
    found = discovery.assemble(definitions, texts, naming=V1, args={})
    assert {image.name: image.parents for image in found.stack} == {"floor": (), "copy": ("floor",)}
    read = {name: [source.paths for source in reading.sources] for name, reading in found.readings.items()}
    assert read == {"floor": [], "copy": [("own",)]}
