"""Move the tags of an earlier release to the digests of its record. No blob moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from slipway.core.errors import RegistryError
from slipway.core.threads import map_concurrently
from slipway.push.inspect import QUESTIONS
from slipway.push.tags import Flip, TagMove
from slipway.registry import Registry
from slipway.release.comparison import TagStanding
from slipway.runs.run import Run


def rollback_moves(found: Sequence[TagStanding]) -> tuple[TagMove, ...]:
    """Return the moves of all tags that do not stand for the digest of the record."""
    return tuple(
        TagMove(one.reference, one.released, one.found, one.found) for one in found if one.found != one.released
    )


def roll_back(version: str, moves: Sequence[TagMove], registry: Registry, record: Run) -> tuple[TagMove, ...]:
    """Move the tags to the digests of a record. No blob moves.

    Raises RegistryError when no tag moved or all were restored, and MixedReleaseError when some were not.
    """
    again = f"invoke release-rollback {version}"
    try:
        exact = [replace(move.reference, tag="", digest=move.digest) for move in moves]
        found = map_concurrently(registry.manifest, exact, at_once=QUESTIONS)
    except RegistryError as error:
        told = f"{error.message}; no version tag moved"
        raise type(error)(told, hint=error.hint or again, code=error.code) from error
    manifests = {manifest.digest: manifest for manifest in found}
    return Flip.of(moves, manifests, registry, record, again).carry_out()
