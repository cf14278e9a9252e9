"""Wrap every task: flags from dataclasses, a session, and errors as lines and exit codes.

Importing this module is cheap: ``invoke --list`` does not load the work of the tasks.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from invoke.context import Context
from invoke.exceptions import Exit

from slipway.core.options import options
from slipway.core.streams import OutputError
from slipway.tasks import core, parser, process
from slipway.tasks.command_line import command_line
from slipway.tasks.options import OutputOptions

_NOUNS = ("base", "release", "remote")
_CONTEXT = inspect.Parameter("c", inspect.Parameter.POSITIONAL_ONLY)


def task(function: Callable[..., None]) -> parser.SlipwayTask:
    """Make an Invoke task of a function that takes a session, and dataclasses whose fields are the task's flags.

    The session gets these options. So a function declares HostOptions even if it only uses ``session.host``. Bare
    words are names or a run, and no flag has a short form. An error becomes lines and an exit code.
    """
    kinds = _dataclasses(function)
    declared = (*kinds.values(), OutputOptions)
    flags = {field.name: (field, option) for kind in declared for field, option in options(kind)}
    parameters = [_parameter(name, field.default) for name, (field, _) in flags.items()]
    signature = inspect.Signature([_CONTEXT, *parameters])
    own = function.__name__.replace("_", "-")

    @functools.wraps(function)
    def body(c: Context, **given: Any) -> None:
        line = command_line.get()
        name = line.called(own)
        with process.ours(keep=line.ours), _interrupts():
            from slipway.tasks.output import Output

            output = Output(json=given.get("json", False))
            with output.errors():
                signature.bind(c, **given)  # raises TypeError for an argument that the task does not have
                arguments = core.obey(c, name, flags, given)
                for flag in core.unused(c):
                    output.console.note(f"note: {flag} has no effect on {name}")
                filled = _filled(kinds, arguments)

                from slipway.tasks.session import Session

                with Session(c, tuple(filled.values()), output) as session:
                    function(session, **filled)

    body.__signature__ = signature  # type: ignore[attr-defined]
    listed = [parameter.name for parameter in parameters if isinstance(parameter.default, list)]
    said = {name: option.help for name, (_, option) in flags.items()}
    return parser.SlipwayTask(body, aliases=_dotted(own), auto_shortflags=False, iterable=listed, help=said)


def _dotted(name: str) -> tuple[str, ...]:
    """Return the second name of a task about a noun: ``remote.check`` for ``remote-check``."""
    noun, _, verb = name.partition("-")
    return (f"{noun}.{verb}",) if verb and noun in _NOUNS else ()


def _dataclasses(function: Callable[..., None]) -> dict[str, Any]:
    """Return the options that ``function`` takes after its session: parameter → dataclass.

    The session's own annotation is not evaluated, because its module is imported only when a task runs.
    """
    _, *parameters = inspect.signature(function).parameters.values()
    return {one.name: eval(one.annotation, function.__globals__) for one in parameters}


def _parameter(name: str, default: Any) -> inspect.Parameter:
    """Return a parameter for Invoke, which takes a flag's kind from its default.

    To a default that is a list, Invoke appends each value of the flag.
    """
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=list(default) if isinstance(default, tuple) else default
    )


def _filled(kinds: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return an instance of each dataclass, filled with those ``arguments`` that are its fields."""
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in arguments.items()}
    return {
        parameter: kind(**{field.name: values[field.name] for field, _ in options(kind) if field.name in values})
        for parameter, kind in kinds.items()
    }


@contextlib.contextmanager
def _interrupts() -> Iterator[None]:
    """Report the signal that ended the task, and raise Exit with its exit code."""
    try:
        yield
    except process.Terminated:
        _end(process.TERMINATED, 143)
    except KeyboardInterrupt:
        _end(process.INTERRUPTED, 130)


def _end(text: str, code: int) -> None:
    from slipway.tasks.output import show_error

    process.heed_no_more()
    try:
        show_error(text)
    except OutputError as error:
        process.silence(error.stream)
    raise Exit(code=code)
