"""The lines a user sees of what went wrong."""

from __future__ import annotations

import errno
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from slipway.core import errors
from slipway.core.errors import (
    BuildError,
    PolicyError,
    Problem,
    SlipwayError,
    SmokeError,
    UnwritableError,
    UsageError,
    one_line,
    printable,
    suggestion,
)
from slipway.core.writing import written

#: The codes that scripts branch on: docs/errors.md lists them.
KINDS = {
    "UsageError": "usage",
    "PrerequisiteError": "prerequisite-missing",
    "UnwritableError": "unwritable",
    "SshError": "ssh-failed",
    "SyncError": "sync-failed",
    "BuildError": "build-failed",
    "RegistryError": "registry-failed",
    "MixedReleaseError": "release-mixed",
    "SmokeError": "smoke-failed",
    "PolicyError": "policy-refused",
    "LockedError": "locked",
    "UpError": "system-not-up",
}
CODES = {
    "SlipwayError": 1,
    "UsageError": 2,
    "PrerequisiteError": 3,
    "SshError": 4,
    "SyncError": 5,
    "BuildError": 6,
    "RegistryError": 7,
    "MixedReleaseError": 8,
    "SmokeError": 9,
    "PolicyError": 10,
    "LockedError": 11,
    "UpError": 12,
}


@pytest.mark.parametrize(("name", "code"), KINDS.items(), ids=lambda part: str(part))
def test_every_kind_has_its_code(name: str, code: str) -> None:
    assert getattr(errors, name)("x").code == code


@pytest.mark.parametrize(("name", "code"), CODES.items(), ids=lambda part: str(part))
def test_every_kind_has_its_exit_code(name: str, code: int) -> None:
    kind = getattr(errors, name)
    assert issubclass(kind, SlipwayError)
    assert kind("x").exit_code == kind("x").as_json()["exit_code"] == code


def test_a_message_alone() -> None:
    error = SlipwayError("plan: broken")
    assert str(error) == "error: plan: broken"
    assert (error.message, error.hint, error.log) == ("plan: broken", "", "")
    assert error.problems == (Problem("", "plan: broken"),)


def test_a_message_with_its_hint_and_log() -> None:
    error = BuildError("build x: failed", hint="fix it", log=".slipway/runs/1/x.log")
    assert str(error) == "error: build x: failed\nhint:  fix it\nlog:   .slipway/runs/1/x.log"
    assert error.as_json() == {
        "ok": False,
        "exit_code": 6,
        "code": "build-failed",
        "error": "build x: failed",
        "hint": "fix it",
        "log": ".slipway/runs/1/x.log",
        "problems": [{"where": "", "what": "build x: failed", "hint": "fix it", "code": "build-failed"}],
    }


@pytest.mark.fault("C51")
def test_a_problem_found_several_times_is_reported_once() -> None:
    broken, other = Problem(".dockerignore:2", "broken"), Problem("x", "y")
    assert str(UsageError.of([broken, other, broken, broken])) == "error: .dockerignore:2: broken\nerror: x: y"


def test_json_holds_every_problem() -> None:
    error = UsageError.of([Problem(".env:3", "is empty", "fill it"), Problem("OWNER", "has a space")])
    assert error.as_json()["error"] == ".env:3: is empty"
    assert error.as_json()["problems"] == [
        {"where": ".env:3", "what": "is empty", "hint": "fill it", "code": "usage"},
        {"where": "OWNER", "what": "has a space", "hint": "", "code": "usage"},
    ]


def test_a_problem_has_its_own_code_or_that_of_its_kind() -> None:
    error = UsageError.of([Problem("a", "b", code="some-rule"), Problem("c", "d")])
    assert error.code == error.as_json()["code"] == "some-rule"
    assert [problem["code"] for problem in error.as_json()["problems"]] == ["some-rule", "usage"]  # type: ignore[attr-defined]
    assert BuildError("x", code="disk-full").code == "disk-full" and BuildError("x").code == "build-failed"
    assert error.redacted(str).code == "some-rule"


def test_a_usage_error_keeps_hint_and_log() -> None:
    error = UsageError("x", hint="y", log="z")
    assert (error.hint, error.log, str(error)) == ("y", "z", "error: x\nhint:  y\nlog:   z")
    assert error.problems == (Problem("", "x", "y"),)


@pytest.mark.fault("X30")
def test_an_error_is_a_value_with_one_text() -> None:
    """Nothing of it can be changed, so no copy of its text stays behind when secrets are taken out."""
    error = SmokeError.of([Problem("a:1", "s3cret", "s3cret!"), Problem("", "also s3cret")], log="s3cret.log")
    for name in ("message", "hint", "log", "problems"):
        with pytest.raises(AttributeError):
            setattr(error, name, "x")
    clean = error.redacted(lambda text: text.replace("s3cret", "***"))
    assert type(clean) is SmokeError
    assert str(clean) == "error: a:1: ***\nhint:  ***!\nerror: also ***\nlog:   ***.log"
    told = (str(clean), repr(clean), clean.args, clean.as_json(), clean.message, vars(clean))
    assert "s3cret" not in repr(told)
    assert SmokeError("x").redacted(str, log="kept.log").log == "kept.log"
    assert pickle.loads(pickle.dumps(error)).as_json() == error.as_json()


@pytest.mark.fault("X33")
@pytest.mark.parametrize(
    ("write", "path", "cause"),
    [
        (lambda folder: (folder / "file/x").mkdir(parents=True), "file", "Not a directory"),
        (lambda folder: (folder / "link/x").mkdir(parents=True), "link", "File exists"),
        (lambda folder: (folder / "none/x").write_text(""), "none/x", "No such file or directory"),
        (lambda folder: Path("/dev/full").write_text("x"), "meant", "No space left on device"),
    ],
    ids=["a file", "a dead link", "no folder", "a full disk"],
)
def test_a_path_that_cannot_be_written_is_named(
    tmp_path: Path, write: Callable[[Path], object], path: str, cause: str
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to("dead")
    with pytest.raises(UnwritableError) as caught, written(tmp_path / "meant"):
        write(tmp_path)
    assert caught.value.exit_code == 3
    assert caught.value.message.startswith(f"{tmp_path}/{path}")
    assert caught.value.message.endswith(f": cannot be written: {cause}")
    assert caught.value.hint


def test_the_hint_names_the_folder_that_exists(tmp_path: Path) -> None:
    with pytest.raises(UnwritableError) as caught, written(tmp_path / "not/there"):
        raise PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "not/there"))
    assert caught.value.hint == f"ls -ld {tmp_path}: it is to belong to this user"


def test_one_problem_is_an_error_like_any_other() -> None:
    error = UsageError.of([Problem(".env:3", "is empty", "fill it")])
    assert (error.message, error.hint) == (".env:3: is empty", "fill it")
    assert str(error) == "error: .env:3: is empty\nhint:  fill it"
    assert str(UsageError.of([Problem("", "nothing here")])) == "error: nothing here"


@pytest.mark.parametrize("kind", [UsageError, PolicyError])
def test_several_problems_are_one_error(kind: type[SlipwayError]) -> None:
    found = [Problem("a:1", "is wrong", "fix it"), Problem("b:2", "so is \x1bthis"), Problem("c", "and", "\x07that")]
    error = kind.of(found)
    assert isinstance(error, kind)
    assert error.problems == tuple(found)
    assert (error.message, error.hint) == ("a:1: is wrong", "fix it")
    assert str(error).splitlines() == [
        "error: a:1: is wrong",
        "hint:  fix it",
        r"error: b:2: so is \x1bthis",
        "error: c: and",
        r"hint:  \x07that",
    ]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("a\x00b\x08c\x0bd\rd\x1fe\x7ff\x80g\x9f", r"a\x00b\x08c\x0bd\x0dd\x1fe\x7ff\x80g\x9f"),
        ("tab\tand\nline", "tab\tand\nline"),
        ("plain é → ж", "plain é → ж"),
    ],
)
def test_control_characters_are_made_visible(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert str(SlipwayError(text, hint=text, log=text)) == f"error: {shown}\nhint:  {shown}\nlog:   {shown}"


@pytest.mark.fault("C15")
@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("plain é", "plain é"),
        ("a\tb\nc\x1b", r"a\tb\nc\x1b"),
        (os.fsdecode(b"bad\xff\xfe\x80"), r"bad\xff\xfe\x80"),
    ],
)
def test_a_name_on_a_line(text: str, line: str) -> None:
    assert one_line(text) == line
    assert str(Problem(text, "is wrong")) == f"{line}: is wrong"
    printable(text).encode("utf-8")


@pytest.mark.parametrize(
    ("word", "known", "said"),
    [
        ("svc-orc", ["svc-forms", "svc-ocr"], "did you mean svc-ocr?"),
        ("OWNR", ["owner", "REGISTRY"], "did you mean owner?"),
        ("zzz", ["svc-ocr"], "otherwise"),
        ("x", [], "otherwise"),
    ],
)
def test_the_nearest_name_is_suggested(word: str, known: list[str], said: str) -> None:
    assert suggestion(word, known, "otherwise") == said


def test_a_suggestion_may_have_a_prefix() -> None:
    assert suggestion("form", ["from"], what="--") == "did you mean --from?"
    assert suggestion("zzz", ["from"]) == ""
