"""Replace secrets in text before slipway shows, logs or quotes it.

The redactor replaces each known secret in all its forms (as it is, percent-encoded, base64 …), and each password in a
URL. A line break inside a form hides nothing: tools wrap base64 at 76 columns, terminals at their width. Text may
arrive in pieces. The redactor holds back a tail that may be the start of a secret until the next piece decides.
"""

from __future__ import annotations

import base64
import codecs
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import quote, quote_plus

from slipway.secrets.patterns import MASK, without_passwords
from slipway.secrets.secret import Secret

#: Shorter values, and shorter lines of a longer secret, would mask ordinary words.
_SHORTEST, _SHORTEST_LINE = 4, 8

_BREAKS = "[\r\n]{0,2}"
_ARMOUR = re.compile(r"-{3,}.*-{3,}")
_ESCAPED = re.compile(r"%[0-9A-F]{2}")
#: Characters left unescaped: by curl and most tools, in paths, in Go's logins and paths (docker's), by JavaScript.
_SAFE_IN_URLS = ("", "/", "$&+,;=", "$&+:=@", "!'()*")
#: Characters that Go's JSON escapes beyond the standard.
_GO_ESCAPES = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}
#: XML's escapes: in text, in an attribute, and with both quotes as html.escape has them.
_XML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_XML_ESCAPES = (_XML, _XML | {ord('"'): "&quot;"}, _XML | {ord('"'): "&quot;", ord("'"): "&#x27;"})


@dataclass(frozen=True)
class _Forms:
    """Every form of the known secrets, longest first. Patterns are compiled on first use: a long key takes a second."""

    texts: tuple[str, ...]

    @cached_property
    def secret(self) -> re.Pattern[str]:
        return re.compile("|".join(_BREAKS.join(map(re.escape, form)) for form in self.texts))

    @cached_property
    def opening(self) -> re.Pattern[str]:
        return re.compile("|".join(map(_opening, self.texts)))

    def undecided(self, text: str, start: int) -> int:
        """Return the index of the first form that runs into the end of ``text``; its length if none does."""
        for place in range(max(start, len(text) - 3 * len(self.texts[0])), len(text)):
            if self.opening.match(text, place):
                rest = text[place:].replace("\r", "").replace("\n", "")
                if any(len(rest) < len(form) and form.startswith(rest) for form in self.texts):
                    return place
        return len(text)


class Redactor:
    """Replace every known secret, and every password in a URL, by ``***``."""

    def __init__(self, secrets: Iterable[Secret] = ()) -> None:
        self._known = _Forms(())
        self.learn(secrets)

    def learn(self, secrets: Iterable[Secret]) -> None:
        """Add ``secrets``; from now on they are replaced, too."""
        known = self._known.texts
        found = {form for secret in secrets for form in _forms(secret.reveal())}.difference(known)
        if found:
            self._known = _Forms(tuple(sorted({*known, *found}, key=len, reverse=True)))

    def __call__(self, text: str) -> str:
        known = self._known
        return without_passwords(known.secret.sub(MASK, text) if known.texts else text)

    def all(self, content: Any) -> Any:
        """Redact every text in JSON content, field names included."""
        if isinstance(content, str):
            return self(content)
        if isinstance(content, Mapping):
            return {self(str(name)): self.all(value) for name, value in content.items()}
        if isinstance(content, list | tuple):
            return [self.all(value) for value in content]
        return content

    def elided(self, text: str) -> str:
        """Redact ``text`` where ``...`` may stand for the middle of a secret, as in pytest's shortened values."""
        first, *others = self(text).split("...")
        shown = first
        for piece in others:
            begun, ended = self._overlap(shown, str.endswith, True), self._overlap(piece, str.startswith, False)
            shown = (shown[: len(shown) - begun] + MASK if begun else shown) + "..."
            shown += MASK + piece[ended:] if ended else piece
        return shown

    def _overlap(self, text: str, has: Callable[[str, str], bool], first: bool) -> int:
        """Measure how much of a secret's first or last part ``text`` has at its end or its beginning."""
        parts = ((form[:size] if first else form[-size:]) for form in self._known.texts for size in _parts(form))
        return max((len(part) for part in parts if has(text, part)), default=0)

    def decided(self, text: str) -> tuple[str, str]:
        """Split ``text`` into a redacted prefix and a tail that may be the start of a secret."""
        known = self._known
        if not known.texts:
            return text, ""
        shown: list[str] = []
        done, held = 0, known.undecided(text, 0)
        for match in known.secret.finditer(text):
            if held <= match.start():
                break
            shown += text[done : match.start()], MASK
            done = match.end()
            held = known.undecided(text, done) if held < done else held
        return "".join([*shown, text[done:held]]), text[held:]


class RedactedLines:
    """Turn a process's output, which arrives in pieces, into whole redacted lines."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._held = ""
        self._line = ""

    def feed(self, data: bytes) -> list[str]:
        """Return the lines that ``data`` completes."""
        shown, self._held = self._redactor.decided(self._held + self._decode(data))
        return self._whole(shown)

    def close(self) -> list[str]:
        """Return the remaining lines, also a last one without a line break."""
        rest, self._held = self._redactor(self._held + self._decode(b"", True)), ""
        lines = self._whole(rest)
        last, self._line = self._line, ""
        return [*lines, *map(without_passwords, last.splitlines())]

    def _whole(self, text: str) -> list[str]:
        whole, end, rest = (self._line + text).rpartition("\n")
        self._line = rest
        return [without_passwords(line) for line in (whole + end).splitlines()]


def _parts(form: str) -> range:
    return range(_SHORTEST, len(form))


def _opening(form: str) -> str:
    """Return a pattern for the first three characters of ``form``, or as many as the text's end still has."""
    first, second, third = map(re.escape, form[:3])
    return rf"{first}{_BREAKS}(?:\Z|{second}{_BREAKS}(?:\Z|{third}))"


def _forms(value: str) -> set[str]:
    """Return all written forms of ``value``, without line breaks. Each of its long lines counts as a secret."""
    lines = [line.strip() for line in re.split(r"[\r\n]+", value)]
    flat = "".join(re.split(r"[\r\n]+", value))
    if len(flat) < _SHORTEST:
        return set()
    long_lines = [line for line in lines if len(line) >= _SHORTEST_LINE and not _ARMOUR.fullmatch(line)]
    written = {form for part in (value, flat, *long_lines) for form in _written(part)}
    encoded = {form for part in (value, flat) for form in _encoded(part.encode("utf-8", "surrogateescape"))}
    return {form for form in written | encoded if len(form) >= _SHORTEST and not re.search(r"[\r\n]", form)}


def _written(value: str) -> set[str]:
    """Return the forms in text: plain, in a URL, in JSON, in XML, in a shell's single quotes."""
    data = value.encode("utf-8", "surrogateescape")
    in_url = {quote_plus(data), *(quote(data, safe=safe) for safe in _SAFE_IN_URLS)}
    in_url |= {_ESCAPED.sub(lambda match: match[0].lower(), form) for form in in_url}
    in_json = {json.dumps(value, ensure_ascii=ascii)[1:-1] for ascii in (True, False)}
    in_json |= {form.translate(_GO_ESCAPES) for form in in_json}
    in_xml = {value.translate(escapes) for escapes in _XML_ESCAPES}
    return {value, value.replace("'", "'\"'\"'"), *in_url, *in_json, *in_xml}


def _encoded(data: bytes) -> set[str]:
    """Return the hexadecimal forms, and the base64 forms at each offset in longer data."""
    forms = {data.hex(), data.hex().upper()}
    for lead in range(3):
        # The bytes before the value shift its base64 digits: keep the digits that depend on the value alone.
        digits = base64.b64encode(b"\0" * lead + data).decode().rstrip("=")
        start = (0, 2, 3)[lead]
        end = len(digits) - (1 if (lead + len(data)) % 3 else 0)
        forms |= {digits[start:end], digits[start:end].replace("+", "-").replace("/", "_")}
    return forms
