"""Move tags: all or none, as far as the registry allows.

Report exactly the content for which each tag stands.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NoReturn, Self

from slipway.build.result import ImageResult, Status
from slipway.core.errors import MixedReleaseError, RefusedError, RegistryError, UnwritableError
from slipway.core.reference import Reference
from slipway.core.threads import map_concurrently
from slipway.push.inspect import QUESTIONS, Push
from slipway.registry import ImageManifest, Registry
from slipway.runs.run import Run

_LOST = "the reply to its PUT was lost, read back"


@dataclass(frozen=True)
class TagMove:
    """Hold the move of one tag to ``digest``.

    ``before``: the digest that slipway restores when a move fails. ``stands``: the digest for which the tag stands now.
    Both are empty for a tag that does not exist. They differ when an earlier run moved the tag and did not end.
    """

    reference: Reference
    digest: str
    before: str = ""
    stands: str = ""
    note: str = ""

    @property
    def is_done(self) -> bool:
        return self.stands == self.digest

    @property
    def was_moved(self) -> bool:
        """Tell whether an earlier run moved the tag."""
        return self.stands != self.before


@dataclass(frozen=True)
class Flip:
    """Move several tags together. ``manifests``: those of all digests, old and new. ``again`` continues the run."""

    moves: tuple[TagMove, ...]
    registry: Registry
    record: Run
    again: str
    manifests: Mapping[str, ImageManifest] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        moves: Sequence[TagMove],
        manifests: Mapping[str, ImageManifest],
        registry: Registry,
        record: Run,
        again: str,
    ) -> Self:
        """Return the flip of ``moves``, once the registry keeps their older manifests without a tag.

        A registry such as Gitea's removes a manifest whose last tag moves; then no tag could be restored. Raises
        RegistryError, or MixedReleaseError when an earlier run moved some tags.
        """
        made = cls(tuple(moves), registry, record, again, manifests)
        restorable = [move for move in moves if move.before and move.before != move.digest]
        older = list(dict.fromkeys(replace(move.reference, tag="", digest=move.before) for move in restorable))
        try:
            found = map_concurrently(registry.manifest, older, at_once=QUESTIONS)
            if older:
                record.journal(keeping=[str(reference) for reference in older])
            _keep(dict(zip(older, found, strict=True)), registry)
        except (RegistryError, UnwritableError) as error:
            made.undo(error, ())
        return replace(made, manifests={**manifests, **{manifest.digest: manifest for manifest in found}})

    def carry_out(self) -> tuple[TagMove, ...]:
        """Move each tag and read it back.

        Raises the error of a failed move when slipway restored every tag. Raises MixedReleaseError when it could not
        restore them. An interrupt restores them, too.
        """
        tried = [move for move in self.moves if move.was_moved]
        done: dict[Reference, TagMove] = {}
        for move in self.moves:
            if move.is_done:
                continue
            try:
                self.record.journal(moving=str(move.reference), digest=move.digest, before=move.before)
                tried.append(move)
                done[move.reference] = self._put(move)
                self.record.journal(moved=str(move.reference), digest=move.digest, before=move.before)
            except (RegistryError, UnwritableError) as error:
                self.undo(error, tried)
            except BaseException:  # an interrupt of the user, or a tag of another spelling
                self.restore(tried)
                raise
        return tuple(done.get(move.reference, move) for move in self.moves)

    def undo(self, cause: RegistryError | UnwritableError, tried: Sequence[TagMove]) -> NoReturn:
        """Restore the tags that slipway tried to move, then raise the error.

        This includes a tag whose move failed, because its PUT may have arrived. Raises MixedReleaseError when a tag is
        not restored.
        """
        hint = self._next(cause)
        self._refuse_mixed(self.restore(tried), cause.message, hint, cause)
        kind = UnwritableError if isinstance(cause, UnwritableError) else RegistryError
        raise kind(f"{cause.message}; no version tag moved", hint=hint, code=cause.code) from cause

    def _put(self, move: TagMove) -> TagMove:
        """Move one tag with a PUT of its own, and read it back.

        Not every registry supports ``?tag=`` for several tags, and some return 201 without effect.
        """
        note = move.note
        try:
            self.registry.put(move.reference, self.manifests[move.digest])
        except RegistryError:
            if self.registry.digest(move.reference) != move.digest:
                raise
            note = _LOST
        found = self.registry.digest(move.reference)
        if found != move.digest:
            self._refuse_other_spelling(move)
            told = found or "nothing"
            raise RegistryError(f"push {move.reference}: stands for {told} after the move, not {move.digest}")
        return replace(move, note=note, stands=found)

    def _refuse_other_spelling(self, move: TagMove) -> None:
        """Raise MixedReleaseError when the registry made the tag under its name in lower case."""
        kept = move.reference.tagged(move.reference.tag.lower())
        if kept != move.reference and self.registry.digest(kept) == move.digest:
            said = f"the registry made the tag {kept.tag} instead: it stands for {move.digest[:19]}"
            raise MixedReleaseError(
                f"push {move.reference}: {said}", hint=f"this registry keeps tags in lower case: --version {kept.tag}"
            )

    def restore(self, tried: Sequence[TagMove]) -> dict[Reference, str | None]:
        """Restore tags, the last one first, and return the digest of each; None when the registry does not answer."""
        return {move.reference: self._restored(move) for move in reversed(tried)}

    def _restored(self, move: TagMove) -> str | None:
        try:
            if move.before and self.registry.digest(move.reference) != move.before:
                self._note(put_back=str(move.reference), digest=move.before)
                with contextlib.suppress(RegistryError):
                    self.registry.put(move.reference, self.manifests[move.before])
            return self.registry.digest(move.reference)
        except RegistryError:
            return None

    def _note(self, **entry: str) -> None:
        with contextlib.suppress(UnwritableError):  # the tags matter more than their journal
            self.record.journal(**entry)

    def _refuse_mixed(self, stands: Mapping[Reference, str | None], said: str, hint: str, cause: Exception) -> None:
        now = {move.reference: stands.get(move.reference, move.stands) for move in self.moves}
        if any(now[move.reference] != move.before for move in self.moves):
            raise mixed(self.moves, now, said, hint) from cause

    def _next(self, cause: RegistryError | UnwritableError) -> str:
        """Return the command that continues the run.

        After a refusal, the fix comes first, because the registry would refuse again.
        """
        fix_first = not isinstance(cause, RegistryError) or isinstance(cause, RefusedError)
        return f"{cause.hint}, then {self.again}" if fix_first and cause.hint else self.again


def _keep(manifests: Mapping[Reference, ImageManifest], registry: Registry) -> None:
    """Write manifests by their digests; in one repository one after another, for some registries fail otherwise."""
    homes: dict[str, list[Reference]] = {}
    for reference in manifests:
        homes.setdefault(reference.repository, []).append(reference)

    def keep(references: Sequence[Reference]) -> None:
        for reference in references:
            registry.put(reference, manifests[reference])

    map_concurrently(keep, homes.values(), at_once=QUESTIONS)


def mixed(
    moves: Sequence[TagMove], stands: Mapping[Reference, str | None], said: str, hint: str = ""
) -> MixedReleaseError:
    """Return the error with a table of all tags. ``stands``: the digest of each now; None when it is unknown."""
    moved = [move for move in moves if stands[move.reference] not in (None, move.before)]
    unknown = [move for move in moves if stands[move.reference] is None]
    counts = f"{len(moved)} of {len(moves)} version tags moved" + (f", {len(unknown)} unknown" if unknown else "")
    table = [f"{move.reference}: {move.before[:19] or 'none'} {_now(move, stands[move.reference])}" for move in moves]
    return MixedReleaseError("\n  ".join([f"{said}; {counts}", *table]), hint=hint)


def _now(move: TagMove, found: str | None) -> str:
    if found is None:
        return f"-> {move.digest[:19]}, or unchanged: the registry does not answer"
    return "stays" if found == move.before else f"-> {found[:19] or 'none'}"


def move(
    pushes: Sequence[Push], manifests: Mapping[str, ImageManifest], registry: Registry, record: Run
) -> tuple[ImageResult, ...]:
    """Move each version tag to its content and read it back.

    ``manifests``: the manifests of the tags to move, by image. Raises RegistryError when a tag cannot be moved and
    slipway restored every tag. Raises MixedReleaseError when slipway could not restore them.
    """
    moves = [
        TagMove(push.reference, push.content_digest, push.version_digest, push.version_digest, push.note)
        for push in pushes
    ]
    by_digest = {manifest.digest: manifest for manifest in manifests.values()}
    done = Flip.of(moves, by_digest, registry, record, f"invoke push --resume {record.id}").carry_out()
    return tuple(_outcome(push, move.note) for push, move in zip(pushes, done, strict=True))


def _outcome(push: Push, note: str) -> ImageResult:
    moved = Status.TAGGED if push.version_digest != push.content_digest else Status.PRESENT
    return ImageResult(
        push.image,
        Status.PUSHED if push.uploaded else moved,
        f"{push.reference.tag} is {push.content_digest[:19]}" + (f"; {note}" if note else ""),
        push.input_digest,
        push.content_digest,
        str(push.reference),
        push.size,
    )
