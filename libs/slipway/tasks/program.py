"""Run slipway's tasks as the program ``slipway``, which needs no tasks.py: ``slipway plan`` in any repository.

It is Invoke's own program over slipway's collection, with Invoke's flags, chains, completion and configuration files.
The repository is found from the current folder upwards. Nothing of it is executed: neither tasks.py nor invoke.py.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from invoke.config import AmbiguousMergeError, Config
from invoke.exceptions import AmbiguousEnvVar, Exit, ParseError, UncastableEnvVar, UnknownFileType
from invoke.parser.argument import Argument
from invoke.parser.context import ParserContext
from invoke.program import Program

from slipway.config.root import find_root
from slipway.core.errors import PrerequisiteError, Problem, UsageError, one_line
from slipway.core.streams import OutputError
from slipway.tasks import namespace, process
from slipway.tasks.command_line import SLIPWAY, CommandLine, command_line
from slipway.tasks.parser import Refused

#: Invoke's flags for its own ``run``, which no slipway task calls. They are accepted, and ``--help`` leaves them out.
_WITHOUT_EFFECT = ("hide", "prompt-for-sudo-password", "pty", "warn-only", "write-pyc")
_LIST_FORMATS = ("flat", "nested", "json")
_UNMERGEABLE = (AmbiguousEnvVar, AmbiguousMergeError, UncastableEnvVar, UnknownFileType)


class SlipwayConfig(Config):
    """Read Invoke's configuration files. A file that cannot be read is an error with the file's name."""

    def load_project(self, merge: bool = True) -> None:
        """Read the repository's own file, unless it is Python: a repository may hold any ``invoke.py``."""
        self._set(_file_suffixes=("yaml", "yml", "json"))
        super().load_project(merge)

    def _load_yaml(self, path: Any) -> Any:
        return self._table(super()._load_yaml, path)

    _load_yml = _load_yaml

    def _load_json(self, path: Any) -> Any:
        return self._table(super()._load_json, path)

    def _table(self, read: Callable[[Any], Any], path: Any) -> Any:
        where = str(path).removeprefix(getattr(self, "_project_prefix", None) or "")
        try:
            content = read(path)
        except FileNotFoundError:  # Invoke tries several names
            raise
        except OSError as error:
            raise _refused(Problem(where, f"cannot be read: {error.strerror}")) from error
        except Exception as error:  # each format has its own
            raise _refused(Problem(where, f"cannot be read: {one_line(' '.join(str(error).split()))}")) from error
        if not isinstance(content, Mapping | None):
            raise _refused(Problem(where, "is not a table", "slipway: {registry: reg.example.com}"))
        return content


class SlipwayProgram(Program):
    """Run slipway's tasks. All that Invoke refuses ends with an error in slipway's form and exit code 2."""

    def __init__(self) -> None:
        super().__init__(
            name=SLIPWAY, binary=SLIPWAY, binary_names=[SLIPWAY], namespace=namespace, config_class=SlipwayConfig
        )

    def run(self, argv: list[str] | None = None, exit: bool = True) -> None:
        command_line.set(CommandLine(SLIPWAY))
        try:
            super().run(argv, exit)
        except _UNMERGEABLE as error:
            print(UsageError(f"invoke's configuration: {one_line(str(error))}"), file=sys.stderr)
            sys.exit(UsageError.exit_code)

    def core_args(self) -> list[Argument]:
        """Return Invoke's flags, and ``-r``, which Invoke leaves to programs that search a tasks file."""
        own = Argument(names=("search-root", "r"), help="Work on the repository of this folder.")
        return [*super().core_args(), own]

    def parse_core(self, argv: list[str] | None) -> None:
        with _refusals():
            super().parse_core(argv)

    def parse_cleanup(self) -> None:
        with _refusals():
            form, file = self.args["list-format"].value, self.args.config.value
            if form not in _LIST_FORMATS:
                raise ParseError(f"--list-format={form}: is none of {', '.join(_LIST_FORMATS)}")
            if file and not Path(file).expanduser().exists():
                raise ParseError(f"-f {file}: no such file")
            super().parse_cleanup()

    def update_config(self, merge: bool = True) -> None:
        """Read the repository's configuration file, too: ``-r`` may stand after a task, so it is known only now."""
        self.config.set_project_location(_root(self.args["search-root"].value))
        self.config.load_project(merge=False)
        super().update_config(merge)

    def print_version(self) -> None:
        from importlib.metadata import version

        print(f"{SLIPWAY} {version(SLIPWAY)}")

    def print_help(self) -> None:
        print("Usage: slipway [--core-opts] task1 [names] [--task1-opts] ... taskN [names] [--taskN-opts]\n")
        print("Core options:\n")
        shown = [argument for argument in self.core_args() if argument.name not in _WITHOUT_EFFECT]
        self.print_columns(ParserContext(args=shown).help_tuples())
        self.list_tasks()

    def task_list_opener(self, extra: str = "") -> str:
        return f"Available tasks ({extra})" if extra else "Available tasks"


def main() -> None:
    """Run ``slipway`` with the words of this process. A pipe without a reader ends it quietly."""
    try:
        try:
            SlipwayProgram().run()
        finally:
            sys.stdout.flush()
    except OSError as error:  # stdout cannot take Invoke's own texts
        process.silence(sys.stdout)
        if isinstance(error, BrokenPipeError):
            sys.exit(process.PIPE_CLOSED)
        print(f"error: {OutputError(sys.stdout, error)}", file=sys.stderr)
        sys.exit(PrerequisiteError.exit_code)


@contextmanager
def _refusals() -> Iterator[None]:
    """Give the words with which Invoke refuses a command line the form of slipway's errors."""
    try:
        yield
    except Refused:
        raise
    except (ParseError, Exit) as error:
        said = error.message if isinstance(error, Exit) else str(error)
        if not said:  # the end of --list and its like
            raise
        raise _refused(Problem("", said.rstrip("!"), f"{SLIPWAY} --help")) from error


def _refused(*problems: Problem) -> Refused:
    return Refused(UsageError.of(problems).with_hints(command_line.get().typed), None)


def _root(given: str | None) -> Path:
    """Return the root of the repository at the folder ``given``, or at the current one.

    Without a repository, return the current folder: the task tells it. Raises Refused when ``given`` is in none.
    """
    try:
        folder = Path(given or "").absolute()
    except FileNotFoundError as error:
        raise _refused(Problem("", "the current folder no longer exists", "cd into a repository")) from error
    try:
        return find_root(folder)
    except UsageError as error:
        if given:
            raise _refused(*error.problems) from error
        return folder
