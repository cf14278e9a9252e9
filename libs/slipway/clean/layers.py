"""Compute the bytes that go with images of an engine, whose layers may be shared with other images. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

#: Instructions that make no layer, as the engine shows them: BuildKit's form, and that of the classic builder.
_NO_LAYER = re.compile(
    r"(?:/bin/sh -c #\(nop\) +)?"
    r"(?:ARG|CMD|ENTRYPOINT|ENV|EXPOSE|HEALTHCHECK|LABEL|MAINTAINER|ONBUILD|SHELL|STOPSIGNAL|USER|VOLUME)\b"
)


@dataclass(frozen=True)
class Chain:
    """Hold the layers of an image by their diff ids, lowest first, and the bytes of each."""

    layers: tuple[str, ...]
    sizes: tuple[int, ...]


def layer_sizes(history: Sequence[Mapping[str, Any]], count: int) -> tuple[int, ...]:
    """Return the bytes of an image's ``count`` layers, lowest first, from the engine's history, newest first.

    The history has an entry for each instruction, and does not say which of them made a layer. An entry with bytes made
    one; one without bytes did when its instruction makes layers. Where that does not add up, the upper layers count as
    empty, so that the result is too small rather than too large.
    """
    entries = [(int(one.get("Size", 0)), str(one.get("CreatedBy", ""))) for one in reversed(history)]
    filled = [size for size, _ in entries if size]
    sizes = filled if len(filled) == count else [size for size, by in entries if size or not _NO_LAYER.match(by)]
    if len(sizes) != count:
        sizes = [*filled, *[0] * count][:count]
    return tuple(sizes)


def freed(going: Iterable[Chain], staying: Iterable[Sequence[str]]) -> list[int]:
    """Return the bytes that go with each of the images ``going``, in their order.

    ``staying``: the layers of every other image. A layer is the same only where all layers below it are the same. One
    that several images of ``going`` share counts for the first of them.
    """
    held = {tuple(layers[:height]) for layers in staying for height in range(1, len(layers) + 1)}
    found = []
    for chain in going:
        lost = 0
        for height, size in enumerate(chain.sizes, 1):
            place = chain.layers[:height]
            if place not in held:
                held.add(place)
                lost += size
        found.append(lost)
    return found
