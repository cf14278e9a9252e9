"""A known secret does not get out, however it is written and wherever the text is cut."""

from __future__ import annotations

import base64
import json
import re
import shlex
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from slipway.secrets.patterns import MASK
from slipway.secrets.redactor import RedactedLines, Redactor
from slipway.secrets.secret import Secret
from tests.properties.examples import examples

#: Characters that clients print unchanged in URLs, beyond letters, digits and ``_.-~``.
GO_USERINFO, GO_PATH, JAVASCRIPT = "$&+,;=", "$&+:=@", "!'()*"


def html_safe_json(text: str) -> str:
    """As Go's encoding/json writes it, and so docker and buildx."""
    written = json.dumps(text, ensure_ascii=False)[1:-1]
    return written.translate({ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"})


WRITTEN: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "in a URL": lambda text: quote(text, safe=""),
    "in a path": quote,
    "in a form": quote_plus,
    "in a URL, small letters": lambda text: re.sub("%..", lambda found: found[0].lower(), quote(text, safe="")),
    "in a login of Go's": lambda text: quote(text, safe=GO_USERINFO),
    "in a path of Go's": lambda text: quote(text, safe=GO_PATH),
    "in a URL of JavaScript's": lambda text: quote(text, safe=JAVASCRIPT),
    "in JSON": lambda text: json.dumps(text)[1:-1],
    "in JSON of Go's": html_safe_json,
    "in a shell": lambda text: shlex.quote(text).removeprefix("'").removesuffix("'"),
}
#: Passwords people have; then any at all.
SECRETS = st.one_of(
    st.text("aB3/?:@&=+$,;%#<>\"'!()*~ \\é-_", min_size=6, max_size=24),
    st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\r\n"), min_size=6, max_size=24),
)
#: Around a secret stands what is not in it: otherwise it would be no longer clear what may be left.
AROUND = st.text("|^{}[]\n ", max_size=12)


@pytest.mark.parametrize("way", WRITTEN)
@examples(40)
@given(AROUND, SECRETS, AROUND)
def test_a_written_secret(way: str, before: str, secret: str, after: str) -> None:
    form = WRITTEN[way](secret)
    assume(secret.strip() == secret and not set(secret) & set("|^{}[]"))
    assert Redactor([Secret(secret)])(before + form + after) == before + MASK + after


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@examples(40)
@given(st.binary(max_size=50), SECRETS, st.binary(max_size=50), st.integers(1, 80))
def test_base64_in_any_phase_and_width(
    encode: Callable[[bytes], bytes], before: bytes, secret: str, after: bytes, width: int
) -> None:
    """At most the two digits at each end stay, which also encode the neighbouring bytes."""
    digits = encode(before + secret.encode() + after).decode()
    first, last = -(-len(before) * 8 // 6), (len(before) + len(secret.encode())) * 8 // 6
    wrapped = "\n".join(digits[at : at + width] for at in range(0, len(digits), width))
    shown = Redactor([Secret(secret)])(wrapped).replace("\n", "")
    assert shown.startswith(digits[: max(0, first - 2)])
    assert MASK in shown
    assert digits[first:last] not in shown


@examples(60)
@given(st.lists(st.sampled_from(sorted(WRITTEN)), min_size=1, max_size=4), SECRETS, AROUND, st.data())
def test_pieces_cut_anywhere(ways: list[str], secret: str, between: str, data: st.DataObject) -> None:
    """A stream is redacted as the whole text is, wherever it is cut."""
    redactor = Redactor([Secret(secret)])
    stream = between.join(WRITTEN[way](secret) for way in ways).encode()
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)), max_size=8)))
    lines, told = RedactedLines(redactor), []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        told += lines.feed(stream[start:end])
    told += lines.close()
    assert told == redactor(stream.decode()).splitlines()
    assert all(WRITTEN[way](secret) not in line for way in ways for line in told if MASK not in secret)


@examples(100)
@given(st.text(), SECRETS)
def test_text_without_the_secret_stays(text: str, secret: str) -> None:
    """No single character of ordinary text is touched when it holds none of the secret's own."""
    assume(not set(text) & {*secret, *base64.b64encode(secret.encode()).decode(), *"%0123456789abcdefABCDEF+_-"})
    assert Redactor([Secret(secret)])(text) == text
