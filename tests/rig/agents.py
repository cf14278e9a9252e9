"""ssh-agents of the tests' own, and keys for them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.rig.outside import wait_until


@dataclass(frozen=True)
class Agent:
    """A living ssh-agent; its keys lie beside its socket."""

    socket: Path

    def add(self, name: str, *options: str) -> str:
        """Make a key called ``name``, let the agent hold it by ``ssh-add`` with ``options``, and return its
        fingerprint."""
        key = self.socket.with_name(name)
        _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(key))
        self.ask("ssh-add", *options, str(key))
        return _run("ssh-keygen", "-l", "-f", str(key)).split()[1]

    def ask(self, *argv: str) -> str:
        """Return the output of a program that asks this agent."""
        return _run(*argv, SSH_AUTH_SOCK=str(self.socket))


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    """An agent without keys."""
    made = Agent(tmp_path / "agent of the tests" / "socket")
    made.socket.parent.mkdir()
    with subprocess.Popen(["ssh-agent", "-D", "-a", str(made.socket)], stdout=subprocess.DEVNULL) as process:
        try:
            wait_until(made.socket.is_socket, "the agent")
            yield made
        finally:
            process.terminate()


def _run(*argv: str, **environment: str) -> str:
    done = subprocess.run(
        ["env", *(f"{name}={value}" for name, value in environment.items()), *argv],
        capture_output=True,
        text=True,
        timeout=30,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def ssh_add(folder: Path) -> Callable[..., str]:
    """Copy ``ssh-add`` with its libraries; a shell's words that run it from another folder, on another system."""
    folder.mkdir(parents=True, exist_ok=True)
    program = _run("sh", "-c", "command -v ssh-add").strip()
    libraries = [word for word in _run("ldd", program).split() if word.startswith("/")]
    for file in (program, *libraries):
        _run("cp", "--dereference", file, str(folder))
    (loader,) = (Path(file).name for file in libraries if Path(file).name.startswith("ld-"))
    return lambda at: f"{at}/{loader} --library-path {at} {at}/ssh-add"
