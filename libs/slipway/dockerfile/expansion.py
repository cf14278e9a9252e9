"""Expand variables in a Dockerfile's words: ``$X``, ``${X:-y}``, ``${X#pattern}``, quotes and escapes.

The rules are those of BuildKit's frontend/dockerfile (``shell/lex.go``), oddities included.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

_NAME = re.compile(r"\d+|[@*#?\-$!]|\w+")
#: A word of these characters expands to itself. Most words do, and there are thousands.
_PLAIN = re.compile(r"[A-Za-z0-9_./:=@+-]+")
#: Characters that mean only themselves wherever they stand. The rest are read one by one.
_RUN = re.compile(r"[^$'\"\\`/}]+")
_NOTHING: Mapping[str, str] = {}


class WordError(ValueError):
    """Report a word that cannot be read: the cause, and a fix where one is known."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class Expansion(NamedTuple):
    """Hold an expanded word. ``words`` are its parts, split at blanks that no quote or escape protects."""

    text: str
    words: tuple[str, ...]
    used: frozenset[str]  # variables that had a value
    blank: frozenset[str]  # variables without a default that are unset or empty


def expand(
    word: str,
    env: Mapping[str, str] = _NOTHING,
    *,
    escape: str = "\\",
    keep_quotes: bool = False,
    keep_escapes: bool = False,
    keep_unset: bool = False,
    quotes: bool = True,
    complete: bool = True,
) -> Expansion:
    """Remove quotes and escapes from ``word`` and replace its variables from ``env``.

    ``keep_quotes``, ``keep_escapes`` and ``keep_unset`` leave these things as written. ``quotes=False`` treats quotes
    as ordinary characters, as a heredoc's body does. With ``complete=False`` a base image may set variables that
    ``env`` does not have, so ``${X:?…}`` passes. Raises WordError.
    """
    if _PLAIN.fullmatch(word):
        return Expansion(word, (word,), frozenset(), frozenset())
    lexer = _Lexer(word, env, escape, keep_quotes, keep_unset, quotes, complete)
    pieces = lexer.until("", keep_escapes)
    text = "".join(piece for piece, _ in pieces)
    return Expansion(text, _split(pieces), frozenset(lexer.used), frozenset(lexer.blank))


_Piece = tuple[str, bool]  # text, and whether its blanks are protected


def _split(pieces: Iterable[_Piece]) -> tuple[str, ...]:
    words, word = [], ""
    for text, protected in pieces:
        if protected or text.split() == [text]:
            word += text
            continue
        for char in text:
            if char.isspace():
                words.append(word)
                word = ""
            else:
                word += char
    return tuple(found for found in [*words, word] if found)


@dataclass
class _Lexer:
    text: str
    env: Mapping[str, str]
    escape: str
    keep_quotes: bool
    keep_unset: bool
    quotes: bool
    complete: bool
    at: int = 0
    used: set[str] = field(default_factory=set)
    blank: set[str] = field(default_factory=set)

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def run(self) -> str:
        """Take the characters up to the next one that may be special; an empty string when it is the very next."""
        match = _RUN.match(self.text, self.at)
        if not match:
            return ""
        self.at = match.end()
        return match[0]

    def take(self) -> str:
        char = self.peek()
        self.at += 1
        return char

    def until(self, stop: str, raw: bool) -> list[_Piece]:
        """Return the pieces before ``stop`` or the end; ``raw`` keeps escapes."""
        pieces: list[_Piece] = []
        while char := self.peek():
            if ordinary := self.run():
                pieces.append((ordinary, False))
                continue
            if char == "$":
                pieces.append((self.variable(raw), False))
                continue
            self.take()
            if char == stop:
                return pieces
            if char == "'" and self.quotes:
                pieces.append((self.single_quoted(), True))
            elif char == '"' and self.quotes:
                pieces.append((self.double_quoted(raw), True))
            elif char == self.escape:
                pieces.append(((char if raw else "") + self.take(), True))
            else:
                pieces.append((char, False))
        if stop:
            raise WordError(f"missing '{stop}'")
        return pieces

    def plain(self, stop: str, raw: bool) -> str:
        return "".join(piece for piece, _ in self.until(stop, raw))

    def single_quoted(self) -> str:
        end = self.text.find("'", self.at)
        if end < 0:
            raise WordError("a single quote is not closed")
        inner, self.at = self.text[self.at : end], end + 1
        return f"'{inner}'" if self.keep_quotes else inner

    def double_quoted(self, raw: bool) -> str:
        inner = ""
        while char := self.peek():
            if ordinary := self.run():
                inner += ordinary
                continue
            if char == "$":
                inner += self.variable(raw)
                continue
            self.take()
            if char == '"':
                return f'"{inner}"' if self.keep_quotes else inner
            if char != self.escape:
                inner += char
            elif self.peek() and self.peek() in f'"${self.escape}':
                inner += (char if raw else "") + self.take()
            elif self.peek():
                inner += char * (1 + raw)
        raise WordError("a double quote is not closed")

    def variable(self, raw: bool) -> str:
        self.take()
        if self.peek() != "{":
            name = self.name()
            return self.value(name, f"${name}") if name else "$"
        self.take()
        if self.peek() in ("{", "}", ":"):
            raise WordError("bad substitution: a name is expected after ${")
        name, sign = self.name(), self.take()
        if sign == "}":
            return self.value(name, f"${{{name}}}")
        colon = sign == ":"
        if colon:
            sign = self.take()
        if sign == "/" and not colon:
            return self.replaced(name)
        if not sign:
            raise WordError("missing '}'")
        if sign not in "-+?#%":
            raise WordError(f"unsupported modifier ({':' * colon}{sign}) in ${{{name}…}}")
        return self.modified(name, sign, colon)

    def name(self) -> str:
        match = _NAME.match(self.text, self.at)
        if not match:
            return ""
        self.at = match.end()
        return match[0]

    def value(self, name: str, written: str) -> str:
        if name in self.env:
            self.used.add(name)
        if not self.env.get(name):
            self.blank.add(name)
        if name not in self.env and self.keep_unset:
            return written
        return self.env.get(name, "")

    def modified(self, name: str, sign: str, colon: bool) -> str:
        word = self.plain("}", raw=sign in "#%")
        if name not in self.env and self.keep_unset:
            return f"${{{name}{':' * colon}{sign}{word}}}"
        if sign in "#%":
            return _trimmed(self.value(name, ""), word, sign)
        if name in self.env:
            self.used.add(name)
        value = self.env.get(name, "")
        present = name in self.env and not (colon and not value)
        if sign == "-":
            return value if present else word
        if sign == "+":
            return word if present else ""
        if not present and (self.complete or name in self.env):
            state = "empty" if name in self.env else "unset"
            raise WordError(f"{name}: {word or f'is not allowed to be {state}'}")
        return value

    def replaced(self, name: str) -> str:
        everywhere = self.peek() == "/"
        if everywhere:
            self.take()
        pattern, replacement = self.plain("/", raw=True), self.plain("}", raw=True)
        if name not in self.env and self.keep_unset:
            return f"${{{name}/{pattern}/{replacement}}}"
        return _replaced(self.value(name, ""), _shell_regex(pattern, greedy=True), replacement, everywhere)


def _trimmed(value: str, pattern: str, sign: str) -> str:
    """Apply ``${value#pattern}`` and its variants; a doubled sign, the first of ``pattern``, is greedy."""
    greedy = pattern.startswith(sign)
    tokens = re.findall(r"\\.|.", pattern[greedy:], re.DOTALL)
    if sign == "#":
        match = _shell_regex("".join(tokens), greedy).match(value)
        return value[match.end() :] if match else value
    match = _shell_regex("".join(reversed(tokens)), greedy).match(value[::-1])
    return value[: len(value) - match.end()] if match else value


def _replaced(value: str, pattern: re.Pattern[str], replacement: str, everywhere: bool) -> str:
    pieces, end, previous = "", 0, -1
    for match in pattern.finditer(value):
        if match.start() == match.end() == previous:
            continue  # Go ignores an empty match right after another
        pieces += value[end : match.start()] + replacement
        end = previous = match.end()
        if not everywhere:
            break
    return pieces + value[end:]


def _shell_regex(pattern: str, greedy: bool) -> re.Pattern[str]:
    regex = ""
    for token in re.findall(r"\\.|.|\\", pattern, re.DOTALL):
        if token == "*":
            regex += ".*" if greedy else ".*?"
        elif token == "?":
            regex += "."
        elif token[0] == "\\" and token[1:] not in ("*", "?", "\\", "}", "/"):
            raise WordError(f"invalid escape {token} in the pattern {pattern}")
        else:
            regex += re.escape(token[-1])
    return re.compile(regex)
