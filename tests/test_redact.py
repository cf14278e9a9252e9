"""A known secret is gone from text, in whatever form a tool writes it."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.command import Secret
from slipway.redact import MASK, Redactor, url_secrets

VALUE = "pä ss/w?rd+1"
redact = Redactor([Secret(VALUE)])


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
    ],
)
def test_a_form_of_a_secret(text: str) -> None:
    assert MASK in redact(text)
    assert "ss/w" not in redact(text)


def test_what_is_no_secret_stays() -> None:
    assert redact("a password of another") == "a password of another"
    assert Redactor()("text") == "text"
    assert Redactor([Secret(""), Secret("abc")])("abc of it") == "abc of it"


def test_the_longest_secret_goes_first() -> None:
    assert Redactor([Secret("token"), Secret("token-and-more")])("token-and-more") == MASK


def test_the_quotes_of_json_do_not_hide_it() -> None:
    quoted = Redactor([Secret('say "é"')])
    assert quoted(json.dumps('say "é"', ensure_ascii=False)) == f'"{MASK}"'


@given(st.binary(max_size=20), st.text(min_size=6, max_size=30), st.binary(max_size=20))
def test_inside_any_base64(before: bytes, secret: str, after: bytes) -> None:
    """Not one of the digits that stand for the secret alone is left in a row of four."""
    encoded = base64.b64encode(before + secret.encode() + after).decode()
    first = -(-len(before) * 8 // 6)
    last = (len(before) + len(secret.encode())) * 8 // 6
    shown = Redactor([Secret(secret)])(encoded)
    assert encoded[first:last] not in shown
    assert MASK in shown


@given(st.text(), st.text(min_size=4), st.text())
def test_never_in_any_text(before: str, secret: str, after: str) -> None:
    shown = Redactor([Secret(secret)])(before + secret + after)
    assert MASK in shown
    assert secret not in shown.replace(MASK, "\0") or MASK in secret or set(secret) <= set(MASK)


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
def test_what_stands_in_a_url(url: str, secrets: list[str]) -> None:
    assert [secret.reveal() for secret in url_secrets(url)] == secrets
