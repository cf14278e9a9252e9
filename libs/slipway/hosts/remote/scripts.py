"""Provide the scripts that run on a build host.

Each is a file in this package, and is sent as the words of a command.
"""

from __future__ import annotations

from pathlib import Path

from slipway.core.command import Command

#: Scripts that test whether a job still runs, or a system is used. The text of ``lives.sh`` precedes them.
_ASKING = frozenset({"clean", "follow", "hold", "prepare", "runs", "stop", "unmount"})


def text(name: str) -> str:
    """Return the text of ``<name>.sh`` without its comments, which the host does not need."""
    files = [Path(__file__).with_name(f"{part}.sh") for part in (*(("lives",) if name in _ASKING else ()), name)]
    lines = [line for file in files for line in file.read_text("utf-8").splitlines()]
    return "\n".join(line for line in lines if not line.lstrip().startswith("#"))


def script(name: str, *words: str, stdin: bytes = b"") -> Command:
    """Return a command that runs ``<name>.sh`` in the host's own sh. ``words`` are its arguments."""
    return Command(("sh", "-c", text(name), "sh", *words), stdin=stdin, label=name)
