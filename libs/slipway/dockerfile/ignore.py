"""Match files against ``.dockerignore``, as BuildKit does.

The rules are those of moby/patternmatcher as its walk applies them (``MatchesUsingParentResults``). A pattern that
matched a directory holds for everything below it, and the walk tests a pattern only while it can change the answer.
The original translates some patterns in a surprising way (it does not escape ``|``, and ``[*]`` does not mean one
star). This module does the same. It does not copy one bug of Docker: a file that ``!`` includes again, below a
directory that a later pattern names, arrives empty in the build. This module includes the file.
"""

from __future__ import annotations

import posixpath
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from typing import NamedTuple

from slipway.core.errors import Problem, UsageError

_CHARACTER = r"(?:\\.|[^\\\]-])"
_CLASS = rf"\[\^?(?:{_CHARACTER}(?:-{_CHARACTER})?)+\]"
_WELL_FORMED = re.compile(rf"(?:\\.|{_CLASS}|[^\\\[])*", re.DOTALL)  # what Go's filepath.Match accepts
_ESCAPED = frozenset(".+()$")  # of ".+()|{}$" the original's table holds only these


class Pattern(NamedTuple):
    """Hold one cleaned line: ``text`` without its ``!``, and ``again`` when the line had one."""

    text: str
    again: bool = False


@dataclass(frozen=True)
class _Block:
    """Group neighbouring patterns of one kind, which act as one."""

    patterns: tuple[Pattern, ...]
    regex: re.Pattern[str]
    again: bool


_Verdict = tuple[bool, tuple[bool, ...]]  # is it left out? and per block: did it match this path or a parent?


@dataclass(frozen=True)
class Ignore:
    """Hold the patterns of a ``.dockerignore``, in order. Paths are posix and relative to the context's root."""

    patterns: tuple[Pattern, ...] = ()
    _seen: dict[str, _Verdict] = field(default_factory=dict, init=False, repr=False, compare=False)

    def excludes(self, path: str) -> bool:
        """Tell whether Docker leaves the file or directory ``path`` out of the context."""
        return bool(self._blocks) and self._judge(path, self._above(path))[0]

    def below(self, directory: str) -> Callable[[str], bool]:
        """Return a fast ``excludes`` for paths directly in ``directory`` ("" is the root)."""
        above = self._verdict(directory)[1] if directory else (False,) * len(self._blocks)
        rules = [(hit, block.regex.match, block.again) for block, hit in zip(self._blocks, above, strict=True)]

        def excludes(path: str) -> bool:
            excluded = False
            for hit, match, again in rules:
                if hit or (again == excluded and match(path)):
                    excluded = not again
            return excluded

        return excludes

    def prunes(self, directory: str) -> bool:
        """Tell whether Docker leaves out everything below ``directory``, so that a walk may skip it."""
        excluded, matched = self._verdict(directory)
        if not excluded:
            return False
        last = max(number for number, hit in enumerate(matched) if hit and not self._blocks[number].again)
        later = (pattern for block in self._blocks[last:] if block.again for pattern in block.patterns)
        return not any(_reaches_below(pattern.text, directory) for pattern in later)

    @cached_property
    def _blocks(self) -> tuple[_Block, ...]:
        return tuple(_blocks(self.patterns))

    def _above(self, path: str) -> tuple[bool, ...]:
        parent = path.rpartition("/")[0]
        return self._verdict(parent)[1] if parent else (False,) * len(self._blocks)

    def _verdict(self, directory: str) -> _Verdict:
        known = self._seen.get(directory)
        if known is None:
            known = self._seen[directory] = self._judge(directory, self._above(directory))
        return known

    def _judge(self, path: str, above: tuple[bool, ...]) -> _Verdict:
        excluded = False
        matched = []
        for block, hit in zip(self._blocks, above, strict=True):
            hit = hit or (block.again == excluded and block.regex.match(path) is not None)
            if hit:
                excluded = not block.again
            matched.append(hit)
        return excluded, tuple(matched)


def parse_ignore(text: str, *, path: str = ".dockerignore") -> Ignore:
    """Parse the text of a ``.dockerignore``.

    Raises UsageError with a Problem per line (``path:line``) that Docker refuses: a lone ``!``, a broken ``[…]``.
    """
    patterns: list[Pattern] = []
    problems: list[Problem] = []
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        stripped = line.strip()
        if line.startswith("#") or not stripped:
            continue
        again = stripped.startswith("!")
        pattern = Pattern(_clean(stripped[1:].strip()) if again else _clean(stripped), again)
        try:
            _regex(pattern.text)
        except ValueError as error:
            problems.append(Problem(f"{path}:{number}", f"{stripped}: {error}"))
        else:
            patterns.append(pattern)
    if problems:
        raise UsageError.of(problems)
    return Ignore(tuple(patterns))


def _clean(pattern: str) -> str:
    """Clean a path as Go's filepath.Clean does, and remove a leading slash."""
    if not pattern:
        return ""
    clean = posixpath.normpath(re.sub("^/+", "/", pattern))
    return clean[1:] if len(clean) > 1 and clean.startswith("/") else clean


def _blocks(patterns: tuple[Pattern, ...]) -> Iterator[_Block]:
    for again, group in groupby(patterns, key=lambda pattern: pattern.again):
        members = tuple(group)
        yield _Block(members, _compiled("|".join(f"(?:{_regex(member.text)})" for member in members)), again)


def _compiled(regex: str) -> re.Pattern[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # "[[" is intended
        return re.compile(regex, re.ASCII)


def _regex(pattern: str) -> str:
    """Return a regular expression for ``re.match`` that matches the paths that ``pattern`` itself names.

    Raises ValueError when the pattern is broken.
    """
    if not pattern:
        raise ValueError("nothing follows the !")
    if not _WELL_FORMED.fullmatch(pattern):
        raise ValueError("the pattern is broken: an unclosed or empty [ ], or a \\ at its end")
    if not re.search(r"[*?\[\]\\]", pattern):
        return re.escape(pattern) + r"\Z"
    inner, plain = pattern.removeprefix("**").removesuffix("**"), r"[^*?\[\]\\]*"
    if pattern == f"**{inner}" and re.fullmatch(plain, inner):
        return (r"(?:[\s\S]*/)?" if inner[:1] == "/" else r"[\s\S]*") + re.escape(inner.removeprefix("/")) + r"\Z"
    if pattern == f"{inner}**" and re.fullmatch(plain, inner):
        return re.escape(inner)
    regex = f"^{_translated(pattern)}\\Z"
    try:
        _compiled(regex)
    except (re.error, OverflowError) as error:
        raise ValueError(f"the pattern is broken: {error}") from None
    return rf"[\s\S]*?(?:{regex})" if "|" in pattern else regex


def _translated(pattern: str) -> str:
    pieces: list[str] = []
    for token in re.findall(r"\*\*/?|\\.|.", pattern, re.DOTALL):
        if token.startswith("**"):
            pieces.append("(.*/)?")
        elif token == "*":
            pieces.append("[^/]*")
        elif token == "?":
            pieces.append("[^/]")
        else:
            pieces.append(f"\\{token}" if token in _ESCAPED else token)
    if pieces[-1] == "(.*/)?":
        pieces[-1] = ".*"
    return "".join(pieces)


def _reaches_below(pattern: str, directory: str) -> bool:
    """Tell whether ``pattern`` may match a path below ``directory``. False positives are allowed."""
    wanted = pattern.split("/")
    for part, name in zip(wanted, directory.split("/"), strict=False):
        if "**" in part or re.search(r"[\[\]\\|{}^]", part):
            return True
        if not re.fullmatch(_translated(part), name):
            return False
    return len(wanted) > directory.count("/") + 1
