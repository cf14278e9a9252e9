"""Add mounts to the RUN instructions of a Dockerfile's text. Pure: text in, text out."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from slipway.core.errors import UsageError
from slipway.dockerfile.expansion import WordError
from slipway.dockerfile.stages import mount_fields, outside_mount
from slipway.dockerfile.text import Instruction, parse

_KEYWORD = re.compile(r"^\s*RUN", re.IGNORECASE)


def with_mounts(text: str, mounts: str, unless: Collection[str]) -> str:
    """Return ``text`` with ``mounts``, which are flags, in each RUN that mounts none of the secrets ``unless``.

    The flags stand in the first line of the RUN, so every instruction keeps its line. An ONBUILD keeps its text,
    because BuildKit writes it into the image's configuration. So does a RUN whose keyword continues on the next line,
    and a text that ``parse`` refuses.
    """
    try:
        sections = parse(text).sections
    except UsageError:
        return text
    lines = text.split("\n")
    for instruction in (one for section in sections for one in section.instructions):
        if instruction.name == "RUN" and not set(_secrets(instruction)).intersection(unless):
            first = lines[instruction.line - 1]
            lines[instruction.line - 1] = _KEYWORD.sub(lambda keyword: f"{keyword[0]} {mounts}", first)
    return "\n".join(lines)


def _secrets(instruction: Instruction) -> Iterator[str]:
    """Yield the ids of the secrets that a RUN mounts. Its readers report a mount that cannot be read."""
    for text in instruction.values("mount"):
        try:
            fields = mount_fields(text)
            kind = str(fields.get("type")).lower()
            if kind == "secret":
                yield outside_mount(kind, fields, instruction.line).id
        except WordError:
            continue
