"""What every task passes through: names as words, help, errors turned into lines and exit codes in one place.

Importing it is cheap: ``invoke --list`` needs nothing of what the tasks do.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import os
import re
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke.context import Context
from invoke.exceptions import Exit

from slipway.core.errors import MissingError, SlipwayError
from slipway.core.options import options
from slipway.core.streams import OutputError, emit
from slipway.tasks import core, names, process
from slipway.tasks.names import SlipwayTask
from slipway.tasks.options import OutputOptions

if TYPE_CHECKING:
    from slipway.secrets.redactor import Redactor

#: Tasks that have answered with JSON: an error after it is told on stderr alone, so stdout stays one document.
_answered: set[str] = set()

#: What the running task has opened for as long as it runs.
_opened = contextlib.ExitStack()

#: A command in an error or a hint, up to the end of its words.
_COMMAND = re.compile(r"invoke(?: [a-z][a-z0-9-]*(?![a-z0-9.:/=]))+")


@functools.cache
def redactor() -> Redactor:
    """Return the one redactor that all output of this process passes; it learns secrets as they become known."""
    from slipway.secrets.redactor import Redactor

    return Redactor()


def opened() -> contextlib.ExitStack:
    """Closed when the running task ends, however it ends."""
    return _opened


def answer(content: Any) -> None:
    """Print a task's JSON on stdout, without secrets."""
    from slipway.ui import report

    _answered.add("json")
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    emit(report.encodable(report.dumps(redactor().all(content)), encoding), sys.stdout)


def task(function: Callable[..., None]) -> SlipwayTask:
    """Make an Invoke task of a function that takes a session, and dataclasses whose fields are the task's flags.

    Words are names, no flag has a short form, and an error becomes lines and an exit code.
    """
    kinds = _dataclasses(function)
    flags = {field.name: (field, option) for kind in kinds.values() for field, option in options(kind)}
    parameters = [_parameter(name, field.default) for name, (field, _) in flags.items()]
    signature = inspect.Signature([_FIRST, *parameters])
    called = function.__name__.replace("_", "-")

    @functools.wraps(function)
    def body(c: Context, **given: Any) -> None:
        with process.ours(keep=names.command_line.get().ours):
            _answered.clear()
            try:
                signature.bind(c, **given)  # raises TypeError for an argument that the task does not have
                arguments = core.obey(c, _here(called), flags, given)
                for flag in core.unused(c):
                    emit(f"note: {flag} has no effect on {_here(called)}", sys.stderr)
                with _opened:
                    _run(function, c, _filled(kinds, arguments))
            except SlipwayError as error:
                error = error.redacted(shown)
                _end(str(error), error.exit_code, error=error, json=given.get("json", False))
            except process.Terminated:
                process.heed_no_more()
                _end(process.TERMINATED, 143)
            except KeyboardInterrupt:
                process.heed_no_more()
                _end(process.INTERRUPTED, 130)
            except OutputError as error:
                process.silence(error.stream)
                if isinstance(error.cause, BrokenPipeError):
                    raise Exit(code=process.PIPE_CLOSED) from None
                _end(f"error: {error}", MissingError.exit_code)
            except Exit:
                raise
            except Exception as error:
                _end(f"error: a bug in slipway: {type(error).__name__}\nlog:   {_keep_traceback(error)}", 1)

    body.__signature__ = signature  # type: ignore[attr-defined]
    listed = [parameter.name for parameter in parameters if isinstance(parameter.default, list)]
    said = {name: option.help for name, (_, option) in flags.items()}
    return names.SlipwayTask(body, auto_shortflags=False, iterable=listed, help=said)


_FIRST = inspect.Parameter("c", inspect.Parameter.POSITIONAL_ONLY)


def _parameter(name: str, default: Any) -> inspect.Parameter:
    """Return a parameter for Invoke, which takes a flag's kind from its default: a list is what it appends to."""
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=list(default) if isinstance(default, tuple) else default
    )


def _dataclasses(function: Callable[..., None]) -> dict[str, Any]:
    """Return the options that ``function`` takes after its session: parameter → dataclass; and those of every task.

    The session's own annotation is not evaluated: its module is imported when a task runs.
    """
    _, *parameters = inspect.signature(function).parameters.values()
    found = {one.name: eval(one.annotation, function.__globals__) for one in parameters}
    return {**found, "output": OutputOptions}


def _filled(kinds: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return an instance of each dataclass, with those of ``arguments`` that are its fields."""
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in arguments.items()}
    return {
        parameter: kind(**{field.name: values[field.name] for field, _ in options(kind) if field.name in values})
        for parameter, kind in kinds.items()
    }


def _run(function: Callable[..., None], c: Context, given: dict[str, Any]) -> None:
    from slipway.tasks.invocation import Invocation

    session = Invocation(c, tuple(given.values()))
    function(session, **{name: value for name, value in given.items() if name != "output"})


def _here(task: str) -> str:
    """A task's name on this command line."""
    return names.command_line.get().called.get(task, task)


def _end(text: str, code: int, *, error: SlipwayError | None = None, json: bool = False) -> None:
    if json and error and not _answered:
        _tell(answer, error.as_json())
    _tell(_say, text)
    raise Exit(code=code)


def _tell(tell: Callable[[Any], None], content: Any) -> None:
    """The exit code stands even where nobody can be told why."""
    try:
        tell(content)
    except OutputError as error:
        process.silence(error.stream)


def shown(text: str) -> str:
    """``text`` without secrets, and its commands as they are called on this command line: ``invoke images.build``."""
    called = names.command_line.get().called
    text = redactor()(text)
    return _COMMAND.sub(lambda found: _renamed(found[0], called), text) if called else text


def _renamed(command: str, called: Mapping[str, str]) -> str:
    return " ".join(called.get(word, word) for word in command.split(" "))


def _say(text: str) -> None:
    from slipway.config import settings
    from slipway.ui.console import shown_error

    color = process.is_terminal(sys.stderr) and not settings.surroundings().no_color
    shown_error(redactor()(text), sys.stderr, color=color)


def _keep_traceback(bug: Exception) -> str:
    """Write the traceback to a file for this user alone, in the repository or where files can be written; its name.

    Where none can be written, the place of the bug in the code stands for it.
    """
    text = redactor()("".join(traceback.format_exception(bug))).encode("utf-8", "backslashreplace")
    with contextlib.suppress(OSError):
        path = _root() / ".slipway/bug.log"
        path.parent.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        path.write_bytes(text)
        return os.path.relpath(path)
    with (
        contextlib.suppress(OSError),
        tempfile.NamedTemporaryFile(prefix="slipway-bug-", suffix=".log", delete=False) as file,
    ):
        file.write(text)
        return file.name
    last = traceback.extract_tb(bug.__traceback__)[-1]
    return f"cannot be written; {Path(last.filename).name}:{last.lineno} in {last.name}"


def _root() -> Path:
    """The repository's root, or the current folder outside of any. Raises OSError when that is gone."""
    from slipway.config import settings

    try:
        return settings.find_root(Path.cwd())
    except SlipwayError:
        return Path.cwd()
