"""buildx's own rawjson, recorded from real bakes (``data/*.jsonl``), → events, failures, warnings, times."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from slipway.build.events import Event, Exporting, Failed, Finished, StepCached, StepDone, StepOutput, StepStarted
from slipway.build.progress import Failure, Progress
from slipway.build.result import Status
from slipway.secrets.redactor import Redactor
from slipway.secrets.secret import Secret

DATA = Path(__file__).parents[1] / "data"
SHARED = "RUN echo shared 1795202990.6682994 && sleep 0.3"


def fed(record: str, *names: str) -> tuple[Progress, list[Event]]:
    progress = Progress(names)
    lines = (DATA / f"bake-{record}.jsonl").read_text("utf-8").splitlines()
    return progress, [event for line in lines for event in progress.feed(line)]


@pytest.mark.fault("B53")
@pytest.mark.parametrize("record", ["good", "fail"])
def test_buildx_0_13_reports_the_same_events(record: str) -> None:
    """It writes the same objects on several lines each."""
    names = ("svc-a", "svc-b", "svc-bad", "svc-slow", "svc-good")
    progress, events = fed(record, *names)
    older = Progress(names)
    spread: list[str] = []
    for line in (DATA / f"bake-{record}.jsonl").read_text("utf-8").splitlines():
        spread += json.dumps(json.loads(line), indent=2).splitlines() if line.startswith("{") else [line]
    assert [event for line in spread for event in older.feed(line)] == events
    assert events and "{" in spread
    assert (older.failures(), older.trailer) == (progress.failures(), progress.trailer)


def told(events: list[Event], *kinds: type[Event]) -> list[Event]:
    return [event for event in events if isinstance(event, kinds)]


def test_two_images_that_were_built() -> None:
    progress, events = fed("good", "svc-a", "svc-b")
    assert progress.failures() == {}
    assert progress.trailer == []
    assert told(events, StepCached) == [StepCached("svc-b", SHARED)]
    assert told(events, StepDone) == [
        StepDone("svc-a", "RUN echo only a", 0.22591),
        StepDone("svc-b", "RUN echo only b", 0.228293),
    ]
    assert [(event.image, event.status) for event in events if isinstance(event, Finished)] == [
        ("svc-b", Status.BUILT),
        ("svc-a", Status.BUILT),
    ]
    assert told(events, StepOutput) == [StepOutput("svc-a", "only a"), StepOutput("svc-b", "only b")]


def test_one_image_fails_and_its_cancelled_siblings_do_not() -> None:
    progress, events = fed("fail", "svc-bad", "svc-slow", "svc-good")
    step = "RUN echo about to fail && echo why >&2 && exit 3"
    cause = f'process "/bin/sh -c {step[4:]}" did not complete successfully: exit code: 3'
    assert progress.failures() == {"svc-bad": Failure(step, "exit code: 3", ("why", "about to fail"))}
    assert str(progress.failures()["svc-bad"]) == f"{step}: exit code: 3: about to fail"
    assert told(events, Failed) == [
        Failed("svc-bad", step),
        Failed("svc-bad", f"failed to solve: {cause}"),
    ]
    assert told(events, StepStarted)[0] == StepStarted("svc-bad", SHARED)
    assert StepStarted("svc-slow", "RUN echo slow && sleep 5") in events
    assert progress.trailer[-1] == f"ERROR: target svc-bad: failed to solve: {cause}"


@pytest.mark.parametrize("names", [("svc-bad", "svc-slow", "svc-good"), ("svc-good", "svc-slow", "svc-bad")])
def test_a_shared_step_belongs_to_the_first_in_the_order_of_the_stack(names: tuple[str, ...]) -> None:
    """buildx named it by all three in turn."""
    _, events = fed("fail", *names)
    assert {event.image for event in events if isinstance(event, StepDone) and event.step == SHARED} == {names[0]}


def test_a_shared_step_that_fails_blames_one_image() -> None:
    progress, _ = fed("shared", "svc-one", "svc-two")
    assert progress.failures() == {"svc-one": Failure("RUN echo both && false", "exit code: 1", ("both",))}


def test_a_bake_of_one_does_not_name_its_steps() -> None:
    progress, events = fed("single", "svc-only")
    assert events == [
        StepCached("svc-only", SHARED),
        StepStarted("svc-only", "RUN echo alone && false"),
        StepOutput("svc-only", "alone"),
        Failed("svc-only", "RUN echo alone && false"),
    ]
    assert list(progress.failures()) == ["svc-only"]


def test_targets_of_another_bake_are_nobodys() -> None:
    progress, events = fed("fail", "svc-x", "svc-y")
    assert (events, progress.failures()) == ([], {})


def test_a_failure_before_any_step() -> None:
    progress = Progress(["svc-a", "svc-b"])
    lines = ["Dockerfile:1", "ERROR: target svc-b: failed to solve: no such image"]
    events = [event for line in lines for event in progress.feed(line)]
    assert events == [Failed("svc-b", "failed to solve: no such image")]
    assert progress.failures() == {"svc-b": Failure("", "failed to solve: no such image", tuple(lines))}


@pytest.mark.parametrize("line", ["", "3", "[]", "null", "{", '{"vertexes": null}', '{"logs": [{"vertex": "x"}]}'])
def test_an_odd_line_says_nothing(line: str) -> None:
    assert list(Progress(["svc-a"]).feed(line)) == []


def test_mounts_and_line_ends_are_left_out_of_a_step() -> None:
    name = "[svc-a 2/3] RUN --mount=type=cache,target=/c --mount=type=secret,id=ca   pip install \\\n  x"
    vertex = {"digest": "sha256:1", "name": name, "started": "2026-11-20T19:29:50.79Z"}
    assert list(Progress(["svc-a", "svc-b"]).feed(json.dumps({"vertexes": [vertex]}))) == [
        StepStarted("svc-a", "RUN pip install \\ x")
    ]


def test_no_step_or_cause_shows_a_secret() -> None:
    progress = Progress(["svc-a", "svc-b"], Redactor([Secret("hunter2")]))
    step = {"digest": "1", "name": "[svc-a 1/1] RUN login hunter2", "error": "hunter2 refused"}
    lines = (json.dumps({"vertexes": [step]}), "ERROR: target svc-b: no hunter2")
    events = [event for line in lines for event in progress.feed(line)]
    assert events == [Failed("svc-a", "RUN login ***"), Failed("svc-b", "no ***")]
    assert progress.failures() == {"svc-a": Failure("RUN login ***", "*** refused")}
    assert progress.trailer == ["ERROR: target svc-b: no ***"]


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


def test_a_warning_comes_once_and_one_without_an_image_goes_to_the_log() -> None:
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


def test_exported_images_are_known_when_another_failed() -> None:
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
def test_a_lost_engine_is_distinguished_from_a_failed_solve(line: str, cut: bool) -> None:
    progress = Progress(["svc-a"])
    list(progress.feed(line))
    assert progress.cut is cut


class Solve:
    """The output of buildx while it builds two images, an entry at a time."""

    def __init__(self, *names: str) -> None:
        self.now = 0.0
        self.progress = Progress(names or ("svc-a", "svc-b"), clock=lambda: self.now)

    def entry(self, kind: str, content: dict[str, object]) -> list[Event]:
        return list(self.progress.feed(json.dumps({kind: [content]})))

    def step(self, name: str, **state: object) -> list[Event]:
        """A step, whose digest is its name, begun unless ``state`` says that it ended."""
        begun = {"started": "2026-11-20T19:00:00Z"}
        return self.entry("vertexes", {"digest": name, "name": name, **begun, **state})

    def log(self, name: str, text: str, **more: object) -> list[Event]:
        return self.entry("logs", {"vertex": name, "data": base64.b64encode(text.encode()).decode(), **more})


CLOSING = "rpc error: code = Canceled"
END = {"completed": "2026-11-20T19:00:02.5Z"}
A, B = "[svc-a 1/2] RUN one", "[svc-b 1/2] RUN two"


def test_each_state_of_a_step_is_reported_once() -> None:
    solve = Solve()
    cached = "[svc-b 1/2] COPY x /"
    for _ in range(2):
        solve.step(A), solve.step(B)
    assert (solve.step(A), solve.step(B)) == ([], [])
    assert solve.step(A, **END) == [StepDone("svc-a", "RUN one", 2.5)]
    assert solve.step(cached, cached=True, **END) == [StepCached("svc-b", "COPY x /")]
    assert solve.step(B, error="boom") == [Failed("svc-b", "RUN two")]
    again = (solve.step(A, **END), solve.step(cached, cached=True, **END), solve.step(B, error="boom"))
    assert again == ([], [], [])
    assert solve.progress.failures() == {"svc-b": Failure("RUN two", "boom")}
    export = "[svc-a] exporting to image"
    assert solve.step(export) == [Exporting("svc-a")] and solve.step(export) == []
    assert solve.progress.exported == frozenset()
    assert solve.step(export, **END) == [Finished("svc-a", Status.BUILT, 2.5)]
    assert solve.progress.exported == {"svc-a"}


@pytest.mark.parametrize(
    "name",
    [
        "[svc-a internal] load .dockerignore",
        "[svc-a context r.io/b] load",
        "[svc-a] FROM r.io/b:1",
        "[svc-c 1/2] RUN x",
        "importing cache",
        "[] RUN x",
    ],
)
def test_a_vertex_that_is_not_a_step_of_an_image_is_ignored(name: str) -> None:
    solve = Solve()
    assert solve.step(name) == solve.step(name, **END) == []


def test_a_place_that_only_ends_like_an_internal_one_is_a_step() -> None:
    assert Solve().step("[svc-a stage-internal 1/2] RUN x") == [StepStarted("svc-a", "RUN x")]


def test_a_name_of_several_lines_and_brackets() -> None:
    solve = Solve()
    assert solve.step("[svc-a 1/2] RUN [ -f x ] &&\n  y") == [StepStarted("svc-a", "RUN [ -f x ] && y")]
    assert solve.step("[svc-a 2/2] RUN --mount=type=bind a --mount=b") == [StepStarted("svc-a", "RUN a --mount=b")]
    assert solve.step("x [svc-b 1/2] RUN") == []


def test_output_is_reported_line_by_line_and_its_rest_at_the_step_s_end() -> None:
    solve = Solve()
    solve.step(A)
    assert solve.log(A, "one\ntw", stream=1) == [StepOutput("svc-a", "one")]
    assert solve.log(A, "error", stream=2) == []
    assert solve.log(A, "o\n", stream=1) == [StepOutput("svc-a", "two")]
    assert solve.step(A, **END) == [StepOutput("svc-a", "error"), StepDone("svc-a", "RUN one", 2.5)]
    assert solve.log("[svc-a 2/2] RUN unknown", "x\n") == []
    assert solve.entry("logs", {"vertex": A, "data": "no base64"}) == []


def test_a_failure_holds_the_last_twenty_lines() -> None:
    solve = Solve()
    solve.step(A)
    solve.log(A, "".join(f"line {number}\n" for number in range(25)))
    solve.step(A, error='process "/bin/sh -c one" did not complete successfully: exit code: 3')
    failure = solve.progress.failures()["svc-a"]
    assert failure == Failure("RUN one", "exit code: 3", tuple(f"line {number}" for number in range(5, 25)))
    assert not failure.final
    assert str(failure) == "RUN one: exit code: 3: line 24"
    assert str(Failure("RUN one", "exit code: 3", ("said", " "))) == "RUN one: exit code: 3: said"
    assert str(Failure("", "gone")) == "gone"


def test_the_first_failed_step_of_an_image_is_its_failure() -> None:
    solve = Solve()
    solve.step(A, error="first")
    solve.step("[svc-a 2/2] RUN later", error="second")
    solve.step("[svc-x 1/1] RUN other", error="third")
    solve.step(B, error="rpc error: context canceled")
    solve.step(
        "[svc-b internal] load build context", error=f"{CLOSING} desc = {CLOSING} desc = the connection is closing"
    )
    assert list(solve.progress.feed(f"ERROR: target svc-b: {CLOSING}")) == []
    assert solve.progress.failures() == {"svc-a": Failure("RUN one", "first")}


def test_a_step_that_failed_runs_no_longer() -> None:
    solve = Solve()
    solve.now = 5
    solve.step(A)
    solve.now = 8
    solve.step(A, error="boom")
    solve.now = 10
    assert (solve.progress.seconds("svc-a"), solve.progress.seconds("svc-b")) == (3, 0)


def test_only_a_line_of_buildx_s_own_names_a_target_s_error() -> None:
    solve = Solve()
    assert list(solve.progress.feed("  said: ERROR: target svc-a: no")) == []
    assert list(solve.progress.feed("ERROR: target svc-b: context canceled")) == []
    assert list(solve.progress.feed("ERROR: target svc-c: no")) == []
    assert list(solve.progress.feed("ERROR: target svc-a: yes  ")) == [Failed("svc-a", "yes")]
    assert list(solve.progress.feed("ERROR: target svc-a: again")) == [Failed("svc-a", "again")]
    assert solve.progress.failures()["svc-a"].cause == "yes"
    assert solve.progress.trailer[0] == "  said: ERROR: target svc-a: no"


def test_the_last_twelve_lines_are_quoted_of_a_failure_before_any_step() -> None:
    solve = Solve()
    for number in range(20):
        list(solve.progress.feed(f"line {number}"))
    list(solve.progress.feed("ERROR: target svc-a: no"))
    output = solve.progress.failures()["svc-a"].output
    assert len(output) == 12 and output[0] == "line 9"


def test_one_line_among_others_shows_that_the_engine_is_lost() -> None:
    solve = Solve()
    for line in ("before", "ERROR: Cannot connect to the Docker daemon", "after"):
        list(solve.progress.feed(line))
    assert solve.progress.cut


def test_odd_times_and_texts_of_a_step_do_not_raise() -> None:
    solve = Solve()
    assert solve.step(A, completed="yesterday") == [StepDone("svc-a", "RUN one", 0.0)]
    assert solve.step(B, completed="2026-11-20T18:00:00Z") == [StepDone("svc-b", "RUN two", 0.0)]
    solve.entry("warnings", {"vertex": A, "short": "x"})
    solve.entry("warnings", {"vertex": A, "short": base64.b64encode(b"odd \xff").decode()})
    solve.entry("warnings", {"vertex": A, "short": 3})
    assert solve.progress.warnings == {"svc-a": ("x", "odd �", "3")}


def test_the_digest_of_an_index_is_that_of_its_export() -> None:
    progress, digest = Progress(["svc-a", "svc-b"]), f"sha256:{'1' * 64}"
    exporting = {"digest": "sha256:e", "name": "[svc-b] exporting to image", "started": "2026-11-20T19:00:00Z"}
    statuses = [
        {"id": f"exporting manifest sha256:{'2' * 64}", "vertex": "sha256:e"},
        {"id": f"exporting manifest list {digest}", "vertex": "sha256:e"},
        {"id": f"exporting manifest list {digest}", "vertex": "sha256:unknown"},
    ]
    for entry in ({"vertexes": [exporting]}, {"statuses": statuses}):
        assert [*progress.feed(json.dumps(entry))] in ([Exporting("svc-b")], [])
    assert progress.digests == {"svc-b": digest}


def test_the_digest_of_an_image_for_one_platform_is_that_of_its_manifest() -> None:
    progress, digest = Progress(["svc-a"]), f"sha256:{'3' * 64}"
    exporting = {"digest": "sha256:e", "name": "[svc-a] exporting to image", "started": "2026-11-20T19:00:00Z"}
    statuses = [{"id": f"exporting manifest {digest}", "vertex": "sha256:e"}]
    assert [*progress.feed(json.dumps({"vertexes": [exporting], "statuses": statuses}))] == [Exporting("svc-a")]
    assert progress.digests == {"svc-a": digest}
