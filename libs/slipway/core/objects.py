"""Read JSON objects that other programs write; text that is not one counts as an empty object.

Docker's own programs do the same with a configuration that they cannot read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Object = Mapping[str, Any]


def find_object(text: str | bytes) -> Object | None:
    """Return the JSON object that ``text`` is; None when it is anything else."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def parse_object(text: str | bytes) -> Object:
    """Return the JSON object that ``text`` is, or an empty one."""
    return find_object(text) or {}


def read_object(file: Path) -> Object:
    """Return the JSON object in ``file``, or an empty one; a missing file counts as empty, too."""
    try:
        return parse_object(file.read_bytes())
    except OSError:
        return {}


def part(values: Object, key: str) -> Object:
    """Return the object under ``key``, or an empty one."""
    found = values.get(key)
    return found if isinstance(found, dict) else {}
