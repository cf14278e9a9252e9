"""The .dockerignore matcher; what real Docker says of it is in integration/test_dockerfile_oracle.py."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.core.errors import UsageError
from slipway.dockerfile.ignore import Ignore, Pattern, parse_ignore


def test_lines_become_clean_patterns() -> None:
    text = "\ufeff# no\n  #yes \r\n\n/a/./b//\n! /c/\n../d\n/\n"
    patterns = [("#yes", False), ("a/b", False), ("c", True), ("../d", False), ("/", False)]
    assert parse_ignore(text).patterns == tuple(Pattern(*pattern) for pattern in patterns)


@pytest.mark.parametrize(
    ("text", "excluded", "kept"),
    [
        ("", "", "a a/b"),
        ("a", "a a/b a/b/c", "b/a ab"),
        ("*.txt", "a.txt", "d/a.txt a.txts"),
        ("*/*.txt", "d/a.txt", "a.txt d/e/a.txt"),
        ("**/*.txt", "a.txt d/a.txt d/e/a.txt", "a.text"),
        ("**/a", "a x/a x/a/b", "xa"),
        ("a/**", "a/b a/b/c", "a"),
        ("a/**/c", "a/c a/b/c a/b/b/c", "a/bc"),
        ("**", "a a/b", ""),
        ("*\n!keep\n!d/keep", "a d d/a", "keep keep/a d/keep"),
        ("a\n!a/b\na/b/c", "a a/x a/b/c a/b/c/d", "a/b a/b/x"),
        ("!a\na", "a", ""),
        ("a\n!a", "", "a a/b"),
        ("?[a-c]", "xa xb/y", "xd a"),
        ("a\\*b\nc+(d).e", "a*b c+(d).e", "axb ccd.e"),
        ("[^a]x", "bx", "ax"),
        ("**x**", "x xx a/x x/b", "a ax"),
        ("**b*", "b a/bc", "c ab"),
    ],
)
def test_paths(text: str, excluded: str, kept: str) -> None:
    ignore = parse_ignore(text)
    assert [path for path in excluded.split() if not ignore.excludes(path)] == []
    assert [path for path in kept.split() if ignore.excludes(path)] == []


@pytest.mark.parametrize(
    ("text", "directory", "pruned"),
    [
        ("a", "a", True),
        ("a", "a/b", True),
        ("a", "b", False),
        ("a\n!a/b", "a", False),
        ("a\n!a/b", "a/c", True),
        ("a\n!a/b", "a/b", False),
        ("*\n!*.md", "a", True),
        ("*\n!**/*.md", "a", False),
        ("*\n!a/**/x", "b", True),
        ("*\n!a/*/x", "a/b", False),
        ("*\n!a/*/x", "a/b/c", True),
        ("!a/b\na", "a", True),
        ("a\n![a]/b", "a", False),
        ("a\n!a/b\na", "a", False),
        ("a\n!a/b\na/*", "a/b", True),
        ("a\n!ab/c", "a", True),
        ("*\n!?/b/c", "a/b", False),
        ("*\n!?/b/c", "a/c", True),
    ],
)
def test_a_directory_is_pruned_only_when_nothing_below_returns(text: str, directory: str, pruned: bool) -> None:
    assert parse_ignore(text).prunes(directory) is pruned


names = st.sampled_from(["a", "b", "ab", "c.py", "d"])
paths = st.lists(names, min_size=1, max_size=4).map("/".join)
parts = st.sampled_from(["a", "b", "*", "**", "?b", "*.py", "[ab]", "d"])
lines = st.builds(
    lambda sign, path: sign + "/".join(path), st.sampled_from(["", "!"]), st.lists(parts, min_size=1, max_size=4)
)
texts = st.lists(lines, max_size=6).map("\n".join)


@given(texts, paths, paths)
def test_nothing_below_a_pruned_directory_is_kept(text: str, directory: str, below: str) -> None:
    ignore = parse_ignore(text)
    if ignore.prunes(directory):
        assert ignore.excludes(f"{directory}/{below}")


@given(texts, st.lists(paths))
def test_earlier_questions_change_no_answer(text: str, asked: list[str]) -> None:
    used = parse_ignore(text)
    assert [used.excludes(path) for path in asked] == [parse_ignore(text).excludes(path) for path in asked]


@given(texts, paths, names)
def test_a_folder_and_its_paths_get_the_same_answer(text: str, directory: str, name: str) -> None:
    ignore = parse_ignore(text)
    assert ignore.below(directory)(f"{directory}/{name}") is ignore.excludes(f"{directory}/{name}")
    assert ignore.below("")(name) is ignore.excludes(name)


def test_a_folder_s_answer_holds_below_it_until_a_later_line_matches() -> None:
    ignore = parse_ignore("a\n!a/b\na/b/*.py")
    assert [ignore.below("a")(f"a/{name}") for name in ("x", "b")] == [True, False]
    assert [ignore.below("a/b")(f"a/b/{name}") for name in ("x", "x.py")] == [False, True]
    assert [ignore.below("")(name) for name in ("a", "ba", "b")] == [True, False, False]
    assert not Ignore().below("a")("a/b")


@given(texts, paths)
def test_excluding_everything_at_the_end_leaves_nothing(text: str, path: str) -> None:
    assert parse_ignore(f"{text}\n**").excludes(path)
    assert not parse_ignore(f"{text}\n!**").excludes(path)


def test_every_broken_line_is_reported() -> None:
    with pytest.raises(UsageError) as caught:
        parse_ignore("ok\n!\na[\nb\\\n[]x\n", path="app/.dockerignore")
    assert [problem.where.rpartition(":")[2] for problem in caught.value.problems] == ["2", "3", "4", "5"]
    assert caught.value.problems[0].what == "!: nothing follows the !"
    assert caught.value.problems[1].what == "a[: the pattern is broken: an unclosed or empty [ ], or a \\ at its end"
    with pytest.raises(UsageError, match=r"\.dockerignore:1: \[b-a\]: the pattern is broken: bad character range"):
        parse_ignore("[b-a]")


def test_earlier_questions_keep_equal_files_equal() -> None:
    one, other = parse_ignore("a"), parse_ignore("a")
    assert one.excludes("a/b") and one == other and hash(one) == hash(other)


def test_an_empty_ignore_leaves_nothing_out() -> None:
    assert not Ignore().excludes("a")
    assert not Ignore().prunes("a")
