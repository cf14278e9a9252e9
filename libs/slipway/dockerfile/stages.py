"""Expand the FROM lines of a Dockerfile, and find the stages that a target needs."""

from __future__ import annotations

import csv
import posixpath
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from slipway.core.errors import Problem, suggestion
from slipway.core.reference import Reference
from slipway.dockerfile.expansion import Expansion, WordError, expand
from slipway.dockerfile.scope import Globals, Problems
from slipway.dockerfile.text import Dockerfile, Instruction, Section, inherited
from slipway.dockerfile.values import Mount

_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"(?:(?:[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(?::\d+)?/)?{_PART}(?:/{_PART})*(?::\w[\w.-]{{0,127}})?"
    r"(?:@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?",
    re.ASCII,
)
#: containerd knows only these systems and architectures by one word.
_PLATFORM = re.compile(
    r"[\w.-]+(?:/[\w.-]+){1,2}|linux|windows|darwin|freebsd|openbsd|netbsd"
    r"|amd64|x86[_-]64|386|i386|arm|armhf|armel|arm64|aarch64|ppc64|ppc64le|riscv64|s390x|loong64|mips\w*|wasm",
    re.IGNORECASE | re.ASCII,
)
_LONG = {"src": "source", "dst": "target", "destination": "target", "ro": "readonly", "rw": "readwrite"}
_FLAGS = ("readonly", "readwrite", "required")
_FIELDS = (*_FLAGS, "type", "from", "source", "target", "id", "env", "mode", "uid", "gid", "size", "sharing")
RESERVED = ("scratch", "context")


@dataclass(frozen=True)
class Head:
    """Hold one stage with its expanded FROM. ``parent``: the index of the stage below it, or −1.

    ``replaced``: the named context that replaces the whole stage, or "". ``used``: the variables of its FROM line.
    """

    index: int
    section: Section
    base: str
    platform: str
    parent: int
    replaced: str
    used: frozenset[str]
    instructions: tuple[Instruction, ...]

    @property
    def name(self) -> str:
        return self.section.name


#: The ONBUILD triggers of an image, by the reference that a FROM gives.
Triggers = Callable[[str], Sequence[str]]


def heads_of(
    dockerfile: Dockerfile, scope: Globals, contexts: Mapping[str, str], triggers: Triggers, problems: Problems
) -> list[Head]:
    """Expand the FROM of every stage. ``contexts``: a reference's ``context`` → the name that the user gave."""
    heads: list[Head] = []
    by_name: dict[str, int] = {}
    for index, section in enumerate(dockerfile.sections):
        try:
            base = expand(section.base, scope.values, escape=dockerfile.escape)
            platform = expand(section.platform, scope.values, escape=dockerfile.escape)
        except WordError as error:
            problems.note(section.line, f"FROM {section.base}: {error}", error.hint)
            base = platform = expand("scratch")
        replaced = contexts.get(section.name, "") if section.name not in ("", *RESERVED) else ""
        parent = -1 if replaced else by_name.get(base.text, -1)
        if parent < 0 and not replaced:
            _check_base(section, base, scope, by_name, problems)
        if section.platform and not _PLATFORM.fullmatch(platform.text):
            blame = _blame(platform, scope) or (f"{platform.text or section.platform} is not a platform", "")
            problems.note(section.line, f"FROM --platform: {blame[0]}", blame[1])
        own: tuple[Instruction, ...] = ()
        if parent >= 0:
            own = tuple(above.trigger for above in heads[parent].section.instructions if above.trigger)
        elif not replaced and base.text != "scratch":
            own = _inherited(triggers(base.text), base.text, section, problems)
        own = () if replaced else (*own, *section.instructions)
        used = base.used | platform.used
        heads.append(Head(index, section, base.text, platform.text, parent, replaced, used, own))
        if section.name:
            by_name[section.name] = index
    return heads


def foundation_of(head: Head, heads: Sequence[Head], contexts: Mapping[str, str]) -> tuple[str, str]:
    """Return the image and the named context that a stage stands on in the end; one is empty, for scratch both are."""
    while head.parent >= 0 and not head.replaced:
        head = heads[head.parent]
    context = head.replaced or context_of(head.base, contexts)
    return ("" if context or head.base == "scratch" else head.base), context


def context_of(name: str, contexts: Mapping[str, str]) -> str:
    """Return the named context that an image's name means, or ""."""
    if name in RESERVED or not any(context in name for context in contexts):  # every spelling contains the shortest
        return ""
    return contexts.get(Reference.read(name).context, "")


def _inherited(triggers: Sequence[str], image: str, section: Section, problems: Problems) -> tuple[Instruction, ...]:
    found = []
    for trigger in triggers:
        try:
            found.append(inherited(trigger, image, section.line))
        except WordError as error:
            problems.note(section.line, f"ONBUILD {trigger} of {image}: {error}", error.hint)
    return tuple(found)


def _check_base(section: Section, base: Expansion, scope: Globals, names: Collection[str], problems: Problems) -> None:
    if base.text == "scratch" or _REFERENCE.fullmatch(base.text):
        return
    said = f"{base.text} is not an image reference", suggestion(base.text, names, what="the stage ")
    what, hint = _blame(base, scope) or said
    problems.note(section.line, f"FROM {section.base}: {what}", hint)


def _blame(expansion: Expansion, scope: Globals) -> tuple[str, str] | None:
    """Return the variables that expanded to nothing, with a fix; None when there are none."""
    if not expansion.blank:
        return None
    names = sorted(expansion.blank)
    what = f"{' and '.join(names)} {'is' if len(names) == 1 else 'are'} empty"
    unknown = [name for name in names if name not in scope.uses and name not in scope.values]
    if not unknown:
        return what, f"set {' and '.join(names)}, or give the ARG a default"
    return what, suggestion(unknown[0], scope.uses, f"declare it before the first FROM: ARG {unknown[0]}")


def mount_fields(text: str) -> dict[str, str]:
    """Return the unexpanded fields of a ``--mount``, by their long names. Raises WordError."""
    try:
        (row,) = csv.reader([text], strict=True)
    except (csv.Error, ValueError):
        raise WordError(f"the mount {text} cannot be read") from None
    found: dict[str, str] = {}
    for field in row:
        short, equals, value = field.partition("=")
        name = _LONG.get(short.lower(), short.lower())
        if name not in _FIELDS:
            raise WordError(f"a mount has no {short}", hint=suggestion(name, _FIELDS))
        if not equals and name not in _FLAGS:
            raise WordError(f"the mount's {short} needs a value")
        found[name] = value
    if re.search(r"\$.", found.get("from", "")):
        raise WordError("a mount's from takes no variable", hint="name it as a stage: FROM … AS name")
    return found


def outside_mount(kind: str, fields: Mapping[str, str], line: int) -> Mount:
    """Return a secret or ssh mount with its fields expanded. Raises WordError for a secret without an id."""
    default = "default" if kind == "ssh" else fields.get("source") or posixpath.basename(fields.get("target", ""))
    name = fields.get("id") or default
    if not name:
        raise WordError("a secret mount needs an id or a target")
    return Mount(kind, name, fields.get("required", "false").lower() in ("", "true", "1"), line)


def origin(name: str, heads: list[Head], *, indexed: bool) -> int | str:
    """Resolve a ``from``: return the index of a stage, or the name of an image or named context."""
    if indexed and re.fullmatch(r"[+-]?\d+", name):
        return int(name)
    matching = [head.index for head in heads if head.name == name.lower()]
    return matching[-1] if matching else name


def origins(instruction: Instruction, heads: list[Head], escape: str) -> list[int | str]:
    """Return the stages and images that a COPY or RUN reads. Raises WordError."""
    if instruction.name == "COPY":
        (name,) = instruction.values("from") or ("",)
        if name and expand(name, escape=escape).text != name:
            raise WordError("--from takes no variable", hint="name it as a stage: FROM … AS name")
        return [origin(name, heads, indexed=True)] if name else []
    mounts = [mount_fields(text) for text in instruction.values("mount")]
    return [origin(mount["from"], heads, indexed=False) for mount in mounts if mount.get("from")]


def needed(dockerfile: Dockerfile, heads: list[Head], target: str, problems: Problems) -> list[Head]:
    """Return the stages that ``target`` (a name; "" is the last) needs, itself included, in order.

    BuildKit checks the references of every stage, needed or not, and so does this function. A needed stage may follow
    one that is not needed, unless they need each other.
    """
    reads = {head.index: _reads(head, heads, dockerfile.escape, problems) for head in heads}
    below = {head.index: {head.parent, *(index for _, index in reads[head.index])} - {-1} for head in heads}
    found = _reached(_target(dockerfile, heads, target, problems), below)
    for head in heads:
        for instruction, index in reads[head.index]:
            ahead = index >= head.index and not heads[index].replaced
            if ahead and (head.index in found or head.index in _reached(index, below)):
                which = "itself" if index == head.index else "a later stage"
                what = f"{instruction.name} from {heads[index].name or index}: a stage cannot read {which}"
                problems.note(instruction.line, what)
    return [head for head in heads if head.index in found]


def _reached(index: int, below: Mapping[int, Collection[int]]) -> set[int]:
    waiting, found = [index], set[int]()
    while waiting:
        index = waiting.pop()
        if index not in found:
            found.add(index)
            waiting += below[index]
    return found


def _reads(head: Head, heads: list[Head], escape: str, problems: Problems) -> list[tuple[Instruction, int]]:
    """Return the stages that ``head`` reads, each with the instruction that reads it."""
    found: list[tuple[Instruction, int]] = []
    for instruction in head.instructions:
        name, line = instruction.name, instruction.line
        if name not in ("COPY", "RUN"):
            continue
        try:
            read = origins(instruction, heads, escape)
        except WordError as error:
            problems.note(line, f"{name}: {error}", error.hint)
            continue
        for index in read:
            if isinstance(index, int) and 0 <= index < len(heads):
                found.append((instruction, index))
            elif isinstance(index, int):
                problems.note(line, f"{name} from stage {index}: no such stage")
            elif not _REFERENCE.fullmatch(index):
                hint = suggestion(index, [head.name for head in heads if head.name], what="the stage ")
                problems.note(line, f"{name} from {index}: neither a stage nor an image reference", hint)
    return found


def _target(dockerfile: Dockerfile, heads: list[Head], target: str, problems: Problems) -> int:
    if not target:
        return heads[-1].index
    found = origin(target, heads, indexed=False)
    if isinstance(found, int):
        return found
    hint = suggestion(target, [head.name for head in heads if head.name])
    problems.found.append(Problem(dockerfile.path, f"no stage {target}", hint))
    return heads[-1].index
