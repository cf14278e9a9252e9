"""Fork a child for each job: ``python -m servicekit.fork_server SOCKET MEMORY MODULE …``, which ``parsers`` starts.

This process has one thread. It imports the modules once, so that a job costs a fork of some milliseconds and no
import. Each message on SOCKET starts a child. The message carries two sockets: the child reads its job from the first
and answers on it, and the second is the job's lifeline. When the service closes a lifeline, or ends in any way, the
kernel reports that here, and the child is killed with all processes that it started.
"""

from __future__ import annotations

import base64
import importlib
import os
import pickle
import resource
import select
import signal
import socket
import struct
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import orjson

#: A child sends it first: the time of its job begins.
STARTED = b"+"
#: The head of an answer: its kind, and the length of the JSON that follows. A child may be killed in the middle.
HEAD = struct.Struct("!cQ")
#: The kinds: a result, an exception (``child_answers`` reads them), or the limit that the child met.
RETURNED, RAISED, OUT_OF_MEMORY, TOO_DEEP = b"=", b"!", b"m", b"d"


def main(words: Sequence[str]) -> None:
    descriptor, memory, *modules = words
    # These signals may reach the whole process group. The service answers them, and ends this process.
    for request in (signal.SIGINT, signal.SIGTERM):
        signal.signal(request, signal.SIG_IGN)
    with socket.socket(fileno=int(descriptor)) as control:
        for module in modules:
            importlib.import_module(module)
        serve(control, int(memory))


def serve(control: socket.socket, memory: int) -> None:
    """Start and end children until the service closes ``control``."""
    children: dict[int, int] = {}
    changes = select.poll()
    changes.register(control, select.POLLIN)
    while True:
        for descriptor, _ in changes.poll():
            if descriptor in children:
                _end(children.pop(descriptor))
                changes.unregister(descriptor)
                os.close(descriptor)
                continue
            message, received, *_ = socket.recv_fds(control, 1, 2)
            if not message:
                for pid in children.values():
                    _end(pid)
                return
            job, lifeline = received
            children[lifeline] = _fork(control, job, memory)
            changes.register(lifeline, select.POLLIN)
            os.close(job)


def _fork(control: socket.socket, job: int, memory: int) -> int:
    if pid := os.fork():
        with suppress(OSError):  # the child did it first
            os.setpgid(pid, pid)
        return pid
    try:
        os.setpgid(0, 0)
        control.close()
        _limit(memory)
        with socket.socket(fileno=job) as connection:
            connection.sendall(STARTED)
            connection.sendall(answer_to(connection.makefile("rb").read()))
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(0)


def _limit(memory: int) -> None:
    """Limit the memory of this process.

    RLIMIT_DATA counts the memory that the process may write, from all allocators. RLIMIT_AS also counts libraries and
    reserved addresses, of which numpy alone takes gigabytes.
    """
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError):  # When the container's memory ends, the kernel kills this process and not the service.
        Path("/proc/self/oom_score_adj").write_text("1000")


def answer_to(job: bytes) -> bytes:
    """Return the answer to a pickled function with its arguments.

    The function returns dataclasses, lists, tuples, texts, numbers and bytes, which become base64.
    """
    kind, content = _outcome(job)
    return HEAD.pack(kind, len(content)) + content


def _outcome(job: bytes) -> tuple[bytes, bytes]:
    try:
        function, arguments = pickle.loads(job)
        return RETURNED, orjson.dumps([function(*arguments)], default=_as_text)
    except MemoryError:
        return OUT_OF_MEMORY, b""
    except RecursionError:
        return TOO_DEEP, b""
    except Exception as error:
        raised = {"type": name_of(type(error)), "args": error.args, "traceback": traceback.format_exc()}
        return RAISED, orjson.dumps(raised, default=str)


def name_of(type: type[Exception]) -> str:
    return f"{type.__module__}.{type.__qualname__}"


def _as_text(value: object) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(f"a child cannot answer with {type(value).__name__}")


def _end(pid: int) -> None:
    """Kill the child's process group. The child's id is not reused before ``waitpid``."""
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


if __name__ == "__main__":
    main(sys.argv[1:])
