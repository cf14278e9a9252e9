"""Rewrite BASE_VERSION in the texts of files. Nothing else in them changes, and neither do their line ends."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from slipway.dockerfile import parse

_NAME = "BASE_VERSION"


@dataclass(frozen=True)
class Edit:
    """Hold a file whose text changes. ``path``: from the repository's root. ``before``: empty for a new file."""

    path: str
    before: str
    after: str

    @property
    def diff(self) -> str:
        """Return the change as a unified diff without context."""
        before, after = (_lines(text) for text in (self.before, self.after))
        found = difflib.unified_diff(before, after, self.path if self.before else "/dev/null", self.path, n=0)
        return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in found)


def in_env(text: str, old: str, new: str) -> str:
    """Return an env file in which the line of BASE_VERSION has ``new`` instead of ``old``, in quotes where it was."""
    return _in_lines(rf"(\ufeff?{_NAME}=)", text, old, new)


def in_example(text: str, old: str, new: str) -> str:
    """Return ``.env.example`` with the new version, also where a comment shows the default."""
    return _in_lines(rf"(\ufeff?(?:#[ \t]*)?{_NAME}=)", text, old, new)


def with_line(text: str, new: str) -> str:
    """Return an env file with a line for BASE_VERSION at its end. The line ends as the first one does."""
    end = "\r\n" if text.partition("\n")[0].endswith("\r") else "\n"
    closed = text if not text or text.endswith("\n") else f"{text}{end}"
    return f"{closed}{_NAME}={new}{end}"


def in_dockerfile(text: str, old: str, new: str) -> str:
    """Return a Dockerfile in which each ``ARG BASE_VERSION`` with the whole default ``old`` gets ``new``.

    Another default stays, also one that only contains the old version. Raises UsageError for a text that is not a
    Dockerfile.
    """
    lines = _lines(text)
    default = re.compile(rf"(?<!\S)({_NAME}=)(['\"]?){re.escape(old)}\2(?!\S)")
    for first, last in _arg_lines(text, len(lines)):
        for number in range(first, last):
            if not lines[number].lstrip().startswith("#"):
                lines[number] = default.sub(lambda match: f"{match[1]}{match[2]}{new}{match[2]}", lines[number])
    return "".join(lines)


def _in_lines(begin: str, text: str, old: str, new: str) -> str:
    line = re.compile(rf"(?m)^{begin}(['\"]?){re.escape(old)}(\2[ \t]*\r?)$")
    return line.sub(lambda match: f"{match[1]}{match[2]}{new}{match[3]}", text)


def _lines(text: str) -> list[str]:
    """Return the lines with their ends. Only a newline ends a line, as for BuildKit and git."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _arg_lines(text: str, count: int) -> Iterator[tuple[int, int]]:
    """Yield the lines of each ARG, from its first to before its end, from 0."""
    dockerfile = parse(text)
    instructions = [*dockerfile.globals]
    starts = [one.line - 1 for one in dockerfile.globals]
    for section in dockerfile.sections:
        starts += [section.line - 1, *(one.line - 1 for one in section.instructions)]
        instructions += section.instructions
    ends = sorted({*starts, count})
    for one in instructions:
        if one.name == "ARG":
            first = one.line - 1
            yield first, next(end for end in ends if end > first)
