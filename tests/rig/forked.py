"""Run Invoke's command lines, each in a fork of this process, which has imported what they need.

``fork_server.py`` starts this file. Its requests arrive at a socket, which is this process's stdin.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import sys
import tempfile
import time
from typing import Any, NoReturn

import slipway

#: slipway imports these where it first needs them.
_LIBRARIES = ("docker", "invoke.main", "paramiko", "requests", "rich.live", "rich.table", "rich.text")
#: A socket takes no longer message (net.core.wmem_max).
_LARGEST_REQUEST = 200_000


def load() -> None:
    """Import all that commands need, and keep it out of garbage collection."""
    for module in pkgutil.walk_packages(slipway.__path__, "slipway."):
        if not module.name.startswith("slipway.testing"):
            importlib.import_module(module.name)
    for name in _LIBRARIES:
        importlib.import_module(name)
    gc.freeze()


def serve() -> None:
    """Fork for each request until the client closes the socket. Only a command's process returns."""
    requests = socket.socket(fileno=0)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel removes the processes that have ended
    while True:
        text, descriptors, *_ = socket.recv_fds(requests, _LARGEST_REQUEST, 3)
        if not text:
            sys.exit()
        if os.fork() == 0:
            break
        for descriptor in descriptors:
            os.close(descriptor)
    requests.detach()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    out, err, told = descriptors
    if child := os.fork():
        watch(child, told)
    os.close(told)
    become(json.loads(text), out, err)


def watch(child: int, told: int) -> NoReturn:
    """Write the exit status of the command to ``told``, as ``subprocess`` has it. Kill it if the client is gone."""
    ended = os.pidfd_open(child)
    either = select.poll()
    either.register(ended, select.POLLIN)
    either.register(told, 0)  # poll always reports that a pipe has no reader
    if ended not in dict(either.poll()):
        os.kill(child, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    with contextlib.suppress(BrokenPipeError):
        os.write(told, str(code).encode())
    os._exit(0)


def become(command: dict[str, Any], out: int, err: int) -> None:
    """Make this process as one that was started for the command, in a session of its own and with an empty stdin."""
    os.setsid()
    for descriptor, number in ((os.open(os.devnull, os.O_RDONLY), 0), (out, 1), (err, 2)):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.chdir(command["cwd"])
    os.environ.clear()
    os.environ.update(command["env"])
    time.tzset()
    tempfile.tempdir = None
    sys.path[0] = str(command["cwd"])
    sys.argv = ["invoke", *command["words"]]


if __name__ == "__main__":
    load()
    serve()
    runpy.run_module("invoke", run_name="__main__", alter_sys=True)
