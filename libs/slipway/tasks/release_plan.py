"""Prepare a release: build what is missing, and plan the images, their tags, and the rest of the record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from importlib.metadata import version as installed

from slipway.build.options import BuildOptions
from slipway.core.errors import Problem, UsageError
from slipway.core.image import Image
from slipway.core.reference import Reference, check_tag
from slipway.core.threads import map_concurrently, start_in_thread
from slipway.plan.decide import Action, Plan, plan_build
from slipway.plan.facts import Snapshot
from slipway.plan.history import only_modes
from slipway.push.inspect import QUESTIONS, AskContent, Push, look, other_builds, refuse_moves
from slipway.registry import Registry
from slipway.release.planned import Planned, PlannedImage, moving_tag
from slipway.release.record import MovedTag
from slipway.release.records import Records
from slipway.tasks.build import building, get_root_images
from slipway.tasks.git import git_of, source_of
from slipway.tasks.plan import mounted
from slipway.tasks.session import Session

#: The facts about all images, and their pushes.
Looked = tuple[Snapshot, tuple[Push, ...]]


def moving_tags(session: Session, also: Sequence[str]) -> tuple[str, ...]:
    """Return the tags of ``--also``. Raises UsageError for one that the project does not declare as moving."""
    project = session.settings.project
    problems = [
        Problem("", f"--also {tag}: is not among moving-tags", f"add it to moving-tags in {project.header()}")
        for tag in also
        if check_tag(tag, "--also") not in project.moving_tags
    ]
    if problems:
        raise UsageError.of(problems)
    return tuple(dict.fromkeys(also))


def refuse_name_of_records(session: Session) -> None:
    """Raise UsageError for an image in the repository of the records."""
    records = Records(session.host.registry, session.settings.registry, session.settings.owner)
    for image in session.repository.stack.known:
        if image.reference.repository == records.repository.repository:
            raise UsageError(
                f"{image.dockerfile}: {records.repository} holds the records of releases", hint="rename it"
            )


def plan_builds(session: Session) -> tuple[Snapshot, Plan]:
    """Return the facts and the plan for all images, once the engine has the root images that builds need."""
    session.host.list_ahead()
    names = [image.name for image in session.repository.stack.known]
    snapshot = session.snapshot(names)
    plan = plan_build(snapshot.stack, names, snapshot.facts)
    mounted(session, snapshot, plan)
    if get_root_images(session, snapshot, plan):
        snapshot = session.snapshot(names)
        plan = plan_build(snapshot.stack, names, snapshot.facts)
    return snapshot, plan


def build_missing(session: Session, snapshot: Snapshot, plan: Plan) -> None:
    """Build what the plan says. Raises BuildError."""
    if not session.json:
        session.console.plan(snapshot.stack, plan, session.seconds)
    if set(plan.counts()) <= {Action.REUSE}:
        return
    with building(session, snapshot, plan, BuildOptions()) as built:
        if built.error:
            if not session.json:
                session.console.results(built.results, session.seconds)
            raise built.error


def look_at_all(session: Session, ask: AskContent = Registry.digest) -> Looked:
    """Return the facts and the pushes of all images, with the digests that the registry has now.

    ``ask`` asks for each content tag. Raises UsageError for an image that is missing, and RegistryError.
    """
    snapshot = session.snapshot([image.name for image in session.repository.stack.known])
    return snapshot, look(tuple(snapshot.stack), snapshot.facts, session.host.registry, ask)


def look_and_take(session: Session) -> Looked:
    """Return the facts and the pushes of all images, once the engine has the published build of each.

    slipway fetches the manifests together with the digests, because a release needs both. Raises as ``look_at_all``.
    """
    snapshot, pushes = look_at_all(session, Registry.fetched_digest)
    return look_at_all(session) if take_published(session, pushes) else (snapshot, pushes)


def take_published(session: Session, pushes: Sequence[Push]) -> bool:
    """Pull those images of which the registry has another build of the same inputs. Tell whether there was one.

    A release publishes that build, so it is the one to test. Raises RegistryError.
    """
    others = other_builds(pushes, session.host.registry)
    for push in others:
        session.note(f"{push.image}: another build of the same inputs is in the registry; slipway takes that one")
        session.host.engine.pull(push.content)
    return bool(others)


def plan_release(session: Session, looked: Looked, version: str, also: Sequence[str], records: Records) -> Planned:
    """Return the release of the images as ``looked`` has them.

    Raises PolicyError when a version tag stands for other content, and RegistryError.
    """
    registry, moving = session.host.registry, session.settings.project.moving_tags
    origin = start_in_thread(lambda: (source_of(git_of(session)), _tools(session)))
    snapshot, pushes = looked
    refuse_moves(pushes, registry, moving, False, partial(only_modes, session.home, snapshot.facts))
    more = [also_tagged(session, image, tag) for image in snapshot.stack for tag in also]
    stands = dict(zip(more, map_concurrently(registry.digest, more, at_once=QUESTIONS), strict=True))
    images = []
    for push in pushes:
        image = snapshot.stack[push.image]
        tags = [MovedTag(push.reference.tag, push.version_digest, push.reference.tag in moving)]
        for reference in (also_tagged(session, image, tag) for tag in also):
            tags.append(MovedTag(reference.tag, stands[reference], moves=True))
        platforms = snapshot.repository.platforms_of(image)
        images.append(PlannedImage(push, _base(image, snapshot), platforms, tuple(tags)))
    planned = Planned(version, tuple(images), *origin.result(), records.newest())
    _refuse_shared_tags(planned)
    return planned


def _tools(session: Session) -> Mapping[str, str]:
    """Return the versions of the programs that made the images."""
    engine, buildx = session.host.engine.version, session.host.buildx_version
    return {"slipway": installed("slipway"), "docker": engine, "buildx": buildx}


def also_tagged(session: Session, image: Image, tag: str) -> Reference:
    """Return the reference of an image with the moving tag ``tag``."""
    version = session.settings.version(image.kind)
    return image.reference.tagged(moving_tag(image.reference.tag, version, tag))


def _base(image: Image, snapshot: Snapshot) -> str:
    """Return the image of the stack that ``image`` is built on, or the identity of its root image."""
    return image.foundation if image.foundation in image.parents else snapshot.facts.roots.get(image.foundation, "")


def _refuse_shared_tags(planned: Planned) -> None:
    """Raise UsageError when two images would get the same tag of the same repository."""
    for tag in planned.tags:
        if planned.tags.count(tag) > 1:
            raise UsageError(f"--also: {tag} would stand for several images", hint="invoke release without --also")
