"""Copy locked root images into the stack's own registry, so that builds find them when their registry drops them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from slipway.config.environment import surroundings
from slipway.config.images_lock import ImagesLock
from slipway.core.command import Command
from slipway.core.errors import RegistryError, one_line
from slipway.core.reference import Reference
from slipway.release.outdated import RootStanding
from slipway.tasks.session import Session

_SECONDS = 3600.0


def mirror_roots(session: Session, lock: ImagesLock, found: Sequence[RootStanding]) -> None:
    """Copy each locked image that the mirror does not have, all its platforms, and compare the digest.

    buildx copies from registry to registry, with docker's logins on this machine. Raises RegistryError.
    """
    for one in found:
        place, digest = lock.place(one.name), lock.digest(one.name)
        if not digest or place.registry == Reference.read(one.name).registry or session.root_digest(place) == digest:
            continue
        source = replace(Reference.read(one.name), tag="", digest=digest)
        words = ("imagetools", "create", "--prefer-index=false", "--progress=plain", "--tag", str(place), str(source))
        done = session.run(Command((*surroundings().buildx, *words), label=f"copy {one.name}"), timeout=_SECONDS)
        if not done.ok:
            cause = next(reversed(done.stderr.splitlines()), f"exit code {done.exit_code}")
            raise RegistryError(f"copy {source} to {place}: {one_line(cause)}", hint="docker login")
        if session.root_digest(place) != digest:
            raise RegistryError(f"{place}: it does not stand for {digest} after the copy")
        session.note(f"copied {one.name} to {place}")
