"""Complete image names in the shell: ``invoke build svc-<TAB>``.

Invoke completes tasks and flags, but has no way to complete other words. So slipway wraps Invoke's ``complete``. After
a slipway task that takes names, the names of its images come first. Nothing changes for any other task. The names come
from the Dockerfiles' paths, and from compose files and bake files that the repository declares: slipway reads no
Dockerfile and connects to no engine.
"""

from __future__ import annotations

import contextlib
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import invoke.program
from invoke.collection import Collection
from invoke.completion.complete import complete
from invoke.exceptions import ParseError
from invoke.parser.context import ParserContext
from invoke.parser.parser import Parser, ParseResult

from slipway.core.errors import UsageError
from slipway.tasks.parser import task_of

if TYPE_CHECKING:
    from slipway.config.project import Project
    from slipway.stack.definition import Definition
    from slipway.stack.worktree import Worktree


def install() -> None:
    """Wrap Invoke's completion for the rest of this process."""
    invoke.program.complete = _complete  # type: ignore[attr-defined]


def _complete(
    names: list[str], core: ParseResult, initial_context: ParserContext, collection: Collection, parser: Parser
) -> Any:
    with contextlib.suppress(ValueError):  # a quote that is not closed yet
        words = shlex.split(re.sub(rf"^({'|'.join(names)}) ", "", core.remainder))
        for name in _names(words, parser, collection):
            print(name)
    return complete(names, core, initial_context, collection, parser)


def _names(words: Sequence[str], parser: Parser, collection: Collection) -> list[str]:
    """Return the image names that may complete the last of ``words``, or be the word after it."""
    context = _current(words, parser)
    task = task_of(context)
    if not task or context is None or "names" not in context.args:
        return []
    waits, last = ("", *words)[-2:]
    if any(flag in context.flags and context.flags[flag].takes_value for flag in (waits, last)):
        return []
    if last.startswith("-") and last not in context.flags:
        return []
    given = set(context.args["names"].value) - {last}
    return [name for name in _images(task, collection) if name not in given]


def _current(words: Sequence[str], parser: Parser) -> ParserContext | None:
    """Return the context to which a word after ``words`` belongs.

    A command line that is not finished yet is not an error.
    """
    try:
        contexts = parser.parse_argv(list(words))
    except ParseError as error:
        return error.context
    return contexts[-1] if contexts else None


def _images(task: str, collection: Collection) -> list[str]:
    from slipway.config.project import read_project
    from slipway.config.root import find_root
    from slipway.smoke import selection
    from slipway.stack.patterns import defined_by_paths
    from slipway.stack.worktree import Worktree

    try:
        folder = collection.loaded_from
        root = find_root(Path(folder) if folder else None, Path.cwd())
    except UsageError:
        return []
    project, _ = read_project(root)
    worktree = Worktree(root)
    found = _declared(project, worktree) or defined_by_paths(project.images, worktree.find)
    images = [one.name for one in found if one.base or task != "build-base"]
    systems = selection.find_system_tests(root) if task == "smoke" else ()
    return [*images, *systems]


def _declared(project: Project, worktree: Worktree) -> Sequence[Definition]:
    """Return all images of a repository that has ``declarations``; none when it has not, or they have problems."""
    if not project.declarations:
        return ()
    from slipway.config.environment import surroundings, variables
    from slipway.hosts.runner import run
    from slipway.plan.declared import Bake, read_declarations
    from slipway.plan.repository import defined_images
    from slipway.stack.parents import Naming

    place = project.places["declarations"]
    bake = Bake(run, surroundings().buildx)
    try:
        declared = read_declarations(project.declarations, place, worktree, variables(), bake)
        return defined_images(project, worktree, Naming("", "", "", ""), declared).definitions
    except UsageError:
        return ()
