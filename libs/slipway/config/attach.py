"""Read ``[tool.slipway] attach``: the documents that a push stores beside each image.

[tool.slipway]
attach = ["sbom", "provenance"]
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum


class Attachment(StrEnum):
    """Name the documents about an image: its bill of materials, and the provenance of its build."""

    SBOM = "sbom"
    PROVENANCE = "provenance"


def attachments_of(value: list[str]) -> tuple[Attachment, ...]:
    """Return the documents that a list without faults names, each once."""
    return tuple(dict.fromkeys(map(Attachment, value)))


def attach_faults(value: object) -> Iterator[tuple[str, str, str]]:
    """Yield the key, the fault and the fix when ``value`` is not a list of ``Attachment``."""
    if not (isinstance(value, list) and all(one in list(Attachment) for one in value)):
        fix = ", ".join(f'"{one}"' for one in Attachment)
        yield "attach", f"attach is a list of {' and '.join(Attachment)}", f"attach = [{fix}]"
