"""Find flags and checks that an engine's own Dockerfile frontend may not know.

A new flag first exists in the labs channel, which ``# syntax=`` selects, and later in the stable one. ``--exclude`` is
stable since Dockerfile 1.19 (BuildKit 0.25); ``--parents`` and ``--security`` since 1.20 (BuildKit 0.26). A secret can
be a variable of a RUN since 1.10 (BuildKit 0.16).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from slipway.dockerfile.text import Dockerfile, Instruction
from slipway.dockerfile.values import Use

#: The build arg that replaces ``# syntax=``.
SYNTAX_ARG = "BUILDKIT_SYNTAX"
ENV_MOUNT = "RUN --mount=type=secret,env"
#: Flag → the first Docker Engine whose own frontend knows it.
SINCE = {
    "COPY --exclude": (28, 5),
    "ADD --exclude": (28, 5),
    "COPY --parents": (29, 1),
    "RUN --security": (29, 1),
    ENV_MOUNT: (27, 3),
}

#: The first Docker Engine whose own frontend checks Dockerfiles (BuildKit 0.14).
CHECKS_SINCE = (27, 0)
#: The first Dockerfile version with ``ENV_MOUNT``.
_ENV_MOUNT_SINCE = (1, 10)
_ENV_FIELD = re.compile(r"(?:^|,)env=", re.IGNORECASE)
_DOCKERS_FRONTEND = re.compile(r"(?:docker\.io/)?docker/dockerfile:(\d+\.\d+)")


def young_flags(dockerfile: Dockerfile) -> tuple[Use, ...]:
    """Find the flags of ``SINCE``. BuildKit parses the whole file, also stages that the target does not need."""
    found: dict[Use, None] = {}
    for instruction in _instructions(dockerfile):
        names = [f"{instruction.name} --{flag.partition('=')[0]}" for flag in instruction.flags]
        names += [ENV_MOUNT for mount in instruction.values("mount") if _ENV_FIELD.search(mount)]
        found |= {Use(instruction.line, name): None for name in names if name in SINCE}
    return tuple(found)


def unknown_to(engine: str, flags: tuple[Use, ...]) -> Iterator[Use]:
    """Yield the ``flags`` that are newer than the version ``engine``; none when the version is unknown."""
    yield from (use for use in flags if _is_before(engine, SINCE[use.by]))


def has_env_mounts(frontend: str, engine: str) -> bool:
    """Tell whether ``frontend`` knows ``ENV_MOUNT``; without one, the version ``engine``. True when it is unknown."""
    if frontend:
        match = _DOCKERS_FRONTEND.match(frontend)
        return match is None or not _is_before(match[1], _ENV_MOUNT_SINCE)
    return not _is_before(engine, SINCE[ENV_MOUNT])


def has_checks(engine: str) -> bool:
    """Tell whether BuildKit of the version ``engine`` checks Dockerfiles; True when the version is unknown."""
    return not _is_before(engine, CHECKS_SINCE)


def _is_before(version: str, since: tuple[int, int]) -> bool:
    numbers = re.match(r"v?(\d+)\.(\d+)", version)
    return numbers is not None and (int(numbers[1]), int(numbers[2])) < since


def _instructions(dockerfile: Dockerfile) -> Iterator[Instruction]:
    for section in dockerfile.sections:
        for instruction in section.instructions:
            yield instruction
            if instruction.trigger:
                yield instruction.trigger
