"""The codes of errors: each has its place in docs/errors.md, and stays what it is."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from slipway.core.problems import Known
from slipway.engine.failures import RELAYED
from tests.docs import errors

TABLES = errors.tables()
ROWS = [row for table in TABLES.values() for row in (*table.rows, table.otherwise)]
KEBAB = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@pytest.mark.fault("U60")
def test_the_document_lists_every_code() -> None:
    said = "python -m tests.docs.errors > docs/errors.md"
    assert errors.DOCUMENT.read_text("utf-8") == errors.document(), said


def test_every_known_error_is_in_a_table() -> None:
    known = [
        value
        for name in errors.modules()
        for value in vars(importlib.import_module(name)).values()
        if isinstance(value, Known)
    ]
    assert len(known) > 20 and set(known) - set(ROWS) == set()


def test_every_code_in_the_sources_is_in_a_document() -> None:
    found = set(codes_in_sources())
    said = errors.document()
    assert len(found) > 1
    assert not {code for code in found if f"| `{code}` |" not in said}


def codes_in_sources() -> Iterator[str]:
    """Yield the codes that slipway's modules write as text: ``code="…"``, and the fourth argument of Problem."""
    for path in (Path(__file__).parents[2] / "libs/slipway").rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(call, ast.Call):
                given = [word.value for word in call.keywords if word.arg == "code"]
                given += call.args[3:4] if ast.unparse(call.func) == "Problem" else []
                yield from (str(one.value) for one in given if isinstance(one, ast.Constant))


def test_every_code_is_kebab_case() -> None:
    codes = {row.code for row in ROWS} | {kind.kind for kind in errors.kinds()} | set(codes_in_sources())
    assert not [code for code in codes if not KEBAB.fullmatch(code)]


def test_every_kind_of_error_has_a_different_code() -> None:
    codes = [kind.kind for kind in errors.kinds()]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("row", [row for row in ROWS if row.pattern], ids=lambda row: row.code)
def test_every_pattern_can_be_read(row: Known) -> None:
    re.compile(row.pattern)
    assert not row.matches("")


def test_a_row_quotes_or_says_it_in_our_words() -> None:
    quoting, own = Known("a-b", hint="ask {host}"), Known("a-b", said="{who} is denied")
    assert quoting.problem("push x", "theirs {odd}", host="r").what == "push x: theirs {odd}"
    assert quoting.problem("push x", "", host="r").hint == "ask r"
    assert own.problem("push x", "theirs", who="bob").what == "push x: bob is denied"
    assert own.problem("push x", who="bob", hint="else").hint == "else"


def test_the_first_row_that_matches_counts() -> None:
    assert RELAYED.find("UNAUTHORIZED: authentication required").code == "registry-denied"
    assert RELAYED.find("error parsing HTTP 413 response body").code == "registry-too-large"
    assert RELAYED.find("manifest invalid: manifest invalid").code == "registry-manifest-refused"
    assert RELAYED.find("received unexpected HTTP status: 503").code == "registry-failed"
