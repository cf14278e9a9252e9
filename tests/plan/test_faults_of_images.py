"""The fault of one image: slipway plans the others, and reports its error to a task that selects it or one on it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from slipway.core.errors import PolicyError, SlipwayError, UsageError
from slipway.plan.facts import Snapshot
from tests.plan.test_facts import edit, snapshot_of
from tests.rig.in_process import slipway

OCR, ML = "apps/svc_ocr/Dockerfile", "infra/docker/base-ml.Dockerfile"
RUNTIME = "infra/docker/base-runtime.Dockerfile"
Break = Callable[[Path], None]


def append(path: str, line: str) -> Break:
    def edited(root: Path) -> None:
        file = root / path
        file.write_text(f"{file.read_text()}{line}\n")

    return edited


def write(path: str, content: bytes) -> Break:
    def written(root: Path) -> None:
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_bytes(content)

    return written


#: A fault → the edit, the image that is at fault, its exit code, the beginning of its note.
FAULTS: dict[str, tuple[Break, str, int, str]] = {
    "a file that CI makes": (append(OCR, "COPY made.whl /"), "svc-ocr", 2, f"{OCR}:6: source made.whl does not"),
    "a broken line": (append(OCR, "COPIE a b"), "svc-ocr", 2, f"{OCR}:6: "),
    "an arg without a value": (write(OCR, b"ARG X\nFROM ${X}\n"), "svc-ocr", 2, f"{OCR}:2: "),
    "bytes that are no text": (write(OCR, b"FROM \xff\n"), "svc-ocr", 2, f"{OCR}: byte 5 is not UTF-8"),
    "an unknown parent": (
        write(OCR, b"FROM 127.0.0.1:1/slipway/base-mll:v0.1.0\n"),
        "svc-ocr",
        2,
        f"{OCR}:1: FROM 127.0.0.1:1/slipway/base-mll:v0.1.0: base-mll matches no image",
    ),
    "itself as its parent": (
        write(OCR, b"FROM 127.0.0.1:1/slipway/svc-ocr:v0.1.0\n"),
        "svc-ocr",
        2,
        f"{OCR}: cycle: svc-ocr -> svc-ocr",
    ),
    "policy": (append(OCR, "RUN curl x.example | sh"), "svc-ocr", 10, f"{OCR}:6: "),
    "a secret file": (append(OCR, "COPY .env /"), "svc-ocr", 10, f"{OCR}:6: .env would enter the image"),
    "no name": (write("apps/ü/Dockerfile", b"FROM x\n"), "apps/ü/Dockerfile", 2, "apps/ü/Dockerfile: its path gives"),
}


@pytest.fixture(params=FAULTS)
def fault(request: pytest.FixtureRequest, repository: Path) -> tuple[str, int, str]:
    breaks, name, code, told = FAULTS[request.param]
    (repository / ".env").write_text("OWNER=slipway\n")
    breaks(repository)
    return name, code, told


@pytest.mark.fault("C57")
def test_the_others_are_planned_and_the_fault_is_one_note(repository: Path, fault: tuple[str, int, str]) -> None:
    name, _, told = fault
    snapshot = snapshot_of(repository)
    assert set(snapshot.facts.digests) == {"base-runtime", "base-ml", "svc-forms", "svc-ocr"} - {name}
    (note,) = notes_about(snapshot, name)
    assert note.startswith(f"{name} cannot be planned: {told}") and "\n" not in note


def test_an_image_that_is_selected_must_be_right(repository: Path, fault: tuple[str, int, str]) -> None:
    name, code, told = fault
    with pytest.raises(SlipwayError) as caught:
        snapshot_of(repository, names=["svc-forms", name])
    assert (caught.value.exit_code, caught.value.message[: len(told)]) == (code, told)
    assert set(snapshot_of(repository, names=["svc-forms"]).facts.digests) >= {"base-runtime", "svc-forms"}


@pytest.mark.parametrize("line", ["COPY made.whl /", "COPIE a b", "RUN curl x.example | sh"])
def test_an_image_on_one_at_fault_is_at_fault(repository: Path, line: str) -> None:
    append(ML, line)(repository)
    snapshot = snapshot_of(repository)
    assert set(snapshot.facts.digests) == {"base-runtime", "svc-forms"}
    assert notes_about(snapshot, "svc-ocr") == ["svc-ocr cannot be planned: it stands on base-ml"]
    with pytest.raises(SlipwayError) as caught:
        snapshot_of(repository, names=["svc-ocr"])
    assert [problem.where for problem in caught.value.problems] == [f"{ML}:6"]


def test_a_selected_image_and_the_one_below_it_are_reported_together(repository: Path) -> None:
    for path in (ML, OCR):
        append(path, "COPY made.whl /")(repository)
    with pytest.raises(UsageError) as caught:
        snapshot_of(repository, names=["svc-ocr"])
    assert [problem.where for problem in caught.value.problems] == [f"{ML}:6", f"{OCR}:6"]


def test_a_refusal_of_policy_comes_before_other_problems(repository: Path) -> None:
    append(OCR, "RUN curl x.example | sh")(repository)
    append("apps/svc_forms/Dockerfile", "COPY made.whl /")(repository)
    with pytest.raises(PolicyError) as caught:
        snapshot_of(repository, names=["svc-forms", "svc-ocr"])
    assert [problem.where for problem in caught.value.problems] == [f"{OCR}:6"]


def test_a_plan_fails_when_no_image_can_be_planned(repository: Path) -> None:
    append(RUNTIME, "COPY made.whl /")(repository)
    with pytest.raises(UsageError) as caught:
        snapshot_of(repository)
    assert [problem.where for problem in caught.value.problems] == [f"{RUNTIME}:7"]


def test_two_images_of_one_name_are_at_fault_alone(repository: Path) -> None:
    write("infra/docker/svc-ocr.Dockerfile", b"FROM scratch\n")(repository)
    snapshot = snapshot_of(repository)
    assert set(snapshot.facts.digests) == {"base-runtime", "base-ml", "svc-forms"}
    (note,) = notes_about(snapshot, "svc-ocr")
    assert "the name svc-ocr is taken by" in note


def test_a_cycle_leaves_the_images_beside_it(repository: Path) -> None:
    edit(repository, RUNTIME, "FROM ${PYTHON_IMAGE}", "FROM 127.0.0.1:1/slipway/base-ml:v0.1.0")
    write("apps/svc_lone/Dockerfile", b"FROM scratch\n")(repository)
    snapshot = snapshot_of(repository)
    assert set(snapshot.facts.digests) == {"svc-lone"}
    assert notes_about(snapshot, "svc-forms") == ["svc-forms cannot be planned: it stands on base-runtime"]
    with pytest.raises(UsageError) as caught:
        snapshot_of(repository, names=["svc-forms"])
    (problem,) = caught.value.problems
    assert problem.what.startswith("cycle: ")


def test_a_name_in_env_that_an_unread_dockerfile_may_use_is_allowed(repository: Path) -> None:
    (repository / ".env").write_text("GREETING=hello\n")
    append(OCR, "COPIE a b")(repository)
    assert snapshot_of(repository).repository.unused == {}
    (repository / OCR).write_text("FROM scratch\n")
    assert set(snapshot_of(repository).repository.unused) == {"GREETING"}


@pytest.mark.fault("C57")
@pytest.mark.parametrize(
    "line", [("build",), ("push",), ("build", "svc-ocr"), ("plan", "svc-ocr"), ("images", "svc-ocr")]
)
def test_a_task_that_selects_an_image_at_fault_contacts_no_engine(repository: Path, line: tuple[str, ...]) -> None:
    """``build`` and ``push`` without names select all. The unit tests fail when a task reaches the engine."""
    append(OCR, "COPY made.whl /")(repository)
    done = slipway(*line, "--json", cwd=repository, env=os.environ)
    assert (done.returncode, json.loads(done.stdout)["problems"][0]["where"]) == (2, f"{OCR}:6")


def notes_about(snapshot: Snapshot, name: str) -> list[str]:
    return [note for note in snapshot.notes if note.startswith(f"{name} ")]
