"""A known secret is gone from text, in whatever form a tool writes it."""

from __future__ import annotations

import base64
import html
import json
import re
import shlex
import textwrap
from urllib.parse import quote, quote_plus
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slipway.secrets.patterns import (
    MASK,
    holds_login,
    login_secrets,
    secret_by_shape,
    url_secrets,
    without_login,
    without_logins,
)
from slipway.secrets.redactor import RedactedLines, Redactor
from slipway.secrets.secret import Secret

VALUE = "pä ss/w?rd+1"
redact = Redactor([Secret(VALUE)])
KEY = (
    "-----BEGIN KEY-----\n"
    + "\n".join(f"{number}line+of/the={number}" * 4 for number in range(5))
    + "\n-----END KEY-----"
)

#: Few letters, so that secrets overlap, repeat, and begin where others end.
LETTERS = st.text("abA=\n", max_size=8)
CLOSE = st.lists(st.text("abA", min_size=4, max_size=7).map(Secret), min_size=1, max_size=3)


@pytest.mark.parametrize(
    "text",
    [
        VALUE,
        f"--password={VALUE};",
        quote(VALUE, safe=""),
        json.dumps({"password": VALUE}),
        json.dumps({"password": VALUE}, ensure_ascii=False),
        base64.b64encode(VALUE.encode()).decode(),
        base64.urlsafe_b64encode(VALUE.encode()).decode(),
        base64.b64encode(f"u:{VALUE}".encode()).decode(),
        base64.b64encode(f"us:{VALUE}".encode()).decode(),
        base64.b64encode(f"use:{VALUE} and more".encode()).decode(),
        quote(VALUE, safe="").lower(),
        quote(VALUE),
        quote_plus(VALUE),
        VALUE.encode().hex(),
        VALUE.encode().hex().upper(),
        "pä s\ns/w\r\n?rd+1",
        "\n".join(base64.b64encode(VALUE.encode()).decode()),
    ],
)
def test_a_form_of_a_secret(text: str) -> None:
    assert MASK in redact(text)
    assert "ss/w" not in redact(text)


def test_text_without_a_secret_stays() -> None:
    assert redact("a password of another") == "a password of another"
    assert Redactor()("text") == "text"
    assert Redactor([Secret(""), Secret("abc")])("abc of it") == "abc of it"


def test_the_longest_secret_goes_first() -> None:
    assert Redactor([Secret("token"), Secret("token-and-more")])("token-and-more") == MASK


def test_the_quotes_of_json_do_not_hide_it() -> None:
    quoted = Redactor([Secret('say "é"')])
    assert quoted(json.dumps('say "é"', ensure_ascii=False)) == f'"{MASK}"'


@settings(deadline=None)
@given(st.binary(max_size=20), st.text(min_size=6, max_size=30), st.binary(max_size=20))
def test_inside_any_base64(before: bytes, secret: str, after: bytes) -> None:
    """Not one of the digits that stand for the secret alone is left in a row of four."""
    encoded = base64.b64encode(before + secret.encode() + after).decode()
    first = -(-len(before) * 8 // 6)
    last = (len(before) + len(secret.encode())) * 8 // 6
    shown = Redactor([Secret(secret)])(encoded)
    assert encoded[first:last] not in shown
    assert MASK in shown


def whole(secret: str) -> bool:
    """Long enough to be one, and not broken up by more line breaks than any tool sets."""
    return len(re.sub(r"[\r\n]", "", secret)) >= 4 and not re.search(r"[\r\n]{3}", secret)


@settings(deadline=None)
@given(st.text(), st.text(min_size=4).filter(whole), st.text())
def test_never_in_any_text(before: str, secret: str, after: str) -> None:
    shown = Redactor([Secret(secret)])(before + secret + after)
    assert MASK in shown
    assert secret not in shown.replace(MASK, "\0") or MASK in secret or set(secret) <= set(MASK)


@pytest.mark.parametrize("width", [64, 76, 77])
@pytest.mark.parametrize("lead", [0, 1, 2, 70])
def test_base64_wrapped_at_a_column(width: int, lead: int) -> None:
    secret = "s3cret-" * 30
    encoded = base64.b64encode(b"x" * lead + secret.encode()).decode()
    shown = Redactor([Secret(secret)])("\n".join(textwrap.wrap(encoded, width)))
    kept = -(-lead * 8 // 6)
    assert shown.replace("\n", "")[:kept] == encoded[:kept]
    assert len(shown.replace(MASK, "").replace("\n", "")) <= kept + 4


def test_each_line_of_a_key_is_a_secret() -> None:
    hide = Redactor([Secret(KEY)])
    lines = KEY.splitlines()
    for line in lines[1:-1]:
        assert hide(f"| {line} |") == f"| {MASK} |"
    assert hide(lines[0]) == lines[0], "its first line is that of every key"
    for text in (KEY, KEY.replace("\n", "\r\n"), json.dumps(KEY), quote(KEY), base64.b64encode(KEY.encode()).decode()):
        assert MASK in hide(text)
        assert not any(line in hide(text) for line in lines[1:-1])


def test_in_json_as_go_writes_it() -> None:
    assert Redactor([Secret("a&b<c>d")])(r'"a\u0026b\u003cc\u003ed"') == f'"{MASK}"'


def test_in_a_shell_s_quotes() -> None:
    value = "it's secret"
    assert Redactor([Secret(value)])(f"echo {shlex.quote(value)}") == f"echo '{MASK}'"


def test_a_secret_with_undecodable_bytes_is_redacted() -> None:
    assert Redactor([Secret("tok\udcffen")])("a tok\udcffen") == f"a {MASK}"


def test_a_secret_that_is_learned_later_is_redacted_from_then_on() -> None:
    hide = Redactor([Secret("first-one")])
    assert hide.decided("first-one second-o") == ("*** second-o", "")
    hide.learn([Secret("second-one"), Secret("first-one")])
    assert hide("first-one second-one") == "*** ***"
    assert hide.decided("first-one second-o") == ("*** ", "second-o")


def test_a_line_of_eight_characters_counts_and_one_like_a_frame_does_not() -> None:
    hide = Redactor([Secret("a-long-first-line\n12345678\nabcdefg\n-----A FRAME-----\n---x---tail-of-it")])
    assert hide("12345678 abcdefg") == "*** abcdefg"
    assert hide("-----A FRAME-----") == "-----A FRAME-----"
    assert hide("---x---tail-of-it") == "***"


@pytest.mark.parametrize("lead", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("tail", [0, 1, 2, 3])
@pytest.mark.parametrize("secret", ["four", "fives", "sixsix", "sevense"])
def test_of_base64_exactly_the_digits_go_that_depend_on_the_secret_alone(lead: int, tail: int, secret: str) -> None:
    encoded = base64.b64encode(b"\x01" * lead + secret.encode() + b"\x02" * tail).decode()
    first, last = -(-lead * 8 // 6), (lead + len(secret)) * 8 // 6
    assert Redactor([Secret(secret)])(encoded) == encoded[:first] + MASK + encoded[last:]


def test_base64_for_urls_has_its_own_digits() -> None:
    secret = "~~~???>>>"
    assert base64.urlsafe_b64encode(secret.encode()) == b"fn5-Pz8_Pj4-"
    assert Redactor([Secret(secret)])("fn5-Pz8_Pj4- fn5+Pz8/Pj4+") == "*** ***"


def test_the_longest_form_is_held_back_from_its_first_character_on() -> None:
    hide = Redactor([Secret("zzzz"), Secret("a" * 60)])
    assert hide.decided("x" + "a" * 59) == ("x", "a" * 59)
    digits = Redactor([Secret("3141592653")])
    wrapped = "\r\n".join(b"3141592653".hex())
    assert digits.decided("x" + wrapped[:-1]) == ("x", wrapped[:-1])
    assert digits(wrapped) == MASK


def test_a_complete_secret_is_not_held_back() -> None:
    assert Redactor([Secret("hunter2-and-more")]).decided("a hunter2-and-more") == ("a ***", "")
    assert Redactor().decided("hunter2") == ("hunter2", "")


@pytest.mark.parametrize(
    "text",
    [
        "https://ann:s3cret@x.example/simple",
        "HTTPS://ann:s3cret@x.example",
        "git+ssh://ann:s3cret@x.example",
        "x://ann:s3cret@x.example",
        "redis://:s3cret@x.example",
        "token ghp_" + "a1" * 15,
        "github_pat_" + "a1" * 10,
        "glpat-" + "a-" * 10,
        "AKIA" + "A1" * 8,
        "pypi-" + "a1" * 25,
    ],
)
def test_a_secret_is_seen_by_its_shape(text: str) -> None:
    assert secret_by_shape(f"RUN x {text}") is True


@pytest.mark.parametrize(
    "text",
    [
        "https://x.example/ann:s3cret@y",
        "https://ann@x.example",
        "https://ann:@x.example",
        "https://ann:$TOKEN@x.example",
        "https://ann: s3cret@x.example",
        "://ann:s3cret@x.example",
        "ghp_" + "a" * 29,
        "xghp_" + "a" * 30,
        "AKIA" + "a1" * 8,
        "pypi-" + "a" * 49,
    ],
)
def test_text_without_the_shape_of_a_secret_is_not_one(text: str) -> None:
    assert secret_by_shape(text) is False


@settings(deadline=None)
@given(CLOSE, st.lists(LETTERS, max_size=8))
def test_pieces_cut_anywhere_come_to_the_same(secrets: list[Secret], pieces: list[str]) -> None:
    hide, held, shown = Redactor(secrets), "", ""
    for piece in pieces:
        more, held = hide.decided(held + piece)
        shown += more
    assert shown + hide(held) == hide("".join(pieces))


@settings(deadline=None)
@given(st.binary(max_size=40), st.text(min_size=4).filter(whole), st.binary(max_size=40), st.integers(1, 9))
def test_bytes_cut_anywhere_come_out_as_whole_lines(before: bytes, secret: str, after: bytes, size: int) -> None:
    data = before + secret.encode() + after
    hide = Redactor([Secret(secret)])
    lines, told = RedactedLines(hide), []
    for start in range(0, len(data), size):
        told += lines.feed(data[start : start + size])
    told += lines.close()
    assert told == hide(data.decode("utf-8", "replace")).splitlines()


def test_only_the_possible_start_of_a_secret_is_held_back() -> None:
    lines = RedactedLines(Redactor([Secret("hunter2-and-more")]))
    assert lines.feed(b"plain\nha") == ["plain"]
    assert lines.feed(b"lf\nwith hunter") == ["half"]
    assert lines.feed(b"2-and\n-mor") == []
    assert lines.feed(b"e\nhunt") == [f"with {MASK}"]
    assert lines.close() == ["hunt"]
    assert lines.close() == []


@pytest.mark.parametrize(
    ("url", "secrets"),
    [
        ("https://alice:s3cret@pypi.example/simple", ["s3cret", "alice"]),
        ("https://alice:s%2Fcret@pypi.example/simple", ["s%2Fcret", "alice", "s/cret"]),
        ("https://glpat-token@pypi.example/simple", ["glpat-token"]),
        ("https://pypi.example/simple", []),
        ("https://[broken/simple", []),
    ],
)
def test_the_secrets_in_a_url_are_found(url: str, secrets: list[str]) -> None:
    assert [secret.reveal() for secret in url_secrets(url)] == secrets


def test_all_that_json_holds_is_redacted() -> None:
    hide = Redactor([Secret("hunter2")])
    assert hide.all({"a hunter2": ["x hunter2", ("hunter2", 3)], "b": {"c": None}}) == {
        f"a {MASK}": [f"x {MASK}", [MASK, 3]],
        "b": {"c": None},
    }


#: A value, how it may be quoted, and the secrets that it may hold; None where nothing in it is one.
ADDRESSES: list[tuple[str, str, list[str] | None]] = [
    ("https://pypi.example/simple", "https://pypi.example/simple", None),
    ("https://ann:s3cret@pypi.example/simple", "https://***@pypi.example/simple", ["s3cret"]),
    ("https://token@pypi.example", "https://***@pypi.example", ["token"]),
    ("https://ann:p@ss@pypi.example", "https://***@pypi.example", ["p@ss", "p"]),
    ("https://ann:p/ss@pypi.example", "https://***@pypi.example", ["p/ss"]),
    ("https://ann:p%40ss@pypi.example", "https://***@pypi.example", ["p%40ss", "p@ss"]),
    ("https://pypi.example/@scope/simple", "https://pypi.example/@scope/simple", None),
    ("https://pypi.example:8080/@scope/simple", "https://pypi.example:8080/@scope/simple", None),
    ("bob:hunter2@reg.example", "***@reg.example", ["hunter2"]),
    ("ann:s3cret@proxy:3128", "***@proxy:3128", ["s3cret"]),
    ("me@builder:22", "me@builder:22", None),
    ("ssh://me@builder", "ssh://***@builder", None),
    ("ssh://me:s3cret@builder", "ssh://***@builder", ["s3cret"]),
    ("python:3.12@sha256:" + 64 * "0", "python:3.12@sha256:" + 64 * "0", None),
    ("reg:5000/acme/x:1@sha256:" + 64 * "0", "reg:5000/acme/x:1@sha256:" + 64 * "0", None),
    ("localhost:5000", "localhost:5000", None),
    ("/srv/a:b@c", "/srv/a:b@c", None),
    ("", "", None),
]


@pytest.mark.fault("X31")
@pytest.mark.parametrize(("value", "told", "secrets"), ADDRESSES)
def test_a_login_in_an_address(value: str, told: str, secrets: list[str] | None) -> None:
    assert without_login(value) == told
    assert holds_login(value) == (secrets is not None)
    assert [secret.reveal() for secret in login_secrets(value)] == (secrets or [])


@pytest.mark.fault("X31")
def test_passwords_in_urls_are_redacted_without_being_learned() -> None:
    text = "a https://ann:s3cret@one.example/x and HTTP://u:p@ss@two b"
    assert Redactor()(text) == f"a https://{MASK}@one.example/x and HTTP://{MASK}@two b"
    lines = RedactedLines(Redactor())
    assert lines.feed(text[:20].encode()) == []
    assert [*lines.feed(f"{text[20:]}\n{text}".encode()), *lines.close()] == [Redactor()(text)] * 2
    assert Redactor()("curl https://${NAME}:${PASSWORD}@host") == "curl https://${NAME}:${PASSWORD}@host"
    assert without_logins("git https://token@one.example and me@mail") == f"git https://{MASK}@one.example and me@mail"


def test_a_secret_in_xml() -> None:
    secret = "a<b&'c\"d>"
    element = ElementTree.Element("x", a=secret)
    hide = Redactor([Secret(secret)])
    for text in (html.escape(secret, quote=False), html.escape(secret), ElementTree.tostring(element).decode()):
        assert MASK in hide(text) and "b&amp;" not in hide(text)


@pytest.mark.fault("X30")
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("'a password-of-bob...word-of-bobby'", f"'a {MASK}...{MASK}by'"),
        ("a pass...x", f"a {MASK}...x"),
        ("x ... bob... bob", "x ... bob... bob"),
        ("pas...bob", "pas...bob"),
        ("password-of-bob...", f"{MASK}..."),
        ("nothing ... at all", "nothing ... at all"),
    ],
)
def test_a_shortened_secret_is_redacted(text: str, told: str) -> None:
    assert Redactor([Secret("password-of-bob-password-of-bob")]).elided(text) == told
