"""The scripts that run on a build host: each lies here as a file, and travels as the words of a command."""

from __future__ import annotations

from pathlib import Path

from slipway.core.command import Command

#: Those that ask whether a job still runs: ``lives.sh`` goes before them.
_ASKING = frozenset({"clean", "follow", "prepare", "runs", "stop"})


def text(name: str) -> str:
    """``<name>.sh`` without its comments, which need not travel."""
    files = [Path(__file__).with_name(f"{part}.sh") for part in (*(("lives",) if name in _ASKING else ()), name)]
    lines = [line for file in files for line in file.read_text("utf-8").splitlines()]
    return "\n".join(line for line in lines if not line.lstrip().startswith("#"))


def script(name: str, *words: str, stdin: bytes = b"") -> Command:
    """``<name>.sh`` by the host's own sh; ``words`` are its arguments."""
    return Command(("sh", "-c", text(name), "sh", *words), stdin=stdin, label=name)
