"""The scripts that run on a build host: each lies here as a file, and travels as the words of a command."""

from __future__ import annotations

from pathlib import Path

from slipway.command import Command


def script(name: str, *words: str, stdin: bytes = b"") -> Command:
    """``<name>.sh`` by the host's own sh; ``words`` are its arguments."""
    text = Path(__file__).with_name(f"{name}.sh").read_text("utf-8")
    return Command(("sh", "-c", text, "sh", *words), stdin=stdin, label=name)
