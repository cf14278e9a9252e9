"""buildx's own rawjson, recorded from real bakes (``data/*.jsonl``), → events, failures, warnings, times."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from slipway.progress import Event, Failure, Progress

DATA = Path(__file__).parent / "data"
SHARED = "RUN echo shared 1795202990.6682994 && sleep 0.3"
ALL = ("step", "cached", "done", "exporting", "built", "failed", "log")


def fed(record: str, *names: str) -> tuple[Progress, list[Event]]:
    progress = Progress(names)
    lines = (DATA / f"bake-{record}.jsonl").read_text("utf-8").splitlines()
    return progress, [event for line in lines for event in progress.feed(line)]


def told(events: list[Event], *kinds: str) -> list[tuple[str, str, str]]:
    return [(event.image, event.kind, event.text) for event in events if event.kind in (kinds or ALL)]


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


def warning(vertex: str, short: str) -> dict[str, object]:
    return {"vertex": vertex, "level": 1, "short": base64.b64encode(short.encode()).decode()}


def test_a_warning_belongs_to_the_image_of_its_dockerfile() -> None:
    """Recorded from a bake of two Dockerfiles: BuildKit hangs a check's finding on the load of the file."""
    progress, _ = fed("warned", "svc-a", "svc-b")
    assert progress.warnings == {
        "svc-a": (
            "MaintainerDeprecated: Maintainer instruction is deprecated in favor of using label (line 6)",
            "ConsistentInstructionCasing: Command 'maintainer' should match the case of the command majority "
            "(uppercase) (line 6)",
            "InvalidDefaultArgInFrom: Default value for ARG ${REG}/x:${V} results in empty or invalid base image name "
            "(line 4)",
            'SecretsUsedInArgOrEnv: Do not use ARG or ENV instructions for sensitive data (ENV "API_TOKEN") (line 5)',
        ),
        "svc-b": (
            "MaintainerDeprecated: Maintainer instruction is deprecated in favor of using label (line 3)",
            'SecretsUsedInArgOrEnv: Do not use ARG or ENV instructions for sensitive data (ENV "DB_PASSWORD") (line 2)',
            "JSONArgsRecommended: JSON arguments recommended for CMD to prevent unintended behavior related to OS "
            "signals (line 4)",
        ),
    }


def test_a_warning_comes_once_and_of_nobody_it_is_kept_for_the_log() -> None:
    progress = Progress(["svc-a"])
    loading = {"digest": "sha256:1", "name": "[internal] load build definition from Dockerfile"}
    said = [warning("sha256:1", "Rule: text  (line 1)"), warning("sha256:2", "Rule: other")]
    for _ in range(2):
        assert list(progress.feed(json.dumps({"vertexes": [loading], "warnings": said}))) == []
    assert progress.warnings == {"svc-a": ("Rule: text (line 1)",)}
    assert progress.trailer == ["Rule: other", "Rule: other"]


def test_an_images_own_time_runs_while_any_of_its_steps_does() -> None:
    now = 0.0
    progress = Progress(["svc-a", "svc-b"], clock=lambda: now)

    def at(seconds: float, *steps: tuple[str, str, bool]) -> None:
        nonlocal now
        now = seconds
        vertexes = [
            {"digest": what, "name": f"[{image} 1/2] {what}", "started": "2026-11-20T19:00:00Z"}
            | ({"completed": "2026-11-20T19:00:00Z"} if ended else {})
            for image, what, ended in steps
        ]
        list(progress.feed(json.dumps({"vertexes": vertexes})))

    at(0, ("svc-a", "RUN one", False), ("svc-b", "RUN quick", False))
    at(10, ("svc-a", "RUN two", False), ("svc-b", "RUN quick", True))
    at(30, ("svc-a", "RUN one", True))
    at(40, ("svc-a", "RUN two", True))
    at(1000)
    assert progress.overdue(39.9) == {"svc-a": Failure("RUN two", "")}
    assert progress.overdue(40) == {}
    assert set(progress.overdue(9.9)) == {"svc-a", "svc-b"}
    at(1000, ("svc-b", "RUN slow", False))
    log = {"vertex": "RUN slow", "data": base64.b64encode(b"still here\n").decode()}
    list(progress.feed(json.dumps({"logs": [log]})))
    at(1035)
    assert progress.overdue(40) == {"svc-b": Failure("RUN slow", "", ("still here",))}


def test_a_step_that_was_begun_twice_counts_once() -> None:
    """BuildKit tells the end of a load, then its second beginning."""
    now = 0.0
    progress = Progress(["svc-a"], clock=lambda: now)
    begun = {"digest": "sha256:1", "name": "[internal] load .dockerignore", "started": "2026-11-20T19:00:00Z"}
    for moment, vertex in ((0, begun), (3, begun), (5, {**begun, "completed": "2026-11-20T19:00:05Z"}), (9, begun)):
        now = moment
        list(progress.feed(json.dumps({"vertexes": [vertex]})))
    now = 12
    assert progress.overdue(8) == {} and set(progress.overdue(7.9)) == {"svc-a"}


def test_what_was_exported_is_known_though_another_failed() -> None:
    assert fed("good", "svc-a", "svc-b")[0].exported == {"svc-a", "svc-b"}
    assert "svc-bad" not in fed("fail", "svc-bad", "svc-slow", "svc-good")[0].exported


@pytest.mark.parametrize(
    ("line", "cut"),
    [
        ("ERROR: failed to receive status: rpc error: code = Unavailable desc = error reading from server: EOF", True),
        ("ERROR: Cannot connect to the Docker daemon at tcp://127.0.0.1:1. Is the docker daemon running?", True),
        ('ERROR: error during connect: Get "http://engine/_ping": EOF', True),
        ("ERROR: target svc-a: failed to solve: reg/a: unexpected status from HEAD: 503 Service Unavailable", False),
        (">>> RUN echo ERROR: Cannot connect to the Docker daemon", False),
    ],
)
def test_a_lost_engine_is_told_from_a_failed_solve(line: str, cut: bool) -> None:
    progress = Progress(["svc-a"])
    list(progress.feed(line))
    assert progress.cut is cut
