"""Hold root images to images.lock: each build takes the locked digest, and a root image that moved ends the plan.

The engine answers as long as its tag stands for the locked image. Only when the tag stands for another image does
slipway ask the registry: the engine is behind the lock, or the root image moved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from slipway.config.images_lock import FILE, ImagesLock
from slipway.core.errors import PolicyError, Problem, RegistryError, SlipwayError
from slipway.core.image import LocalImage
from slipway.core.problems import Cause
from slipway.core.reference import Reference, full_name

UPDATE = "invoke base-outdated --update"
#: Returns the digest of a tag in its registry, or an empty string when the tag does not exist. Raises RegistryError.
DigestOf = Callable[[Reference], str]


def unasked(reference: Reference) -> str:
    """Raise RegistryError, where slipway contacts no registry."""
    raise RegistryError(f"{reference}: slipway asked no registry")


class LockCause(Cause):
    """Name the reasons for which slipway refuses a root image of images.lock."""

    MOVED = "root-moved", "A root image's tag stands for another digest than images.lock."
    GONE = "root-gone", "The registry of a root image has its tag, or its locked digest, no longer."


def moved(image: str, lock: ImagesLock, found: str) -> Problem:
    """Return the problem that the tag ``image`` stands for ``found``, not for its digest in the lock."""
    what = f"{image}: {FILE} has {lock.digest(image)}, and its registry has {found}"
    return Problem("", what, UPDATE, LockCause.MOVED)


def gone(image: str, lock: ImagesLock) -> Problem:
    """Return the problem that a build finds the locked image no longer."""
    what = f"{image}: {lock.place(image).repository} does not have {lock.digest(image)}, which {FILE} names"
    hint = f"{UPDATE} locks the present image of the tag; mirror-roots = true keeps a copy of each"
    return Problem("", what, hint, LockCause.GONE)


def absent(image: str) -> Problem:
    """Return the problem that the registry of ``image`` does not have its tag."""
    hint = f'name another tag in the Dockerfile; "{image}" = "local" in {FILE} if no registry is to have it'
    return Problem("", f"{image}: its registry does not have this tag", hint, LockCause.GONE)


def check_roots(
    roots: Iterable[str], lock: ImagesLock, local: Sequence[LocalImage], digest_of: DigestOf
) -> tuple[str, ...]:
    """Raise PolicyError when a root image moved since it was locked. Return notes for the user.

    ``local``: the engine's images. A registry that does not answer leaves the question open: a note names the image
    that a build takes.
    """
    problems: list[Problem] = []
    notes: list[str] = []
    for root in roots:
        if not _another(root, lock, local):
            continue
        try:
            found = digest_of(Reference.read(root).full)
        except SlipwayError as error:
            notes.append(f"{root}: a build takes {lock.digest(root)}, and the engine's tag is another; {error.message}")
            continue
        if found and found != lock.digest(root):
            problems.append(moved(root, lock, found))
    if problems:
        raise PolicyError.of(problems)
    return tuple(notes)


def notes(roots: Iterable[str], lock: ImagesLock) -> tuple[str, ...]:
    """Return a note that names the root images that the lock, though it exists, does not name."""
    missing = list(lock.missing(roots))
    named = f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not in {FILE}"
    return (f"{named}: a build takes the present image; base.outdated --update adds the digest",) if missing else ()


def _another(root: str, lock: ImagesLock, local: Sequence[LocalImage]) -> LocalImage | None:
    """Return the engine's image under the root's tag when that is not the locked one."""
    if not lock.digest(root):
        return None
    tag, locked = full_name(root), f"@{lock.digest(root)}"
    held = (image for image in local if tag in image.tags)
    return next((image for image in held if not any(digest.endswith(locked) for digest in image.digests)), None)
