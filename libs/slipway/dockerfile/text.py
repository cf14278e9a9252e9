"""Parse a Dockerfile's text into stages of instructions: directives, comments, continuations, heredocs.

The rules are those of BuildKit's frontend/dockerfile (``parser/parser.go``, ``instructions/parse.go``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from slipway.core.errors import Problem, UsageError, suggestion
from slipway.dockerfile.expansion import WordError, expand
from slipway.dockerfile.words import blank_words, json_words, pairs, shell_words, split_flags

_DIRECTIVE = re.compile(r"#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$")
_DIRECTIVES = ("syntax", "escape", "check")
#: The end of a line that the next line continues, by the escape character.
_GOES_ON = {escape: re.compile(rf"(?<!{re.escape(escape)}){re.escape(escape)}[ \t]*$") for escape in "\\`"}
_HEREDOC = re.compile(r"(\d*)<<(-?)([^<]+)")
_NAME = re.compile(r"(\S+)[\t\v\f\r ]*(.*)", re.DOTALL)
_STAGE_NAME = re.compile(r"[a-z][a-z0-9-_.]*")
_VALUED = {
    "FROM": ("platform",),
    "COPY": ("from", "chown", "chmod", "exclude"),
    "ADD": ("chown", "chmod", "checksum", "exclude"),
    "RUN": ("mount", "network", "security", "device"),
    "HEALTHCHECK": ("interval", "timeout", "start-period", "start-interval", "retries"),
}
_SWITCHES = {"COPY": ("link", "parents"), "ADD": ("link", "keep-git-dir", "unpack")}
_REPEATED = ("mount", "exclude", "device")
_WITH_ARGUMENT = ("EXPOSE", "VOLUME", "USER", "WORKDIR", "STOPSIGNAL", "MAINTAINER")
_KNOWN = (*_VALUED, *_WITH_ARGUMENT, "ARG", "CMD", "ENTRYPOINT", "ENV", "LABEL", "ONBUILD", "SHELL")


class Heredoc(NamedTuple):
    """Hold a heredoc. ``expand``: its word was unquoted, so COPY and ADD replace variables in ``content``."""

    name: str
    expand: bool
    content: str = ""


class Instruction(NamedTuple):
    """Hold one instruction: ``name`` in upper case, ``flags`` as ``name=value``, ``rest`` after the flags."""

    name: str
    flags: tuple[str, ...]
    rest: str
    line: int
    heredocs: tuple[Heredoc, ...] = ()
    trigger: Instruction | None = None  # the instruction in an ONBUILD
    inherited: str = ""  # the image whose ONBUILD this is

    def values(self, flag: str) -> tuple[str, ...]:
        """Return the values of ``flag``; "" for an occurrence without one."""
        if not self.flags:  # as most instructions are
            return ()
        return tuple(value for name, _, value in (text.partition("=") for text in self.flags) if name == flag)

    def switched(self, flag: str) -> bool:
        return any(value.lower() != "false" for value in self.values(flag))

    def operands(self) -> list[str]:
        """Return the arguments of COPY, ADD, EXPOSE, VOLUME or FROM: a JSON list, or words between blanks."""
        words = json_words(self.rest)
        return blank_words(self.rest) if words is None else words


class Section(NamedTuple):
    """Hold an unexpanded FROM line and the instructions below it. ``name`` is in lower case."""

    name: str
    base: str
    platform: str
    line: int
    instructions: tuple[Instruction, ...] = ()

    @property
    def onbuild(self) -> tuple[str, ...]:
        """Return its ONBUILD triggers, as its image's configuration will hold them."""
        return tuple(instruction.rest for instruction in self.instructions if instruction.name == "ONBUILD")


@dataclass(frozen=True)
class Dockerfile:
    """Hold a parsed, unexpanded Dockerfile.

    ``syntax``: the directive, or "". ``skipped``: the BuildKit checks that the directive ``check`` disables, in lower
    case; ``all`` disables every one. ``globals``: the ARGs before the first FROM.
    """

    path: str
    text: str = field(repr=False)
    syntax: str
    escape: str
    globals: tuple[Instruction, ...]
    sections: tuple[Section, ...]
    skipped: frozenset[str] = frozenset()

    def skips(self, check: str) -> bool:
        return not self.skipped.isdisjoint(("all", check.lower()))


def parse(text: str, *, path: str = "Dockerfile") -> Dockerfile:
    """Parse a Dockerfile's text. ``path`` appears in messages only.

    Raises UsageError with every problem found, each at ``path:line``.
    """
    lines = list(enumerate((line.rstrip("\r") for line in text.removeprefix("\ufeff").split("\n")), start=1))
    problems: list[Problem] = []
    globals_: list[Instruction] = []
    sections: list[Section] = []
    bodies: list[list[Instruction]] = []

    def note(line: int, error: WordError) -> None:
        problems.append(Problem(f"{path}:{line}", str(error), error.hint))

    syntax, escape, skipped = "", "\\", frozenset[str]()
    try:
        directives = _directives(lines)
        escape = directives.get("escape", "\\")
        if lines[0][1].startswith("#!"):
            directives = _directives(lines[1:])  # below a shebang only the syntax directive counts
        syntax = directives.get("syntax", "").split(" ")[0]
        skipped = _skipped(directives.get("check", ""))
    except WordError as error:
        note(1, error)
    early: list[tuple[int, str]] = []
    begun = False
    rest = iter(lines)
    for line, first in rest:
        joined = _joined(first, rest, escape)
        if not joined:
            continue
        begun = begun or joined.split()[0].upper() == "FROM"
        try:
            instruction = _instruction(joined, line, rest)
            _check(instruction, escape)
            if instruction.name == "FROM":
                sections.append(_section(instruction))
                bodies.append([])
            elif sections:
                bodies[-1].append(instruction)
            elif instruction.name == "ARG":
                globals_.append(instruction)
            elif not begun:
                early.append((line, instruction.name))
        except WordError as error:
            note(line, error)
    if early and begun:
        line, name = early[0]
        problems.insert(0, Problem(f"{path}:{line}", f"{name} stands before the first FROM"))
    elif not begun and (early or not problems):
        problems.append(Problem(path, "no FROM: a Dockerfile needs one"))
    if problems:
        raise UsageError.of(problems)
    whole = (section._replace(instructions=tuple(body)) for section, body in zip(sections, bodies, strict=True))
    return Dockerfile(path, text, syntax, escape, tuple(globals_), tuple(whole), skipped)


def inherited(trigger: str, image: str, line: int) -> Instruction:
    """Parse an ONBUILD trigger of ``image`` for the stage whose FROM is in ``line``. Raises WordError."""
    if not trigger.strip():
        raise WordError("an ONBUILD without an instruction")
    instruction = _instruction(trigger.strip(), line, iter(()))
    _check(instruction, "\\")
    return instruction._replace(inherited=image)


_Lines = Iterator[tuple[int, str]]


def _directives(lines: list[tuple[int, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for _, line in lines:
        match = _DIRECTIVE.match(line.lstrip())
        name = match[1].lower() if match else ""
        if not match or name not in _DIRECTIVES:
            break
        if name in found:
            raise WordError(f"only one {name} parser directive can be used")
        found[name] = match[2]
    if found.get("escape", "\\") not in ("\\", "`"):
        raise WordError(f"invalid escape token {found['escape']}", hint="it is \\ or `")
    return found


def _skipped(check: str) -> frozenset[str]:
    """Parse ``skip=A,B;error=true`` into {a, b}."""
    options = dict(option.strip().partition("=")[::2] for option in check.split(";"))
    return frozenset(name.strip().lower() for name in options.get("skip", "").split(",")) - {""}


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("#")


def _joined(line: str, rest: _Lines, escape: str) -> str:
    """Join ``line`` with its continuation lines, without the comments and blank lines among them."""
    if _is_comment(line):
        return ""
    goes_on = _GOES_ON[escape]
    joined = ""
    while True:
        end = goes_on.search(line) if escape in line else None
        if not end:
            return (joined + line).strip()
        joined += line[: end.start()]
        line = next((more for _, more in rest if more.strip() and not _is_comment(more)), "")


def _instruction(joined: str, line: int, rest: _Lines) -> Instruction:
    """Parse one instruction and take the lines of its heredocs from ``rest``. Raises WordError."""
    match = _NAME.fullmatch(joined)
    assert match is not None  # the line is not blank
    name = match[1].upper()
    flags, after = split_flags(match[2])
    if name == "ONBUILD":
        trigger = _instruction(after, line, rest) if after else None
        return Instruction(name, flags, after, line, trigger=trigger)
    heredocs: tuple[Heredoc, ...] = ()
    if name in ("RUN", "COPY", "ADD") and "<<" in joined and json_words(after) is None:
        heredocs = tuple(_filled(*opened, rest) for opened in _opened(joined))
    return Instruction(name, flags, after, line, heredocs)


def heredoc(word: str) -> tuple[Heredoc, bool] | None:
    """Return the heredoc that ``word`` opens, and whether leading tabs are cut; None when it opens none."""
    match = _HEREDOC.fullmatch(word)
    if not match:
        return None
    try:
        bare = expand(match[3], keep_unset=True)
        quoted = expand(match[3], keep_unset=True, keep_quotes=True)
    except WordError:
        return None
    if len(bare.words) != 1:
        return None
    return Heredoc(bare.words[0], expand=bare.words == quoted.words), match[2] == "-"


def _opened(joined: str) -> list[tuple[Heredoc, bool]]:
    try:
        words = expand(joined, keep_unset=True, keep_quotes=True, keep_escapes=True).words
    except WordError:
        return []
    return [opened for opened in map(heredoc, words) if opened]


def _filled(opened: Heredoc, cut_tabs: bool, rest: _Lines) -> Heredoc:
    content = ""
    for _, line in rest:
        line = line.lstrip("\t") if cut_tabs else line
        if line == opened.name:
            return opened._replace(content=content)
        content += f"{line}\n"
    raise WordError(f"the heredoc {opened.name} is not closed")


def _section(instruction: Instruction) -> Section:
    words = instruction.operands()
    if len(words) not in (1, 3) or (len(words) == 3 and words[1].lower() != "as"):
        raise WordError("FROM takes an image, or an image AS a name")
    name = words[2].lower() if len(words) == 3 else ""
    if name and not _STAGE_NAME.fullmatch(name):
        raise WordError(f"invalid stage name {words[2]}", hint="a letter, then letters, digits, -, _ and .")
    return Section(name, words[0], "".join(instruction.values("platform")), instruction.line)


def _check(instruction: Instruction, escape: str) -> None:
    """Raise WordError for an instruction that BuildKit refuses on its own."""
    name, rest = instruction.name, instruction.rest
    if name not in _KNOWN:
        raise WordError(f"unknown instruction {name}", hint=suggestion(name, _KNOWN))
    _check_flags(instruction)
    if not rest and name in _WITH_ARGUMENT:
        raise WordError(f"{name} requires an argument")
    if name in ("COPY", "ADD"):
        words = instruction.operands()
        if len(words) < 2:
            raise WordError(f"{name} requires at least one source and a destination")
        if heredoc(words[-1]):
            raise WordError(f"{name} cannot write to a heredoc")
    elif name in ("ENV", "LABEL"):
        pairs(rest, escape, name)
    elif name == "ARG" and (not rest or any(word.startswith("=") for word in shell_words(rest, escape))):
        raise WordError("ARG requires a name")
    elif name in ("RUN", "CMD", "ENTRYPOINT"):
        json_words(rest)
    elif name == "SHELL" and not json_words(rest):
        raise WordError('SHELL takes a JSON list: SHELL ["/bin/bash", "-c"]')
    elif name == "HEALTHCHECK":
        kind, *command = rest.split(maxsplit=1)[:2] or [""]
        if kind.upper() not in ("CMD", "NONE") or (kind.upper() == "CMD") != bool(command):
            raise WordError("HEALTHCHECK takes CMD and a command, or NONE")
    elif name == "ONBUILD":
        if instruction.trigger is None or instruction.trigger.name in ("ONBUILD", "FROM", "MAINTAINER"):
            raise WordError("ONBUILD takes an instruction other than ONBUILD, FROM and MAINTAINER")
        _check(instruction.trigger, escape)


def _check_flags(instruction: Instruction) -> None:
    name = instruction.name
    valued, switches = _VALUED.get(name, ()), _SWITCHES.get(name, ())
    seen: set[str] = set()
    for text in instruction.flags:
        flag, equals, value = text.partition("=")
        if flag not in (*valued, *switches):
            hint = suggestion(flag, (*valued, *switches), what="--")
            raise WordError(f"{name} has no flag --{flag}", hint=hint)
        if flag in seen and flag not in _REPEATED:
            raise WordError(f"--{flag} is given twice")
        if (flag in valued and not equals) or (flag in switches and equals and not value):
            raise WordError(f"--{flag} needs a value")
        if flag in switches and value.lower() not in ("", "true", "false"):
            raise WordError(f"--{flag} is true or false, not {value}")
        seen.add(flag)
