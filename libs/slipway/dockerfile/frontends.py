"""Which flags came with which frontend: an engine brings one of its own, which knows what there was at its time.

A flag is first only in a frontend of the labs channel, which ``# syntax=`` brings. Later it is in the stable one:
``--exclude`` since Dockerfile 1.19 (BuildKit 0.25), ``--parents`` and ``--security`` since 1.20 (BuildKit 0.26).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from slipway.dockerfile.text import Dockerfile, Instruction
from slipway.dockerfile.values import Use

#: Flag → the first Docker Engine whose own frontend knows it.
SINCE = {
    "COPY --exclude": (28, 5),
    "ADD --exclude": (28, 5),
    "COPY --parents": (29, 1),
    "RUN --security": (29, 1),
}


def young_flags(dockerfile: Dockerfile) -> tuple[Use, ...]:
    """Where the flags of ``SINCE`` stand. BuildKit reads a file whole, also the stages that a target does not need."""
    found: dict[Use, None] = {}
    for instruction in _instructions(dockerfile):
        for flag in instruction.flags:
            name = f"{instruction.name} --{flag.partition('=')[0]}"
            if name in SINCE:
                found[Use(instruction.line, name)] = None
    return tuple(found)


def unknown_to(engine: str, flags: tuple[Use, ...]) -> Iterator[Use]:
    """Those of ``flags`` that came after ``engine``, the version of one; none when it does not say a version."""
    numbers = re.match(r"v?(\d+)\.(\d+)", engine)
    if numbers:
        yield from (use for use in flags if (int(numbers[1]), int(numbers[2])) < SINCE[use.by])


def _instructions(dockerfile: Dockerfile) -> Iterator[Instruction]:
    for section in dockerfile.sections:
        for instruction in section.instructions:
            yield instruction
            if instruction.trigger:
                yield instruction.trigger
