"""Define slipway's errors: one root class, and at least one class for each exit code.

An interrupt (130, 143) is not an error; ``tasks`` reports it. ``str(error)`` is the text for the user:

    error: <object>: <cause>
    hint:  <the next command>
    log:   <file>
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import ClassVar, Self

#: Removes the secrets from a text.
Redact = Callable[[str], str]

#: Control characters except tab and newline, and Python's surrogates for bytes of a file name that are not UTF-8.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def printable(text: str) -> str:
    r"""Replace control characters and undecodable bytes by ``\xNN``, for a terminal. Tab and newline stay."""
    if text.isprintable():  # as most texts are, and this takes a tenth of the time
        return text
    return _CONTROL.sub(lambda match: f"\\x{ord(match[0]) & 0xFF:02x}", text)


def one_line(text: str) -> str:
    r"""Make a name or value safe for one line: as ``printable``, with tab and newline as ``\t`` and ``\n``."""
    return printable(text).replace("\t", "\\t").replace("\n", "\\n")


def suggestion(word: str, known: Iterable[str], otherwise: str = "", *, what: str = "") -> str:
    """Return ``did you mean <what><word>?`` with the known word closest to ``word``, else ``otherwise``.

    The comparison ignores case.
    """
    names = {name.lower(): name for name in known}
    matches = get_close_matches(word.lower(), names)
    return f"did you mean {what}{names[matches[0]]}?" if matches else otherwise


@dataclass(frozen=True)
class Problem:
    """Hold one problem: its place (``file:line`` or a setting), its description, and a hint that fixes it.

    ``code`` is the stable code of a known error or of a broken policy rule. When it is empty, the code of the error
    that holds the problem counts.
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
    """Report a bug in slipway. This class is also the root of the errors below.

    ``message`` names the object and the cause, ``hint`` the next command, ``log`` a file. An error is immutable. Its
    text is its ``problems``, of which there is at least one.
    """

    exit_code: ClassVar[int] = 1
    #: The code of a problem without its own code. Codes are stable: users of ``--json`` branch on them.
    kind: ClassVar[str] = "bug"

    def __init__(self, message: str | Sequence[Problem], *, hint: str = "", log: str = "", code: str = "") -> None:
        """Create the error from one text or from problems.

        ``hint`` and ``code`` belong to a text; each problem has its own.
        """
        super().__init__((Problem("", message, hint, code),) if isinstance(message, str) else tuple(message))
        self._log = log

    @classmethod
    def of(cls, problems: Sequence[Problem], *, log: str = "") -> Self:
        """Create an error from all ``problems`` (at least one), without duplicates."""
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
        """Return the code of the first problem."""
        return self.problems[0].code or self.kind

    @property
    def log(self) -> str:
        return self._log

    def redacted(self, redact: Redact, *, log: str = "") -> Self:
        """Return the same error without secrets. ``log`` replaces its log file, unless it is empty."""
        return self.of([problem.redacted(redact) for problem in self.problems], log=redact(log or self.log))

    def with_hints(self, change: Callable[[str], str]) -> Self:
        """Return the same error with each hint changed. The causes may quote other programs, and stay."""
        problems = [replace(problem, hint=change(problem.hint)) for problem in self.problems]
        return self.of(problems, log=self.log)

    def as_json(self) -> dict[str, object]:
        """Return the error as a JSON object, for ``--json``."""
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
    """Report bad usage, or a bad setting, Dockerfile or name. slipway contacted nothing and wrote nothing."""

    exit_code = 2
    kind = "usage"


class PrerequisiteError(SlipwayError):
    """Report that a prerequisite is missing or too old."""

    exit_code = 3
    kind = "prerequisite-missing"


class UnwritableError(SlipwayError):
    """Report that slipway cannot write one of its files or folders."""

    exit_code = 3
    kind = "unwritable"


class SshError(SlipwayError):
    """Report a failed connection to a remote host: resolve, connect, host key, authentication, or final loss."""

    exit_code = 4
    kind = "ssh-failed"


class SyncError(SlipwayError):
    """Report a failed sync. The remote tree in use is unchanged."""

    exit_code = 5
    kind = "sync-failed"


class BuildError(SlipwayError):
    """Report a failed build. The engine keeps the finished images."""

    exit_code = 6
    kind = "build-failed"


class RegistryError(SlipwayError):
    """Report a failed push or registry request. No version tag moved."""

    exit_code = 7
    kind = "registry-failed"


class RefusedError(RegistryError):
    """Report a definitive answer of the registry: the same request would get it again."""

    kind = "registry-refused"


class MixedReleaseError(SlipwayError):
    """Report that some version tags moved and some did not."""

    exit_code = 8
    kind = "release-mixed"


class SmokeError(SlipwayError):
    """Report a failed smoke test. Its logs are saved, its containers removed."""

    exit_code = 9
    kind = "smoke-failed"


class PolicyError(SlipwayError):
    """Report a refusal by policy: a secret, a root user, a version whose content would change."""

    exit_code = 10
    kind = "policy-refused"


class LockedError(SlipwayError):
    """Report that another run holds the lock, with its process and start time."""

    exit_code = 11
    kind = "locked"


class UpError(SlipwayError):
    """Report that a system did not come up. Its containers are removed, its volumes stay."""

    exit_code = 12
    kind = "system-not-up"
