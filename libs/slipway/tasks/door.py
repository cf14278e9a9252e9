"""What every task passes through: names as words, help, errors turned into lines and exit codes in one place.

Importing it is cheap: ``invoke --list`` needs nothing of what the tasks do.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import inspect
import io
import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke.exceptions import Exit
from invoke.tasks import task as invoke_task

from slipway.errors import SlipwayError

if TYPE_CHECKING:
    from slipway.redact import Redactor

#: Tasks that have answered with JSON: an error after it is told on stderr alone, so stdout stays one document.
_answered: set[str] = set()

#: What the running task has opened for as long as it runs.
_opened = contextlib.ExitStack()

_TERMINATED = "error: ended by SIGTERM; what was finished is kept"
_INTERRUPTED = "error: interrupted; what was finished is kept\nhint:  run the same command to go on"

_HELP = {
    "names": "images, simply as words after the task",
    "version": "BASE_VERSION and VERSION for this task and those after it",
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
    from slipway.redact import Redactor

    return Redactor()


def opened() -> contextlib.ExitStack:
    """Closed when the running task ends, however it ends."""
    return _opened


def answer(content: Any) -> None:
    """Print a task's JSON on stdout, without secrets."""
    from slipway import report

    _answered.add("json")
    print(report.dumps(redactor().all(content)))


def task(function: Callable[..., None]) -> Any:
    """An Invoke task: names as words, no short flags, errors as lines and exit codes."""

    @functools.wraps(function)
    def body(*args: Any, **kwargs: Any) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, _terminated)
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")  # a file's name need not be text
        _answered.clear()
        try:
            with _opened:
                function(*args, **kwargs)
            _leave_from_here()
        except SlipwayError as error:
            error = error.redacted(redactor())
            _end(str(error), error.exit_code, error=error, json=kwargs.get("json", False))
        except _Terminated:
            _heed_no_more()
            _end(_TERMINATED, 143)
        except KeyboardInterrupt:
            _heed_no_more()
            _end(_INTERRUPTED, 130)
        except Exit:
            raise
        except Exception as error:
            _end(f"error: a bug in slipway: {type(error).__name__}\nlog:   {_keep_traceback()}", 1)

    signature = inspect.signature(function)
    names = [name for name in ("names",) if name in signature.parameters]
    # Invoke takes an argument's kind from its default: a list is what it appends to.
    listed = [p.replace(default=[]) if p.name in names else p for p in signature.parameters.values()]
    body.__signature__ = signature.replace(parameters=listed)  # type: ignore[attr-defined]
    said = {name: text for name, text in _HELP.items() if name in signature.parameters}
    return invoke_task(body, auto_shortflags=False, iterable=names, help=said)


class _Terminated(BaseException):
    pass


def _terminated(signum: int, frame: object) -> None:
    raise _Terminated


def _leave_from_here() -> None:
    """A task is done and told. A signal before the next one ends the chain; one while Python ends changes nothing."""
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, _leave)
    atexit.unregister(_heed_no_more)
    atexit.register(_heed_no_more)


def _leave(signum: int, frame: object) -> None:
    _heed_no_more()
    _say(_TERMINATED if signum == signal.SIGTERM else _INTERRUPTED)
    sys.exit(128 + signum)


def _heed_no_more() -> None:
    """All is cleaned up: one more Ctrl-C would only cut the last words off."""
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, signal.SIG_IGN)


def _end(text: str, code: int, *, error: SlipwayError | None = None, json: bool = False) -> None:
    if json and error and not _answered:
        answer(error.as_json())
    _say(text)
    raise Exit(code=code)


def _say(text: str) -> None:
    from slipway import settings
    from slipway.console import shown_error

    shown_error(redactor()(text), sys.stderr, color=sys.stderr.isatty() and not settings.surroundings().no_color)


def _keep_traceback() -> str:
    from slipway import settings

    root = Path.cwd()
    with contextlib.suppress(SlipwayError):
        root = settings.find_root(root)
    path = root / ".slipway/bug.log"
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(redactor()(traceback.format_exc()), "utf-8", errors="backslashreplace")
    return os.path.relpath(path)
