"""Run parsers of foreign formats in child processes with limits on time and memory.

A file that makes its parser run away costs its own request: 422 with the limit's name. The service goes on.

    class Settings(ParserSettings): ...            # PARSERS, PARSE_SECONDS, PARSE_MEMORY, PARSE_ANSWER

    parsers = Parsers(settings.parsing, ["svc_x.office"], raises=[Unreadable])
    app = create_app("svc-x", lifespan=parsers.lifespan, ...)
    document = await parsers.run(read_office, data)    # read_office is a function of a module, not a closure

A cancelled ``run`` kills its child, so ``while_connected`` ends the work of a client that left. Pass ``parsers.run`` to
the code that uses it; a test without processes passes ``parse_here`` instead. A job goes to the child as a pickle. The
answer comes back as JSON, and is read as the type that the function returns: a parser that a file took over can lie,
but run nothing in the service. The exceptions that ``raises`` names come back, others as a RuntimeError.

The children come from an own fork server, because each library that was tried leaves one of these out: a child per job,
so that no parser leaves memory or state to the next one; a limit on the answer; children that end with the service,
even on SIGKILL. anyio.to_process and pebble keep children for many jobs, pebble's share one pipe, which a killed child
may block; loky fails all jobs when one child ends; multiprocessing's own fork server runs uvicorn's start script in
each child. The price is a fork per job, some milliseconds.
"""

from __future__ import annotations

import asyncio
import logging
import os
import pickle
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar, TypeVarTuple

import anyio
from pydantic import Field, PositiveFloat, PositiveInt, TypeAdapter

from servicekit.child_answers import Unread, read_exception, read_result, reader_of
from servicekit.fork_server import HEAD, OUT_OF_MEMORY, RAISED, RETURNED, STARTED, TOO_DEEP
from servicekit.settings import ServiceSettings

T = TypeVar("T")
Arguments = TypeVarTuple("Arguments")

log = logging.getLogger("servicekit")

_MB = 1_000_000
#: Parsers work side by side in processes, so threads in one parser gain nothing. A process with threads must not fork.
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Limits:
    """Hold the limits of a job: ``seconds``, and ``memory`` and ``answer`` in bytes. ``number`` jobs run at a time.

    ``memory`` includes what the imported modules take.
    """

    number: int = 2
    seconds: float = 30.0
    memory: int = 512 * _MB
    answer: int = 32 * _MB


class ParserSettings(ServiceSettings):
    """Hold the settings of ``Parsers``."""

    parsers: PositiveInt = 2
    parse_seconds: PositiveFloat = 30
    parse_memory: int = Field(default=512 * _MB, ge=64 * _MB)
    parse_answer: PositiveInt = 32 * _MB

    @property
    def parsing(self) -> Limits:
        return Limits(self.parsers, self.parse_seconds, self.parse_memory, self.parse_answer)


class LimitExceeded(Exception):
    """Report that a job met a limit. The text names the limit, and a client may read it."""


class Parsers:
    """Run functions in child processes. ``modules`` are imported once, before the first job.

    The functions raise exceptions of the types ``raises``. The first job starts the fork server, unless ``lifespan``
    did.
    """

    def __init__(self, limits: Limits, modules: Sequence[str] = (), raises: Sequence[type[Exception]] = ()) -> None:
        self._limits, self._modules, self._raises = limits, modules, raises
        self._readers: dict[Callable[..., Any], TypeAdapter[tuple[Any]]] = {}
        self._turns = anyio.CapacityLimiter(limits.number)
        self._server: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    @asynccontextmanager
    async def lifespan(self, app: object = None) -> AsyncIterator[None]:
        """Start the fork server, and end it with all children."""
        self._running()
        try:
            yield
        finally:
            self.close()

    def close(self) -> None:
        """End the fork server with all children."""
        if self._control and self._server:
            self._control.close()
            self._server.wait()
        self._control = self._server = None

    async def run(self, function: Callable[[*Arguments], T], *arguments: *Arguments) -> T:
        """Return ``function(*arguments)`` of a child. Waits for its turn first.

        Raises LimitExceeded, and the exception of the function.
        """
        job = pickle.dumps((function, arguments), pickle.HIGHEST_PROTOCOL)
        async with self._turns:
            with self._child() as connection:
                answer = await _exchange(connection, job, self._limits)
        result: T = self._result(answer, function)
        return result

    @contextmanager
    def _child(self) -> Iterator[socket.socket]:
        """Yield the connection to a new child, which is killed at the end at the latest."""
        ours, theirs = socket.socketpair()
        lifeline, watched = socket.socketpair()
        with ours, lifeline:
            with theirs, watched:
                socket.send_fds(self._running(), [b"."], [theirs.fileno(), watched.fileno()])
            yield ours

    def _running(self) -> socket.socket:
        """Return the connection to the fork server, which is started when it does not run."""
        if self._control is None or self._server is None or self._server.poll() is not None:
            self.close()
            self._control, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
            words = [str(theirs.fileno()), str(self._limits.memory), *self._modules]
            with theirs:
                self._server = subprocess.Popen(
                    [sys.executable, "-m", "servicekit.fork_server", *words],
                    env={**os.environ, **_ONE_THREAD, "PYTHONPATH": os.pathsep.join(sys.path)},
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                )
        return self._control

    def _result(self, answer: bytes, function: Callable[..., Any]) -> Any:
        megabytes = f"{self._limits.memory / _MB:.0f} MB of memory (PARSE_MEMORY)"
        kind, length = HEAD.unpack(answer[: HEAD.size]) if len(answer) >= HEAD.size else (b"", 0)
        content = answer[HEAD.size :]
        if kind == OUT_OF_MEMORY:
            raise LimitExceeded(f"the file takes more than {megabytes}")
        if kind == TOO_DEEP:
            raise LimitExceeded("the file is nested too deeply")
        if kind not in (RETURNED, RAISED) or len(content) != length:
            if self._server and self._server.poll() is not None:
                raise RuntimeError("the fork server ended; the service's log has the cause")
            raise LimitExceeded(f"the file ended its parser: it is broken, or takes more than {megabytes}")
        try:
            if kind == RETURNED:
                return read_result(content, self._reader(function))
            raised = read_exception(content, self._raises)
        except Unread as error:
            log.error("a parser answered what its function does not return", exc_info=error)
            raise LimitExceeded("the file ended its parser: it is broken") from error
        raise raised

    def _reader(self, function: Callable[..., Any]) -> TypeAdapter[tuple[Any]]:
        if function not in self._readers:
            self._readers[function] = reader_of(function)
        return self._readers[function]


async def parse_here(function: Callable[[*Arguments], T], *arguments: *Arguments) -> T:
    """Do as ``Parsers.run`` does, in this process and without limits, for tests that start no process."""
    return function(*arguments)


async def _exchange(connection: socket.socket, job: bytes, limits: Limits) -> bytes:
    """Send the job, and return the whole answer; a part or nothing when the child was killed.

    The time starts with the child, because the first child waits for the imports.
    """
    reader, writer = await asyncio.open_connection(sock=connection)
    try:
        await reader.readexactly(len(STARTED))
        async with asyncio.timeout(limits.seconds):
            writer.write(job)
            writer.write_eof()
            await reader.readexactly(HEAD.size + limits.answer + 1)
    except asyncio.IncompleteReadError as error:
        return error.partial
    except TimeoutError:
        raise LimitExceeded(f"the file takes more than {limits.seconds:g} s (PARSE_SECONDS)") from None
    except OSError:
        return b""
    finally:
        writer.transport.abort()
    raise LimitExceeded(f"the answer has more than {limits.answer / _MB:g} MB (PARSE_ANSWER)")
