"""Refuse, before any work, to compress layers with zstd where the engine would not keep them. Pure."""

from __future__ import annotations

from slipway.core.compression import Compression
from slipway.core.errors import PrerequisiteError, Problem
from slipway.core.problems import Cause
from slipway.plan.decide import Action, Plan
from slipway.plan.facts import Snapshot


class CompressionCause(Cause):
    """Name the reasons for which COMPRESSION does not fit the engine or the layers below."""

    NO_ZSTD = "compression-classic", "The engine's classic image store keeps no layer compressed with zstd."
    MISTYPED = "compression-mixed", "A layer is compressed with zstd, and Docker's media types have no such layer."


def refuse_compression(snapshot: Snapshot, plan: Plan) -> None:
    """Raise PrerequisiteError when a build would lose the compression of its layers in the engine."""
    lost = snapshot.facts.compression is not Compression.GZIP and not snapshot.facts.containerd_store
    if lost and plan.of(Action.BUILD) and not snapshot.settings["BUILDER"]:
        where = f"COMPRESSION={snapshot.facts.compression}"
        what = "the engine's classic image store keeps no compressed layers"
        hint = "COMPRESSION=gzip, or BUILDER=<a builder of buildx>, or containerd's image store: docs/compression.md"
        raise PrerequisiteError.of([Problem(where, what, hint, CompressionCause.NO_ZSTD)])
