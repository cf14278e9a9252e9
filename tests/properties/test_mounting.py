"""Mounts in the RUN instructions of generated Dockerfiles: nothing else of the text means anything new."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given

from slipway.core.errors import UsageError
from slipway.dockerfile import Dockerfile, parse
from slipway.dockerfile.mounting import with_mounts
from slipway.dockerfile.text import Instruction
from tests.properties.examples import examples
from tests.properties.test_dockerfiles import dockerfiles

ADDED = ("mount=type=secret,id=of-slipway,target=/dev/x,mode=0444", "mount=type=secret,id=of-slipway,env=X")
FLAGS = " ".join(f"--{flag}" for flag in ADDED)
OWN = ("k1", "named")


def parsed(text: str) -> Dockerfile | None:
    try:
        return parse(text)
    except UsageError:
        return None


def instructions(dockerfile: Dockerfile) -> list[Instruction]:
    return [one for section in dockerfile.sections for one in section.instructions]


def without(added: Sequence[str], instruction: Instruction) -> Instruction:
    return instruction._replace(flags=instruction.flags[len(added) :])


@examples(60)
@given(dockerfiles())
def test_only_the_flags_of_run_differ(text: str) -> None:
    before, after = parsed(text), with_mounts(text, FLAGS, OWN)
    if before is None:
        assert after == text
        return
    found = parse(after)
    assert (found.globals, found.syntax, found.escape) == (before.globals, before.syntax, before.escape)
    assert [section._replace(instructions=()) for section in found.sections] == [
        section._replace(instructions=()) for section in before.sections
    ]
    for old, new in zip(instructions(before), instructions(found), strict=True):
        mounts_own = any(f"id={name}" in flag or f"/{name}" in flag for flag in old.flags for name in OWN)
        gets = old.name == "RUN" and not mounts_own
        assert without(ADDED if gets else (), new) == old
        assert new.flags[: len(ADDED)] == ADDED or not gets
