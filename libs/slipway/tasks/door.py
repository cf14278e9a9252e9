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
from invoke.tasks import task as invoke_task

from slipway.core.errors import MissingError, SlipwayError
from slipway.core.streams import OutputError, emit
from slipway.tasks import core, names, process

if TYPE_CHECKING:
    from slipway.secrets.redactor import Redactor

#: Tasks that have answered with JSON: an error after it is told on stderr alone, so stdout stays one document.
_answered: set[str] = set()

#: What the running task has opened for as long as it runs.
_opened = contextlib.ExitStack()

#: A command in an error or a hint, up to the end of its words.
_COMMAND = re.compile(r"invoke(?: [a-z][a-z0-9-]*(?![a-z0-9.:/=]))+")

_HELP = {
    "names": "images, simply as words after the task",
    "version": "BASE_VERSION and VERSION for this task and those after it",
    "registry": "REGISTRY for this task and those after it",
    "owner": "OWNER for this task and those after it",
    "allow_unused_env": "let .env hold names that no image uses; for the tasks after this one, too",
    "no_cache": "build these images from nothing, though they are here",
    "fail_fast": "begin nothing after the first failure",
    "strict": "what BuildKit warns of has failed",
    "retries": "how often to try a failed image again",
    "dry_run": "show what would be done, and do nothing",
    "json": "answer with JSON on stdout",
    "force": "let a version tag move to other content",
    "resume": "the run whose push is to be finished",
    "image": "test this reference instead of what is built here",
    "yes": "do it without asking",
    "remote": "on the build host, REMOTE_HOST",
    "host": "build host: an ssh alias or user@host[:port], instead of REMOTE_HOST",
    "run": "which one; without it the newest that still runs, else the newest",
    "break_lock": "release though another run's lock is there, once its lease has run out",
    "path": "folder on the build host, instead of REMOTE_PATH",
}


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


def task(function: Callable[..., None] | None = None, *, name: str | None = None) -> Any:
    """Make an Invoke task: names as words, no short flags, errors as lines and exit codes."""
    if function is None:
        return functools.partial(task, name=name)
    parameters = inspect.signature(function).parameters
    called = name or function.__name__.replace("_", "-")

    @functools.wraps(function)
    def body(c: Context, **kwargs: Any) -> None:
        with process.ours(keep=names.command_line.get().ours):
            _answered.clear()
            try:
                arguments = core.obey(c, _here(called), parameters, kwargs)
                for flag in core.unused(c):
                    emit(f"note: {flag} has no effect on {_here(called)}", sys.stderr)
                with _opened:
                    function(c, **arguments)
            except SlipwayError as error:
                error = error.redacted(shown)
                _end(str(error), error.exit_code, error=error, json=kwargs.get("json", False))
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

    words = [name for name in ("names",) if name in parameters]
    # Invoke takes an argument's kind from its default: a list is what it appends to.
    listed = [p.replace(default=[]) if p.name in words else p for p in parameters.values()]
    body.__signature__ = inspect.signature(function).replace(parameters=listed)  # type: ignore[attr-defined]
    said = {name: text for name, text in _HELP.items() if name in parameters}
    return invoke_task(body, name=name, klass=names.SlipwayTask, auto_shortflags=False, iterable=words, help=said)


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
