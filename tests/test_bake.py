"""Plan → bake file and argv; buildx's own rawjson, recorded from real bakes (``data/*.jsonl``), → events."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from slipway.bake import Event, Failure, Progress, Target, bake_command, bake_file
from slipway.command import Command

DATA = Path(__file__).parent / "data"
SHARED = "RUN echo shared 1795202990.6682994 && sleep 0.3"
ALL = ("step", "cached", "done", "exporting", "built", "failed", "log")


def fed(record: str, *names: str) -> tuple[Progress, list[Event]]:
    progress = Progress(names)
    lines = (DATA / f"bake-{record}.jsonl").read_text("utf-8").splitlines()
    return progress, [event for line in lines for event in progress.feed(line)]


def told(events: list[Event], *kinds: str) -> list[tuple[str, str, str]]:
    return [(event.image, event.kind, event.text) for event in events if event.kind in (kinds or ALL)]


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
def test_the_command(builder: str, words: tuple[str, ...]) -> None:
    assert bake_command(b"{}", root="/repo", builder=builder, count=2) == Command(
        ("docker", "buildx", "bake", *words, "--file", "-", "--progress", "rawjson", "_all"),
        cwd="/repo",
        env={
            "BUILDX_NO_DEFAULT_ATTESTATIONS": "1",
            "BUILDX_METADATA_PROVENANCE": "disabled",
            "BUILDX_BAKE_ENTITLEMENTS_FS": "0",
        },
        stdin=b"{}",
        label="bake 2 images",
    )


def test_two_images_that_were_built() -> None:
    progress, events = fed("good", "svc-a", "svc-b")
    assert progress.failures() == {}
    assert progress.trailer == []
    assert told(events, "cached") == [("svc-b", "cached", SHARED)]
    assert told(events, "done") == [("svc-a", "done", "RUN echo only a"), ("svc-b", "done", "RUN echo only b")]
    assert told(events, "built") == [("svc-b", "built", "exporting"), ("svc-a", "built", "exporting")]
    assert told(events, "log") == [("svc-a", "log", "only a"), ("svc-b", "log", "only b")]
    assert [event.seconds for event in events if event.kind == "done"] == [0.22591, 0.228293]


def test_one_image_fails_and_its_cancelled_siblings_do_not() -> None:
    progress, events = fed("fail", "svc-bad", "svc-slow", "svc-good")
    step = "RUN echo about to fail && echo why >&2 && exit 3"
    cause = f'process "/bin/sh -c {step[4:]}" did not complete successfully: exit code: 3'
    assert progress.failures() == {"svc-bad": Failure(step, "exit code: 3", ("why", "about to fail"))}
    assert str(progress.failures()["svc-bad"]) == f"{step}: exit code: 3: about to fail"
    assert told(events, "failed") == [
        ("svc-bad", "failed", step),
        ("svc-bad", "failed", f"failed to solve: {cause}"),
    ]
    assert told(events, "step")[0] == ("svc-bad", "step", SHARED)
    assert ("svc-slow", "step", "RUN echo slow && sleep 5") in told(events)
    assert progress.trailer[-1] == f"ERROR: target svc-bad: failed to solve: {cause}"


@pytest.mark.parametrize("names", [("svc-bad", "svc-slow", "svc-good"), ("svc-good", "svc-slow", "svc-bad")])
def test_a_shared_step_belongs_to_the_first_in_the_order_of_the_stack(names: tuple[str, ...]) -> None:
    """buildx named it by all three in turn."""
    _, events = fed("fail", *names)
    assert {event.image for event in events if event.text == SHARED and event.kind == "done"} == {names[0]}


def test_a_shared_step_that_fails_is_told_of_one_image() -> None:
    progress, _ = fed("shared", "svc-one", "svc-two")
    assert progress.failures() == {"svc-one": Failure("RUN echo both && false", "exit code: 1", ("both",))}


def test_a_bake_of_one_does_not_name_its_steps() -> None:
    progress, events = fed("single", "svc-only")
    assert told(events) == [
        ("svc-only", "cached", SHARED),
        ("svc-only", "step", "RUN echo alone && false"),
        ("svc-only", "log", "alone"),
        ("svc-only", "failed", "RUN echo alone && false"),
    ]
    assert list(progress.failures()) == ["svc-only"]


def test_targets_of_another_bake_are_nobodys() -> None:
    progress, events = fed("fail", "svc-x", "svc-y")
    assert (events, progress.failures()) == ([], {})


def test_a_failure_before_any_step() -> None:
    progress = Progress(["svc-a", "svc-b"])
    lines = ["Dockerfile:1", "ERROR: target svc-b: failed to solve: no such image"]
    events = [event for line in lines for event in progress.feed(line)]
    assert events == [Event("svc-b", "failed", "failed to solve: no such image")]
    assert progress.failures() == {"svc-b": Failure("", "failed to solve: no such image", tuple(lines))}


@pytest.mark.parametrize("line", ["", "3", "[]", "null", "{", '{"vertexes": null}', '{"logs": [{"vertex": "x"}]}'])
def test_an_odd_line_says_nothing(line: str) -> None:
    assert list(Progress(["svc-a"]).feed(line)) == []


def test_mounts_and_line_ends_are_left_out_of_a_step() -> None:
    name = "[svc-a 2/3] RUN --mount=type=cache,target=/c --mount=type=secret,id=ca   pip install \\\n  x"
    vertex = {"digest": "sha256:1", "name": name, "started": "2026-11-20T19:29:50.79Z"}
    assert list(Progress(["svc-a", "svc-b"]).feed(json.dumps({"vertexes": [vertex]}))) == [
        Event("svc-a", "step", "RUN pip install \\ x")
    ]
