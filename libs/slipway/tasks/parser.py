"""Accept image names after a task, which Invoke cannot express: ``invoke build svc-ocr svc-forms push``.

Invoke gives a positional argument exactly one value. A slipway task with a ``names`` argument takes every word that is
neither a flag nor a task. When Invoke refuses a word, the program ends with slipway's error, a suggestion and exit
code 2.

Invoke creates its parser itself, so ``install`` wraps two methods of it. Each wrapper looks for the arguments of
slipway's own tasks. For any other task it only calls Invoke's method.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import replace
from typing import Any, NoReturn

from invoke.exceptions import Exit, ParseError
from invoke.parser.argument import Argument
from invoke.parser.context import ParserContext, to_flag
from invoke.parser.parser import ParseMachine
from invoke.tasks import Task

from slipway.core.errors import Problem, UsageError, suggestion
from slipway.tasks.command_line import SLIPWAY, CommandLine, command_line

#: Arguments that the user gives as one bare word: a run, a version, or a release.
ONE_WORD = ("run", "to", "release")
#: All arguments that the user gives as bare words; ``names`` takes any number.
WORDS = ("names", *ONE_WORD)

_handle = ParseMachine.handle
_error = ParseMachine.error


class SlipwayArgument(Argument):
    """Mark an argument of a slipway task.

    ``task`` is the task's own name, even when the command line has another name for the task.
    """

    task = ""

    def __deepcopy__(self, memo: object) -> SlipwayArgument:
        """Return a copy. Invoke copies every argument of every task, and never changes a value in place."""
        return copy(self)


class SlipwayTask(Task[Any]):
    """Define a task whose arguments the parser recognizes as slipway's."""

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Argument]:
        help = dict(self.help)  # Invoke empties it while reading, and a second parser needs it
        found = super().get_arguments(ignore_unknown_help)
        self.help = help
        return [_own(argument, self.name.replace("_", "-")) for argument in found]


class Refused(ParseError, Exit):
    """Report that the parser refused a word.

    Completion catches it as Invoke's own ParseError. The program ends with slipway's exit code.
    """

    def __init__(self, error: UsageError, context: ParserContext | None) -> None:
        Exit.__init__(self, code=error.exit_code)
        self.context = context
        self.args = (str(error),)


def install() -> None:
    """Wrap the methods of Invoke's parser for the rest of this process."""
    ParseMachine.handle = _handle_names  # type: ignore[assignment,method-assign]
    ParseMachine.error = _refuse  # type: ignore[assignment,method-assign]


def refuse_tasks(places: Mapping[str, str], hint: str = "rename it") -> None:
    """Raise UsageError for names that are also the name of a task.

    As a word on the command line, the name would call the task, or it would when the same repository is used with the
    program ``slipway``. ``places`` maps a name to the file or folder that gives it.
    """
    words = command_line.get().words
    what = "{} is also the name of a task, so no argument can name it"
    problems = [Problem(place, what.format(name), hint) for name, place in places.items() if name in words]
    if problems:
        raise UsageError.of(problems)


def task_of(context: ParserContext | None) -> str:
    """Return the own name of the slipway task that ``context`` parses; an empty string for any other task."""
    arguments = context.args.values() if context is not None else ()
    return next((argument.task for argument in arguments if isinstance(argument, SlipwayArgument)), "")


def _own(argument: Argument, task: str) -> SlipwayArgument:
    own = SlipwayArgument(
        names=argument.names,
        kind=argument.kind,
        default=argument.default,
        help=argument.help,
        positional=argument.positional,
        optional=argument.optional,
        incrementable=argument.incrementable,
        attr_name=argument.attr_name,
    )
    own.task = task
    return own


def _handle_names(machine: ParseMachine, token: str) -> None:
    word = _takes(machine, token)
    if word:
        machine.context.args[word].value = token
    else:
        try:
            _handle(machine, token)
        except ValueError:
            if not (task_of(machine.context) or _all_ours(machine)):
                raise
            _fail(machine, f"{_flag(machine)} {token}: not a number", f"{_flag(machine)} 1")
    if machine.contexts:
        command_line.set(_understood(machine))


def _takes(machine: ParseMachine, token: str) -> str:
    """Return the argument that a bare word is for, or an empty string.

    ``names`` takes any number of words, each of ``ONE_WORD`` takes one.
    """
    if not task_of(machine.context):
        return ""
    arguments = machine.context.args
    word = next((word for word in WORDS if word in arguments), "")
    waiting = machine.waiting_for_flag_value and not (machine.flag and machine.flag.name == word)
    taken = word in ONE_WORD and bool(arguments[word].value)
    free = word and not (waiting or taken or token.startswith("-") or token in machine.contexts)
    return word if free else ""


def _understood(machine: ParseMachine) -> CommandLine:
    contexts = list(machine.contexts.values())
    running = [context for context in (*machine.result, machine.context) if context is not None and context.name]
    tasks = {task_of(context): str(context.name) for context in contexts} | {task_of(c): str(c.name) for c in running}
    tasks.pop("", None)
    return replace(
        command_line.get(),
        tasks=tasks,
        words=frozenset([*tasks, *(str(word) for context in contexts for word in (context.name, *context.aliases))]),
        ours=all(map(task_of, running)),
    )


def _refuse(machine: ParseMachine, msg: str) -> NoReturn:
    """Raise slipway's error for a word that Invoke refuses.

    It applies to slipway's tasks, and to a program that has no other tasks. For any other task, Invoke's own method
    raises its error.
    """
    context = machine.context
    named = context is not None and context.name
    if not (task_of(context) if named else _all_ours(machine)):
        _error(machine, msg)
    if machine.flag is not None and "needed value" in msg:
        _fail(machine, f"{_flag(machine)}: the value is missing", f"{_flag(machine)}=VALUE")
    token = msg.partition("'")[2].partition("'")[0]
    flags = context.flag_names() if named and token.startswith("-") else ()
    _fail(machine, msg.rstrip("!"), suggestion(token, [*flags, *map(str, machine.contexts)], "invoke --list"))


def _all_ours(machine: ParseMachine) -> bool:
    """Tell whether the program has no tasks but slipway's."""
    tasks = [task_of(context) for context in machine.contexts.values()]
    return command_line.get().program == SLIPWAY or (bool(tasks) and all(tasks))


def _fail(machine: ParseMachine, message: str, hint: str) -> NoReturn:
    raise Refused(UsageError(message, hint=command_line.get().typed(hint)), machine.context)


def _flag(machine: ParseMachine) -> str:
    return to_flag(str(machine.flag.names[0])) if machine.flag is not None else ""
