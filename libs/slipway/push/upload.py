"""Bring what the version tags will stand for into the registry, and make sure that it is all there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from slipway.core.errors import RefusedError, RegistryError
from slipway.core.image import Reference
from slipway.core.retry import RetryPolicy
from slipway.core.threads import map_concurrently, map_in_dependency_order
from slipway.engine import Engine, OnTransfer
from slipway.push.inspect import QUESTIONS, Push, is_built_image
from slipway.registry import Manifest, Registry
from slipway.runs.run import Run

#: Uploads at a time: an engine sends five layers at once.
_UPLOADS = 3


@dataclass(frozen=True)
class Uploading:
    """How far an upload is: bytes ``sent`` of the ``size`` that the registry does not have."""

    image: str
    sent: int
    size: int


@dataclass(frozen=True)
class Uploaded:
    """The image is in the registry, and it is the one that was built."""

    image: str


UploadEvent: TypeAlias = Uploading | Uploaded
OnUpload = Callable[[UploadEvent], None]


@dataclass(frozen=True)
class PushRun:
    """With what a release is pushed: the edges, how long to try, who listens."""

    engine: Engine
    registry: Registry
    record: Run
    on_upload: OnUpload = lambda event: None
    policy: RetryPolicy = field(default_factory=RetryPolicy)


def upload(pushes: Sequence[Push], run: PushRun) -> tuple[Push, ...]:
    """Bring every content tag into the registry; the pushes with their verified digests.

    An image is uploaded once its own parents are up: it shares their layers. Raises RegistryError.
    """
    known = {push.image: push for push in pushes}
    lacking = {push.image: push.parents for push in pushes if not push.published}
    done = map_in_dependency_order(lambda name: _uploaded(known[name], run), lacking, at_once=_UPLOADS)
    return tuple(done.get(push.image, push) for push in pushes)


def ensure_blobs(pushes: Sequence[Push], run: PushRun) -> dict[str, Manifest]:
    """The manifests of the tags that are to move, when the registry has all that they name.

    What it lost, to a garbage collection for instance, is uploaded once more from here. Raises RegistryError when a
    blob is still lacking then.
    """
    moving = [push for push in pushes if push.current != push.published]
    manifests = map_concurrently(run.registry.manifest, [push.exact for push in moving], at_once=QUESTIONS)
    found = {push.image: manifest for push, manifest in zip(moving, manifests, strict=True)}
    holes = _holes(moving, found, run.registry)
    for push in (push for push in moving if push.image in holes and push.local_id):
        _sent(push, run)
    if holes:
        holes = _holes([push for push in moving if push.image in holes], found, run.registry)
    if holes:
        image, blobs = next(iter(holes.items()))
        more = f" and {len(blobs) - 1} more" if len(blobs) > 1 else ""
        raise RegistryError(
            f"push {image}: the registry has lost {blobs[0][:19]}{more} of it",
            hint=f"invoke push {image}, where it was built: that uploads it again",
        )
    return found


def _holes(pushes: Sequence[Push], manifests: dict[str, Manifest], registry: Registry) -> dict[str, list[str]]:
    """Image → its blobs that the registry lacks. A blob that many images share is asked for once."""
    named = {push.image: _blobs(push, manifests[push.image], registry) for push in pushes}
    homes: dict[str, Reference] = {}
    for push in pushes:
        for blob in named[push.image]:
            homes.setdefault(blob, push.content)
    held = map_concurrently(lambda blob: registry.holds(homes[blob], blob), homes, at_once=QUESTIONS)
    lost = {blob for blob, there in zip(homes, held, strict=True) if not there}
    return {image: [blob for blob in blobs if blob in lost] for image, blobs in named.items() if lost & set(blobs)}


def _blobs(push: Push, manifest: Manifest, registry: Registry) -> list[str]:
    """The digests of all blobs below a manifest; an index's are those of its members."""
    members = [registry.manifest(replace(push.exact, digest=member)) for member in manifest.members]
    return [*manifest.blobs, *(blob for member in members for blob in _blobs(push, member, registry))]


def _uploaded(push: Push, run: PushRun) -> Push:
    run.record.journal(upload=str(push.content))
    sent = _sent(push, run)
    _check_arrival(push, sent.published, run.registry)
    run.on_upload(Uploaded(push.image))
    return replace(sent, uploaded=True)


def _sent(push: Push, run: PushRun) -> Push:
    """Push the content tag; again when that fails, as the same content arrives at the same name."""
    trying = run.policy.begin()
    while True:
        try:
            return replace(push, published=run.engine.push(push.content, _counting(push.image, run.on_upload)))
        except RefusedError:
            raise
        except RegistryError as error:
            # Its reply may have been lost. The registry's client also waits as long as a throttling registry asks.
            if (found := run.registry.digest(push.content)) and found != push.replaces:
                return replace(push, published=found, note="the reply to its upload was lost, it is there")
            if not trying.again(error.message):
                told = f"{error.message} after {trying.tries} tries"
                raise RegistryError(told, hint=error.hint, code=error.code) from error


def _check_arrival(push: Push, told: str, registry: Registry) -> None:
    """Raises RegistryError unless the content tag stands for ``told``, and that for the image built here."""
    found = registry.digest(push.content)
    if found != told:
        raise RegistryError(f"push {push.content}: the engine says {told}, the registry {found or 'nothing'}")
    if not is_built_image(push, told, registry):
        raise RegistryError(
            f"push {push.content}: {push.local_id} was built, {told} arrived",
            hint="did another push write this tag just now? invoke push looks again",
        )


def _counting(image: str, on_upload: OnUpload) -> OnTransfer:
    """Adds up what the engine says of each layer."""
    layers: dict[str, tuple[int, int]] = {}

    def take(layer: str, what: str, sent: int, size: int) -> None:
        if what == "Pushing" and size:
            layers[layer] = min(sent, size), size
            on_upload(
                Uploading(image, sum(sent for sent, _ in layers.values()), sum(size for _, size in layers.values()))
            )

    return take
