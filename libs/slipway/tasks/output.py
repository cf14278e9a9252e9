"""Write the output of a task: one answer in JSON, and errors as lines or JSON with an exit code.

No text holds a secret. The hints of errors name commands as the user types them: ``invoke images.build``.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from invoke.exceptions import Exit

from slipway.config.environment import surroundings
from slipway.config.root import find_root
from slipway.core.errors import PrerequisiteError, SlipwayError
from slipway.core.streams import OutputError, emit
from slipway.secrets.redactor import Redactor
from slipway.tasks import process
from slipway.tasks.command_line import command_line
from slipway.ui import report
from slipway.ui.console import Console, shown_error


class Output:
    """Write the output of one task. ``redactor`` learns secrets as the task reads them."""

    def __init__(self, *, json: bool = False) -> None:
        around = surroundings()
        on_terminal = process.is_terminal(sys.stderr) and process.is_terminal(sys.stdout) and not around.ci
        self.json = json
        self.redactor = Redactor(around.secrets)
        self.console = Console(tty=on_terminal, color=not around.no_color, redact=self.redactor)
        self._answered = False

    def readable(self, error: SlipwayError) -> SlipwayError:
        """Return an error without secrets, whose hints name commands as the user types them."""
        return error.redacted(self.redactor).with_hints(command_line.get().typed)

    def answer(self, content: Any) -> None:
        """Print the task's JSON on stdout.

        A later error goes only to stderr, so that stdout stays one JSON document.
        """
        self._answered = True
        encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
        emit(report.encodable(report.dumps(self.redactor.all(content)), encoding), sys.stdout)

    @contextlib.contextmanager
    def errors(self) -> Iterator[None]:
        """Report an error that ends the task, and raise Exit with its exit code."""
        try:
            yield
        except SlipwayError as error:
            self._fail(self.readable(error))
        except OutputError as error:
            process.silence(error.stream)
            if isinstance(error.cause, BrokenPipeError):
                raise Exit(code=process.PIPE_CLOSED) from None
            self._end(f"error: {error}", PrerequisiteError.exit_code)
        except Exit:
            raise
        except Exception as error:
            kept = _keep(self.redactor("".join(traceback.format_exception(error))), error)
            self._fail(SlipwayError(f"a bug in slipway: {type(error).__name__}", log=kept))

    def _fail(self, error: SlipwayError) -> None:
        """Report an error without secrets on stderr, with ``--json`` also as the task's answer."""
        if self.json and not self._answered:
            _tell(self.answer, error.as_json())
        self._end(str(error), error.exit_code)

    def _end(self, text: str, code: int) -> None:
        _tell(show_error, self.redactor(text))
        raise Exit(code=code)


def show_error(text: str) -> None:
    """Print the closing lines of a failure on stderr."""
    color = process.is_terminal(sys.stderr) and not surroundings().no_color
    shown_error(text, sys.stderr, color=color)


def _tell(tell: Callable[[Any], None], content: Any) -> None:
    """Write ``content`` with ``tell``. A failure to write it does not change the task's exit code."""
    try:
        tell(content)
    except OutputError as error:
        process.silence(error.stream)


def _keep(text: str, bug: Exception) -> str:
    """Write a traceback to a file that only this user can read, and return the file's name.

    The file is in the repository, or else in the folder for temporary files. If no file can be written, return the
    place of the bug in the code.
    """
    data = text.encode("utf-8", "backslashreplace")
    with contextlib.suppress(OSError):
        path = _root() / ".slipway/bug.log"
        path.parent.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        path.write_bytes(data)
        return os.path.relpath(path)
    with (
        contextlib.suppress(OSError),
        tempfile.NamedTemporaryFile(prefix="slipway-bug-", suffix=".log", delete=False) as file,
    ):
        file.write(data)
        return file.name
    last = traceback.extract_tb(bug.__traceback__)[-1]
    return f"cannot be written; {Path(last.filename).name}:{last.lineno} in {last.name}"


def _root() -> Path:
    """Return the repository's root, or the current folder outside of any repository.

    Raises OSError when the current folder no longer exists.
    """
    try:
        return find_root(Path.cwd())
    except SlipwayError:
        return Path.cwd()
