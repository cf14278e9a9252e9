"""YAML with lines, and numbers as compose prints them."""

from __future__ import annotations

import pytest

from slipway.core.errors import UsageError
from slipway.stack.declarations.document import Items, Mark, Table, Text, plain_text, read_documents


def read(text: str) -> Table:
    (document,) = read_documents(text, "compose.yaml")
    return document


def problem(text: str) -> str:
    with pytest.raises(UsageError) as raised:
        read_documents(text, "compose.yaml")
    return raised.value.message


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        *[("", None), ("~", None), ("NULL", None)],
        *[("True", "true"), ("FALSE", "false"), ("yes", "yes"), ("On", "On"), ("n", "n")],
        *[("3.10", "3.1"), ("1.0", "1"), ("5.", "5"), (".5", "0.5"), ("-0.0", "-0"), ("+1.5", "1.5")],
        *[("1e3", "1000"), ("1e6", "1e+06"), ("123456789.123", "1.23456789123e+08"), ("0.00001", "1e-05")],
        *[("010", "8"), ("0o17", "15"), ("0x1F", "31"), ("0b11", "3"), ("08", "8"), ("1_000", "1000"), ("-0", "0")],
        *[("18446744073709551616", "1.8446744073709552e+19"), ("-9223372036854775809", "-9.223372036854776e+18")],
        *[(".inf", "+Inf"), ("-.INF", "-Inf"), (".nan", "NaN"), ("1e400", "1e400")],
        *[
            ("1:30", "1:30"),
            ("1.2.3", "1.2.3"),
            ("_1", "_1"),
            ("12e", "12e"),
            ("0x", "0x"),
            ("2020-01-01", "2020-01-01"),
        ],
    ],
)
def test_a_scalar_without_quotes_is_as_compose_prints_it(text: str, shown: str | None) -> None:
    assert plain_text(text) == shown


def test_quotes_and_tags_keep_a_text() -> None:
    texts = read("a: '3.10'\nb: \"true\"\nc: !!str 3.10\nd: |\n  1\ne: ''\n").entries
    assert [text.value for text in texts.values() if isinstance(text, Text)] == ["3.10", "true", "3.10", "1\n", ""]


def test_a_value_knows_the_line_of_its_key_and_an_item_its_own() -> None:
    document = read("services:\n  api:\n    build:\n      args:\n        - A=1\n        - B=2\n")
    build = document.table("services").table("api").table("build")
    assert build.where == "compose.yaml:3"
    args = build.entries["args"]
    assert isinstance(args, Items)
    assert [item.where for item in args.items] == ["compose.yaml:5", "compose.yaml:6"]


def test_a_merge_key_brings_entries_that_the_mapping_overrides() -> None:
    document = read("x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2}\nz:\n  a: 3\n  <<: [*x, *y]\n")
    assert {key: document.table("z").text(key).value for key in "abc"} == {"a": "3", "b": "1", "c": "2"}


def test_the_tags_of_compose_are_marks() -> None:
    document = read("a: !reset null\nb: !override [1]\nc: !override {d: 1}\n")
    assert [node.mark for node in document.entries.values()] == [Mark.REMOVED, Mark.REPLACES, Mark.REPLACES]


def test_a_file_may_hold_several_documents_or_none() -> None:
    assert [list(one.entries) for one in read_documents("a: 1\n---\nb: 2\n", "f")] == [["a"], ["b"]]
    assert read_documents("# nothing\n", "f") == ()
    assert [one.entries for one in read_documents("---\n~\n", "f")] == [{}]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1\n", "compose.yaml:2: not YAML: "),
        ("a: *no\n", "compose.yaml:1: not YAML: found undefined alias"),
        ("a: \x07\n", "compose.yaml: not YAML: unacceptable character #x0007"),
        ("a: 1\nb: 2\na: 3\n", "compose.yaml:3: the key 'a' is set twice"),
        ("- a\n", "compose.yaml:1: is not a mapping"),
        ("? [a]\n: 1\n", "compose.yaml:1: a key is not a text"),
        ("a: {<<: 1}\n", "compose.yaml:1: << takes a mapping"),
        ("a: &a [*a]\n", "compose.yaml: its aliases expand without end"),
        ("a: " + "[" * 200 + "]" * 200, "compose.yaml: its aliases expand without end, or it is nested too deeply"),
    ],
)
def test_a_fault_is_named_with_its_line(text: str, message: str) -> None:
    assert message in problem(text)


def test_aliases_that_multiply_are_refused() -> None:
    levels = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]\n" for n in range(1, 12))
    assert "expand without end" in problem("l0: &l0 [x]\n" + levels)


def test_a_table_has_the_line_of_each_key_that_names_it() -> None:
    (found,) = read_documents("x: &x\n  a: 1\none: *x\ntwo:\n  <<: *x\n  b: 2\n", "compose.yaml")
    assert [found.table(key).where for key in ("x", "one", "two")] == [f"compose.yaml:{line}" for line in (1, 3, 4)]
    assert [found.table(key).text("a") for key in ("one", "two")] == [Text("1", "compose.yaml:2")] * 2
