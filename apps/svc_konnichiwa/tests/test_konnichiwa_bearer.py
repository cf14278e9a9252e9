"""Judging the Authorization header, as RFC 6750 says."""

from __future__ import annotations

import pytest
from svc_konnichiwa.bearer import Verdict, equals, is_token, judge

KEY = "k3y-._~+/="


@pytest.mark.parametrize(
    ("headers", "verdict"),
    [
        ([f"Bearer {KEY}"], Verdict.GRANTED),
        ([f"bearer   {KEY} "], Verdict.GRANTED),
        ([], Verdict.NO_TOKEN),
        ([""], Verdict.NO_TOKEN),
        (["Basic dXNlcjprZXk="], Verdict.NO_TOKEN),
        ([KEY], Verdict.NO_TOKEN),
        ([f"Bearer{KEY}"], Verdict.NO_TOKEN),
        (["Bearer other"], Verdict.WRONG_TOKEN),
        ([f"Bearer {KEY}x"[:-2]], Verdict.WRONG_TOKEN),
        ([f"Bearer {KEY.upper()}"], Verdict.WRONG_TOKEN),
        (["Bearer"], Verdict.MALFORMED),
        (["Bearer  "], Verdict.MALFORMED),
        ([f"Bearer {KEY} {KEY}"], Verdict.MALFORMED),
        (["Bearer schlüssel"], Verdict.MALFORMED),
        (["Bearer \udcff"], Verdict.MALFORMED),
        ([f"Bearer {KEY}", f"Bearer {KEY}"], Verdict.MALFORMED),
    ],
)
def test_a_header_is_judged(headers: list[str], verdict: Verdict) -> None:
    assert judge(headers, KEY) is verdict


def test_the_challenges_are_those_of_rfc_6750() -> None:
    assert {verdict.name: (verdict.status, verdict.challenge) for verdict in Verdict} == {
        "GRANTED": (200, ""),
        "NO_TOKEN": (401, "Bearer"),
        "WRONG_TOKEN": (401, 'Bearer error="invalid_token"'),
        "MALFORMED": (400, 'Bearer error="invalid_request"'),
    }


@pytest.mark.parametrize(
    ("text", "is_one"), [("a" * 64, True), ("a=", True), ("", False), ("a b", False), ("ü", False)]
)
def test_a_key_is_a_token_that_a_header_can_carry(text: str, is_one: bool) -> None:
    assert is_token(text) is is_one


def test_texts_of_any_length_are_compared() -> None:
    assert equals("a" * 100_000, "a" * 100_000)
    assert not equals("a", "a" * 100_000)
    assert not equals("", "a")
