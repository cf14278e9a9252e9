"""Release tested images: upload, verify, store the record, move all tags, publish the record.

1. Upload each missing image, attach the documents, and verify every blob and digest.
2. Store the record by its digest, and its signature. It has no tag yet.
3. Claim the tags, so that another release waits.
4. Move all tags, and read each back. On failure restore them.
5. Publish the record under its version. The version is released now.

slipway writes a line into the run's journal before each step. A run that ended early is continued from its plan, which
has the digests: it builds nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import NoReturn

from slipway.core.errors import (
    LockedError,
    MixedReleaseError,
    PolicyError,
    PrerequisiteError,
    RegistryError,
    SlipwayError,
)
from slipway.core.reference import Reference
from slipway.core.threads import map_concurrently
from slipway.push.inspect import QUESTIONS, Push, as_published, check_logins
from slipway.push.release import Attach
from slipway.push.tags import Flip, TagMove, mixed
from slipway.push.upload import PushRun, complete, manifests_of, upload
from slipway.registry import ImageManifest, Registry
from slipway.release.claim import Claims
from slipway.release.planned import Planned
from slipway.release.record import Record
from slipway.release.records import Published, Records
from slipway.release.resume import Interrupted
from slipway.release.signing import Signing


@dataclass(frozen=True)
class Release:
    """Hold the means of a release: its plan, the run, and the claims and records of the registry.

    ``began``: an earlier run of the same release began to move tags. ``flag``: the host's flag, for hints.
    ``attach``: stores documents beside the images, before any tag moves.
    ``signing``: signs the record; None for a release without a signature.
    """

    planned: Planned
    run: PushRun
    claims: Claims
    began: bool = False
    flag: str = ""
    attach: Attach = lambda pushes: None
    signing: Signing | None = None

    @property
    def records(self) -> Records:
        return self.claims.records

    @property
    def again(self) -> str:
        return f"invoke release-resume {self.run.record.id}{self.flag}"

    def keep(self, planned: Planned) -> None:
        """Write the plan into the run's folder, for ``release-resume``."""
        Interrupted(planned, str(self.records.repository), self.began).keep(self.run.record)


@dataclass(frozen=True)
class Ready:
    """Hold a release whose content is in the registry. ``manifests``: digest → manifest of each image.

    ``stored``: the record, which has no tag yet, and its signature.
    """

    planned: Planned
    stored: Published
    manifests: Mapping[str, ImageManifest]


def release(given: Release) -> tuple[Published, tuple[TagMove, ...]]:
    """Release the planned images. Return the published record, and the moves of the tags.

    Raises RegistryError when no tag moved, or when slipway moved all of them back. Raises MixedReleaseError when some
    stand for the new content and some do not. Raises LockedError when another writer published the version first, and
    PrerequisiteError or PolicyError when the record cannot be signed.
    """
    try:
        ready = _prepared(given)
    except (RegistryError, PrerequisiteError, PolicyError) as error:
        _refuse(error, given)
    with _claimed(given, ready):
        moves = _moves(given, ready)
        flip = Flip.of(moves, ready.manifests, given.run.registry, given.run.record, given.again)
        done = flip.carry_out()
        _publish(given, ready.stored.record, flip, done)
    return ready.stored, done


def as_it_stands(planned: Planned, registry: Registry) -> Planned:
    """Return the release of an earlier run with the digests that the registry has now. Raises RegistryError.

    A digest that the earlier run verified stays: the tag of its content may have moved since.
    """
    now = as_published(planned.pushes, registry)
    return planned.with_pushes([_continued(push, found) for push, found in zip(planned.pushes, now, strict=True)])


def _continued(push: Push, found: Push) -> Push:
    arrived = "" if found.content_digest == push.replaces else found.content_digest
    return replace(found, content_digest=push.content_digest or arrived)


def _prepared(given: Release) -> Ready:
    planned, run, records = given.planned, given.run, given.records
    given.keep(planned)
    records.check_write()
    check_logins(planned.pushes, run.registry, manifests_of(planned.pushes, run.registry))
    pushes = upload(planned.pushes, run)
    given.attach(pushes)
    manifests = complete(pushes, run)
    ready = planned.with_pushes(pushes)
    sizes = {push.image: _size(push.exact, manifests[push.image], run.registry) for push in pushes}
    record = ready.record(sizes)
    given.keep(ready)
    run.record.journal(storing=str(records.repository), digest=record.artifact.manifest.digest)
    records.store(record)
    stored = _signed(Published.of(record), given)
    by_digest = {manifest.digest: manifest for manifest in manifests.values()}
    return Ready(ready, stored, by_digest)


def _signed(stored: Published, given: Release) -> Published:
    """Sign a record before any tag moves. The registry's own signature of the same key stays."""
    if given.signing is None:
        return stored
    given.run.record.journal(signing=str(given.records.repository), digest=stored.digest)
    return replace(stored, signature=given.signing.sign(stored, given.records))


def _size(reference: Reference, manifest: ImageManifest, registry: Registry) -> int:
    """Return the bytes of an image's blobs; of an index, those of all its members."""
    members = [replace(reference, digest=member) for member in manifest.members]
    return manifest.size + sum(_size(member, registry.manifest(member), registry) for member in members)


@contextmanager
def _claimed(given: Release, ready: Ready) -> Iterator[None]:
    """Claim the tags for the block.

    Raises LockedError when another writer published the version, once the tags stand as its record says.
    """
    record, run = ready.stored.record, given.run.record
    try:
        given.claims.take(record, run)
    except LockedError as error:
        _follow(error, given, _standing(given, ready))
    except RegistryError as error:
        _refuse(error, given)
    try:
        yield
    finally:
        with suppress(SlipwayError):
            given.claims.free(record, run)


def _moves(given: Release, ready: Ready) -> tuple[TagMove, ...]:
    """Return the moves.

    Raises RegistryError for a tag that another run moved since the release was planned, and LockedError when another
    writer published the version, once the tags stand as its record says.
    """
    moves = _standing(given, ready)
    try:
        given.records.refuse_other(ready.stored.record)
        for move in moves:
            _refuse_moved(move)
    except LockedError as error:
        _follow(error, given, moves)
    except RegistryError as error:
        _refuse(error, given)
    return moves


def _standing(given: Release, ready: Ready) -> tuple[TagMove, ...]:
    """Return the moves by the tags as they stand now."""
    planned = ready.planned
    try:
        digests = map_concurrently(given.run.registry.digest, planned.tags, at_once=QUESTIONS)
    except RegistryError as error:
        _refuse(error, given)
    return planned.moves(dict(zip(planned.tags, digests, strict=True)))


def _refuse_moved(move: TagMove) -> None:
    if move.stands not in (move.before, move.digest):
        told = f"stands for {move.stands[:19] or 'nothing'}, and for {move.before[:19] or 'nothing'} at the start"
        raise RegistryError(f"{move.reference}: {told}", hint="did another run move it? invoke release")


def _refuse(error: RegistryError | PrerequisiteError | PolicyError, given: Release) -> NoReturn:
    """Raise the error of a release that moved no tag.

    An earlier run may have moved some: then slipway asks the registry, and reports the tags as they stand.
    """
    moves = given.planned.moves({})
    stands = {move.reference: _stands(move.reference, given.run.registry) for move in moves} if given.began else {}
    if any(stands[move.reference] != move.before for move in moves if move.reference in stands):
        raise mixed(moves, stands, error.message, given.again) from error
    hint = error.hint or given.again
    raise type(error)(f"{error.message}; no version tag moved", hint=hint, code=error.code) from error


def _stands(reference: Reference, registry: Registry) -> str | None:
    try:
        return registry.digest(reference)
    except RegistryError:
        return None


def _publish(given: Release, record: Record, flip: Flip, done: Sequence[TagMove]) -> None:
    """Publish the record of the tags that moved. Restore the tags when the registry does not take the record."""
    reference, digest = given.records.reference(record.version), record.artifact.manifest.digest
    moved = [move for move in done if move.digest != move.before]
    try:
        given.run.record.journal(publishing=str(reference), digest=digest)
        given.records.publish(record)
    except LockedError as error:
        _follow(error, given, done)
    except RegistryError as error:
        found = _stands(reference, given.run.registry)
        if found is None:
            stands = {move.reference: move.digest for move in done}
            raise mixed(done, stands, f"{error.message}; the record may be published", given.again) from error
        if found != digest:
            flip.undo(error, moved)
    except BaseException:  # an interrupt of the user, or a journal that cannot be written
        with suppress(SlipwayError):
            if given.records.digest(record.version) != digest:
                flip.restore(moved)
        raise


def _follow(error: LockedError, given: Release, moves: Sequence[TagMove]) -> NoReturn:
    """Move each tag that this release moved to the digest in the record of the first writer, then raise ``error``."""
    registry, again = given.run.registry, f"invoke release-rollback {given.planned.version}"
    try:
        first = given.records.get(given.planned.version).record
        wanted = {image.tagged(tag): image.digest for image in first.images for tag in image.tags}
        own = [move for move in moves if move.is_done and move.digest != move.before]
        aims = {move: wanted.get(move.reference, move.before) for move in own}
        back = [TagMove(move.reference, aim, move.digest, move.digest) for move, aim in aims.items() if aim]
        exact = [replace(move.reference, tag="", digest=move.digest) for move in back]
        found = map_concurrently(registry.manifest, exact, at_once=QUESTIONS)
        manifests = {manifest.digest: manifest for manifest in found}
        Flip.of(back, manifests, registry, given.run.record, again).carry_out()
    except (RegistryError, MixedReleaseError) as failed:
        raise MixedReleaseError(f"{error.message}; {failed.message}", hint=again) from failed
    raise error
