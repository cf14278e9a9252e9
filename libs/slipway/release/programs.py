"""Run the programs that make and judge signatures, on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from slipway.core.command import Command, Result
from slipway.core.errors import PrerequisiteError
from slipway.hosts.runner import RunCommand
from slipway.release.signature import SIGNING

#: A security key waits for a touch.
SECONDS = 60.0


def ran(run: RunCommand, command: Command) -> Result:
    """Run a program of signatures. Raises PrerequisiteError when it cannot start, or does not end."""
    program, done = command.argv[0], run(command, timeout=SECONDS)
    if done.exit_code in (126, 127):
        package = "openssh-client" if program == "ssh-keygen" else program
        raise PrerequisiteError(f"{program}: cannot be started", hint=f"install {package}")
    if done.exit_code == 124:
        raise PrerequisiteError(f"{program}: did not end within {SECONDS:.0f} s", hint="does it wait for a person?")
    return done


def unsigned(key: str, said: str) -> PrerequisiteError:
    """Return the error of a key that cannot sign."""
    row = SIGNING.find(said)
    quoted = next(reversed(said.splitlines()), "the program does not say why")
    return PrerequisiteError.of([row.problem(f"SIGN_KEY={key}", quoted, key=key)])


@contextmanager
def kept(signature: bytes) -> Iterator[str]:
    """Keep a signature in a file inside the block."""
    with TemporaryDirectory(prefix="slipway-") as folder:
        path = Path(folder, "signature")
        path.write_bytes(signature)
        yield str(path)
