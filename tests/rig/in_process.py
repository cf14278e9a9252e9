"""Run ``invoke`` or ``slipway`` in this process: it takes a tenth of the time of a new process, and leaves no trace.

A test starts a process only where the process is the promise: its exit status, signals, streams or start.
"""

from __future__ import annotations

import contextlib
import contextvars
import copy
import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from subprocess import CompletedProcess
from typing import IO

from invoke.main import program
from invoke.program import Program

from slipway.tasks.program import SlipwayProgram


def invoke(*words: str, cwd: Path, env: Mapping[str, str]) -> CompletedProcess[str]:
    """Run a command line in the folder ``cwd`` with the environment ``env``, as ``python -m invoke`` does.

    An exception that would end a process with a traceback is raised. PYTHONIOENCODING is the only variable of Python's
    own that counts.
    """
    return _run(program, "invoke", words, cwd, env)


def slipway(*words: str, cwd: Path, env: Mapping[str, str]) -> CompletedProcess[str]:
    """Run a command line as the program ``slipway`` does."""
    return _run(SlipwayProgram(), "slipway", words, cwd, env)


def _run(own: Program, name: str, words: Sequence[str], cwd: Path, env: Mapping[str, str]) -> CompletedProcess[str]:
    encoding = env.get("PYTHONIOENCODING", "utf-8")
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        with contextlib.chdir(cwd), _environment(env), _interpreter(cwd), _signals(), _streams(out, err, encoding):
            code = contextvars.Context().run(_exit_code, own, name, *words)
        return CompletedProcess([name, *words], code, _text(out, encoding), _text(err, encoding))


def _exit_code(own: Program, name: str, *words: str) -> int:
    """Run a program. A copy of it keeps the state of one command line."""
    try:
        copy.copy(own).run([name, *words])
    except SystemExit as left:
        return int(str(left.code or 0))
    return 0


@contextlib.contextmanager
def _environment(env: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(env)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextlib.contextmanager
def _interpreter(cwd: Path) -> Iterator[None]:
    """Forget the modules that Invoke loads from ``cwd``: the next repository has a ``tasks`` of its own."""
    path, modules, bytecode = sys.path[:], dict(sys.modules), sys.dont_write_bytecode
    try:
        yield
    finally:
        sys.path[:], sys.dont_write_bytecode = path, bytecode
        for name in [name for name, module in sys.modules.items() if _lies_in(cwd, getattr(module, "__file__", None))]:
            del sys.modules[name]
            if name in modules:
                sys.modules[name] = modules[name]


def _lies_in(folder: Path, file: str | None) -> bool:
    return file is not None and file.startswith(f"{folder}{os.sep}")


@contextlib.contextmanager
def _signals() -> Iterator[None]:
    """Begin with the handlers that Python has at its start."""
    before = {
        signal.SIGINT: signal.signal(signal.SIGINT, signal.default_int_handler),
        signal.SIGTERM: signal.signal(signal.SIGTERM, signal.SIG_DFL),
    }
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


@contextlib.contextmanager
def _streams(out: IO[bytes], err: IO[bytes], encoding: str) -> Iterator[None]:
    """Redirect stdout and stderr, also those that child processes inherit. stdin is empty."""
    before = sys.stdin, sys.stdout, sys.stderr
    with (
        Path(os.devnull).open("rb") as nothing,
        _descriptor(0, nothing),
        _descriptor(1, out),
        _descriptor(2, err),
        open(0, closefd=False, encoding="utf-8") as sys.stdin,
        open(1, "w", closefd=False, encoding=encoding) as sys.stdout,
        open(2, "w", closefd=False, encoding=encoding, errors="backslashreplace", buffering=1) as sys.stderr,
    ):
        try:
            yield
        finally:
            sys.stdin, sys.stdout, sys.stderr = before


@contextlib.contextmanager
def _descriptor(number: int, file: IO[bytes]) -> Iterator[None]:
    """Let a file descriptor lead to ``file``."""
    kept = os.dup(number)
    os.dup2(file.fileno(), number)
    try:
        yield
    finally:
        os.dup2(kept, number)
        os.close(kept)


def _text(file: IO[bytes], encoding: str) -> str:
    file.seek(0)
    return file.read().decode(encoding)
