"""Plan → bake file and argv."""

from __future__ import annotations

import json

import pytest

from slipway.build.bake_file import BakeTarget, bake_file, overrides
from slipway.core.command import Command
from slipway.core.compression import Compression
from slipway.hosts.bake import bake_command


def test_the_bake_file() -> None:
    full = BakeTarget(
        name="svc-ocr",
        context=".",
        dockerfile="apps/svc_ocr/Dockerfile",
        tags=("reg:1/a/svc-ocr:v1", "reg:1/a/svc-ocr:in-1"),
        args={"OWNER": "a"},
        labels={"slipway.input": "sha256:1"},
        links={"reg:1/a/base-ml:v1": "docker-image://reg:1/a/base-ml:in-2", "wheelhouse": "/wheels"},
        secrets={"ca": "/ca.pem"},
        ssh=("default",),
        platforms=("linux/amd64",),
        no_cache=True,
    )
    bare = BakeTarget("svc-bare", "apps/svc_bare", "Dockerfile", ("t",))
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
                "secret": ['"id=ca","src=/ca.pem"'],
                "ssh": ["default"],
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
    one = BakeTarget("a", ".", "D", ("t",), args={"A": "1", "B": "2"})
    other = BakeTarget("a", ".", "D", ("t",), args={"B": "2", "A": "1"})
    assert bake_file([one]) == bake_file([other])


@pytest.mark.fault("C40")
def test_templates_are_escaped_in_every_string_of_the_file() -> None:
    odd = "${a} $${b} %{c} 100%{ $ % {}"
    target = BakeTarget("a", odd, odd, (odd,), {"A": odd}, {odd: odd}, {odd: odd}, {"s": odd}, (odd,))
    text = bake_file([target]).decode()
    written = "$${a} $$${b} %%{c} 100%%{ $ % {}"
    assert text.count(written) == 10 and text.count("{a}") == 10


@pytest.mark.fault("C40")
def test_text_that_unicode_can_write_in_two_ways_goes_by_argument() -> None:
    odd, plain = "e\u0301", "${x}"
    target = BakeTarget("a", odd, odd, (), {"A": odd, "B": plain}, {}, {"r/x:1": odd}, {"s": odd, "t": "/t"})
    assert overrides([target, BakeTarget("b", ".", "D", ())]) == (
        *("--set", f"a.context={odd}", "--set", f"a.dockerfile={odd}", "--set", f"a.args.A={odd}"),
        *("--set", f"a.contexts.r/x:1={odd}"),
        *("--set", f'a.secrets="id=s","src={odd}"', "--set", 'a.secrets="id=t","src=/t"'),
    )


@pytest.mark.parametrize("buildx", [("docker", "buildx"), ("/usr/libexec/docker/cli-plugins/docker-buildx",)])
def test_the_command(buildx: tuple[str, ...]) -> None:
    words = ("--set", "a.args.A=é")
    command = bake_command(
        b"{}", buildx=buildx, root="/repo", builder="k8s", sampler="always_on", count=2, overrides=words
    )
    assert command == Command(
        (*buildx, "bake", "--builder", "k8s", "--file", "-", "--progress", "rawjson", *words, "_all"),
        cwd="/repo",
        env={
            "BUILDX_NO_DEFAULT_ATTESTATIONS": "1",
            "BUILDX_METADATA_PROVENANCE": "disabled",
            "BUILDX_BAKE_ENTITLEMENTS_FS": "0",
            "BUILDX_GIT_INFO": "0",
            "OTEL_TRACES_SAMPLER": "always_on",
        },
        stdin=b"{}",
        label="bake 2 images",
    )


def test_a_builder_stores_an_image_by_its_digest_alone() -> None:
    target = BakeTarget("svc-ocr", ".", "Dockerfile", ("reg:1/a/svc-ocr:v1",), stored="reg:1/a/svc-ocr")
    described = json.loads(bake_file([target]))["target"]["svc-ocr"]
    assert (described["tags"], described["output"]) == (
        [],
        ["type=image,name=reg:1/a/svc-ocr,push=true,push-by-digest=true"],
    )


@pytest.mark.parametrize(
    ("stored", "kind"),
    [("", "type=docker"), ("reg:1/a/svc-ocr", "type=image,name=reg:1/a/svc-ocr,push=true,push-by-digest=true")],
)
def test_layers_are_compressed_with_zstd_in_an_image_of_oci_s_media_types(stored: str, kind: str) -> None:
    target = BakeTarget("svc-ocr", ".", "D", (), stored=stored, compression=Compression.ZSTD)
    assert target.output == f"{kind},compression=zstd,oci-mediatypes=true"
    assert BakeTarget("svc-ocr", ".", "D", (), stored=stored).output == kind
