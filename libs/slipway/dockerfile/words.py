"""Split the words of a Dockerfile instruction: blanks, flags, JSON, NAME=value pairs.

The rules are those of BuildKit's frontend/dockerfile (``parser/line_parsers.go``), oddities included.
"""

from __future__ import annotations

import json
import posixpath
import re

from slipway.dockerfile.expansion import WordError

_PORT = re.compile(r"(?:.*:)?(\d+)(?:-(\d+))?(?:/(tcp|udp|sctp))?", re.IGNORECASE)
_BLANKS = re.compile(r"[\t\v\f\r ]+")


def shell_words(text: str, escape: str = "\\") -> list[str]:
    """Split at blanks outside quotes. Quotes and escapes stay; expansion removes them."""
    if not {escape, "'", '"'}.intersection(text):
        return text.split()
    words, word, quote = [], "", ""
    chars = iter(text)
    for char in chars:
        if not quote and char.isspace():
            words.append(word)
            word = ""
        elif char == escape and quote != "'":
            following = next(chars, "")
            word += char + following if following else ""
        else:
            if quote or char in "'\"":
                quote = "" if char == quote else quote or char
            word += char
    return [found for found in [*words, word] if found]


def blank_words(text: str) -> list[str]:
    """Split at blanks and ignore quotes, as FROM, COPY, ADD, EXPOSE and VOLUME do."""
    return _BLANKS.split(text) if text else []


def json_words(text: str) -> list[str] | None:
    """Parse a JSON array of strings; None when ``text`` is not an array. Raises WordError for other values."""
    if not text.lstrip().startswith("["):
        return None
    try:
        words = json.loads(text)
    except ValueError:
        return None
    if not all(isinstance(word, str) for word in words):
        raise WordError("a JSON list may hold only strings")
    return list(words)


def split_flags(text: str) -> tuple[tuple[str, ...], str]:
    """Split off the leading ``--flags``: without dashes, quotes and backslashes; then the rest of the text."""
    flags: list[str] = []
    text = text.lstrip()
    while text.startswith("--"):
        word, quote, at = "", "", 0
        while at < len(text) and (quote or not text[at].isspace()):
            char = text[at]
            if char == "\\":
                at += 1
                word += text[at : at + 1]
            elif char == quote:
                quote = ""
            elif not quote and char in "'\"":
                quote = char
            else:
                word += char
            at += 1
        text = text[at:].lstrip()
        if word == "--":
            break
        flags.append(word[2:])
    return tuple(flags), text


def pairs(text: str, escape: str, instruction: str) -> list[tuple[str, str]]:
    """Parse the names and values of ENV or LABEL: ``name=value …``, or the old ``name value``. Raises WordError."""
    words = shell_words(text, escape)
    if not words:
        raise WordError(f"{instruction} requires at least one argument")
    if "=" not in words[0]:
        name, *value = _BLANKS.split(text, maxsplit=1)
        if not value:
            raise WordError(f"{instruction} must have two arguments")
        return [(name, value[0])]
    found = []
    for word in words:
        name, equals, value_ = word.partition("=")
        if not equals:
            raise WordError(f"no = in {word}: the form is name=value")
        if not name:
            raise WordError(f"{instruction} names can not be blank")
        found.append((name, value_))
    return found


def ports(text: str) -> list[str]:
    """Expand ``8000-8001/udp`` to ``8000/udp`` and ``8001/udp``. Raises WordError."""
    match = _PORT.fullmatch(text)
    if not match:
        raise WordError(f"{text} is not a port", hint="8000, 8000/udp or 8000-8003")
    first, last, protocol = int(match[1]), int(match[2] or match[1]), (match[3] or "tcp").lower()
    return [f"{port}/{protocol}" for port in range(first, last + 1)]


def context_path(path: str, parents: bool = False) -> str:
    """Resolve a path against the context's root as BuildKit does: ``..`` never leaves the root."""
    if parents and "/./" in path:
        parent, _, below = path.partition("/./")
        return "/./".join(filter(None, (context_path(parent), context_path(below))))
    return posixpath.normpath(f"/{path}").lstrip("/")
