"""The stages and the defaults of ARGs that a foreign Dockerfile keeps."""

from __future__ import annotations

import pytest

from slipway.stack.discovery import Assembly
from slipway.stack.given import WHEELHOUSES
from slipway.stack.parents import Naming
from tests.stack.assembling import assemble_texts

BASE, SVC = "infra/docker/base-floor.Dockerfile", "apps/svc_cart/Dockerfile"
DEFAULTS = {
    "REGISTRY": "localhost:5000",
    "OWNER": "slipway",
    "BASE_VERSION": "v0.1.0",
    "PYTHON_IMAGE": "python:3.12-slim",
}
ON_BASE = "FROM ${REGISTRY}/${OWNER}/base-floor:${BASE_VERSION}\n"


def assembled(text: str, unset: dict[str, str] = DEFAULTS, **given: str) -> Assembly:
    naming = Naming("localhost:5000", "slipway", "v0.1.0", "v0.1.0")
    texts = {BASE: "FROM scratch\n", SVC: text}
    return assemble_texts(texts, naming, args={**unset, **given}, unset=unset, contexts=WHEELHOUSES)


@pytest.mark.fault("C44")
@pytest.mark.parametrize(
    ("text", "contexts"),
    [
        ("FROM scratch AS wheelhouse\nFROM scratch\nCOPY --from=wheelhouse / /\n", ("wheelhouse",)),
        ("FROM scratch AS Wheelhouse\nFROM scratch\nRUN --mount=from=wheelhouse,target=/w x\n", ("wheelhouse",)),
        ("FROM scratch AS slipway-wheelhouse\nFROM scratch\nCOPY --from=slipway-wheelhouse / /\n", (WHEELHOUSES[0],)),
        ("FROM scratch\nRUN --mount=from=slipway-wheelhouse,target=/w x\n", (WHEELHOUSES[0],)),
        ("FROM scratch AS wheelhouse\nCOPY w.txt /\nFROM scratch\nCOPY --from=wheelhouse / /\n", ()),
        ("FROM p AS wheelhouse\nFROM scratch\nCOPY --from=wheelhouse / /\n", ()),
        ("FROM scratch AS slipway-wheelhouse\nRUN x\nFROM scratch\nCOPY --from=slipway-wheelhouse / /\n", ()),
        ("FROM scratch\nCOPY --from=wheelhouse / /\n", ()),
    ],
)
def test_a_stage_that_does_something_is_the_files_own(text: str, contexts: tuple[str, ...]) -> None:
    assert assembled(text).stack["svc-cart"].given_contexts == contexts


@pytest.mark.fault("C44")
def test_the_sources_of_such_a_stage_are_inputs() -> None:
    text = "FROM p AS wheelhouse\nCOPY w.txt /\nFROM scratch\nCOPY --from=wheelhouse / /\n"
    reading = assembled(text).readings["svc-cart"]
    assert [source.paths for source in reading.sources] == [("w.txt",)] and reading.bases == ("p",)


@pytest.mark.fault("C45")
@pytest.mark.parametrize(
    ("text", "parents", "roots", "args"),
    [
        ("ARG PYTHON_IMAGE=python:3.10-slim\nFROM ${PYTHON_IMAGE}\n", (), ("python:3.10-slim",), ()),
        ("ARG PYTHON_IMAGE\nFROM ${PYTHON_IMAGE}\n", (), ("python:3.12-slim",), ("PYTHON_IMAGE",)),
        ("ARG PYTHON_IMAGE=\nFROM ${PYTHON_IMAGE}\n", (), ("python:3.12-slim",), ("PYTHON_IMAGE",)),
        ("ARG REGISTRY=quay.io\nFROM ${REGISTRY}/x/y:1\n", (), ("quay.io/x/y:1",), ()),
        ("FROM scratch\nARG OWNER='me'\nLABEL o=$OWNER\n", (), (), ()),
        ("FROM scratch\nARG OWNER\nLABEL o=$OWNER\n", (), (), ("OWNER",)),
    ],
)
def test_an_arg_keeps_its_own_default_when_the_setting_is_unset(
    text: str, parents: tuple[str, ...], roots: tuple[str, ...], args: tuple[str, ...]
) -> None:
    image = assembled(text).stack["svc-cart"]
    assert (image.parents, image.roots, tuple(image.args)) == (parents, roots, args)


@pytest.mark.fault("C45")
@pytest.mark.parametrize(
    "head",
    [
        "ARG REGISTRY\nARG OWNER\nARG BASE_VERSION\n",
        "ARG REGISTRY=localhost:5000\nARG OWNER=slipway\nARG BASE_VERSION=v0.1.0\n",
        "ARG REGISTRY=docker.io\nARG OWNER=me\nARG BASE_VERSION=v7\n",
        "ARG REGISTRY=\nARG OWNER=\nARG BASE_VERSION=\n",
    ],
)
def test_an_image_of_the_stack_stands_on_the_stacks_own_base(head: str) -> None:
    """Its ARGs may say anything for a plain ``docker build``: their values here name the base that is built here."""
    image = assembled(head + ON_BASE).stack["svc-cart"]
    own_registry = () if "docker.io" in head else ("REGISTRY",)  # without a registry, OWNER/<name> is the parent, too
    assert (image.parents, tuple(image.args)) == (("base-floor",), ("BASE_VERSION", "OWNER", *own_registry))


@pytest.mark.fault("C45")
def test_a_setting_that_is_set_replaces_an_args_default() -> None:
    unset = {name: value for name, value in DEFAULTS.items() if name != "PYTHON_IMAGE"}
    text = "ARG PYTHON_IMAGE=python:3.10-slim\nFROM ${PYTHON_IMAGE}\n"
    image = assembled(text, unset, PYTHON_IMAGE="python:3.13-slim").stack["svc-cart"]
    assert (image.roots, tuple(image.args)) == (("python:3.13-slim",), ("PYTHON_IMAGE",))
