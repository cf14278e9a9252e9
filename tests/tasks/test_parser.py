"""``invoke build svc-ocr svc-forms push --version v2``: names, flags and tasks told apart."""

from __future__ import annotations

from typing import Any

import pytest
from invoke.exceptions import Exit
from invoke.parser import Parser

from slipway.core.errors import UsageError
from slipway.tasks import namespace
from slipway.tasks.selection import only


def parsed(*words: str) -> list[tuple[str, dict[str, Any]]]:
    """Task → the arguments that differ from their defaults."""
    result = Parser(contexts=namespace.to_contexts()).parse_argv(list(words))
    return [
        (str(context.name), {name: arg.value for name, arg in context.args.items() if arg.value not in (False, "", [])})
        for context in result
        if context.name
    ]


@pytest.mark.parametrize(
    ("line", "tasks"),
    [
        ("build", [("build", {})]),
        ("build svc-ocr", [("build", {"names": ["svc-ocr"]})]),
        ("build svc-ocr svc-forms", [("build", {"names": ["svc-ocr", "svc-forms"]})]),
        (
            "build svc-ocr svc-forms push --version v2",
            [("build", {"names": ["svc-ocr", "svc-forms"]}), ("push", {"version": "v2"})],
        ),
        ("build --version v2 svc-ocr", [("build", {"version": "v2", "names": ["svc-ocr"]})]),
        ("build svc-ocr --json --dry-run", [("build", {"names": ["svc-ocr"], "json": True, "dry-run": True})]),
        ("push --force --resume 7f3c", [("push", {"force": True, "resume": "7f3c"})]),
        ("build-base build push", [("build-base", {}), ("build", {}), ("push", {})]),
        ("build --version=push", [("build", {"version": "push"})]),
        ("remote-attach 7f3c push svc-ocr", [("remote-attach", {"run": "7f3c"}), ("push", {"names": ["svc-ocr"]})]),
        ("remote-attach --host me@builder 7f3c", [("remote-attach", {"host": "me@builder", "run": "7f3c"})]),
    ],
)
def test_a_line(line: str, tasks: list[tuple[str, dict[str, Any]]]) -> None:
    assert parsed(*line.split()) == tasks


def test_a_name_may_stand_after_a_task_of_the_same_chain() -> None:
    assert parsed("build", "base-ml", "push", "base-ml") == [
        ("build", {"names": ["base-ml"]}),
        ("push", {"names": ["base-ml"]}),
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("buidl", "error: No idea what 'buidl' is\nhint:  did you mean build?"),
        ("remote-attach 7f3c 7f3d", "error: No idea what '7f3d' is\nhint:  invoke --list"),
        ("config svc-ocr", "error: No idea what 'svc-ocr' is\nhint:  invoke --list"),
        ("build --verison v2", "error: No idea what '--verison' is\nhint:  did you mean --version?"),
        ("build --version", "error: --version: the value is missing\nhint:  --version=VALUE"),
        ("build --retries some", "error: --retries some: not a number\nhint:  --retries 1"),
    ],
)
def test_an_unknown_word_ends_with_exit_2_and_a_hint(line: str, message: str) -> None:
    with pytest.raises(Exit) as caught:
        parsed(*line.split())
    assert str(caught.value).startswith(message)
    assert caught.value.code == 2


def test_every_task_has_help_and_no_short_flags() -> None:
    for context in namespace.to_contexts():
        assert namespace[str(context.name)].__doc__, context.name
        assert [flag for flag in context.flags if len(flag) == 2] == []


def test_only_known_names_are_taken() -> None:
    known = ("base-runtime", "base-ml")
    assert only((), known, "base") == known
    assert only(("base-ml", "base-ml"), known, "base") == ("base-ml",)
    with pytest.raises(UsageError) as caught:
        only(("svc-ocr",), known, "base")
    assert str(caught.value) == "error: svc-ocr: not a base\nhint:  known: base-runtime, base-ml"
