"""Read JSON objects that other programs write. Text that is not a JSON object counts as an empty one.

Docker's own programs treat an unreadable configuration in the same way.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Object = Mapping[str, Any]


def find_object(text: str | bytes) -> Object | None:
    """Parse ``text`` as a JSON object. Return None when it is not one."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def parse_object(text: str | bytes) -> Object:
    """Parse ``text`` as a JSON object. Return an empty object when it is not one."""
    return find_object(text) or {}


def read_object(file: Path) -> Object:
    """Read the JSON object in ``file``. Return an empty object when the file is missing or holds none."""
    try:
        return parse_object(file.read_bytes())
    except OSError:
        return {}


def part(values: Object, key: str) -> Object:
    """Return the object under ``key``, or an empty object."""
    found = values.get(key)
    return found if isinstance(found, dict) else {}
