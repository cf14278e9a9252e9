"""Read docs/adopting.md: the files of each way, the table that slipway writes, and the commands."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs/adopting.md"
TABLE = "slipway.toml"
_WAY = re.compile(r"^## (From [^\n]+)\n(.*?)(?=^## |\Z)", re.M | re.S)
_ACME = re.compile(r"\bacme\b")
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)


@dataclass(frozen=True)
class Way:
    """Hold one way to slipway. ``table``: what ``init --yes`` writes. ``commands``: each without the word slipway."""

    name: str
    files: dict[str, str]
    table: str
    commands: tuple[tuple[str, ...], ...]

    def owned_by(self, owner: str) -> Way:
        """Return this way with ``owner`` in acme's place, so that the images of two tests differ in name."""
        files = {name: _ACME.sub(owner, text) for name, text in self.files.items()}
        return replace(self, files=files, table=_ACME.sub(owner, self.table))

    def write(self, root: Path, root_image: str = "python:3.12-slim") -> None:
        for name, text in self.files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.replace("python:3.12-slim", root_image), "utf-8")


def ways() -> tuple[Way, ...]:
    return tuple(_way(name, text) for name, text in _WAY.findall(PAGE.read_text("utf-8")))


def _way(name: str, text: str) -> Way:
    files: dict[str, str] = {}
    commands: list[tuple[str, ...]] = []
    for language, block in _BLOCK.findall(text):
        first, _, rest = block.partition("\n")
        if language == "sh":
            commands += [tuple(line.split()[1:]) for line in block.splitlines()]
        else:
            files[first.removeprefix("# ")] = rest
    return Way(name, files, files.pop(TABLE), tuple(commands))
