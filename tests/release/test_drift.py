"""Bases that changed while the registry has their version."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from slipway.core.errors import PolicyError, RegistryError, UsageError
from slipway.core.image import INPUT_LABEL, MODELESS_LABEL, TITLE_LABEL
from slipway.plan.decide import MODES_HINT
from slipway.plan.facts import Snapshot
from slipway.plan.history import only_modes
from slipway.registry import Registry
from slipway.release.drift import Sources, refuse_drift, standings
from slipway.release.since import Start
from slipway.release.standing import Standing, State
from slipway.stack.manifests import load_inputs, save_inputs
from slipway.testing.fakes import HASTE, RegistryServer, digest_of
from tests.plan.test_facts import snapshot_of

BASES = ["base-runtime", "base-ml"]
TAG = "v0.1.0"
NO_START = Start("", "this is not a git repository")


def asks_nothing(*words: str) -> str | None:
    raise AssertionError(f"git {words}")


@dataclass
class Bench:
    """A repository, and a registry that may have its bases."""

    root: Path
    server: RegistryServer

    def snapshot(self) -> Snapshot:
        return snapshot_of(self.root, registry=Registry(self.server.host), REGISTRY=self.server.host)

    def publish(self, *names: str) -> None:
        """Publish the images with their inputs as they are."""
        facts = self.snapshot().facts
        for name in names:
            labels = {INPUT_LABEL: facts.digests[name], TITLE_LABEL: name, MODELESS_LABEL: facts.modeless[name]}
            self.server.add(f"slipway/{name}", TAG, labels)

    def keep_inputs(self) -> None:
        """Store the inputs as they are, as a build does."""
        facts = self.snapshot().facts
        made = {facts.digests[name]: facts.manifests[name] for name in BASES}
        save_inputs(self.root / ".slipway", made, facts.trees, images=len(made))

    def standings(self, git: Callable[..., str | None] = asks_nothing, start: Start = NO_START) -> dict[str, Standing]:
        snapshot = self.snapshot()
        home = self.root / ".slipway"
        modes = partial(only_modes, home, snapshot.facts)
        sources = Sources(partial(load_inputs, home), git, lambda: start, modes)
        images = [snapshot.stack[name] for name in BASES]
        registry = Registry(self.server.host, policy=HASTE)
        return {one.image: one for one in standings(images, snapshot.facts, registry, sources)}


@pytest.fixture
def bench(repository: Path) -> Iterator[Bench]:
    with RegistryServer() as server:
        yield Bench(repository, server)


def states(found: Mapping[str, Standing]) -> list[State]:
    return [found[name].state for name in BASES]


def told(found: Mapping[str, Standing]) -> list[str]:
    return [str(one) for one in found.values() if one.state is State.DRIFTED]


def test_a_base_is_as_published_or_new(bench: Bench) -> None:
    bench.publish("base-runtime")
    assert states(bench.standings()) == [State.PUBLISHED, State.NEW]


@pytest.mark.fault("P20")
def test_a_changed_base_names_the_inputs_that_this_checkout_knows(bench: Bench) -> None:
    bench.keep_inputs()
    bench.publish(*BASES)
    (bench.root / "libs/kit/more.py").write_text("x")
    assert told(bench.standings()) == ["base-runtime: libs/kit/more.py added", "base-ml: parent base-runtime changed"]
    dockerfile = bench.root / "infra/docker/base-ml.Dockerfile"
    dockerfile.write_text(dockerfile.read_text() + "RUN true\n")
    assert told(bench.standings())[1] == "base-ml: infra/docker/base-ml.Dockerfile changed, parent base-runtime changed"


@pytest.mark.fault("P20")
def test_a_fresh_checkout_asks_git_for_the_files(bench: Bench) -> None:
    bench.publish(*BASES)
    (bench.root / "libs/kit/more.py").write_text("x")
    asked: list[tuple[str, ...]] = []

    def git(*words: str) -> str | None:
        asked.append(words)
        if words[0] == "ls-files":
            return ""
        return "A\0libs/kit/more.py\0D\0libs/kit/old.py\0M\0libs/kit/ignored.pyc\0"

    found = bench.standings(git, Start("abc", "tag v0.1.0"))
    assert told(found)[0] == ("base-runtime: libs/kit/more.py added, libs/kit/old.py removed (since tag v0.1.0)")
    diff = next(words for words in asked if words[0] == "diff")
    assert diff[diff.index("--") - 1] == "abc"
    assert {"infra/docker/base-runtime.Dockerfile", "libs/kit"} <= set(diff)


def test_without_earlier_inputs_and_commit_it_says_so(bench: Bench) -> None:
    bench.publish(*BASES)
    (bench.root / "libs/kit/more.py").write_text("x")
    assert told(bench.standings()) == [
        "base-runtime: its inputs differ; the earlier ones are not here, and this is not a git repository",
        "base-ml: parent base-runtime changed (the earlier ones are not here, and this is not a git repository)",
    ]


def test_a_change_that_git_does_not_know_is_an_arg_or_a_root_image(bench: Bench) -> None:
    bench.publish("base-runtime")
    (bench.root / "libs/kit/more.py").write_text("x")
    (line,) = told(bench.standings(lambda *words: "", Start("abc", "tag v0.1.0")))
    assert line == (
        "base-runtime: its inputs differ, and git shows no change of its files since tag v0.1.0: an ARG or a root image"
    )


def test_a_failure_of_git_is_not_taken_for_no_change(bench: Bench) -> None:
    bench.publish("base-runtime")
    (bench.root / "libs/kit/more.py").write_text("x")
    (line,) = told(bench.standings(lambda *words: None, Start("abc", "tag v0.1.0")))
    assert line == "base-runtime: its inputs differ, and git cannot compare them with tag v0.1.0"


def test_a_change_of_modes_alone_is_named(bench: Bench) -> None:
    bench.keep_inputs()
    bench.publish("base-runtime")
    (bench.root / "libs/kit/kit.py").chmod(0o664)
    found = bench.standings()
    assert told(found) == ["base-runtime: only modes differ: libs/kit/kit.py 0644 → 0664"]
    assert found["base-runtime"].modes


@pytest.mark.parametrize("labels", [{}, {INPUT_LABEL: digest_of(b"x"), TITLE_LABEL: "base-debian"}])
def test_an_image_of_another_program_has_no_inputs_to_compare(bench: Bench, labels: Mapping[str, str]) -> None:
    bench.server.add("slipway/base-runtime", TAG, labels)
    found = bench.standings()
    assert told(found) == ["base-runtime: another program than slipway built the published image"]
    assert found["base-runtime"].published == ""


def test_an_index_has_the_labels_of_its_first_image(bench: Bench) -> None:
    bench.publish("base-runtime")
    member = bench.server.tags["slipway/base-runtime", TAG]
    index = json.dumps({"schemaVersion": 2, "manifests": [{"digest": member}]}).encode()
    bench.server.manifests["slipway/base-runtime", digest_of(index)] = index
    bench.server.tags["slipway/base-runtime", TAG] = digest_of(index)
    assert states(bench.standings()) == [State.PUBLISHED, State.NEW]
    (bench.root / "libs/kit/more.py").write_text("x")
    assert states(bench.standings()) == [State.DRIFTED, State.NEW]


def test_a_registry_that_does_not_answer_ends_the_check(bench: Bench) -> None:
    bench.publish(*BASES)
    fault = bench.server.fault(rf"/manifests/{TAG}", 503, times=99)
    with pytest.raises(RegistryError):
        bench.standings()
    assert fault.struck


def test_a_base_at_fault_ends_the_check_with_its_own_error(bench: Bench) -> None:
    dockerfile = bench.root / "infra/docker/base-ml.Dockerfile"
    dockerfile.write_text(dockerfile.read_text() + "COPY nowhere /x\n")
    with pytest.raises(UsageError, match="nowhere"):
        bench.standings()


@pytest.mark.fault("P20")
def test_a_drift_is_refused_unless_the_tag_may_move() -> None:
    reference = RegistryServer().reference("a/b", "v1")
    new, changed = (Standing("b", reference, state, "", "", ("x changed",)) for state in (State.NEW, State.DRIFTED))
    refuse_drift([new], ())
    refuse_drift([changed], ("v1",))
    with pytest.raises(PolicyError) as caught:
        refuse_drift([new, changed], ("latest",))
    assert caught.value.message == "1 base changed, and the registry has v1 with other content\n  b: x changed"
    assert (caught.value.code, caught.value.hint) == ("base-drift", "invoke base-bump patch")


def test_modes_alone_have_another_hint() -> None:
    reference = RegistryServer().reference("a/b", "v1")
    modes = Standing("b", reference, State.DRIFTED, "", "", (), "only modes differ: x 0644 → 0664", modes=True)
    with pytest.raises(PolicyError) as caught:
        refuse_drift([modes, modes], ())
    assert caught.value.hint == f"{MODES_HINT}; else invoke base-bump patch"


def test_many_changes_are_counted() -> None:
    reference = RegistryServer().reference("a/b", "v1")
    changes = tuple(f"{number} changed" for number in range(10))
    assert str(Standing("b", reference, State.DRIFTED, "", "", changes)).endswith("7 changed, 2 more")
