"""The words of an instruction: how they are parted and expanded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.dockerfile.expansion import WordError, expand
from slipway.dockerfile.words import shell_words, split_flags


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("'a b'", ["a b"]),
        ('"a b"', ["a b"]),
        (r"a\ b", ["a b"]),
        ("$X", ["a", "b"]),
        ('"$X"', ["a b"]),
        ("c'a b'd e", ["ca bd", "e"]),
        ("${X:+c d}", ["c", "d"]),
        ('"${X:+c d}"', ["c d"]),
        ("${X}y", ["a", "by"]),
        ("''", []),
        ("'' ''", []),
    ],
)
def test_blanks_in_quotes_do_not_part_words(word: str, words: list[str]) -> None:
    assert list(expand(word, {"X": "a b"}).words) == words


values = st.text(st.sampled_from("ab/.*? é"), max_size=8)


literals = st.text(st.characters(blacklist_characters="$'\"\\", blacklist_categories=["Cs"]), max_size=20)


@given(literals)
def test_a_word_without_anything_special_stays(word: str) -> None:
    assert expand(word).text == word


@given(literals)
def test_the_words_are_those_between_blanks(word: str) -> None:
    assert expand(word).words == tuple(word.split())


@given(values, values)
def test_defaults_and_alternatives(value: str, other: str) -> None:
    env = {"v": value}
    assert expand("${v:-'" + other + "'}", env).text == (value or other)
    assert expand("${v-'" + other + "'}", env).text == value
    assert expand("${v:+'" + other + "'}", env).text == (other if value else "")
    assert expand("${u+x}${u-'" + other + "'}", env).text == other


@given(values, st.sampled_from(["a", "b", "/", ".", "ab", "é"]))
def test_trimming_and_replacing_a_literal(value: str, part: str) -> None:
    env = {"v": value}
    assert expand("${v#" + part + "}", env).text == value.removeprefix(part)
    assert expand("${v%" + part + "}", env).text == value.removesuffix(part)
    escaped = part.replace("/", "\\/")
    assert expand("${v//" + escaped + "/X}", env).text == value.replace(part, "X")
    assert expand("${v/" + escaped + "/X}", env).text == value.replace(part, "X", 1)


@given(values)
def test_trimming_to_a_slash_gives_the_parts_of_a_path(value: str) -> None:
    env = {"v": value}
    assert expand("${v##*/}", env).text == value.rpartition("/")[2]
    assert expand("${v%/*}", env).text == (value.rpartition("/")[0] if "/" in value else value)
    assert expand("${v#*/}", env).text == (value.partition("/")[2] if "/" in value else value)


@given(st.text(st.sampled_from("ab$\\'\"{}:-/%#? "), max_size=12))
def test_any_word_expands_or_is_refused(word: str) -> None:
    try:
        assert isinstance(expand(word, {"a": "x"}).text, str)
    except WordError as error:
        assert str(error)


@given(st.lists(st.text(st.sampled_from("ab'\"\\ -="), max_size=6)))
def test_splitting_loses_no_letter(words: list[str]) -> None:
    text = " ".join(words)
    assert [char for char in "".join(shell_words(text)) if char in "ab"] == [char for char in text if char in "ab"]


@pytest.mark.parametrize(
    ("text", "flags", "rest"),
    [
        ("a --b", (), "a --b"),
        ("--a=1 --b  c", ("a=1", "b"), "c"),
        ('--a=\'x y\' --b="p \\" q" -c', ("a=x y", 'b=p " q'), "-c"),
        ("--a -- --b", ("a",), "--b"),
    ],
)
def test_leading_flags(text: str, flags: tuple[str, ...], rest: str) -> None:
    assert split_flags(text) == (flags, rest)


def test_which_variables_left_nothing() -> None:
    expansion = expand("${a}${b}${c:-x}${d}", {"a": "1", "b": ""})
    assert sorted(expansion.used) == ["a", "b"]
    assert sorted(expansion.blank) == ["b", "d"]
