"""Provenance of builds: the form of SLSA v1, the resolved dependencies, and no secret."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from slipway.audit.cyclonedx import Subject
from slipway.audit.provenance import Base, Build, provenance, run_that_built
from slipway.audit.source import Source
from slipway.core.image import Image
from slipway.core.reference import Reference
from slipway.plan.decide import Action, Step
from slipway.plan.reasons import NotBuilt
from slipway.secrets.redactor import Redactor
from slipway.secrets.secret import Secret
from slipway.stack.digest import Manifest
from slipway.stack.entries import FileEntry, Kind

CANARY = "c4n4ry-kept-in-the-vault"
INPUT, DIGEST, ROOT, BASE = (f"sha256:{letter * 64}" for letter in "1234")
SUBJECT = Subject("registry.example/acme/svc-ocr", DIGEST)
REFERENCE = Reference("registry.example", "acme/svc-ocr", "v1")
TREE = {"svc/main.py": "100644 " + "5" * 64, "requirements.txt": "100644 " + "6" * 64, "poetry.lock": "link ../x"}
BUILD = Build(
    step=Step("svc-ocr", Action.BUILD, NotBuilt(), REFERENCE, REFERENCE.tagged("in-111111111111"), INPUT),
    image=Image(
        "svc-ocr",
        "apps/svc_ocr/Dockerfile",
        context="apps",
        target="app",
        args={"BASE_VERSION": "v1", "API_TOKEN": CANARY, "MIRROR": f"https://ann:{CANARY}@example.org", "NOTE": CANARY},
        frontend=f"docker/dockerfile:1@{ROOT}",
    ),
    manifest=Manifest(
        dockerfile="FROM x",
        files={
            "svc_ocr": FileEntry(Kind.TREE, 0o40755, "tree"),
            "../libs/requirements-ml.txt": FileEntry(Kind.FILE, 0o644, "7" * 64),
            "README.md": FileEntry(Kind.FILE, 0o644, "8" * 64),
        },
        parents={"base-ml": INPUT, "base-uv": INPUT},
        roots={"python:3.12-slim": ROOT, "localhost:5000/acme/tool:v2": ""},
    ),
    trees={"tree": TREE},  # type: ignore[dict-item]
    platforms=("linux/amd64",),
    bases={"base-ml": Base(Reference("registry.example:5000", "acme/base-ml", "v1"), BASE)},
    source=Source("9" * 40, "https://example.org/acme/shop.git", dirty=True),
    run="7f3c9a10",
    versions={"slipway": "0.1.0"},
)


def made(build: Build = BUILD) -> dict[str, Any]:
    return provenance(SUBJECT, build, Redactor([Secret(CANARY)]))


def test_it_is_a_statement_of_in_toto_about_the_manifest() -> None:
    statement = made()
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "https://slsa.dev/provenance/v1"
    assert statement["subject"] == [{"name": SUBJECT.name, "digest": {"sha256": "2" * 64}}]
    assert statement["predicate"].keys() == {"buildDefinition", "runDetails"}


def test_it_names_the_build() -> None:
    definition = made()["predicate"]["buildDefinition"]
    assert definition["buildType"] == "https://slipway.dev/build/v1"
    assert definition["externalParameters"] == {
        "image": "svc-ocr",
        "dockerfile": "apps/svc_ocr/Dockerfile",
        "context": "apps",
        "target": "app",
        "platforms": ["linux/amd64"],
        "args": {"BASE_VERSION": "v1"},
        "withheldArgs": ["API_TOKEN", "MIRROR", "NOTE"],
    }
    assert definition["internalParameters"] == {"inputDigest": INPUT}


def test_it_names_the_run_and_the_builder() -> None:
    details = made()["predicate"]["runDetails"]
    assert details == {
        "builder": {"id": "https://slipway.dev/builder/local/v1", "version": {"slipway": "0.1.0"}},
        "metadata": {"invocationId": "7f3c9a10"},
    }
    elsewhere = made(replace(BUILD, run="", remote=True))["predicate"]["runDetails"]
    assert (elsewhere["builder"]["id"], elsewhere["metadata"]) == ("https://slipway.dev/builder/remote/v1", {})


def test_it_names_the_resolved_dependencies() -> None:
    assert made()["predicate"]["buildDefinition"]["resolvedDependencies"] == [
        {"name": "localhost:5000/acme/tool:v2", "uri": "pkg:docker/acme/tool@v2?repository_url=localhost:5000"},
        {"name": "python:3.12-slim", "uri": "pkg:docker/library/python@3.12-slim", "digest": {"sha256": "3" * 64}},
        {
            "name": f"docker/dockerfile:1@{ROOT}",
            "uri": f"pkg:docker/docker/dockerfile@{ROOT}",
            "digest": {"sha256": "3" * 64},
        },
        {
            "name": "base-ml",
            "uri": "pkg:docker/acme/base-ml@v1?repository_url=registry.example:5000",
            "digest": {"sha256": "4" * 64},
            "annotations": {"inputDigest": INPUT},
        },
        {"name": "base-uv", "annotations": {"inputDigest": INPUT}},
        {
            "name": "source",
            "uri": "git+https://example.org/acme/shop.git",
            "digest": {"gitCommit": "9" * 40},
            "annotations": {"dirty": True},
        },
        {"name": "apps/svc_ocr/requirements.txt", "digest": {"sha256": "6" * 64}},
        {"name": "libs/requirements-ml.txt", "digest": {"sha256": "7" * 64}},
    ]


@pytest.mark.fault("X50")
def test_no_secret_is_in_it() -> None:
    args = {**BUILD.image.args, "OTHER": f"x{CANARY}y"}
    image = replace(BUILD.image, args=args, target=CANARY)
    source = replace(BUILD.source, url=f"https://example.org/{CANARY}")
    written = json.dumps(made(replace(BUILD, image=image, source=source)))
    assert CANARY not in written
    assert "***" in written, "the canary would have been in it"


def test_equal_builds_have_equal_statements() -> None:
    image = replace(BUILD.image, args=dict(reversed(list(BUILD.image.args.items()))))
    assert json.dumps(made(replace(BUILD, image=image))) == json.dumps(made())


def test_the_run_that_built_an_image_is_the_last_one() -> None:
    def record(run: str, status: str, digest: str = INPUT) -> dict[str, Any]:
        return {"run": run, "images": [{"image": "svc-ocr", "status": status, "input_digest": digest}]}

    records = [
        {"run": "0"},
        record("1", "built"),
        record("2", "built"),
        record("3", "reused"),
        record("4", "built", ""),
    ]
    assert run_that_built(records, "svc-ocr", INPUT) == "2"
    assert run_that_built(records, "svc-kg", INPUT) == ""
