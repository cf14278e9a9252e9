"""Bake, look, go on: what is built, what failed, what was skipped and why; against an engine in memory."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from slipway import runs
from slipway.bake import Event
from slipway.build import Inheritance, Work, build, check, pull_roots
from slipway.command import Command, Result, Secret
from slipway.errors import BuildError
from slipway.model import LocalImage
from slipway.plan import Outcome, Plan, plan_build
from slipway.redact import Redactor
from slipway.registry import Registry
from slipway.runner import OnLine
from slipway.settings import load
from slipway.survey import Survey, read_repository, survey
from slipway.testing.fakes import FakeEngine, FakeRun, digest_of, local_image
from slipway.worktree import Worktree

PYTHON = LocalImage("sha256:python", ("python:3.12-slim",))
ALL = ["base-runtime", "base-ml", "svc-forms", "svc-ocr"]
REGISTRY = "127.0.0.1:1"


class Bench:
    """A repository, an engine, and a buildx that fails for the images in ``broken``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.engine = FakeEngine([PYTHON])
        self.broken: set[str] = set()
        self.edits: list[Callable[[], object]] = []
        self.run = FakeRun({("docker", "buildx", "bake"): self.bake})
        self.record = runs.Run(root / ".slipway", Redactor([Secret("hunter2")]))
        self.events: list[Event] = []
        self.environment = {"REGISTRY": REGISTRY}

    @property
    def baked(self) -> list[list[str]]:
        """The targets of each bake, in order."""
        return [json.loads(command.stdin)["group"]["_all"]["targets"] for command in self.run.commands]

    def bake(self, command: Command, on_line: OnLine) -> Result:
        """As buildx does: at the first failure all others are cancelled; what was finished is loaded."""
        targets = json.loads(command.stdin)["target"]
        bad = sorted(self.broken & set(targets))
        while self.edits:
            self.edits.pop()()
        for name in targets if not bad else []:
            self.load(targets[name])
        for name in bad[:1]:
            vertex = {"digest": f"sha256:{name}", "name": f"[{name} 2/2] RUN false", "error": "exit code: 1 hunter2"}
            log = {"vertex": f"sha256:{name}", "data": base64.b64encode(b"why: hunter2\n").decode()}
            start = {"digest": f"sha256:{name}", "name": f"[{name} 2/2] RUN false", "started": "2026-11-20T19:00:00Z"}
            for line in ({"vertexes": [start]}, {"logs": [log]}, {"vertexes": [vertex]}):
                on_line(json.dumps(line))
        return Result(1 if bad else 0)

    def load(self, target: dict[str, object]) -> None:
        tags, labels = target["tags"], target["labels"]
        assert isinstance(tags, list) and isinstance(labels, dict)
        self.engine.load(LocalImage(digest_of(tags[0].encode()), tuple(tags), labels=labels, size=5))

    def plan(self, names: list[str] | None = None) -> tuple[Survey, Plan]:
        repository = read_repository(load(self.root, environment=self.environment), Worktree(self.root), {})
        registry = Registry(REGISTRY, sleep=lambda seconds: None)
        found = survey(repository, self.engine, lambda: registry)
        return found, plan_build(found.stack, names or ALL, found.facts)

    def build(self, names: list[str] | None = None) -> tuple[Outcome, ...]:
        return self.carry_out(*self.plan(names))

    def carry_out(self, found: Survey, plan: Plan) -> tuple[Outcome, ...]:
        inheritance = Inheritance({"ca": Path("/ca.pem")})
        on_event = self.events.append
        return build(Work(found, plan, self.engine, self.run, self.record, inheritance, on_event))

    def log(self, name: str) -> str:
        return (self.record.directory / f"{name}.log").read_text()


@pytest.fixture
def bench(repository: Path) -> Iterator[Bench]:
    bench = Bench(repository)
    yield bench
    bench.record.close()


def told(outcomes: tuple[Outcome, ...]) -> list[tuple[str, str, str]]:
    return [(outcome.image, outcome.status, outcome.detail) for outcome in outcomes]


def test_all_is_built_in_waves_and_then_here(bench: Bench) -> None:
    assert told(bench.build()) == [(name, "built", "") for name in ALL]
    assert bench.baked == [["base-runtime"], ["base-ml", "svc-forms"], ["svc-ocr"]]
    bench.run.commands.clear()
    assert told(bench.build()) == [(name, "reused", "") for name in ALL]
    assert bench.baked == []


def test_a_target_says_all_that_the_image_is_made_of(bench: Bench) -> None:
    found, _ = bench.plan()
    bench.build()
    facts = found.facts
    target = json.loads(bench.run.commands[1].stdin)["target"]["base-ml"]
    assert target == {
        "context": found.repository.worktree.context("."),
        "dockerfile": "infra/docker/base-ml.Dockerfile",
        "tags": [str(facts.references["base-ml"]), str(facts.content("base-ml"))],
        "args": {"REGISTRY": REGISTRY, "OWNER": "slipway", "BASE_VERSION": "v0.1.0"},
        "labels": {"slipway.input": facts.digests["base-ml"], "org.opencontainers.image.title": "base-ml"},
        "contexts": {f"{REGISTRY}/slipway/base-runtime:v0.1.0": f"docker-image://{facts.content('base-runtime')}"},
        "output": ["type=docker"],
    }
    assert bench.run.commands[1].cwd == str(bench.root)


def test_a_builder_of_its_own_gets_one_linked_solve(bench: Bench) -> None:
    bench.environment["BUILDER"] = "k8s"
    assert [status for _, status, _ in told(bench.build())] == ["built"] * 4
    assert bench.baked == [ALL]
    targets = json.loads(bench.run.commands[0].stdin)["target"]
    assert list(targets["svc-ocr"]["contexts"].values()) == ["target:base-ml"]
    assert bench.run.commands[0].argv[3:5] == ("--builder", "k8s")


def test_one_fails_and_its_siblings_are_built(bench: Bench) -> None:
    bench.broken = {"svc-forms"}
    outcomes = bench.build()
    assert told(outcomes) == [
        ("base-runtime", "built", ""),
        ("base-ml", "built", ""),
        ("svc-forms", "failed", "RUN false: exit code: 1 ***: why: ***"),
        ("svc-ocr", "built", ""),
    ]
    assert bench.baked == [["base-runtime"], ["base-ml", "svc-forms"], ["base-ml"], ["svc-ocr"]]


def test_what_stands_on_a_failed_image_is_skipped_and_says_so(bench: Bench) -> None:
    bench.broken = {"base-ml"}
    outcomes = bench.build()
    assert told(outcomes) == [
        ("base-runtime", "built", ""),
        ("base-ml", "failed", "RUN false: exit code: 1 ***: why: ***"),
        ("svc-forms", "built", ""),
        ("svc-ocr", "skipped", "base-ml failed"),
    ]
    with pytest.raises(BuildError) as caught:
        check(outcomes, bench.record)
    assert caught.value.exit_code == 6
    assert caught.value.message == "build base-ml: RUN false: exit code: 1 ***: why: ***; 1 skipped"
    assert caught.value.log == f".slipway/runs/{bench.record.id}/base-ml.log"
    assert bench.log("base-ml") == "step    RUN false\nwhy: ***\nfailed  RUN false\n"


def test_two_fail_one_after_the_other(bench: Bench) -> None:
    bench.broken = {"base-ml", "svc-forms"}
    outcomes = bench.build()
    assert [outcome.status for outcome in outcomes] == ["built", "failed", "failed", "skipped"]
    with pytest.raises(BuildError, match=r"build base-ml: .*; 1 more failed; 1 skipped"):
        check(outcomes, bench.record)


@pytest.mark.parametrize(
    ("edit", "what"),
    [
        (lambda root: (root / "libs/kit/kit.py").write_text("other"), "libs/kit/kit.py changed"),
        (lambda root: (root / "infra/docker/base-runtime.Dockerfile").unlink(), "matches no image"),
        (lambda root: (root / "libs/kit/.env").write_text("x"), "libs/kit/.env would enter the image"),
    ],
)
def test_what_changed_while_it_was_built_is_not_kept(bench: Bench, edit: Callable[[Path], object], what: str) -> None:
    """Its content tag would stand for other content than was built."""
    found, plan = bench.plan()
    bench.edits = [lambda: edit(bench.root)]
    outcomes = bench.carry_out(found, plan)
    assert [outcome.status for outcome in outcomes] == ["failed", "skipped", "skipped", "skipped"]
    assert what in outcomes[0].detail and outcomes[0].detail.endswith("while it was built")
    assert bench.engine.images() == (PYTHON,)
    assert not (bench.root / ".slipway/inputs").exists()
    assert bench.events[-1].kind == "failed"


def test_an_edit_elsewhere_while_it_was_built_does_no_harm(bench: Bench) -> None:
    found, plan = bench.plan(["base-runtime"])
    bench.edits = [lambda: (bench.root / "apps/svc_ocr/main.py").write_text("x")]
    assert told(bench.carry_out(found, plan)) == [("base-runtime", "built", "")]


def test_once_mended_only_the_rest_is_built(bench: Bench) -> None:
    bench.broken = {"base-ml"}
    bench.build()
    bench.broken = set()
    bench.run.commands.clear()
    assert [status for _, status, _ in told(bench.build())] == ["reused", "built", "reused", "built"]
    assert bench.baked == [["base-ml"], ["svc-ocr"]]


def test_a_buildx_that_builds_nothing_ends_the_loop(bench: Bench) -> None:
    bench.run = FakeRun({("docker", "buildx", "bake"): Result(0)})
    assert told(bench.build(["base-runtime"])) == [
        ("base-runtime", "failed", "buildx ended without building it"),
    ]


def test_a_buildx_that_dies_is_quoted(bench: Bench) -> None:
    def die(command: Command, on_line: OnLine) -> Result:
        on_line("ERROR: no builder 'k8s' found, token hunter2")
        return Result(1)

    bench.run = FakeRun({("docker", "buildx", "bake"): die})
    assert told(bench.build(["base-runtime"])) == [
        ("base-runtime", "failed", "no builder 'k8s' found, token ***"),
    ]
    assert bench.log("bake") == "ERROR: no builder 'k8s' found, token ***\n"
    bench.run = FakeRun({("docker", "buildx", "bake"): Result(137)})
    assert told(bench.build(["base-runtime"]))[0][2] == "buildx ended with exit code 137"


def test_what_is_here_counts_whatever_buildx_said(bench: Bench) -> None:
    """The image was loaded, then buildx lost its connection and named it as failed."""

    def load_and_fail(command: Command, on_line: OnLine) -> Result:
        for target in json.loads(command.stdin)["target"].values():
            bench.load(target)
        on_line("ERROR: target base-runtime: failed to receive status")
        return Result(1)

    bench.run = FakeRun({("docker", "buildx", "bake"): load_and_fail})
    assert [status for _, status, _ in told(bench.build())] == ["built"] * 4


def test_an_image_without_our_inputs_is_not_taken_for_built(bench: Bench) -> None:
    def wrong(command: Command, on_line: OnLine) -> Result:
        for target in json.loads(command.stdin)["target"].values():
            bench.load({**target, "labels": {"slipway.input": "sha256:other"}})
        return Result(0)

    bench.run = FakeRun({("docker", "buildx", "bake"): wrong})
    assert told(bench.build(["base-runtime"]))[0][1] == "failed"


def test_a_new_version_is_tagged_and_nothing_is_baked(bench: Bench) -> None:
    bench.build()
    bench.run.commands.clear()
    bench.environment |= {"BASE_VERSION": "v9", "VERSION": "v9"}
    assert [status for _, status, _ in told(bench.build())] == ["tagged"] * 4
    assert bench.baked == []
    assert bench.engine.find(f"{REGISTRY}/slipway/svc-ocr:v9")
    assert [event.text for event in bench.events][-4:] == ["tagged"] * 4


def test_a_tag_that_fails_skips_what_is_built_on_it(bench: Bench) -> None:
    bench.build()
    bench.environment |= {"BASE_VERSION": "v9"}
    (bench.root / "apps/svc_ocr/main.py").write_text("x")
    bench.engine.refused[f"{REGISTRY}/slipway/base-ml:v9"] = "no space left on device"
    assert told(bench.build(["base-ml", "svc-ocr"])) == [
        ("base-ml", "failed", f"tag {REGISTRY}/slipway/base-ml:v9: no space left on device"),
        ("svc-ocr", "skipped", "base-ml failed"),
    ]


@pytest.mark.parametrize("honest", [True, False])
def test_what_was_pulled_is_looked_at_before_it_is_believed(bench: Bench, honest: bool) -> None:
    found, _ = bench.plan()
    wanted = found.facts.digests["svc-forms"]
    facts = replace(found.facts, published=frozenset({"svc-forms"}))
    published = local_image("pulled", str(facts.content("svc-forms")), name="svc-forms", size=7, source=wanted)
    bench.engine.published[str(facts.content("svc-forms"))] = published if honest else replace(published, labels={})
    (outcome,) = bench.carry_out(found, plan_build(found.stack, ["svc-forms"], facts))
    assert bench.engine.calls[0] == ("pull", str(facts.content("svc-forms")))
    assert (outcome.status, outcome.size) == (("pulled", 7) if honest else ("failed", 0))
    assert honest or outcome.detail == f"{facts.content('svc-forms')} in the registry was made of other inputs"


def test_root_images_are_pulled_when_something_is_built_on_them(bench: Bench) -> None:
    bench.engine.held.clear()
    found, plan = bench.plan()
    assert pull_roots(found, plan, bench.engine)
    assert bench.engine.calls == [("pull", "docker.io/library/python:3.12-slim")]
    bench.engine.held.append(PYTHON)
    found, plan = bench.plan()
    assert not pull_roots(found, plan, bench.engine)


@pytest.mark.parametrize("count", [0, 1])
def test_nothing_failed(bench: Bench, count: int) -> None:
    check(bench.build()[:count], bench.record)


def test_a_listener_hears_of_every_image(bench: Bench) -> None:
    bench.broken = {"svc-forms"}
    bench.build()
    assert [event.kind for event in bench.events if event.image == "svc-forms"] == ["step", "log", "failed"]
    assert all("hunter2" not in event.text for event in bench.events)
