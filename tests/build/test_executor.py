"""The executor against an engine in memory: images that are built, that fail, and that are skipped, with reasons."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from slipway.build import advice
from slipway.build.events import Event, Failed, Finished, Notice, StepOutput, StepStarted
from slipway.build.executor import BuildRun, build, failure
from slipway.build.fetch import pull_roots
from slipway.build.options import BuildOptions
from slipway.build.progress import Failure
from slipway.build.result import ImageResult, Status
from slipway.config.settings import load
from slipway.core.command import Command, Result
from slipway.core.errors import BuildError, PrerequisiteError, RegistryError
from slipway.core.image import LocalImage, content_tag
from slipway.core.reference import Reference
from slipway.core.streams import OnLine
from slipway.hosts.local import LocalBuilder
from slipway.plan.decide import Plan, plan_build
from slipway.plan.facts import Snapshot, gather_facts
from slipway.plan.locked import unasked
from slipway.plan.repository import read_repository
from slipway.registry import Registry
from slipway.runs.run import Run
from slipway.secrets.redactor import Redactor
from slipway.secrets.secret import Secret
from slipway.stack.mounts import Given
from slipway.stack.worktree import StatCache, Worktree
from slipway.testing.fakes import HASTE, FakeEngine, FakeRun, digest_of, local_image

PYTHON = LocalImage("sha256:python", ("docker.io/library/python:3.12-slim",))
ALL = ["base-runtime", "base-ml", "svc-forms", "svc-ocr"]
REGISTRY = "127.0.0.1:1"


def check(results: Sequence[ImageResult], record: Run) -> None:
    """Raise the error of the build, if it has one."""
    if error := failure(results, record):
        raise error


class Bench:
    """A repository, an engine, and a buildx that fails for the images in ``broken``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.engine = FakeEngine([PYTHON])
        self.broken: set[str] = set()
        self.warned: dict[str, str] = {}
        self.options = BuildOptions()
        self.edits: list[Callable[[], object]] = []
        self.run = FakeRun({("docker", "buildx", "bake"): self.bake})
        self.record = Run(root / ".slipway", Redactor([Secret("hunter2")]))
        self.events: list[Event] = []
        self.environment = {"REGISTRY": REGISTRY}
        self.published: dict[str, str] = {}
        self.unpublishable: set[str] = set()

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
        for name in self.warned.keys() & targets.keys():
            on_line(warned_of(name, self.warned[name]))
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

    def plan(self, names: list[str] | None = None) -> tuple[Snapshot, Plan]:
        worktree = Worktree(self.root, StatCache(self.root.with_name("stat.json")))
        repository = read_repository(load(self.root, environment=self.environment), worktree, {})
        registry = Registry(REGISTRY, policy=HASTE)
        found = gather_facts(repository, self.engine, lambda: registry)
        repository.worktree.cache.save()
        return found, plan_build(
            found.stack, names or ALL, found.facts, (names or ALL) if self.options.no_cache else ()
        )

    def build(self, names: list[str] | None = None) -> tuple[ImageResult, ...]:
        return self.carry_out(*self.plan(names))

    def carry_out(self, found: Snapshot, plan: Plan) -> tuple[ImageResult, ...]:
        builder = LocalBuilder.of(found.repository, self.run, Given({"ca": Path("/ca.pem")}))
        events, publish = self.events.append, self.publish
        return build(BuildRun(found, plan, self.engine, builder, self.record, events, self.options, publish))

    def publish(self, exact: Reference, content: Reference) -> None:
        if exact.digest in self.unpublishable:
            raise RegistryError(f"{content}: manifest PUT: 503")
        self.published[content.name] = exact.digest

    def store(self, command: Command, on_line: OnLine) -> Result:
        """As a builder that stores indexes in the registry by their digests."""
        for name, target in json.loads(command.stdin)["target"].items():
            (output,) = target["output"]
            assert target["tags"] == [] and output.endswith(f"/{name},push=true,push-by-digest=true")
            exact = f"{output.removeprefix('type=image,name=').partition(',')[0]}@{digest_of(name.encode())}"
            self.engine.published[exact] = LocalImage(digest_of(exact.encode()), (exact,), labels=target["labels"])
            export = {
                "digest": f"sha256:{name}",
                "name": f"[{name}] exporting to image",
                "started": "2026-11-20T19:00:00Z",
            }
            status = {"id": f"exporting manifest list {digest_of(name.encode())}", "vertex": f"sha256:{name}"}
            for line in ({"vertexes": [export]}, {"statuses": [status]}):
                on_line(json.dumps(line))
        return Result(0)

    def journal(self, field: str) -> list[object]:
        """The values of ``field`` in the journal's entries that have it."""
        entries = map(json.loads, (self.record.directory / "journal.jsonl").read_text().splitlines())
        return [entry[field] for entry in entries if field in entry]

    def log(self, name: str) -> str:
        return (self.record.directory / f"{name}.log").read_text()


def warned_of(name: str, text: str) -> str:
    """A line in which buildx tells what BuildKit's checks find in an image's Dockerfile."""
    load = {"digest": f"sha256:load {name}", "name": f"[{name} internal] load build definition"}
    warning = {"vertex": load["digest"], "short": base64.b64encode(text.encode()).decode()}
    return json.dumps({"vertexes": [load], "warnings": [warning]})


@pytest.fixture
def bench(repository: Path) -> Iterator[Bench]:
    bench = Bench(repository)
    yield bench
    bench.record.close()


def told(outcomes: tuple[ImageResult, ...]) -> list[tuple[str, str, str]]:
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
        "dockerfile": str(bench.root / ".slipway/dockerfiles/base-ml.Dockerfile"),
        "tags": [str(facts.references["base-ml"]), str(facts.content_reference("base-ml"))],
        "args": {"REGISTRY": REGISTRY, "OWNER": "slipway", "BASE_VERSION": "v0.1.0"},
        "labels": {
            "slipway.input": facts.digests["base-ml"],
            "slipway.input.modeless": facts.modeless["base-ml"],
            "org.opencontainers.image.title": "base-ml",
        },
        "contexts": {
            f"{REGISTRY}/slipway/base-runtime:v0.1.0": f"docker-image://{facts.content_reference('base-runtime')}"
        },
        "output": ["type=docker"],
    }
    assert bench.run.commands[1].cwd == str(bench.root)


@pytest.mark.fault("P30")
@pytest.mark.parametrize("registry", ["docker.io", "index.docker.io"])
def test_images_on_docker_hub_are_known_again(bench: Bench, registry: str) -> None:
    """The engine lists them without ``docker.io``, and so BuildKit looks for a context that stands in for one."""
    bench.environment["REGISTRY"] = registry
    assert told(bench.build()) == [(name, "built", "") for name in ALL]
    target = json.loads(bench.run.commands[1].stdin)["target"]["base-ml"]
    content = target["contexts"]["slipway/base-runtime:v0.1.0"]
    assert content.startswith("docker-image://docker.io/slipway/base-runtime:in-")
    assert target["tags"][0] == "docker.io/slipway/base-ml:v0.1.0"
    bench.run.commands.clear()
    assert told(bench.build()) == [(name, "reused", "") for name in ALL]
    bench.environment["BASE_VERSION"] = "v0.2.0"
    assert told(bench.build()) == [(name, "tagged", "") for name in ALL]
    assert bench.run.commands == []


def test_a_separate_builder_gets_one_linked_solve(bench: Bench) -> None:
    bench.environment["BUILDER"] = "k8s"
    assert [status for _, status, _ in told(bench.build())] == ["built"] * 4
    assert bench.baked == [ALL]
    targets = json.loads(bench.run.commands[0].stdin)["target"]
    assert list(targets["svc-ocr"]["contexts"].values()) == ["target:base-ml"]
    assert bench.run.commands[0].argv[3:5] == ("--builder", "k8s")


def test_a_separate_builder_also_builds_parents_that_only_the_engine_has(bench: Bench) -> None:
    bench.build()
    bench.environment["BUILDER"] = "k8s"
    dockerfile = bench.root / "apps/svc_ocr/Dockerfile"
    dockerfile.write_text(dockerfile.read_text() + "# another\n")
    bench.run.commands.clear()
    assert [status for _, status, _ in told(bench.build())] == ["reused", "reused", "reused", "built"]
    assert bench.baked == [["svc-ocr"]]
    targets = json.loads(bench.run.commands[0].stdin)["target"]
    assert {name: list(target.get("contexts", {}).values()) for name, target in targets.items()} == {
        "svc-ocr": ["target:base-ml"],
        "base-ml": ["target:base-runtime"],
        "base-runtime": [],
    }
    found, _ = bench.plan()
    assert found.only_in_engine(["svc-ocr"]) == ("base-runtime", "base-ml")
    pushed = replace(found, facts=replace(found.facts, published=frozenset({"base-ml"})))
    assert pushed.only_in_engine(["svc-ocr"]) == (), "what the registry has is pulled from there"


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


def test_an_image_on_a_failed_parent_is_skipped_with_the_reason(bench: Bench) -> None:
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
        (lambda root: (root / "infra/docker/base-runtime.Dockerfile").unlink(), "Dockerfile removed"),
        (lambda root: (root / "libs/kit/.env").write_text("x"), "libs/kit/.env would enter the image"),
    ],
)
def test_an_image_whose_files_changed_during_its_build_is_untagged(
    bench: Bench, edit: Callable[[Path], object], what: str
) -> None:
    """Its content tag would stand for other content than was built."""
    found, plan = bench.plan()
    bench.edits = [lambda: edit(bench.root)]
    outcomes = bench.carry_out(found, plan)
    assert [outcome.status for outcome in outcomes] == ["failed", "skipped", "skipped", "skipped"]
    assert what in outcomes[0].detail and outcomes[0].detail.endswith("while it was built")
    assert bench.engine.images() == (PYTHON,)
    assert not (bench.root / ".slipway/inputs").exists()
    assert isinstance(bench.events[-1], Failed)


def test_an_edit_elsewhere_while_it_was_built_does_no_harm(bench: Bench) -> None:
    found, plan = bench.plan(["base-runtime"])
    bench.edits = [lambda: (bench.root / "apps/svc_ocr/main.py").write_text("x")]
    assert told(bench.carry_out(found, plan)) == [("base-runtime", "built", "")]


def test_a_second_build_builds_only_the_missing_images(bench: Bench) -> None:
    bench.broken = {"base-ml"}
    bench.build()
    bench.broken = set()
    bench.run.commands.clear()
    assert [status for _, status, _ in told(bench.build())] == ["reused", "built", "reused", "built"]
    assert bench.baked == [["base-ml"], ["svc-ocr"]]


def test_a_buildx_that_builds_nothing_ends_the_loop(bench: Bench) -> None:
    bench.run = FakeRun({("docker", "buildx", "bake"): Result(0)})
    (outcome,) = bench.build(["base-runtime"])
    assert outcome.status == "failed"
    assert outcome.detail == f"built, but {content_tag(outcome.input_digest)} is not in the engine"


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


def test_an_image_in_the_engine_counts_as_built_when_buildx_failed(bench: Bench) -> None:
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


def test_a_new_version_of_the_same_content_is_only_tagged(bench: Bench) -> None:
    bench.build()
    bench.run.commands.clear()
    bench.environment |= {"BASE_VERSION": "v9", "VERSION": "v9"}
    assert [status for _, status, _ in told(bench.build())] == ["tagged"] * 4
    assert bench.baked == []
    assert bench.engine.find(f"{REGISTRY}/slipway/svc-ocr:v9")
    assert [event.status for event in bench.events if isinstance(event, Finished)][-4:] == [Status.TAGGED] * 4


def test_a_tag_that_fails_skips_the_images_on_it(bench: Bench) -> None:
    bench.build()
    bench.environment |= {"BASE_VERSION": "v9"}
    (bench.root / "apps/svc_ocr/main.py").write_text("x")
    bench.engine.refused[f"{REGISTRY}/slipway/base-ml:v9"] = "no space left on device"
    assert told(bench.build(["base-ml", "svc-ocr"])) == [
        ("base-ml", "failed", f"tag {REGISTRY}/slipway/base-ml:v9: no space left on device"),
        ("svc-ocr", "skipped", "base-ml failed"),
    ]


@pytest.mark.parametrize("honest", [True, False])
def test_a_pulled_image_is_verified(bench: Bench, honest: bool) -> None:
    found, _ = bench.plan()
    wanted = found.facts.digests["svc-forms"]
    facts = replace(found.facts, published=frozenset({"svc-forms"}))
    published = local_image(
        "pulled", str(facts.content_reference("svc-forms")), name="svc-forms", size=7, source=wanted
    )
    bench.engine.published[str(facts.content_reference("svc-forms"))] = (
        published if honest else replace(published, labels={})
    )
    (outcome,) = bench.carry_out(found, plan_build(found.stack, ["svc-forms"], facts))
    assert bench.engine.calls[0] == ("pull", str(facts.content_reference("svc-forms")))
    assert (outcome.status, outcome.size) == (("pulled", 7) if honest else ("failed", 0))
    assert (
        honest or outcome.detail == f"{facts.content_reference('svc-forms')} in the registry was made of other inputs"
    )


def test_root_images_are_pulled_when_something_is_built_on_them(bench: Bench) -> None:
    bench.engine.held.clear()
    found, plan = bench.plan()
    assert pull_roots(found, plan, bench.engine, unasked)
    assert bench.engine.calls == [("pull", "docker.io/library/python:3.12-slim")]
    bench.engine.held.append(PYTHON)
    found, plan = bench.plan()
    assert not pull_roots(found, plan, bench.engine, unasked)


@pytest.mark.parametrize("count", [0, 1])
def test_nothing_failed(bench: Bench, count: int) -> None:
    check(bench.build()[:count], bench.record)


def test_a_listener_hears_of_every_image(bench: Bench) -> None:
    bench.broken = {"svc-forms"}
    bench.build()
    own = [event for event in bench.events if not isinstance(event, Notice) and event.image == "svc-forms"]
    assert [type(event) for event in own] == [StepStarted, StepOutput, Failed]
    assert "hunter2" not in str(bench.events)


@pytest.mark.fault("B01")
def test_fail_fast_begins_nothing_more(bench: Bench) -> None:
    bench.broken = {"svc-forms"}
    bench.options = BuildOptions(fail_fast=True)
    outcomes = bench.build()
    assert [(outcome.status, outcome.detail) for outcome in outcomes if outcome.image != "svc-forms"] == [
        ("built", ""),
        ("skipped", "not started: svc-forms failed"),
        ("skipped", "not started: svc-forms failed"),
    ]
    assert bench.baked == [["base-runtime"], ["base-ml", "svc-forms"]]


@pytest.mark.fault("B11")
def test_nothing_that_failed_is_tried_again_unasked(bench: Bench) -> None:
    bench.broken = {"base-runtime"}
    bench.build()
    assert bench.baked == [["base-runtime"]]
    assert bench.journal("retry") == []


@pytest.mark.fault("B11")
def test_a_try_again_is_asked_for_and_noted(bench: Bench) -> None:
    bench.broken = {"base-ml"}
    bench.options = BuildOptions(retries=1)
    outcomes = bench.build(["base-ml"])
    assert told(outcomes)[1] == ("base-ml", "failed", "RUN false: exit code: 1 ***: why: ***")
    assert bench.baked == [["base-runtime"], ["base-ml"], ["base-ml"]]
    assert (bench.journal("retry"), bench.journal("left")) == (["base-ml"], [0])
    assert bench.journal("cause") == ["RUN false: exit code: 1 ***: why: ***"]
    assert [event.text for event in bench.events if isinstance(event, Notice)] == ["base-ml is tried again"]


@pytest.mark.fault("B11")
def test_an_image_that_a_retry_builds_is_built(bench: Bench) -> None:
    bench.broken = {"base-runtime"}
    bench.options = BuildOptions(retries=3)
    bench.edits = [bench.broken.clear]
    assert [status for _, status, _ in told(bench.build())] == ["built"] * 4
    assert bench.journal("left") == [2]


def test_a_rejected_image_is_not_retried(bench: Bench) -> None:
    bench.options = BuildOptions(retries=3, strict=True)
    bench.warned = {"base-runtime": "JSONArgsRecommended: use JSON (line 3)"}
    assert bench.build(["base-runtime"])[0].status == "failed"
    assert bench.baked == [["base-runtime"]]


@pytest.mark.fault("B08")
def test_without_cache_an_image_that_is_here_is_built_from_nothing(bench: Bench) -> None:
    bench.build()
    bench.run.commands.clear()
    bench.options = BuildOptions(no_cache=True)
    base, outcome = bench.build(["svc-ocr"])
    assert (outcome.status, outcome.reason) == ("built", "asked for without cache")
    assert base.status == "reused"
    assert bench.baked == [["svc-ocr"]]
    assert json.loads(bench.run.commands[0].stdin)["target"]["svc-ocr"]["no-cache"] is True


@pytest.mark.fault("B08")
def test_a_failed_build_without_cache_keeps_the_old_image_and_fails(bench: Bench) -> None:
    bench.build()
    before = bench.engine.images()
    bench.options = BuildOptions(no_cache=True)
    bench.broken = {"svc-ocr"}
    assert [status for _, status, _ in told(bench.build(["svc-ocr"]))] == ["reused", "failed"]
    assert bench.engine.images() == before


@pytest.mark.fault("B15")
def test_a_warning_is_recorded_with_its_image_and_does_no_harm(bench: Bench) -> None:
    bench.warned = {"svc-ocr": "JSONArgsRecommended: use JSON (line 3) hunter2"}
    outcomes = bench.build()
    assert [status for _, status, _ in told(outcomes)] == ["built"] * 4
    assert [outcome.warnings for outcome in outcomes] == [(), (), (), ("JSONArgsRecommended: use JSON (line 3) ***",)]


@pytest.mark.fault("B15")
@pytest.mark.parametrize(
    ("strict", "text"),
    [(True, "JSONArgsRecommended: use JSON"), (False, "SecretsUsedInArgOrEnv: Do not use ARG or ENV")],
)
def test_an_image_with_a_forbidden_warning_loses_its_tags(bench: Bench, strict: bool, text: str) -> None:
    bench.options = BuildOptions(strict=strict)
    bench.warned = {"base-ml": text}
    outcomes = bench.build()
    assert told(outcomes)[1:] == [
        ("base-ml", "failed", text),
        ("svc-forms", "built", ""),
        ("svc-ocr", "skipped", "base-ml failed"),
    ]
    assert not [tag for image in bench.engine.images() for tag in image.tags if "/base-ml:" in tag]
    with pytest.raises(BuildError, match=text):
        check(outcomes, bench.record)


@pytest.mark.fault("B17")
def test_an_image_for_another_platform_is_not_kept(bench: Bench) -> None:
    def other(command: Command, on_line: OnLine) -> Result:
        for target in json.loads(command.stdin)["target"].values():
            bench.load(target)
        bench.engine.platforms = {image.id: "linux/riscv64" for image in bench.engine.images()}
        return Result(0)

    bench.environment["PLATFORMS"] = "linux/arm64"
    bench.run = FakeRun({("docker", "buildx", "bake"): other})
    outcomes = bench.build(["base-runtime"])
    assert told(outcomes) == [
        ("base-runtime", "failed", "built, but its platform is linux/riscv64, not linux/arm64"),
    ]
    assert bench.engine.images() == (PYTHON,)
    with pytest.raises(BuildError) as caught:
        check(outcomes, bench.record)
    assert caught.value.exit_code == 6 and caught.value.hint.startswith("correct PLATFORMS")


@pytest.mark.fault("B17")
def test_a_tag_that_another_took_meanwhile_stays_his(bench: Bench) -> None:
    def taken(command: Command, on_line: OnLine) -> Result:
        for target in json.loads(command.stdin)["target"].values():
            bench.load(target)
        bench.engine.load(local_image("another", f"{REGISTRY}/slipway/base-runtime:v0.1.0"))
        return Result(0)

    bench.run = FakeRun({("docker", "buildx", "bake"): taken})
    assert told(bench.build(["base-runtime"])) == [
        ("base-runtime", "failed", "built, but v0.1.0 stands for another image"),
    ]
    assert [image.tags for image in bench.engine.images()] == [
        PYTHON.tags,
        (f"{REGISTRY}/slipway/base-runtime:v0.1.0",),
    ]


@pytest.mark.fault("B07")
def test_a_build_fails_when_its_root_image_moves_meanwhile(bench: Bench) -> None:
    bench.edits = [lambda: bench.engine.load(LocalImage("sha256:other", PYTHON.tags))]
    outcomes = bench.build(["base-runtime"])
    assert told(outcomes) == [
        ("base-runtime", "failed", "root image python:3.12-slim changed while it was built"),
    ]
    assert not [tag for image in bench.engine.images() for tag in image.tags if "base-runtime" in tag]


@pytest.mark.fault("B07")
def test_a_bases_version_tag_that_was_moved_is_neither_used_nor_left(bench: Bench) -> None:
    bench.build()
    bench.engine.load(local_image("other", f"{REGISTRY}/slipway/base-runtime:v0.1.0", name="base-runtime"))
    (bench.root / "apps/svc_forms/main.py").write_text("x")
    bench.run.commands.clear()
    found, plan = bench.plan(["svc-forms"])
    assert told(bench.carry_out(found, plan)) == [("base-runtime", "tagged", ""), ("svc-forms", "built", "")]
    links = json.loads(bench.run.commands[0].stdin)["target"]["svc-forms"]["contexts"]
    assert list(links.values()) == [f"docker-image://{found.facts.content_reference('base-runtime')}"]
    here = next(image for image in bench.engine.images() if f"{REGISTRY}/slipway/base-runtime:v0.1.0" in image.tags)
    assert here.input_digest == found.facts.digests["base-runtime"]


def widened(bench: Bench, count: int) -> None:
    for number in range(count):
        folder = bench.root / f"apps/svc_n{number:02}"
        folder.mkdir()
        (folder / "Dockerfile").write_text("ARG PYTHON_IMAGE\nFROM ${PYTHON_IMAGE}\nRUN true\n")


@pytest.mark.fault("B16")
@pytest.mark.parametrize(
    ("jobs", "memory_gb", "cores", "sizes"),
    [
        ("", 64, 2, [60]),
        ("", 64, 1, [30, 30]),
        ("", 6, 2, [30, 30]),
        ("", 4, 8, [20, 20, 20]),
        ("", 0, 8, [8, 8, 8, 8, 7, 7, 7, 7]),
        ("5", 64, 64, [5] * 12),
        ("99", 1, 1, [60]),
    ],
)
def test_a_bake_has_as_many_images_as_memory_and_cores_allow(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, jobs: str, memory_gb: int, cores: int, sizes: list[int]
) -> None:
    widened(bench, 60)
    monkeypatch.setattr(bench.engine, "capacity", lambda: (memory_gb * 2**30, cores))
    bench.environment["JOBS"] = jobs
    names = [f"svc-n{number:02}" for number in range(60)]
    assert {outcome.status for outcome in bench.build(names)} == {"built"}
    assert [len(baked) for baked in bench.baked] == sizes
    assert sorted(name for baked in bench.baked for name in baked) == names


@pytest.mark.fault("B16")
@pytest.mark.parametrize(("times", "status"), [(1, "built"), (2, "failed")])
@pytest.mark.parametrize(
    "words",
    [
        "failed to receive status: rpc error: code = NotFound desc = no such job td0mf2kbv5hxh8rlrm7f2j2p2",
        "failed to solve: rpc error: code = Canceled desc = grpc: the client connection is closing",
    ],
)
def test_an_image_that_buildkit_lost_sight_of_is_tried_once_more(
    bench: Bench, words: str, times: int, status: str
) -> None:
    """Seen with 100 images in one bake on two busy cores."""

    def lose(command: Command, on_line: OnLine) -> Result:
        if len(bench.baked) > times:
            return bench.bake(command, on_line)
        on_line(f"ERROR: target base-runtime: {words}")
        return Result(1)

    bench.run = FakeRun({("docker", "buildx", "bake"): lose})
    assert bench.build(["base-runtime"])[0].status == status
    assert bench.baked == [["base-runtime"]] * 2
    assert bench.journal("retry") == ["base-runtime"]


@pytest.mark.fault("B12")
def test_an_image_whose_connection_was_cut_is_retried_once(bench: Bench) -> None:
    """Seen on a full disk: only the second try shows the cause."""
    step = "[base-runtime internal] load build definition from Dockerfile"
    error = "rpc error: code = Unavailable desc = error reading from server: EOF"
    left = [error]

    def cut(command: Command, on_line: OnLine) -> Result:
        if not left:
            return bench.bake(command, on_line)
        on_line(json.dumps({"vertexes": [{"digest": step, "name": step, "started": "x", "error": left.pop()}]}))
        return Result(1)

    bench.run = FakeRun({("docker", "buildx", "bake"): cut})
    assert bench.build(["base-runtime"])[0].status == "built"
    assert not left and bench.journal("retry") == ["base-runtime"]


def cut_off(bench: Bench, times: int) -> None:
    """The engine goes away in each of the first ``times`` bakes."""
    left = [times]

    def bake(command: Command, on_line: OnLine) -> Result:
        if not left[0]:
            return bench.bake(command, on_line)
        left[0] -= 1
        on_line("ERROR: failed to receive status: rpc error: code = Unavailable desc = error reading from server: EOF")
        return Result(1)

    bench.run = FakeRun({("docker", "buildx", "bake"): bake})


@pytest.mark.fault("B05")
def test_an_engine_that_comes_back_gets_the_wave_once_more(bench: Bench) -> None:
    cut_off(bench, 1)
    assert [status for _, status, _ in told(bench.build())] == ["built"] * 4
    assert bench.baked == [["base-runtime"], ["base-runtime"], ["base-ml", "svc-forms"], ["svc-ocr"]]
    assert [event.text for event in bench.events if isinstance(event, Notice)] == [
        "engine went away (was 28.5.2); waiting for it, at most 60 s",
        "engine is back; the rest is tried once more",
    ]


@pytest.mark.fault("B05")
@pytest.mark.parametrize(("stays_away", "times", "cause"), [(True, 1, "went away"), (False, 2, "went away again")])
def test_an_engine_that_is_lost_fails_the_build(bench: Bench, stays_away: bool, times: int, cause: str) -> None:
    bench.engine.stays_away = stays_away
    cut_off(bench, times)
    outcomes = bench.build()
    assert told(outcomes) == [
        ("base-runtime", "failed", f"engine {cause} (was 28.5.2)"),
        *((name, "skipped", "base-runtime failed") for name in ALL[1:]),
    ]
    assert len(bench.baked) == times
    with pytest.raises(BuildError) as caught:
        check(outcomes, bench.record)
    assert caught.value.exit_code == 6
    assert str(caught.value).splitlines()[:2] == [
        f"error: build base-runtime: engine {cause} (was 28.5.2); 3 skipped",
        "hint:  invoke doctor, then run the same command: finished images are kept",
    ]
    assert cause in bench.log("base-runtime")


@pytest.mark.fault("B05")
def test_an_engine_that_goes_away_between_bake_and_look(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    found, plan = bench.plan(["base-runtime"])
    answers = [PrerequisiteError("engine: no engine answers")]
    inspect = bench.engine.inspect
    monkeypatch.setattr(bench.engine, "inspect", lambda image: raised(answers.pop()) if answers else inspect(image))
    assert told(bench.carry_out(found, plan)) == [("base-runtime", "built", "")]
    assert not answers and bench.baked == [["base-runtime"]] * 2


def raised(error: Exception) -> tuple[LocalImage, ...]:
    raise error


@pytest.mark.fault("U36")
@pytest.mark.parametrize(
    ("cause", "hint"),
    [
        ("write /var/lib/docker/x: no space left on device", "docker system df shows the engine's disk use"),
        ("OSError: [Errno 28] No space left on device: '/x'", "docker system df shows the engine's disk use"),
        ("RUN x: network bridge not found", "restart the engine, because its network bridge"),
        ("adding interface veth1 to bridge docker0 failed: x", "restart the engine, because its network bridge"),
        (
            "RUN x: exit code: 1",
            "fix it, then run the same command: finished images are kept (invoke build a builds",
        ),
        ("RUN curl x: exit code: 22: unauthorized", "fix it, then run the same command"),
        ("dockerfile parse error on line 5: unknown flag: parents", "fix it, then run the same command"),
        ("libs/x.txt changed while it was built", "fix it, then run the same command"),
        ('no builder "nosuch" found', "docker buildx ls shows the builders"),
        ("invalid empty ssh agent socket: make sure SSH_AUTH_SOCK is set", "ssh-add -l lists the keys"),
        ('failed to convert agent config for ID: "default": stat agent: no such file', "ssh-add -l lists the keys"),
        (
            "RUN x: exit code: 1: error fetching identities: communication with agent failed",
            "ssh-add -l lists the keys",
        ),
        ("mkdir /nonexistent/.docker: permission denied", "buildx keeps its state in DOCKER_CONFIG, else HOME"),
        ("load metadata for x: dial tcp: connection refused", "invoke doctor checks engine, builder and registry"),
        (
            "RUN pip install x: exit code: 1: ERROR: No matching distribution found for x",
            'check its name; inherit = "run"',
        ),
        (
            "RUN curl x: exit code: 60: curl: (60) SSL certificate problem",
            "CA_BUNDLE gives builds a CA, inherit",
        ),
        ("dockerfile parse error on line 2: unexpected key 'env' in 'env=X'", "update the builder to BuildKit 0.16"),
        ("load metadata for x: pull access denied", "docker login, then run the same command"),
    ],
)
def test_the_hint_is_for_the_cause(bench: Bench, cause: str, hint: str) -> None:
    with pytest.raises(BuildError) as caught:
        check([ImageResult("a", Status.FAILED, "", "", detail=cause)], bench.record)
    assert caught.value.hint.startswith(hint)
    assert caught.value.code == advice.FAILURES.find(cause).code


def test_a_package_of_an_index_that_pip_skipped_is_not_called_missing(bench: Bench) -> None:
    """pip prints this on another stream than its error, so either may come last."""
    skipped = "Could not fetch URL https://pypi.org/simple/x/: There was a problem confirming the ssl certificate: …"
    missing = "ERROR: No matching distribution found for x"
    for output in ((skipped, missing), (missing, skipped)):
        detail = str(Failure("RUN pip install x", "exit code: 1", output))
        with pytest.raises(BuildError) as caught:
            check([ImageResult("a", Status.FAILED, "", "", detail=detail, output=output)], bench.record)
        assert caught.value.code == "certificate-untrusted"
        assert "CA_BUNDLE gives builds a CA" in caught.value.hint


def test_images_that_a_host_built_on_a_rejected_parent_lose_their_tags(bench: Bench) -> None:
    """A host that goes on by itself has baked every wave by the time the first one is looked at."""
    bench.warned = {"base-ml": "SecretsUsedInArgOrEnv: no secrets in ENV (line 3)"}
    found, plan = bench.plan()
    told: list[tuple[Command, ...]] = []

    @dataclass(frozen=True)
    class Eager(LocalBuilder):
        """Runs everything that was announced as soon as the first command of it is run."""

        def announce(self, commands: Iterable[Command]) -> None:
            told.append(tuple(commands))

        def run(self, command: Command, on_line: OnLine | None = None, *, should_stop: Callable[[], bool]) -> Result:
            for later in told[0] if len(told) == 1 else ():
                bench.bake(later, lambda line: None)
            return super().run(command, on_line, should_stop=should_stop)

    builder = Eager.of(found.repository, bench.run, Given())
    outcomes = build(BuildRun(found, plan, bench.engine, builder, bench.record, bench.events.append))
    assert {outcome.image: outcome.status for outcome in outcomes} == {
        "base-runtime": "built",
        "base-ml": "failed",
        "svc-forms": "built",
        "svc-ocr": "skipped",
    }
    assert len(told[0]) == 3 and told[1:] == [()], "nothing more is expected once something was refused"
    tags = [tag for image in bench.engine.images() for tag in image.tags]
    assert not [tag for tag in tags if "svc-ocr" in tag or "base-ml" in tag]


SEVERAL = {"PLATFORMS": "linux/amd64,linux/arm64", "BUILDER": "team"}


def test_an_index_that_the_engine_cannot_hold_gets_its_content_tag_once_it_is_verified(bench: Bench) -> None:
    bench.environment |= SEVERAL
    bench.run = FakeRun({("docker", "buildx", "bake"): bench.store})
    outcomes = bench.build()
    assert told(outcomes) == [(name, "built", "") for name in ALL]
    assert bench.published == {name: digest_of(name.encode()) for name in ALL}
    held = {tag for image in bench.engine.images() for tag in image.tags}
    assert {f"{REGISTRY}/slipway/{name}:v0.1.0" for name in ALL} <= held


@pytest.mark.fault("B17")
def test_an_index_of_other_inputs_stays_without_a_content_tag(bench: Bench) -> None:
    bench.environment |= SEVERAL
    bench.run = FakeRun({("docker", "buildx", "bake"): bench.store})
    bench.edits.append(lambda: (bench.root / "apps/svc_ocr/requirements.txt").write_text("other\n"))
    found, plan = bench.plan()
    bench.edits.pop()()
    outcomes = bench.carry_out(found, plan)
    assert [name for name, status, _ in told(outcomes) if status == "failed"] == ["svc-ocr"]
    assert bench.published.keys() == {*ALL} - {"svc-ocr"}


def test_an_index_whose_content_tag_the_registry_refuses_is_not_built(bench: Bench) -> None:
    bench.environment |= SEVERAL
    bench.run = FakeRun({("docker", "buildx", "bake"): bench.store})
    bench.unpublishable = {digest_of(b"svc-ocr")}
    failed = {name: why for name, status, why in told(bench.build()) if status == "failed"}
    assert failed.keys() == {"svc-ocr"} and failed["svc-ocr"].endswith("manifest PUT: 503")
