"""Find the platforms for which images are tested, and the image of each."""

from __future__ import annotations

from dataclasses import replace

from slipway.core.errors import PrerequisiteError, UsageError
from slipway.core.image import LocalImage
from slipway.core.platform import in_order
from slipway.plan.facts import Snapshot
from slipway.plan.platforms import unrunnable
from slipway.tasks.session import Session


def tested_platforms(snapshot: Snapshot, name: str) -> tuple[str, ...]:
    """Return the platforms for which an image is tested; an empty text for an image of the engine's own alone."""
    platforms = tuple(snapshot.facts.platforms[name])
    return ("",) if platforms == (snapshot.repository.native,) else platforms


def refuse_untestable(session: Session, snapshot: Snapshot) -> None:
    """Raise PrerequisiteError when the engine's machine does not run a platform for which images are tested."""
    tested = (platform for name in snapshot.facts.digests for platform in tested_platforms(snapshot, name))
    if problems := [*unrunnable(session.not_runnable(in_order(filter(None, tested))))]:
        raise PrerequisiteError.of(problems)


def built(session: Session, snapshot: Snapshot, name: str) -> LocalImage:
    """Return the engine's image. Raises UsageError when it is not built with the inputs as they are now."""
    found = snapshot.facts.in_engine(name)
    if not found:
        hint = f"invoke build {name}{session.host.flag}"
        raise UsageError(f"smoke {name}: not built with the inputs as they are now", hint=hint)
    return found


def image_for(session: Session, snapshot: Snapshot, name: str, platform: str) -> str:
    """Return the id of the engine's image for ``platform``; empty for the engine's own.

    The engine pulls the platform when it does not have its content. The classic store keeps each platform as an image
    of its own, containerd's as a part of one image.
    """
    facts, engine = snapshot.facts, session.host.engine
    found, content = built(session, snapshot, name), facts.content_reference(name)
    if not facts.is_kept_in_registry(name):
        if platform in found.missing(facts.platforms[name]):
            engine.pull(content, platform=platform)
        return found.id
    if platform in ("", facts.pulled_platform(name) or facts.native):
        return found.id
    member = session.host.registry.manifest(content).platforms[platform]
    exact = replace(content, tag="", digest=member)
    if not engine.find(str(exact)):
        engine.pull(exact, platform=platform)
    return engine.find(str(exact))
