"""Move the version tags: all or none, as far as the registry allows.

Report exactly the content for which each tag stands.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

from slipway.build.result import ImageResult, Status
from slipway.core.errors import MixedReleaseError, RefusedError, RegistryError
from slipway.push.inspect import Push
from slipway.registry import ImageManifest, Registry
from slipway.runs.run import Run

_LOST = "the reply to its PUT was lost, read back"


def move(
    pushes: Sequence[Push], manifests: Mapping[str, ImageManifest], registry: Registry, record: Run
) -> tuple[ImageResult, ...]:
    """Move each version tag to its content and read it back.

    ``manifests``: the manifests of the tags to move. Raises RegistryError when a tag cannot be moved and slipway
    restored every tag. Raises MixedReleaseError when slipway could not restore them.
    """
    tried: list[tuple[Push, ImageManifest | None]] = []
    moved: dict[str, Push] = {}
    for push in pushes:
        if push.version_digest == push.content_digest:
            continue
        try:
            before = registry.manifest(push.reference) if push.version_digest else None
            tried.append((push, before))
            moved[push.image] = _put_tag(push, manifests[push.image], registry)
            record.journal(moved=str(push.reference), digest=push.content_digest, before=push.version_digest)
        except RegistryError as error:
            _roll_back(tried, registry, record, pushes, error)
    return tuple(_outcome(moved.get(push.image, push)) for push in pushes)


def _put_tag(push: Push, manifest: ImageManifest, registry: Registry) -> Push:
    """Move one tag with a PUT of its own, and read it back.

    Not every registry supports ``?tag=`` for several tags, and some return 201 without effect.
    """
    note = push.note
    try:
        registry.put(push.reference, manifest)
    except RegistryError:
        if registry.digest(push.reference) != push.content_digest:
            raise
        note = _LOST
    found = registry.digest(push.reference)
    if found != push.content_digest:
        raise RegistryError(
            f"push {push.reference}: stands for {found or 'nothing'} after the move, not {push.content_digest}"
        )
    return replace(push, note=note)


def _roll_back(
    tried: Sequence[tuple[Push, ImageManifest | None]],
    registry: Registry,
    record: Run,
    pushes: Sequence[Push],
    cause: RegistryError,
) -> None:
    """Restore the former content of each tag that slipway tried to move, then raise the error.

    This includes the tag whose move failed, because its PUT may have arrived. Raises MixedReleaseError when a tag is
    not restored, else RegistryError.
    """
    stands = {push.image: _restored(push, before, registry, record) for push, before in reversed(tried)}
    stuck = [push for push, _ in tried if stands[push.image] != push.version_digest]
    if not stuck:
        told = f"{cause.message}; no version tag moved"
        raise RegistryError(told, hint=_next(cause, record), code=cause.code) from cause
    unknown = [push for push in stuck if stands[push.image] is None]
    said = f"{len(stuck) - len(unknown)} of {len(pushes)} version tags moved"
    said += f", {len(unknown)} unknown" if unknown else ""
    table = [f"{push.reference}: {push.version_digest[:19] or 'none'} {_now(push, stands)}" for push in pushes]
    raise MixedReleaseError("\n  ".join([f"{cause.message}; {said}", *table]), hint=_next(cause, record)) from cause


def _next(cause: RegistryError, record: Run) -> str:
    """Return the command that continues the push.

    After a refusal, the fix comes first, because the registry would refuse again.
    """
    again = f"invoke push --resume {record.id}"
    return f"{cause.hint}, then {again}" if isinstance(cause, RefusedError) and cause.hint else again


def _restored(push: Push, before: ImageManifest | None, registry: Registry, record: Run) -> str | None:
    """Return the tag's digest after putting ``before`` back; None when the registry does not answer."""
    try:
        if before and registry.digest(push.reference) != push.version_digest:
            with contextlib.suppress(RegistryError):
                registry.put(push.reference, before)
            record.journal(put_back=str(push.reference), digest=before.digest)
        return registry.digest(push.reference)
    except RegistryError:
        return None


def _now(push: Push, stands: Mapping[str, str | None]) -> str:
    found = stands.get(push.image, push.version_digest)
    if found is None:
        return f"-> {push.content_digest[:19]}, or unchanged: the registry does not answer"
    return "stays" if found == push.version_digest else f"-> {found[:19] or 'none'}"


def _outcome(push: Push) -> ImageResult:
    moved = Status.TAGGED if push.version_digest != push.content_digest else Status.PRESENT
    return ImageResult(
        push.image,
        Status.PUSHED if push.uploaded else moved,
        f"{push.reference.tag} is {push.content_digest[:19]}" + (f"; {push.note}" if push.note else ""),
        push.input_digest,
        push.content_digest,
        str(push.reference),
        push.size,
    )
