"""Start ``invoke`` by a fork of a process that has imported it: the imports take most of the time of a start.

A command is a process of its own, as with ``python -m invoke``, with its own folder, environment, session, streams and
exit status. Two things differ: /proc shows the server's command line and environment instead of the command's, and all
commands of a server have the same hash seed.
"""

from __future__ import annotations

import json
import os
import re
import select
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from subprocess import CompletedProcess
from types import TracebackType
from typing import TextIO

import pytest

_SERVER = Path(__file__).with_name("forked.py")
_SECONDS = 180.0
#: Variables that Python reads when it starts. For a fork they come too late.
_AT_START = re.compile(r"PYTHON(?!_IMAGE$)|LC_|LANG")


class ForkServer:
    """A server that runs until the block ends. Threads may share it."""

    def __init__(self) -> None:
        self._fixed = _at_start(os.environ)
        self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            argv = [sys.executable, str(_SERVER)]
            self.process = subprocess.Popen(
                argv, stdin=theirs.fileno(), stdout=subprocess.DEVNULL, start_new_session=True
            )

    def __enter__(self) -> ForkServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._requests.close()
        self.process.wait(timeout=30)

    def invoke(
        self, *words: str, cwd: Path, env: Mapping[str, str], seconds: float = _SECONDS
    ) -> CompletedProcess[str]:
        """Run a command line for at most ``seconds``. With other variables of Python's own, Python itself starts."""
        if _at_start(env) != self._fixed:
            return start_python(*words, cwd=cwd, env=env)
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            with self.begin(*words, cwd=cwd, env=env, out=out.fileno(), err=err.fileno()) as status:
                if not select.select([status], [], [], seconds)[0]:
                    raise subprocess.TimeoutExpired(["invoke", *words], seconds)
                code = int(status.read())
            out.seek(0), err.seek(0)
            return CompletedProcess(["invoke", *words], code, out.read(), err.read())

    def begin(self, *words: str, cwd: Path, env: Mapping[str, str], out: int, err: int) -> TextIO:
        """Return the file in which the exit status will arrive. Closing it kills the command."""
        command = json.dumps({"words": words, "cwd": str(cwd), "env": dict(env)})
        reading, writing = os.pipe()
        try:
            socket.send_fds(self._requests, [command.encode()], [out, err, writing])
        finally:
            os.close(writing)
        return os.fdopen(reading)


def start_python(*words: str, cwd: Path, env: Mapping[str, str]) -> CompletedProcess[str]:
    """Run ``python -m invoke``."""
    return subprocess.run(
        [sys.executable, "-m", "invoke", *words],
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        start_new_session=True,
    )


def _at_start(env: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if _AT_START.match(name)}


@pytest.fixture(scope="session")
def fork_server() -> Iterator[ForkServer]:
    """One for all tests of a worker."""
    with ForkServer() as server:
        yield server
