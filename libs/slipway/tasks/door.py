"""What every task passes through: settings and edges made once, errors turned into exit codes in one place."""

from __future__ import annotations

import functools
import inspect
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from invoke.exceptions import Exit
from invoke.tasks import task as invoke_task

from slipway import report, runs, settings
from slipway.console import Console, shown_error
from slipway.engine import Engine
from slipway.errors import SlipwayError, UsageError, nearest
from slipway.pipconfig import PipConfig, find_links_folder, read_pip_config
from slipway.redact import Redactor
from slipway.registry import Registry
from slipway.runner import run
from slipway.survey import WHEELHOUSE, Survey, survey
from slipway.worktree import Worktree

#: ``--version`` given to one task of a chain holds for those after it.
_given: dict[str, str] = {}
#: Tasks that have answered with JSON: an error after it is told on stderr alone, so stdout stays one document.
_answered: set[str] = set()

_HELP = {
    "names": "images, simply as words after the task",
    "version": "BASE_VERSION and VERSION for this task and those after it",
    "dry_run": "show what would be done, and do nothing",
    "json": "answer with JSON on stdout",
    "force": "let a version tag move to other content",
    "resume": "the run whose push is to be finished",
    "image": "test this reference instead of what is built here",
    "yes": "do it without asking",
}


class Invocation:
    """The edges one task needs, each made when first asked for."""

    def __init__(self, version: str = "", json: bool = False) -> None:
        if version:
            _given.update(BASE_VERSION=version, VERSION=version)
        self.started = time.monotonic()
        self.json = json
        self.run = run
        around = settings.surroundings()
        self.console = Console(
            tty=sys.stderr.isatty() and sys.stdout.isatty() and not around.ci, color=not around.no_color
        )

    @cached_property
    def settings(self) -> settings.Settings:
        return settings.load(settings.find_root(Path.cwd()), _given)

    @property
    def home(self) -> Path:
        return self.settings.root / ".slipway"

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    @cached_property
    def worktree(self) -> Worktree:
        return Worktree(self.settings.root)

    @cached_property
    def engine(self) -> Engine:
        return Engine(settings.surroundings().docker_host)

    @cached_property
    def registry(self) -> Registry:
        return Registry(self.settings.registry, self.engine.credentials)

    @cached_property
    def pip(self) -> PipConfig:
        return read_pip_config(self.run, sys.executable)

    @cached_property
    def contexts(self) -> Mapping[str, Path]:
        """Named contexts that builds get: the wheelhouse, when there is one."""
        chosen = self.settings["WHEELHOUSE"]
        if chosen:
            return {WHEELHOUSE: Path(chosen).expanduser()}
        folder = find_links_folder(self.run, sys.executable, self.home / "cache", settings.pip_signature())
        return {WHEELHOUSE: folder} if folder else {}

    def survey(self, names: Sequence[str] | None = None) -> Survey:
        known = survey(self.settings, self.worktree, self.engine, lambda: self.registry, self.contexts, names)
        for note in known.notes:
            self.console.note(f"note: {note}")
        return known

    @contextmanager
    def record(self) -> Iterator[runs.Run]:
        """The run's directory, closed at the end; everything written there passes the redactor."""
        with runs.Run(self.home, Redactor((*self.pip.secrets, *self.settings.secrets))) as record:
            yield record

    def answer(self, content: Mapping[str, Any] | Sequence[Any]) -> None:
        _answered.add("json")
        print(report.dumps(content))


def task(function: Callable[..., None]) -> Any:
    """An Invoke task: names as words, no short flags, errors as lines and exit codes."""

    @functools.wraps(function)
    def body(*args: Any, **kwargs: Any) -> None:
        signal.signal(signal.SIGTERM, _terminated)
        _answered.clear()
        try:
            function(*args, **kwargs)
        except SlipwayError as error:
            _end(str(error), error.exit_code, error=error, json=kwargs.get("json", False))
        except _Terminated:
            _end("error: ended by SIGTERM; what was finished is kept", 143)
        except KeyboardInterrupt:
            _end("error: interrupted; what was finished is kept\nhint:  run the same command to go on", 130)
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


def only(names: Sequence[str], known: Sequence[str], what: str) -> tuple[str, ...]:
    """``names``, or all ``known`` when there are none. Raises UsageError for a name that is not ``what``."""
    for name in names:
        if name not in known:
            close = nearest(name, known)
            hint = f"did you mean {close}?" if close else f"known: {', '.join(known)}"
            raise UsageError(f"{name}: is no {what}", hint=hint)
    return tuple(dict.fromkeys(names)) or tuple(known)


class _Terminated(BaseException):
    pass


def _terminated(signum: int, frame: object) -> None:
    raise _Terminated


def _end(text: str, code: int, *, error: SlipwayError | None = None, json: bool = False) -> None:
    if json and error and not _answered:
        print(
            report.dumps({"ok": False, "exit_code": code, "error": error.message, "hint": error.hint, "log": error.log})
        )
    shown_error(text, sys.stderr, color=sys.stderr.isatty() and not settings.surroundings().no_color)
    raise Exit(code=code)


def _keep_traceback() -> str:
    folder = Path(".slipway")
    folder.mkdir(exist_ok=True)
    path = folder / "bug.log"
    path.write_text(traceback.format_exc(), "utf-8")
    return str(path)
