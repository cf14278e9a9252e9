"""Inspect the registry before a push: which tags exist, which tags may not move, whether the login may write."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from slipway.core.errors import PolicyError, UsageError
from slipway.core.image import INPUT_LABEL, Image
from slipway.core.reference import Reference
from slipway.core.threads import map_concurrently
from slipway.plan.decide import MODES_HINT, Facts
from slipway.push.events import PushAction
from slipway.registry import ImageManifest, Registry

#: The number of concurrent requests to the registry.
QUESTIONS = 8
#: Asks the registry for the digest of a content tag.
AskContent = Callable[[Registry, Reference], str]


@dataclass(frozen=True)
class Push:
    """Hold one image to push, and the registry's digests of it, which are empty when it has none.

    ``content_digest``: the digest of the content tag. ``version_digest``: the digest of the version tag. ``replaces``:
    the digest of the content tag that the upload will replace: that of an image built without cache, or of one without
    the platforms ``absent``. ``platforms``: the target platforms. ``whole``: the engine has the image for all of them.
    ``note``: a remark for the user after a successful push.
    """

    image: str
    reference: Reference
    content: Reference
    input_digest: str
    content_digest: str = ""
    version_digest: str = ""
    local_id: str = ""
    size: int = 0
    parents: tuple[str, ...] = ()
    replaces: str = ""
    uploaded: bool = False
    note: str = ""
    platforms: tuple[str, ...] = ()
    whole: bool = True
    absent: tuple[str, ...] = ()

    @property
    def action(self) -> PushAction:
        if not self.content_digest:
            return PushAction.PUSH
        return PushAction.REUSE if self.version_digest == self.content_digest else PushAction.TAG

    @property
    def reason(self) -> str:
        if self.absent and not self.content_digest:
            return f"{self.content.tag} in the registry has no {', '.join(self.absent)}"
        if self.is_rebuilt and not self.content_digest:
            return f"built without cache: another {self.content.tag} than the registry's"
        if not self.content_digest:
            return f"{self.content.tag} is not in the registry"
        if self.version_digest == self.content_digest:
            return f"{self.reference.tag} is {self.content_digest[7:19]} already"
        moves = "moves" if self.version_digest else "is new"
        return f"{self.content.tag} is in the registry, {self.reference.tag} {moves}"

    @property
    def is_rebuilt(self) -> bool:
        """Tell whether the engine's image was built without cache, and differs from the registry's."""
        return bool(self.replaces and not self.absent)

    @property
    def exact(self) -> Reference:
        """Return the reference of the published image by its digest."""
        return self.exactly(self.content_digest)

    def exactly(self, digest: str) -> Reference:
        """Return the reference of ``digest`` in the image's repository."""
        return replace(self.content, tag="", digest=digest)


def look(
    images: Sequence[Image], facts: Facts, registry: Registry, ask: AskContent = Registry.digest
) -> tuple[Push, ...]:
    """Return the pushes of ``images``, with the digests that the registry has.

    ``ask`` asks for each content tag. Raises UsageError for images that are neither built nor published, RefusedError
    when the server is not a registry, and RegistryError.
    """
    registry.refuse_foreign()
    stands = as_published([_local(image, facts) for image in images], registry, ask)
    found = tuple(_taking_over(push, registry) if _is_fresh(push, facts) else push for push in stands)
    lacking = [push.image for push in found if not push.content_digest and not (push.local_id and push.whole)]
    if lacking:
        more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
        raise UsageError(
            f"push {lacking[0]}{more}: not built with the inputs as they are now", hint="invoke build push"
        )
    return found


def as_published(pushes: Sequence[Push], registry: Registry, ask: AskContent = Registry.digest) -> list[Push]:
    """Return the pushes with the digests that the registry has now. ``ask`` asks for each content tag.

    An index without one of the image's platforms is not the image. Raises RegistryError.
    """
    asked = [(ask, push.content) for push in pushes] + [(Registry.digest, push.reference) for push in pushes]
    digests = map_concurrently(lambda one: one[0](registry, one[1]), asked, at_once=QUESTIONS)
    known = zip(pushes, digests[: len(pushes)], digests[len(pushes) :], strict=True)
    found = [replace(push, content_digest=published, version_digest=current) for push, published, current in known]
    return map_concurrently(lambda push: _for_all_platforms(push, registry), found, at_once=QUESTIONS)


def _for_all_platforms(push: Push, registry: Registry) -> Push:
    """Return the push without its content digest when the registry does not have the image for all platforms."""
    if len(push.platforms) < 2 or not push.content_digest:
        return push
    held = registry.platforms(push.exact)
    absent = tuple(platform for platform in push.platforms if platform not in held)
    return replace(push, content_digest="", replaces=push.content_digest, absent=absent) if absent else push


def _is_fresh(push: Push, facts: Facts) -> bool:
    here = facts.in_engine(push.image)
    return bool(push.content_digest and here and here.built_without_cache)


def _taking_over(push: Push, registry: Registry) -> Push:
    if is_built_image(push, push.content_digest, registry):
        return push
    return replace(push, content_digest="", replaces=push.content_digest)


def is_built_image(push: Push, digest: str, registry: Registry) -> bool:
    """Tell whether the registry's manifest ``digest`` belongs to the image in the engine. Raises RegistryError.

    With containerd's image store, the image's id is that digest. With the classic store, it is the digest of the
    configuration, which the manifest names, or the manifest of one platform in an index.
    """
    if push.local_id == digest:
        return True
    manifest = registry.manifest(push.exactly(digest))
    members = (registry.manifest(push.exactly(member)) for member in manifest.platforms.values())
    return push.local_id == manifest.config or any(push.local_id == member.config for member in members)


def other_builds(pushes: Sequence[Push], registry: Registry) -> tuple[Push, ...]:
    """Return the pushes whose content tag stands for another build of the same inputs than the engine's image.

    Raises RegistryError.
    """
    both = [push for push in pushes if push.content_digest and push.local_id]
    same = map_concurrently(lambda push: is_built_image(push, push.content_digest, registry), both, at_once=QUESTIONS)
    return tuple(push for push, is_same in zip(both, same, strict=True) if not is_same)


def _local(image: Image, facts: Facts) -> Push:
    name, here = image.name, facts.in_engine(image.name)
    push = Push(name, facts.references[name], facts.content_reference(name), facts.digests[name], parents=image.parents)
    push = replace(push, platforms=tuple(facts.platforms.get(name, ())))
    return replace(push, local_id=here.id, size=here.size, whole=not here.missing(push.platforms)) if here else push


#: Returns how an image's modes differ from those of another image, given by its labels; empty when more differs.
Explain = Callable[[str, Mapping[str, str]], str]


def refuse_moves(
    pushes: Sequence[Push],
    registry: Registry,
    moving_tags: Sequence[str],
    force: bool,
    explain: Explain = lambda image, labels: "",
) -> None:
    """Raise PolicyError when a version tag that may not move stands for other content.

    ``moving_tags``: the tags that may move. With ``force``, every tag may.
    """
    if force:
        return
    moved = [push for push in pushes if push.reference.tag not in moving_tags and _moves(push)]
    labels = {push.image: {} if push.is_rebuilt else registry.labels(push.reference) for push in moved}
    refused = [push for push in moved if push.is_rebuilt or labels[push.image].get(INPUT_LABEL) != push.input_digest]
    if refused:
        modes = {push.image: "" if push.is_rebuilt else explain(push.image, labels[push.image]) for push in refused}
        lines = [
            f"{push.reference} is {push.version_digest[:19]}, not {_named(push)}"
            + f": {modes[push.image]}".rstrip(": ")
            for push in refused
        ]
        said = f"push: {len(refused)} of {len(pushes)} version tags stand for other content; nothing was pushed"
        hint = "a version is written once: --version with a new one, or --force"
        hint = f"{MODES_HINT}; else {hint}" if all(modes.values()) else hint
        raise PolicyError("\n  ".join([said, *lines]), hint=hint)


def _named(push: Push) -> str:
    return f"{push.content.tag} as built without cache" if push.is_rebuilt else push.content.tag


def check_logins(
    pushes: Sequence[Push], registry: Registry, manifests: Mapping[str, ImageManifest] = MappingProxyType({})
) -> None:
    """Raise RegistryError unless this login may write to every repository that the push will change.

    The push calls this function before it writes anything. ``manifests``: image → its manifest in the registry, which
    names a blob of the repository.
    """
    writes = [push for push in pushes if push.action is not PushAction.REUSE]
    blobs = {image: manifest.config for image, manifest in manifests.items()}
    map_concurrently(
        lambda push: registry.check_write(push.content, blobs.get(push.image, "")), writes, at_once=QUESTIONS
    )


def _moves(push: Push) -> bool:
    return push.version_digest not in ("", push.content_digest)
