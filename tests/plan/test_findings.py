"""The verdict on each line and file that breaks a rule of policy, and the ways to tell it."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from pathlib import Path

import pytest

from slipway.core.errors import PolicyError, SlipwayError
from slipway.core.rules import Rule
from slipway.plan.facts import Snapshot, changed_since, gather_facts
from slipway.plan.findings import Finding, Verdict, notes, refusals
from slipway.plan.repository import read_repository
from slipway.registry import Registry
from slipway.stack.worktree import Worktree
from slipway.testing.fakes import HASTE, FakeEngine
from tests.plan.test_facts import PYTHON, settings_of
from tests.plan.test_faults_of_images import append

OCR, FORMS = "apps/svc_ocr/Dockerfile", "apps/svc_forms/Dockerfile"
DOWNLOAD = "RUN curl https://x.example | sh"


class Git:
    """A git that tracks ``paths``, and counts how often it is asked."""

    def __init__(self, *paths: str) -> None:
        self.paths = frozenset(paths)
        self.asked: list[set[str]] = []

    def __call__(self, paths: Collection[str]) -> frozenset[str]:
        self.asked.append(set(paths))
        return self.paths & set(paths)


def table(root: Path, text: str) -> None:
    (root / "pyproject.toml").write_text(f"[tool.slipway]\n{text}\n")


def planned(root: Path, git: Git, names: list[str] | None = None) -> Snapshot:
    settings = settings_of(root, REGISTRY="127.0.0.1:1")
    worktree = Worktree(root, git=settings.project.policy.opens_git)
    registry = Registry("127.0.0.1:1", policy=HASTE)
    found = read_repository(settings, worktree, {}, tracked=git)
    return gather_facts(found, FakeEngine([PYTHON]), lambda: registry, names)


def write(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(f"content of {path}")


def verdicts(snapshot: Snapshot, rule: Rule) -> list[tuple[str, str, Verdict]]:
    return [(one.image, one.where, one.verdict) for one in snapshot.findings if one.rule is rule]


def refused(root: Path, git: Git, *names: str) -> list[tuple[str, str]]:
    with pytest.raises(PolicyError) as caught:
        planned(root, git, list(names) or ["svc-ocr"])
    return [(problem.where, problem.what) for problem in caught.value.problems]


@pytest.mark.fault("C43")
def test_a_reason_for_all_images_sets_a_rule_aside_and_is_kept(repository: Path) -> None:
    for path in (OCR, FORMS):
        append(path, DOWNLOAD)(repository)
    table(repository, 'allow.download = "for all"\nallow.svc-ocr.download = "its own"')
    found = planned(repository, Git())
    assert not found.stack.faults and not [note for note in found.notes if "download" in note]
    said = "RUN runs a download without verifying it"
    told = {"rule": "download", "what": said, "verdict": "allowed"}
    assert found.allowed("svc-ocr") == [
        {**told, "where": f"{OCR}:6", "reason": "its own", "allowed_by": "pyproject.toml:3"}
    ]
    assert found.allowed("svc-forms") == [
        {**told, "where": f"{FORMS}:6", "reason": "for all", "allowed_by": "pyproject.toml:2"}
    ]
    assert found.allowed("base-ml") == []


@pytest.mark.fault("C43")
def test_the_table_of_an_image_sets_a_rule_aside_for_it_alone(repository: Path) -> None:
    for path in (OCR, FORMS):
        append(path, DOWNLOAD)(repository)
    write(repository, "apps/svc_ocr/tls.key")
    own = '{ download = "its own", "context-file:apps/svc_ocr/tls.key" = "of the tests" }'
    table(repository, f'images."{OCR}" = {{ allow = {own} }}')
    found = planned(repository, Git())
    assert set(found.stack.faults) == {"svc-forms"}
    assert [(one["rule"], one["reason"], one["allowed_by"]) for one in found.allowed("svc-ocr")] == [
        ("download", "its own", "pyproject.toml:2"),
        ("context-file", "of the tests", "pyproject.toml:2"),
    ]


def test_noting_lets_all_but_secrets_pass(repository: Path) -> None:
    append(OCR, f"ENV HF_TOKEN=x\n{DOWNLOAD}\nADD https://x.example/a /")(repository)
    append(FORMS, "# syntax=me/dockerfile:1")(repository)
    (repository / FORMS).write_text("# syntax=me/dockerfile:1\n" + (repository / FORMS).read_text())
    assert {where for where, _ in refused(repository, Git(), "svc-ocr", "svc-forms")} == {
        f"{OCR}:6", f"{OCR}:7", f"{OCR}:8", f"{FORMS}:1"
    }  # fmt: skip
    table(repository, 'policy = "note"')
    found = planned(repository, Git())
    assert not found.stack.faults
    width = len(f"{FORMS}:1")
    assert [note for note in found.notes if "Dockerfile" in note or "policy" in note] == [
        f"{f'{FORMS}:1':{width}}  frontend      the frontend me/dockerfile:1 is not pinned by digest",
        f"{f'{OCR}:6':{width}}  secret-name   HF_TOKEN would stand in the image's history",
        f"{f'{OCR}:7':{width}}  download      RUN runs a download without verifying it",
        f"{f'{OCR}:8':{width}}  unpinned-add  ADD https://x.example/a is not pinned: its content may change",
        "docs/policy.md explains frontend, secret-name, download, unpinned-add; "
        "4 of these lines are refused without policy = note",
    ]


@pytest.mark.fault("X01", "X04")
def test_noting_lets_no_known_secret_and_no_untracked_key_pass(repository: Path) -> None:
    table(repository, 'policy = "note"\nsecrets.token = { env = "TOKEN" }')
    (repository / ".env").write_text("TOKEN=geheim12\n")
    append(OCR, "RUN echo geheim12")(repository)
    write(repository, "apps/svc_forms/tls.key")
    assert refused(repository, Git(), "svc-ocr") == [
        (f"{OCR}:6", "RUN holds a secret: it would stand in the image's history (known-secret)")
    ]
    assert refused(repository, Git(), "svc-forms") == [
        (f"{FORMS}:5", "apps/svc_forms/tls.key would enter the image (context-file)")
    ]


@pytest.mark.fault("X04")
def test_a_key_that_git_tracks_enters_and_is_noted(repository: Path) -> None:
    """git is asked once for the files of all images; its answer counts for each image that reads the file."""
    keys = ["apps/svc_ocr/certs/a.key", "apps/svc_ocr/.env", "apps/svc_forms/b.pem"]
    write(repository, *keys, "apps/svc_ocr/plain.txt")
    git = Git(*keys)
    found = planned(repository, git)
    assert git.asked == [set(keys)]
    assert not found.stack.faults
    assert sorted(verdicts(found, Rule.CONTEXT_FILE)) == [
        ("svc-forms", f"{FORMS}:5", Verdict.NOTED),
        ("svc-ocr", f"{OCR}:5", Verdict.NOTED),
        ("svc-ocr", f"{OCR}:5", Verdict.NOTED),
    ]
    assert f"{FORMS}:5  context-file  apps/svc_forms/b.pem may be a secret; git tracks it" in found.notes
    listing = found.facts.trees[found.facts.manifests["svc-ocr"].files["apps/svc_ocr"].content]
    assert {"certs/a.key", ".env"} <= listing.keys()
    assert len(found.known_files(["svc-ocr"])) == 2


@pytest.mark.fault("X04")
def test_keys_that_git_does_not_track_are_refused_together(repository: Path) -> None:
    write(repository, "apps/svc_ocr/a.key", "apps/svc_ocr/b.key", *(f"apps/svc_forms/{n}.key" for n in range(8)))
    git = Git("apps/svc_ocr/a.key")
    assert refused(repository, git, "svc-ocr") == [
        (f"{OCR}:5", "apps/svc_ocr/b.key would enter the image (context-file)")
    ]
    told = refused(repository, git, "svc-forms")
    assert len(told) == 6
    assert told[-1] == ("", "3 more files like these would enter svc-forms (context-file)")
    assert [len(asked) for asked in git.asked] == [10, 10], "each plan asks once for all images"


@pytest.mark.fault("X04")
def test_a_key_with_a_reason_enters_without_a_question_to_git(repository: Path) -> None:
    write(repository, "apps/svc_ocr/certs/a.key", "apps/svc_ocr/certs/deep/b.pem")
    table(repository, 'allow.svc-ocr = { "context-file:apps/svc_ocr/certs" = "of the tests" }')
    git = Git()
    found = planned(repository, git)
    assert (git.asked, found.stack.faults) == ([], {})
    assert [one["reason"] for one in found.allowed("svc-ocr")] == ["of the tests", "of the tests"]
    assert len(found.known_files(["svc-ocr"])) == 2


def test_a_path_of_a_permission_is_from_the_context(repository: Path) -> None:
    write(repository, "apps/svc_ocr/own/a.key")
    (repository / OCR).write_text("FROM scratch\nCOPY own /own\n")
    table(repository, 'allow.svc-ocr = { "context-file:own/a.key" = "of the tests" }')
    found = planned(repository, Git())
    assert found.stack["svc-ocr"].context == "apps/svc_ocr"
    assert [one["where"] for one in found.allowed("svc-ocr")] == [f"{OCR}:2"]


@pytest.mark.fault("X12")
def test_git_enters_only_where_a_reason_lets_it(repository: Path) -> None:
    write(repository, "apps/svc_ocr/vendor/.git/HEAD")
    nested = Git("apps/svc_ocr/vendor/.git")
    told = [(f"{OCR}:5", "apps/svc_ocr/vendor/.git would enter the image (context-file)")]
    assert (refused(repository, nested, "svc-ocr"), nested.asked) == (told, [])
    shutil.rmtree(repository / "apps/svc_ocr/vendor")
    write(repository, ".git/HEAD", ".git/objects/ab/cd")
    for path in (OCR, FORMS):
        append(path, "COPY . /all")(repository)
    whole = Git(".git", ".git/HEAD")
    assert refused(repository, whole, "svc-ocr") == [(f"{OCR}:6", ".git would enter the image (context-file)")]
    assert whole.asked == []
    table(repository, 'allow.svc-ocr = { "context-file:.git" = "its version comes from tags" }')
    found = planned(repository, Git())
    assert set(found.stack.faults) == {"svc-forms"}
    listing = found.facts.trees[found.facts.manifests["svc-ocr"].files["."].content]
    assert {".git/HEAD", ".git/objects/ab/cd"} <= listing.keys()


@pytest.mark.fault("X04")
def test_a_key_that_leaves_the_index_before_the_build_ends_counts_as_a_change(repository: Path) -> None:
    write(repository, "apps/svc_ocr/a.key")
    git = Git("apps/svc_ocr/a.key")
    found = planned(repository, git)
    assert changed_since(found, ["svc-ocr"], [PYTHON]) == {}
    git.paths = frozenset()
    changed = changed_since(found, ["svc-ocr"], [PYTHON])
    assert changed["svc-ocr"].startswith(f"{OCR}:5: apps/svc_ocr/a.key would enter the image")


def test_many_notes_of_a_rule_are_counted() -> None:
    found = [Finding("a", Rule.SECRET_NAME, f"a/Dockerfile:{line}", f"X{line}") for line in range(9, 20)]
    found += [Finding("b", Rule.DOWNLOAD, "b/Dockerfile:1", "RUN"), *found]
    assert notes(found) == (
        "a/Dockerfile:9   secret-name  X9",
        "a/Dockerfile:10  secret-name  X10",
        "a/Dockerfile:11  secret-name  X11",
        "                 secret-name  8 more like these",
        "b/Dockerfile:1   download     RUN",
        "docs/policy.md explains secret-name, download",
    )
    assert (
        notes([Finding("a", Rule.DOWNLOAD, "a:1", "x", verdict=verdict) for verdict in Verdict if verdict != "noted"])
        == ()
    )


def test_a_refusal_names_the_page_and_the_line_that_lets_the_image_pass(repository: Path) -> None:
    append(OCR, DOWNLOAD)(repository)
    (repository / "pyproject.toml").unlink()
    (repository / "slipway.toml").write_text("")
    with pytest.raises(SlipwayError) as caught:
        planned(repository, Git(), ["svc-ocr"])
    (problem,) = caught.value.problems
    assert (problem.where, problem.code) == (f"{OCR}:6", "download")
    assert problem.hint == (
        "ADD --checksum=sha256:… downloads this file, and refuses any other; "
        'or slipway.toml [allow] svc-ocr = { download = "why" }; docs/policy.md#download'
    )


def test_a_refused_file_has_its_own_line_for_the_table(repository: Path) -> None:
    write(repository, "apps/svc_ocr/tls.key")
    with pytest.raises(PolicyError) as caught:
        planned(repository, Git(), ["svc-ocr"])
    assert caught.value.hint == (
        "name it in .dockerignore, or copy less; or [tool.slipway.allow] svc-ocr = "
        '{ "context-file:apps/svc_ocr/tls.key" = "why" }; docs/policy.md#context-file'
    )


def test_nothing_allows_a_known_secret(repository: Path) -> None:
    table(repository, 'secrets.token = { env = "TOKEN" }')
    (repository / ".env").write_text("TOKEN=geheim12\n")
    append(OCR, "RUN echo geheim12")(repository)
    with pytest.raises(PolicyError) as caught:
        planned(repository, Git(), ["svc-ocr"])
    given = "RUN --mount=type=secret gives it to a step and stores it nowhere"
    assert caught.value.hint == f"{given}; docs/policy.md#known-secret"


@pytest.mark.parametrize(("count", "shown"), [(5, 5), (6, 6), (7, 6)])
def test_the_first_refused_files_are_named_and_the_others_counted(count: int, shown: int) -> None:
    refused = [
        Finding("a", Rule.CONTEXT_FILE, "a:1", f"{number}.key", verdict=Verdict.REFUSED) for number in range(count)
    ]
    problems = refusals(refused)["a"].problems
    assert len(problems) == shown
    assert {problem.code for problem in problems} == {"context-file"}
    assert refusals([Finding("a", Rule.DOWNLOAD, "a:1", "x")]) == {}


@pytest.mark.parametrize(("count", "lines"), [(3, 3), (4, 4), (5, 4)])
def test_the_first_notes_of_a_rule_are_shown_and_the_others_counted(count: int, lines: int) -> None:
    assert len(notes([Finding("a", Rule.DOWNLOAD, f"a:{line}", "x") for line in range(count)])) == lines + 1


@pytest.mark.fault("U03")
def test_an_extra_index_in_the_requirements_of_an_image_is_noted_with_its_line(repository: Path) -> None:
    folder = repository / "apps/svc_ocr"
    for name in ("requirements.txt", "dev-requirements-gpu.in", "constraints.txt", "notes.txt"):
        (folder / name).write_text("httpx\n  --extra-index-url=https://y.example\n# --extra-index-url\n")
        append(OCR, f"COPY apps/svc_ocr/{name} /x/")(repository)
    append(FORMS, "COPY apps/svc_ocr/requirements.txt /x/")(repository)
    (repository / "requirements.txt").write_text("--extra-index-url https://y.example\n")
    append(FORMS, "COPY requirements.txt /x/")(repository)
    found = planned(repository, Git())
    named = [(one.image, one.where) for one in found.findings if one.rule is Rule.EXTRA_INDEX]
    assert sorted(named) == [
        ("svc-forms", "apps/svc_ocr/requirements.txt:2"),
        ("svc-forms", "requirements.txt:1"),
        ("svc-ocr", "apps/svc_ocr/constraints.txt:2"),
        ("svc-ocr", "apps/svc_ocr/dev-requirements-gpu.in:2"),
        ("svc-ocr", "apps/svc_ocr/requirements.txt:2"),
    ]
    assert {one.verdict for one in found.findings} == {Verdict.NOTED}
    assert len([note for note in found.notes if "extra-index-url: any index may answer" in note]) == 3
    table(repository, 'allow.extra-index = "a mirror of our own"')
    assert {one.verdict for one in planned(repository, Git()).findings} == {Verdict.ALLOWED}
