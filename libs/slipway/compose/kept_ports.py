"""Keep the ports that a checkout's systems were given, so that their URLs stay the same."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from slipway.compose.ports import Chosen
from slipway.core.objects import part, read_object
from slipway.core.writing import replaced, written

_FILE = "ports.json"


def read_ports(home: Path, system: str) -> Mapping[str, int]:
    """Return the kept port numbers of a system, by ``Port.key``; empty when ``home`` has no file of ports."""
    found = part(read_object(home / _FILE), system)
    return {key: number for key, number in found.items() if isinstance(number, int)}


def keep_ports(home: Path, system: str, chosen: tuple[Chosen, ...]) -> None:
    """Write the ports of a system beside those of the others. Raises UnwritableError."""
    path = home / _FILE
    known = read_object(path)
    ports = {one.port.key: one.port.published for one in chosen if one.port.published}
    if known.get(system) != ports:
        with written(path), replaced(path) as scratch:
            scratch.write_text(json.dumps({**known, system: ports}, indent=1, sort_keys=True), "utf-8")
