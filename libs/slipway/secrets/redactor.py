"""Secrets taken out of text before it is shown, logged or quoted.

Known secrets go in all their forms; a password in a URL goes by its place there, whoever knows of it.

A secret is known in many forms (as it is, percent-encoded, base64 …), and line breaks within a form hide nothing: tools
wrap base64 at 76 columns, terminals at theirs. Text may come in pieces cut anywhere; what may be the beginning of a
secret is then held back until it is decided.
"""

from __future__ import annotations

import base64
import codecs
import json
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any
from urllib.parse import quote, quote_plus

from slipway.secrets.patterns import MASK, without_passwords
from slipway.secrets.secret import Secret

#: Shorter values would blank out ordinary words; so would the short lines of a longer secret.
_SHORTEST, _SHORTEST_LINE = 4, 8

_BREAKS = "[\r\n]{0,2}"
_ARMOUR = re.compile(r"-{3,}.*-{3,}")
_ESCAPED = re.compile(r"%[0-9A-F]{2}")
#: What is left as it is: by curl and most, in paths, in Go's logins and paths (so docker's), by JavaScript.
_SAFE_IN_URLS = ("", "/", "$&+,;=", "$&+:=@", "!'()*")
#: What Go's JSON escapes beyond the standard.
_GO_ESCAPES = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}
#: XML's escapes: in text, in an attribute, and with both quotes as html.escape has them.
_XML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_XML_ESCAPES = (_XML, _XML | {ord('"'): "&quot;"}, _XML | {ord('"'): "&quot;", ord("'"): "&#x27;"})


class Redactor:
    """Replaces every known secret, and every password in a URL, by ``***``; more can be learned at any time."""

    def __init__(self, secrets: Iterable[Secret] = ()) -> None:
        self._forms: tuple[str, ...] = ()
        self.learn(secrets)

    def learn(self, secrets: Iterable[Secret]) -> None:
        """Hide these, too, from now on."""
        found = {form for secret in secrets for form in _forms(secret.reveal())}.difference(self._forms)
        if found:
            self._forms = tuple(sorted({*self._forms, *found}, key=len, reverse=True))
            for made in ("_secret", "_opening"):
                self.__dict__.pop(made, None)

    def __call__(self, text: str) -> str:
        return without_passwords(self._secret.sub(MASK, text) if self._forms else text)

    def all(self, content: Any) -> Any:
        """What JSON holds, with every text in it redacted, names of fields too."""
        if isinstance(content, str):
            return self(content)
        if isinstance(content, Mapping):
            return {self(str(name)): self.all(value) for name, value in content.items()}
        if isinstance(content, list | tuple):
            return [self.all(value) for value in content]
        return content

    def elided(self, text: str) -> str:
        """``text`` redacted, where ``...`` may stand for the middle of a secret, as in what pytest shows of values."""
        first, *others = self(text).split("...")
        shown = first
        for piece in others:
            begun, ended = self._overlap(shown, str.endswith, True), self._overlap(piece, str.startswith, False)
            shown = (shown[: len(shown) - begun] + MASK if begun else shown) + "..."
            shown += MASK + piece[ended:] if ended else piece
        return shown

    def _overlap(self, text: str, has: Callable[[str, str], bool], first: bool) -> int:
        """How much of a secret's first or last part ``text`` has at its end or its beginning."""
        parts = ((form[:size] if first else form[-size:]) for form in self._forms for size in _parts(form))
        return max((len(part) for part in parts if has(text, part)), default=0)

    def decided(self, text: str) -> tuple[str, str]:
        """``text`` redacted as far as nothing that follows can change it, and the rest as it is."""
        if not self._forms:
            return text, ""
        shown: list[str] = []
        done, held = 0, self._undecided(text, 0)
        for match in self._secret.finditer(text):
            if held <= match.start():
                break
            shown += text[done : match.start()], MASK
            done = match.end()
            held = self._undecided(text, done) if held < done else held
        return "".join([*shown, text[done:held]]), text[held:]

    @cached_property
    def _secret(self) -> re.Pattern[str]:
        """The forms, longest first; made when first used, for a long key takes a second."""
        return re.compile("|".join(_BREAKS.join(map(re.escape, form)) for form in self._forms))

    @cached_property
    def _opening(self) -> re.Pattern[str]:
        return re.compile("|".join(map(_opening, self._forms)))

    def _undecided(self, text: str, start: int) -> int:
        """Where the first beginning of a form stands that runs into the end of ``text``; its length if none does."""
        for place in range(max(start, len(text) - 3 * len(self._forms[0])), len(text)):
            if self._opening.match(text, place):
                rest = text[place:].replace("\r", "").replace("\n", "")
                if any(len(rest) < len(form) and form.startswith(rest) for form in self._forms):
                    return place
        return len(text)


class Lines:
    """A process's output, in pieces cut anywhere, as whole lines without secrets."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._held = ""
        self._line = ""

    def feed(self, data: bytes) -> list[str]:
        """The lines that ``data`` completes."""
        shown, self._held = self._redactor.decided(self._held + self._decode(data))
        return self._whole(shown)

    def close(self) -> list[str]:
        """What is left, also when no line break ends it."""
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
    """Matches the first three characters of ``form``, or what there is of them at the end of the text."""
    first, second, third = map(re.escape, form[:3])
    return rf"{first}{_BREAKS}(?:\Z|{second}{_BREAKS}(?:\Z|{third}))"


def _forms(value: str) -> set[str]:
    """Every way in which ``value`` may be written; none holds a line break. Each line of it counts as a secret."""
    lines = [line.strip() for line in re.split(r"[\r\n]+", value)]
    flat = "".join(re.split(r"[\r\n]+", value))
    if len(flat) < _SHORTEST:
        return set()
    long_lines = [line for line in lines if len(line) >= _SHORTEST_LINE and not _ARMOUR.fullmatch(line)]
    written = {form for part in (value, flat, *long_lines) for form in _written(part)}
    encoded = {form for part in (value, flat) for form in _encoded(part.encode("utf-8", "surrogateescape"))}
    return {form for form in written | encoded if len(form) >= _SHORTEST and not re.search(r"[\r\n]", form)}


def _written(value: str) -> set[str]:
    """In text: as it is, in a URL, in JSON, in XML, in a shell's single quotes."""
    data = value.encode("utf-8", "surrogateescape")
    in_url = {quote_plus(data), *(quote(data, safe=safe) for safe in _SAFE_IN_URLS)}
    in_url |= {_ESCAPED.sub(lambda match: match[0].lower(), form) for form in in_url}
    in_json = {json.dumps(value, ensure_ascii=ascii)[1:-1] for ascii in (True, False)}
    in_json |= {form.translate(_GO_ESCAPES) for form in in_json}
    in_xml = {value.translate(escapes) for escapes in _XML_ESCAPES}
    return {value, value.replace("'", "'\"'\"'"), *in_url, *in_json, *in_xml}


def _encoded(data: bytes) -> set[str]:
    """Hexadecimal, and base64 wherever it may begin in longer data."""
    forms = {data.hex(), data.hex().upper()}
    for lead in range(3):
        # Inside longer data base64 shifts by the bytes before it: keep the digits that depend on the value alone.
        digits = base64.b64encode(b"\0" * lead + data).decode().rstrip("=")
        start = (0, 2, 3)[lead]
        end = len(digits) - (1 if (lead + len(data)) % 3 else 0)
        forms |= {digits[start:end], digits[start:end].replace("+", "-").replace("/", "_")}
    return forms
