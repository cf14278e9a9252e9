"""Judge the lines and files that break a rule of policy: refuse them, note them, or let them pass for a reason."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from slipway.config.images_lock import ImagesLock
from slipway.config.policy import Mode
from slipway.config.project import Project
from slipway.core.errors import PolicyError, Problem, one_line
from slipway.core.rules import ALLOWABLE, PAGE, STRICT, Permission, Rule
from slipway.dockerfile.hazards import extra_index
from slipway.stack.discovery import Assembly
from slipway.stack.worktree import MarkedFile, Worktree

#: The names of files with requirements or constraints.
REQUIREMENTS = re.compile(r"(?:.*/)?[^/]*(?:requirements|constraints)[^/]*\.(?:txt|in)")
_EXTRA_INDEX = re.compile(r"\s*--extra-index-url\b")
#: Returns those of the paths, from the repository's root, that git tracks.
Tracked = Callable[[Collection[str]], frozenset[str]]
#: The notes of one rule that are shown line by line, and the refused files of one image.
_NOTES_SHOWN, _FILES_SHOWN = 3, 5
#: A longer place does not move the other columns.
_WIDEST_PLACE = 60


class Verdict(StrEnum):
    """Name the results: the image is refused, the finding is noted, or a reason of the project sets its rule aside."""

    REFUSED = "refused"
    NOTED = "noted"
    ALLOWED = "allowed"


@dataclass(frozen=True)
class Finding:
    """Hold a line or file of ``image`` that breaks ``rule``, with its ``file:line``, a hint, and the verdict.

    ``tolerated``: it is noted only because the project notes what policy refuses. ``permission``: sets the rule aside.
    ``content``: the sha256 of the file.
    """

    image: str
    rule: Rule
    where: str
    what: str
    hint: str = ""
    verdict: Verdict = Verdict.NOTED
    tolerated: bool = False
    permission: Permission | None = None
    content: str = ""

    @property
    def is_noted(self) -> bool:
        return self.verdict is Verdict.NOTED

    def as_json(self) -> dict[str, object]:
        """Return the finding as a JSON object, with the reason of its permission."""
        told = {"rule": self.rule, "where": self.where, "what": self.what, "verdict": self.verdict}
        return {**told, **(self.permission.as_json() if self.permission else {})}


def of_dockerfiles(assembly: Assembly, project: Project, lock: ImagesLock) -> Iterator[Finding]:
    """Judge the lines of Dockerfiles. A parent's ONBUILD counts only for the parent, if the parent shows it.

    A frontend with a digest in images.lock is pinned.
    """
    for image in assembly.stack:
        for hazard in assembly.readings[image.name].hazards:
            if hazard.rule is Rule.FRONTEND and lock.digest(image.frontend):
                continue
            parent = image.links.get(hazard.onbuild)
            known = assembly.readings[parent].hazards if parent else ()
            if hazard.what not in {other.what for other in known}:
                where = hazard.place(image.dockerfile)
                yield _judged(project, image.name, hazard.rule, where, hazard.what, hazard.hint, refused=hazard.refused)


def of_files(marked: Mapping[str, Sequence[MarkedFile]], project: Project, tracked: Tracked) -> tuple[Finding, ...]:
    """Judge the files that may be secrets, by image.

    ``tracked`` is called once, for all files without a permission. A file of git's own is never tracked.
    """
    rule = Rule.CONTEXT_FILE
    asked = {
        file.file
        for image, files in marked.items()
        for file in files
        if not project.policy.permission(image, rule, file.path) and ".git" not in file.file.split("/")
    }
    known = tracked(asked) if asked else frozenset[str]()
    found: list[Finding] = []
    for image, files in marked.items():
        for file in files:
            may, path = file.file in known, one_line(file.path)
            what = f"{path} may be a secret; git tracks it" if may else f"{path} would enter the image"
            fix = "name it in .dockerignore, or copy less"
            one = _judged(project, image, rule, file.where, what, fix, refused=not may, path=file.path)
            found.append(replace(one, content=file.content))
    return tuple(found)


def of_requirements(files: Mapping[str, Collection[str]], worktree: Worktree, project: Project) -> Iterator[Finding]:
    """Judge each line of a requirements or constraints file that names a second index.

    ``files``: image → the paths that it reads, from the root.
    """
    texts: dict[str, list[str]] = {}
    for image, paths in files.items():
        for path in sorted(path for path in paths if REQUIREMENTS.fullmatch(path)):
            if path not in texts:
                texts[path] = worktree.text(path).splitlines()
            for number, line in enumerate(texts[path], start=1):
                if _EXTRA_INDEX.match(line):
                    hazard = extra_index(number)
                    where = f"{one_line(path)}:{number}"
                    yield _judged(project, image, hazard.rule, where, hazard.what, hazard.hint, refused=False)


def _judged(
    project: Project, image: str, rule: Rule, where: str, what: str, fix: str, *, refused: bool, path: str = ""
) -> Finding:
    """Return a finding with its verdict. ``refused``: the rule refuses this, and does not only note it."""
    permission = project.policy.permission(image, rule, path) if rule in ALLOWABLE else None
    if permission:
        return Finding(image, rule, where, what, fix, Verdict.ALLOWED, permission=permission)
    tolerated = refused and rule not in STRICT and project.policy.mode is Mode.NOTE
    if tolerated or not refused:
        return Finding(image, rule, where, what, fix, Verdict.NOTED, tolerated)
    key = f'"{rule}:{one_line(path)}"' if path else str(rule)
    allow = f'or {project.header("allow")} {image} = {{ {key} = "why" }}; ' if rule in ALLOWABLE else ""
    return Finding(image, rule, where, what, f"{fix}; {allow}{rule.page}", Verdict.REFUSED)


def refusals(findings: Iterable[Finding]) -> dict[str, PolicyError]:
    """Return the error of each image with a refused finding."""
    problems: dict[str, list[Problem]] = {}
    files: Counter[str] = Counter()
    for one in findings:
        if one.verdict is not Verdict.REFUSED:
            continue
        files[one.image] += one.rule is Rule.CONTEXT_FILE
        if one.rule is not Rule.CONTEXT_FILE or files[one.image] <= _FILES_SHOWN:
            problem = Problem(one.where, f"{one.what} ({one.rule})", one.hint, one.rule)
            problems.setdefault(one.image, []).append(problem)
    for image, count in files.items():
        if count > _FILES_SHOWN:
            what = f"{count - _FILES_SHOWN} more files like these would enter {image} ({Rule.CONTEXT_FILE})"
            problems[image].append(Problem("", what, Rule.CONTEXT_FILE.page, Rule.CONTEXT_FILE))
    return {image: PolicyError.of(found) for image, found in problems.items()}


def nothing_tracked(paths: Collection[str]) -> frozenset[str]:
    """Return no path, for a repository without git."""
    return frozenset()


def notes(findings: Iterable[Finding]) -> tuple[str, ...]:
    """Return a line for each noted finding, in columns, the first ones of each rule; then a line about the rules."""
    noted = {(one.where, one.rule, one.what): one for one in findings if one.is_noted}
    by_rule: dict[Rule, list[tuple[str, str]]] = {}
    for where, rule, what in noted:
        by_rule.setdefault(rule, []).append((one_line(where), what))
    if not by_rule:
        return ()
    rows = [(where, rule, what) for rule, found in by_rule.items() for where, what in _first(found)]
    place = min(_WIDEST_PLACE, max(len(where) for where, _, _ in rows))
    name = max(len(rule) for _, rule, _ in rows)
    lines = [f"{where:{place}}  {rule:{name}}  {what}" for where, rule, what in rows]
    tolerated = sum(one.tolerated for one in noted.values())
    less = f"; {tolerated} of these lines are refused without policy = note" if tolerated else ""
    return (*lines, f"{PAGE} explains {', '.join(by_rule)}{less}")


def _first(found: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Yield the first notes of a rule, and the number of the others."""
    yield from found[:_NOTES_SHOWN]
    if len(found) > _NOTES_SHOWN:
        yield "", f"{len(found) - _NOTES_SHOWN} more like these"
