"""Format results for programs: ``--json`` and run.json hold the same data."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from slipway.build.result import ImageResult


def results_json(
    results: Sequence[ImageResult], *, run: str, seconds: float, command: str, roots: Mapping[str, str]
) -> dict[str, Any]:
    """Return the data of run.json and ``--json``.

    ``images``: an entry per image with status, reason, input digest, image digest, bytes, seconds. ``roots`` maps a
    root image to its identity when the run inspected it.
    """
    return {
        "run": run,
        "command": command,
        "seconds": round(seconds, 3),
        "ok": all(result.ok for result in results),
        "roots": dict(roots),
        "images": [asdict(result) | {"seconds": round(result.seconds, 3)} for result in results],
    }


def dumps(content: Mapping[str, Any] | Sequence[Any]) -> str:
    text = json.dumps(content, indent=1, ensure_ascii=False, default=str)
    return text.encode("utf-8", "backslashreplace").decode()  # an undecodable byte of a name becomes JSON's \\udcff


def encodable(document: str, encoding: str) -> str:
    r"""Return JSON that ``encoding`` can hold: any other letter becomes ``\uNNNN``."""
    try:
        document.encode(encoding)
    except UnicodeEncodeError:
        return re.sub(r"[^\x00-\x7f]", lambda found: json.dumps(found[0])[1:-1], document)
    return document
