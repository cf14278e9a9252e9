"""What can go wrong, in words a person can act on.

One root, one class per exit code; an interrupt (130, 143) is no error, the door tells it. ``str(error)`` is the text a
user sees:

    error: <object>: <cause>
    hint:  <the next command>
    log:   <file>
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import ClassVar, Self

#: Takes the secrets out of a text.
Redact = Callable[[str], str]

#: Control characters but tab and newline; and what stands for the bytes of a file name that are not UTF-8.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def printable(text: str) -> str:
    r"""Foreign text made safe for a terminal: control characters and odd bytes become ``\xNN``; tab, newline stay."""
    return _CONTROL.sub(lambda match: f"\\x{ord(match[0]) & 0xFF:02x}", text)


def one_line(text: str) -> str:
    r"""A name or value made safe for a line: ``printable``, and its tabs and newlines are ``\t`` and ``\n``."""
    return printable(text).replace("\t", "\\t").replace("\n", "\\n")


def suggestion(word: str, known: Iterable[str], otherwise: str = "", *, what: str = "") -> str:
    """``did you mean <what><word>?`` with the known word closest to ``word``, whatever its case; else ``otherwise``."""
    names = {name.lower(): name for name in known}
    matches = get_close_matches(word.lower(), names)
    return f"did you mean {what}{names[matches[0]]}?" if matches else otherwise


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: where (``file:line`` or a setting), what, and how to fix it.

    ``code`` is stable: that of a known error, or of the policy rule that is broken. Empty for the code of its error.
    """

    where: str
    what: str
    hint: str = ""
    code: str = ""

    def __str__(self) -> str:
        return f"{one_line(self.where)}: {self.what}" if self.where else self.what

    def redacted(self, redact: Redact) -> Problem:
        return Problem(redact(self.where), redact(self.what), redact(self.hint), self.code)


class SlipwayError(Exception):
    """A bug in slipway, or the root of the errors below.

    ``message`` names the object and the cause, ``hint`` the next command, ``log`` a file.

    An error is a value: it cannot be changed, and its ``problems`` are its only text. There is at least one.
    """

    exit_code: ClassVar[int] = 1
    #: The code of a problem that has none of its own. Codes are stable: users of ``--json`` branch on them.
    kind: ClassVar[str] = "bug"

    def __init__(self, message: str | Sequence[Problem], *, hint: str = "", log: str = "", code: str = "") -> None:
        """``message``: one text, with its ``hint`` and ``code`` beside it, or all problems, each with its own."""
        super().__init__((Problem("", message, hint, code),) if isinstance(message, str) else tuple(message))
        self._log = log

    @classmethod
    def of(cls, problems: Sequence[Problem], *, log: str = "") -> Self:
        """Tell all problems at once, each of them once; ``problems`` holds at least one."""
        return cls(tuple(dict.fromkeys(problems)), log=log)

    @property
    def problems(self) -> tuple[Problem, ...]:
        found: tuple[Problem, ...] = self.args[0]
        return found

    @property
    def message(self) -> str:
        return str(self.problems[0])

    @property
    def hint(self) -> str:
        return self.problems[0].hint

    @property
    def code(self) -> str:
        """The code of the first problem."""
        return self.problems[0].code or self.kind

    @property
    def log(self) -> str:
        return self._log

    def redacted(self, redact: Redact, *, log: str = "") -> Self:
        """Return the same error without secrets; ``log`` names a log that the error did not know of."""
        return self.of([problem.redacted(redact) for problem in self.problems], log=redact(log or self.log))

    def as_json(self) -> dict[str, object]:
        """Return the same for machines."""
        return {
            "ok": False,
            "exit_code": self.exit_code,
            "code": self.code,
            "error": self.message,
            "hint": self.hint,
            "log": self.log,
            "problems": [
                {
                    "where": problem.where,
                    "what": problem.what,
                    "hint": problem.hint,
                    "code": problem.code or self.kind,
                }
                for problem in self.problems
            ],
        }

    def __str__(self) -> str:
        lines: list[str] = []
        for problem in self.problems:
            lines.append(f"error: {printable(str(problem))}")
            if problem.hint:
                lines.append(f"hint:  {printable(problem.hint)}")
        if self.log:
            lines.append(f"log:   {printable(self.log)}")
        return "\n".join(lines)


class UsageError(SlipwayError):
    """Bad usage, setting, Dockerfile or name: nothing was contacted, nothing written."""

    exit_code = 2
    kind = "usage"


class PrerequisiteError(SlipwayError):
    """A prerequisite is missing or too old."""

    exit_code = 3
    kind = "prerequisite-missing"


class UnwritableError(SlipwayError):
    """A file or folder that slipway keeps cannot be written."""

    exit_code = 3
    kind = "unwritable"


class SshError(SlipwayError):
    """The remote host: resolve, connect, host key, auth, or lost for good."""

    exit_code = 4
    kind = "ssh-failed"


class SyncError(SlipwayError):
    """The sync failed; the remote tree in use is untouched."""

    exit_code = 5
    kind = "sync-failed"


class BuildError(SlipwayError):
    """A build failed; finished images are kept."""

    exit_code = 6
    kind = "build-failed"


class RegistryError(SlipwayError):
    """The push or the registry failed; no version tag moved."""

    exit_code = 7
    kind = "registry-failed"


class RefusedError(RegistryError):
    """The registry's definitive answer: the same request would get it again."""

    kind = "registry-refused"


class MixedReleaseError(SlipwayError):
    """Some version tags moved and some did not."""

    exit_code = 8
    kind = "release-mixed"


class SmokeError(SlipwayError):
    """A smoke test failed; logs are saved, containers gone."""

    exit_code = 9
    kind = "smoke-failed"


class PolicyError(SlipwayError):
    """Refused: a secret, a root user, a version that would change its content."""

    exit_code = 10
    kind = "policy-refused"


class LockedError(SlipwayError):
    """Another run holds the lock: who, since when."""

    exit_code = 11
    kind = "locked"
