"""``invoke build svc-ocr svc-forms push``: image names after a task, which Invoke itself has no way to say.

Invoke gives a positional argument exactly one value. Here a task that has a ``names`` argument takes every word that is
neither a flag nor a task, and words that Invoke refuses end in the contract's form, with exit code 2 and a suggestion.

Invoke makes its parser itself, so ``install`` wraps two methods of it. Each wrapper looks for the arguments of
slipway's own tasks; for any other task it calls Invoke's method and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NoReturn

from invoke.exceptions import Exit, ParseError
from invoke.parser.argument import Argument
from invoke.parser.context import ParserContext, to_flag
from invoke.parser.parser import ParseMachine
from invoke.tasks import Task

from slipway.core.errors import Problem, UsageError, suggestion

#: Arguments that are given as bare words: any number of names, one run.
WORDS = ("names", "run")

_handle = ParseMachine.handle
_error = ParseMachine.error


class SlipwayArgument(Argument):
    """An argument of a slipway task. ``task`` is the task's own name, whatever it is called on the command line."""

    task = ""


class SlipwayTask(Task[Any]):
    """A task whose arguments tell the parser that they are slipway's."""

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Argument]:
        help = dict(self.help)  # Invoke takes it out while it reads it, and a second parser would have none
        found = super().get_arguments(ignore_unknown_help)
        self.help = help
        return [_own(argument, self.name.replace("_", "-")) for argument in found]


@dataclass(frozen=True)
class CommandLine:
    """How slipway's tasks are called on the command line that runs.

    ``called``: a task's own name → its name here, where it is another · ``words``: every word that calls a task ·
    ``ours``: no other task runs.
    """

    called: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    words: frozenset[str] = frozenset()
    ours: bool = False


_CALLED_FROM_PYTHON = CommandLine()
#: Set by the parser.
command_line: ContextVar[CommandLine] = ContextVar("command_line", default=_CALLED_FROM_PYTHON)


class Refused(ParseError, Exit):
    """A refusal by the parser. Completion catches it as Invoke's own; the program ends with our exit code."""

    def __init__(self, error: UsageError, context: ParserContext | None) -> None:
        Exit.__init__(self, code=error.exit_code)
        self.context = context
        self.args = (str(error),)


def install() -> None:
    """Teach Invoke's parser, from here on."""
    ParseMachine.handle = _handle_names  # type: ignore[assignment,method-assign]
    ParseMachine.error = _refuse  # type: ignore[assignment,method-assign]


def refuse_tasks(places: Mapping[str, str]) -> None:
    """Raise UsageError for names that are also a task's: as words on the command line they would call it.

    ``places`` maps a name to the file or folder that gives it.
    """
    words = command_line.get().words
    what = "{} is also the name of a task, so it cannot be asked for by name"
    problems = [Problem(place, what.format(name), "rename it") for name, place in places.items() if name in words]
    if problems:
        raise UsageError.of(problems)


def task_of(context: ParserContext | None) -> str:
    """The slipway task that ``context`` parses for, by its own name; an empty string for any other."""
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
            if not task_of(machine.context):
                raise
            _fail(machine, f"{_flag(machine)} {token}: not a number", f"{_flag(machine)} 1")
    if machine.contexts:
        command_line.set(_understood(machine))


def _takes(machine: ParseMachine, token: str) -> str:
    """The argument that a bare word is for: any number of ``names``, one ``run``; empty when it is for none."""
    if not task_of(machine.context):
        return ""
    arguments = machine.context.args
    word = next((word for word in WORDS if word in arguments), "")
    waiting = machine.waiting_for_flag_value and not (machine.flag and machine.flag.name == word)
    taken = word == "run" and bool(arguments["run"].value)
    free = word and not (waiting or taken or token.startswith("-") or token in machine.contexts)
    return word if free else ""


def _understood(machine: ParseMachine) -> CommandLine:
    contexts = list(machine.contexts.values())
    running = [context for context in (*machine.result, machine.context) if context is not None and context.name]
    called = {task_of(context): str(context.name) for context in contexts} | {task_of(c): str(c.name) for c in running}
    return CommandLine(
        {name: called_as for name, called_as in called.items() if name and name != called_as},
        frozenset(str(word) for context in contexts for word in (context.name, *context.aliases)),
        all(map(task_of, running)),
    )


def _refuse(machine: ParseMachine, msg: str) -> NoReturn:
    """A slipway task refuses in the contract's form. So does a program that has no other tasks."""
    context = machine.context
    named = context is not None and context.name
    if not (task_of(context) if named else _all_ours(machine.contexts.values())):
        _error(machine, msg)
    if machine.flag is not None and "needed value" in msg:
        _fail(machine, f"{_flag(machine)}: the value is missing", f"{_flag(machine)}=VALUE")
    token = msg.partition("'")[2].partition("'")[0]
    flags = context.flag_names() if named and token.startswith("-") else ()
    _fail(machine, msg.rstrip("!"), suggestion(token, [*flags, *map(str, machine.contexts)], "invoke --list"))


def _all_ours(contexts: Iterable[ParserContext]) -> bool:
    tasks = [task_of(context) for context in contexts]
    return bool(tasks) and all(tasks)


def _fail(machine: ParseMachine, message: str, hint: str) -> NoReturn:
    raise Refused(UsageError(message, hint=hint), machine.context)


def _flag(machine: ParseMachine) -> str:
    return to_flag(str(machine.flag.names[0])) if machine.flag is not None else ""
