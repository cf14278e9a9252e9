"""Plan → bake file and argv."""

from __future__ import annotations

import json

import pytest

from slipway.bake import Target, bake_command, bake_file
from slipway.command import Command


def test_the_bake_file() -> None:
    full = Target(
        name="svc-ocr",
        context=".",
        dockerfile="apps/svc_ocr/Dockerfile",
        tags=("reg:1/a/svc-ocr:v1", "reg:1/a/svc-ocr:in-1"),
        args={"OWNER": "a"},
        labels={"slipway.input": "sha256:1"},
        links={"reg:1/a/base-ml:v1": "docker-image://reg:1/a/base-ml:in-2", "wheelhouse": "/wheels"},
        secrets=("id=ca,src=/ca.pem",),
        platforms=("linux/amd64",),
        fresh=True,
    )
    bare = Target("svc-bare", "apps/svc_bare", "Dockerfile", ("t",))
    assert json.loads(bake_file([full, bare])) == {
        "group": {"_all": {"targets": ["svc-ocr", "svc-bare"]}},
        "target": {
            "svc-ocr": {
                "context": ".",
                "dockerfile": "apps/svc_ocr/Dockerfile",
                "tags": ["reg:1/a/svc-ocr:v1", "reg:1/a/svc-ocr:in-1"],
                "output": ["type=docker"],
                "args": {"OWNER": "a"},
                "labels": {"slipway.input": "sha256:1"},
                "contexts": {
                    "reg:1/a/base-ml:v1": "docker-image://reg:1/a/base-ml:in-2",
                    "wheelhouse": "/wheels",
                },
                "secret": ["id=ca,src=/ca.pem"],
                "platforms": ["linux/amd64"],
                "no-cache": True,
            },
            "svc-bare": {
                "context": "apps/svc_bare",
                "dockerfile": "Dockerfile",
                "tags": ["t"],
                "output": ["type=docker"],
            },
        },
    }


def test_the_bake_file_does_not_depend_on_the_order_of_mappings() -> None:
    one = Target("a", ".", "D", ("t",), args={"A": "1", "B": "2"})
    other = Target("a", ".", "D", ("t",), args={"B": "2", "A": "1"})
    assert bake_file([one]) == bake_file([other])


@pytest.mark.parametrize(("builder", "words"), [("", ()), ("k8s", ("--builder", "k8s"))])
@pytest.mark.parametrize("buildx", [("docker", "buildx"), ("/usr/libexec/docker/cli-plugins/docker-buildx",)])
def test_the_command(buildx: tuple[str, ...], builder: str, words: tuple[str, ...]) -> None:
    assert bake_command(b"{}", buildx=buildx, root="/repo", builder=builder, count=2) == Command(
        (*buildx, "bake", *words, "--file", "-", "--progress", "rawjson", "_all"),
        cwd="/repo",
        env={
            "BUILDX_NO_DEFAULT_ATTESTATIONS": "1",
            "BUILDX_METADATA_PROVENANCE": "disabled",
            "BUILDX_BAKE_ENTITLEMENTS_FS": "0",
        },
        stdin=b"{}",
        label="bake 2 images",
    )
