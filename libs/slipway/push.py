"""Push a release: content first, then the version tags, each read back; then the record.

1. Look: which content tags and version tags the registry has. A version tag is written once: other content is refused.
2. Upload each image under its content tag (bases first), unless it is there; the digest is verified.
3. Move the version tags by copying manifests, and read each back: a client's exit proves nothing about a tag.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from slipway.engine import Engine, OnTransfer
from slipway.errors import MixedReleaseError, PolicyError, PushError, UsageError
from slipway.model import INPUT_LABEL, Image, Reference
from slipway.parallel import each
from slipway.plan import Facts, Outcome
from slipway.registry import Manifest, Registry
from slipway.runs import Run

#: Uploads at a time: services share their bases' layers, which are there by then.
_UPLOADS = 3
_QUESTIONS = 8


@dataclass(frozen=True)
class Push:
    """One image to push, and what the registry has of it: digests, empty when there is none."""

    image: str
    reference: Reference
    content: Reference
    input_digest: str
    published: str = ""
    current: str = ""
    local_id: str = ""
    size: int = 0
    base: bool = False
    uploaded: bool = False

    @property
    def action(self) -> str:
        if not self.published:
            return "push"
        return "reuse" if self.current == self.published else "tag"

    @property
    def reason(self) -> str:
        if not self.published:
            return f"{self.content.tag} is not in the registry"
        if self.current == self.published:
            return f"{self.reference.tag} is {self.published[7:19]} already"
        return f"{self.content.tag} is in the registry, {self.reference.tag} {'moves' if self.current else 'is new'}"


@dataclass(frozen=True)
class Upload:
    """How far an upload is: bytes ``sent`` of the ``size`` that the registry lacks; ``done`` once it is verified."""

    image: str
    sent: int = 0
    size: int = 0
    done: bool = False


OnUpload = Callable[[Upload], None]


def look(images: Sequence[Image], facts: Facts, registry: Registry) -> tuple[Push, ...]:
    """What is to do for each image. Raises UsageError for images that are neither built nor published, PushError."""
    pushes = [_local(image, facts) for image in images]
    asked = [push.content for push in pushes] + [push.reference for push in pushes]
    digests = each(registry.digest, asked, at_once=_QUESTIONS)
    known = zip(pushes, digests[: len(pushes)], digests[len(pushes) :], strict=True)
    found = tuple(replace(push, published=published, current=current) for push, published, current in known)
    lacking = [push.image for push in found if not push.published and not push.local_id]
    if lacking:
        more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
        raise UsageError(
            f"push {lacking[0]}{more}: not built with the inputs as they are now", hint="invoke build push"
        )
    return found


def _local(image: Image, facts: Facts) -> Push:
    name, here = image.name, facts.here(image.name)
    push = Push(name, facts.references[name], facts.content(name), facts.digests[name], base=image.kind == "base")
    return replace(push, local_id=here.id, size=here.size) if here else push


def refuse_moves(pushes: Sequence[Push], registry: Registry, moving_tags: Sequence[str], force: bool) -> None:
    """Raises PolicyError when a version tag that may not move stands for other content."""
    if force:
        return
    refused = [push for push in pushes if push.reference.tag not in moving_tags and _differs(push, registry)]
    if refused:
        lines = [f"{push.reference} is {push.current[:19]}, not {push.content.tag}" for push in refused]
        said = f"push: {len(refused)} of {len(pushes)} version tags stand for other content; nothing was pushed"
        hint = "a version is written once: --version with a new one, or --force"
        raise PolicyError("\n  ".join([said, *lines]), hint=hint)


def _differs(push: Push, registry: Registry) -> bool:
    if not push.current or push.current == push.published:
        return False
    config = registry.config(push.reference).get("config") or {}
    return (config.get("Labels") or {}).get(INPUT_LABEL) != push.input_digest


def upload(
    pushes: Sequence[Push], engine: Engine, registry: Registry, run: Run, on_upload: OnUpload
) -> tuple[Push, ...]:
    """Bring every content tag into the registry; the pushes with their verified digests. Raises PushError."""

    def one(push: Push) -> Push:
        if push.published:
            return push
        run.journal(upload=str(push.content))
        told = engine.push(push.content, _counting(push.image, on_upload))
        found = registry.digest(push.content)
        if found != told:
            raise PushError(
                f"push {push.content}: the engine says {told}, the registry {found or 'nothing'}; no tag moved"
            )
        on_upload(Upload(push.image, done=True))
        return replace(push, published=found, uploaded=True)

    done = {push.image: one(push) for push in pushes if push.base}
    rest = [push for push in pushes if push.image not in done]
    done |= {push.image: push for push in each(one, rest, at_once=_UPLOADS)}
    return tuple(done[push.image] for push in pushes)


def _counting(image: str, on_upload: OnUpload) -> OnTransfer:
    """Adds up what the engine says of each layer."""
    layers: dict[str, tuple[int, int]] = {}

    def take(layer: str, what: str, sent: int, size: int) -> None:
        if what == "Pushing" and size:
            layers[layer] = min(sent, size), size
            on_upload(Upload(image, sum(sent for sent, _ in layers.values()), sum(size for _, size in layers.values())))

    return take


def move(pushes: Sequence[Push], registry: Registry, run: Run) -> tuple[Outcome, ...]:
    """Make each version tag stand for its content, read back. All or nothing as far as the registry allows.

    Raises PushError when a tag cannot be moved and those moved before were put back; MixedReleaseError when they could
    not be.
    """
    tried: list[tuple[Push, Manifest | None]] = []
    for push in pushes:
        if push.current == push.published:
            continue
        try:
            before = registry.manifest(push.reference) if push.current else None
            tried.append((push, before))
            _point(push, registry)
            run.journal(moved=str(push.reference), digest=push.published, before=push.current)
        except PushError as error:
            _put_back(tried, registry, run, pushes, error)
    return tuple(_outcome(push) for push in pushes)


def _point(push: Push, registry: Registry) -> None:
    manifest = registry.manifest(replace(push.content, tag="", digest=push.published))
    try:
        registry.put(push.reference, manifest)
    except PushError:
        if registry.digest(push.reference) != push.published:
            raise
    found = registry.digest(push.reference)
    if found != push.published:
        raise PushError(f"push {push.reference}: stands for {found or 'nothing'} after the move, not {push.published}")


def _put_back(
    tried: Sequence[tuple[Push, Manifest | None]],
    registry: Registry,
    run: Run,
    pushes: Sequence[Push],
    cause: PushError,
) -> None:
    """Give each tag that was tried its former content, also the one whose move failed: its PUT may have arrived."""
    stands = {push.image: _restored(push, before, registry, run) for push, before in reversed(tried)}
    stuck = [push for push, _ in tried if stands[push.image] != push.current]
    if not stuck:
        raise PushError(f"{cause.message}; no version tag moved", hint=f"invoke push --resume {run.id}") from cause
    unknown = [push for push in stuck if stands[push.image] is None]
    said = f"{len(stuck) - len(unknown)} of {len(pushes)} version tags moved"
    said += f", {len(unknown)} unknown" if unknown else ""
    table = [f"{push.reference}: {push.current[:19] or 'none'} {_now(push, stands)}" for push in pushes]
    raise MixedReleaseError(
        "\n  ".join([f"{cause.message}; {said}", *table]), hint=f"invoke push --resume {run.id}"
    ) from cause


def _restored(push: Push, before: Manifest | None, registry: Registry, run: Run) -> str | None:
    """The digest the tag stands for after putting ``before`` back; None when the registry does not tell."""
    try:
        if before and registry.digest(push.reference) != push.current:
            with contextlib.suppress(PushError):
                registry.put(push.reference, before)
            run.journal(put_back=str(push.reference), digest=before.digest)
        return registry.digest(push.reference)
    except PushError:
        return None


def _now(push: Push, stands: Mapping[str, str | None]) -> str:
    found = stands.get(push.image, push.current)
    if found is None:
        return f"-> {push.published[:19]} or not: the registry does not tell"
    return "stays" if found == push.current else f"-> {found[:19] or 'none'}"


def _outcome(push: Push) -> Outcome:
    moved = "tagged" if push.current != push.published else "present"
    return Outcome(
        push.image,
        "pushed" if push.uploaded else moved,
        f"{push.reference.tag} is {push.published[:19]}",
        push.input_digest,
        push.published,
        str(push.reference),
        push.size,
    )
