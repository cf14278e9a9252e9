"""Upload the content of the version tags to the registry, and verify that the registry has all of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from slipway.core.errors import RefusedError, RegistryError
from slipway.core.reference import Reference
from slipway.core.retry import RetryPolicy
from slipway.core.threads import map_concurrently, map_in_dependency_order
from slipway.engine import Engine, OnTransfer
from slipway.plan.compression import CompressionCause
from slipway.push.events import OnUpload, Uploaded, Uploading
from slipway.push.inspect import QUESTIONS, Push, is_built_image
from slipway.registry import ImageManifest, Registry
from slipway.runs.run import Run

#: The number of concurrent uploads. An engine sends five layers concurrently.
_UPLOADS = 3


@dataclass(frozen=True)
class PushRun:
    """Hold the means of a push: engine, registry, record, retry policy, and the receiver of its events."""

    engine: Engine
    registry: Registry
    record: Run
    on_upload: OnUpload = lambda event: None
    policy: RetryPolicy = field(default_factory=RetryPolicy)


def upload(pushes: Sequence[Push], run: PushRun) -> tuple[Push, ...]:
    """Upload every missing content tag; return the pushes with their verified digests.

    slipway uploads an image after its parents, because it shares their layers. Raises RegistryError.
    """
    known = {push.image: push for push in pushes}
    lacking = _in_turn([push for push in pushes if not push.content_digest])
    done = map_in_dependency_order(lambda name: _uploaded(known[name], run), lacking, at_once=_UPLOADS)
    return tuple(done.get(push.image, push) for push in pushes)


def _in_turn(pushes: Sequence[Push]) -> dict[str, tuple[str, ...]]:
    """Return the images that come before each: its parents, and the image before it in the same repository.

    Gitea answers 500 to manifests that arrive in one repository at the same time. ``pushes``: parents first.
    """
    before: dict[str, tuple[str, ...]] = {}
    newest: dict[str, str] = {}
    for push in pushes:
        home = push.content.repository
        before[push.image] = (*push.parents, newest[home]) if home in newest else push.parents
        newest[home] = push.image
    return before


def ensure_blobs(pushes: Sequence[Push], run: PushRun) -> dict[str, ImageManifest]:
    """Return the manifests of the tags to move, as ``complete`` does."""
    return complete([push for push in pushes if push.version_digest != push.content_digest], run)


def complete(pushes: Sequence[Push], run: PushRun) -> dict[str, ImageManifest]:
    """Return the manifest of each push, once the registry has every manifest and blob that it names.

    Raises as ``fill_holes``.
    """
    found = manifests_of(pushes, run.registry)
    fill_holes(pushes, found, run)
    return found


def manifests_of(pushes: Sequence[Push], registry: Registry) -> dict[str, ImageManifest]:
    """Return the manifest of each push that is in the registry, by its digest. Raises RegistryError."""
    there = [push for push in pushes if push.content_digest]
    found = map_concurrently(registry.manifest, [push.exact for push in there], at_once=QUESTIONS)
    return {push.image: manifest for push, manifest in zip(there, found, strict=True)}


def fill_holes(pushes: Sequence[Push], found: Mapping[str, ImageManifest], run: PushRun) -> None:
    """Check that the registry has every blob that the manifests ``found`` name, and every manifest of an index.

    The registry may have lost one, for instance to a garbage collection. slipway then uploads the image again from the
    engine, if the engine has it for all platforms. Raises RegistryError when something is still missing after that, or
    when engines would refuse to pull a layer.
    """
    lost = holes(pushes, found, run.registry)
    for push in (push for push in pushes if push.image in lost and push.local_id and push.whole):
        _sent(push, run)
    if lost:
        lost = holes([push for push in pushes if push.image in lost], found, run.registry)
    if lost:
        image, blobs = next(iter(lost.items()))
        more = f" and {len(blobs) - 1} more" if len(blobs) > 1 else ""
        raise RegistryError(
            f"push {image}: the registry has lost {blobs[0][:19]}{more} of it",
            hint=f"invoke push {image}, where it was built: that uploads it again",
        )
    for push in pushes:
        _refuse_mistyped(push, found[push.image], run.registry)


def _refuse_mistyped(push: Push, manifest: ImageManifest, registry: Registry) -> None:
    """Raise RegistryError for a zstd layer in an image of Docker's media types.

    BuildKit makes such an image when COMPRESSION is gzip, and the layers below are compressed with zstd.
    """
    members = [registry.manifest(push.exactly(member)) for member in manifest.members]
    for layer in (layer for one in (manifest, *members) for layer in one.mistyped):
        raise RegistryError(
            f"push {push.image}: its layer {layer[:19]} is compressed with zstd, and the image was built with gzip",
            hint=f"COMPRESSION=zstd invoke build --no-cache {push.image}",
            code=CompressionCause.MISTYPED,
        )


def holes(pushes: Sequence[Push], manifests: Mapping[str, ImageManifest], registry: Registry) -> dict[str, list[str]]:
    """Return the blobs of each image that are missing in the registry, and the missing manifests of an index.

    The function asks only once for a blob that many images share. Raises RegistryError.
    """
    below = {push.image: _below(push, manifests[push.image], registry) for push in pushes}
    homes: dict[str, Reference] = {}
    for push in pushes:
        for blob in below[push.image].blobs:
            homes.setdefault(blob, push.content)
    held = map_concurrently(lambda blob: registry.holds(homes[blob], blob), homes, at_once=QUESTIONS)
    lost = {blob for blob, there in zip(homes, held, strict=True) if not there}
    found = {image: [*each.lost, *(blob for blob in each.blobs if blob in lost)] for image, each in below.items()}
    return {image: digests for image, digests in found.items() if digests}


@dataclass(frozen=True)
class _Below:
    """Hold the digests of all blobs below a manifest, and of the manifests below it that the registry has lost."""

    blobs: tuple[str, ...]
    lost: tuple[str, ...] = ()


def _below(push: Push, manifest: ImageManifest, registry: Registry) -> _Below:
    """Return the content below a manifest; of an index, that of all its members."""
    lost = tuple(member for member in manifest.members if not registry.digest(push.exactly(member)))
    members = [registry.manifest(push.exactly(member)) for member in manifest.members if member not in lost]
    inner = [_below(push, member, registry) for member in members]
    blobs = (*manifest.blobs, *(blob for each in inner for blob in each.blobs))
    return _Below(blobs, (*lost, *(digest for each in inner for digest in each.lost)))


def _uploaded(push: Push, run: PushRun) -> Push:
    run.record.journal(upload=str(push.content))
    sent = _sent(push, run)
    _check_arrival(push, sent.content_digest, run.registry)
    run.on_upload(Uploaded(push.image))
    return replace(sent, uploaded=True)


def _sent(push: Push, run: PushRun) -> Push:
    """Push the content tag, and try again when that fails.

    A second try is harmless, because the same content arrives under the same name.
    """
    attempts = run.policy.start()
    while True:
        try:
            return replace(push, content_digest=run.engine.push(push.content, _counting(push.image, run.on_upload)))
        except RefusedError:
            raise
        except RegistryError as error:
            # The upload may have arrived without its reply. This request also waits as long as the registry demands.
            if (found := run.registry.digest(push.content)) and found != push.replaces:
                return replace(push, content_digest=found, note="the reply to its upload was lost, it is there")
            if not attempts.again(error.message):
                told = f"{error.message} after {attempts.tries} tries"
                raise RegistryError(told, hint=error.hint, code=error.code) from error


def _check_arrival(push: Push, told: str, registry: Registry) -> None:
    """Raise RegistryError unless the content tag stands for ``told``, the digest from the engine.

    The digest must also belong to the image in the engine.
    """
    found = registry.find_manifest(push.content)
    if found is None or found.digest != told:
        answered = found.digest if found else "nothing"
        raise RegistryError(f"push {push.content}: the engine says {told}, the registry {answered}")
    if not is_built_image(push, told, registry):
        raise RegistryError(
            f"push {push.content}: {push.local_id} was built, {told} arrived",
            hint="did another push write this tag just now? invoke push looks again",
        )


def _counting(image: str, on_upload: OnUpload) -> OnTransfer:
    """Return a callback that adds up the progress of all layers, as the engine reports it."""
    layers: dict[str, tuple[int, int]] = {}

    def take(layer: str, what: str, sent: int, size: int) -> None:
        if what == "Pushing" and size:
            layers[layer] = min(sent, size), size
            on_upload(
                Uploading(image, sum(sent for sent, _ in layers.values()), sum(size for _, size in layers.values()))
            )

    return take
