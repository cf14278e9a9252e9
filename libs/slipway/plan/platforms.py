"""Refuse, before any work, to build for platforms for which this machine or the stack cannot build. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from slipway.core.errors import PrerequisiteError, Problem, UsageError
from slipway.core.image import Image
from slipway.core.problems import Cause
from slipway.core.reference import Reference
from slipway.plan.decide import Action, Plan
from slipway.plan.facts import Snapshot


class PlatformCause(Cause):
    """Name the reasons for which slipway does not build or test for a platform."""

    NO_INDEX = "image-store-classic", "The engine's classic image store cannot hold an image of several platforms."
    NOT_RUNNABLE = "platform-not-runnable", "The machine that builds or tests does not run programs of the platform."
    ROOT = "root-platform-missing", "A root image in the engine does not have a platform of an image on it."
    BASE = "base-platform-missing", "A base is not built for a platform of an image on it."


#: Return those platforms whose programs the machine that builds does not run.
NotRunnable = Callable[[Sequence[str]], Sequence[str]]


def refuse_platforms(snapshot: Snapshot, plan: Plan, not_runnable: NotRunnable) -> None:
    """Raise the error of a plan whose builds would fail for their platforms.

    Raises UsageError when a base has fewer platforms than an image on it. Raises PrerequisiteError when the engine, a
    root image or the machine is not for the platforms.
    """
    images = [snapshot.stack[step.image] for step in plan.of(Action.BUILD)]
    if bases := [problem for image in images for problem in _without_base(snapshot, image)]:
        raise UsageError.of(bases)
    problems = [*_unholdable(snapshot, images), *(one for image in images for one in _without_root(snapshot, image))]
    executing = _executing(snapshot, images)
    problems += unrunnable(not_runnable(executing) if executing and not problems else ())
    if problems:
        raise PrerequisiteError.of(problems)


def unrunnable(platforms: Iterable[str]) -> Iterator[Problem]:
    """Yield the problem of each platform whose programs do not run."""
    for platform in platforms:
        what = "its programs do not run on the machine of the engine"
        yield Problem(platform, what, "invoke setup --platforms, on that machine", PlatformCause.NOT_RUNNABLE)


def _unholdable(snapshot: Snapshot, images: Iterable[Image]) -> Iterator[Problem]:
    several = [image.name for image in images if len(snapshot.facts.platforms[image.name]) > 1]
    if several and not snapshot.facts.containerd_store and not snapshot.settings["BUILDER"]:
        listed = ", ".join(snapshot.facts.platforms[several[0]])
        what = f"is for {listed}, and the engine's classic image store holds no image of several platforms"
        hint = "BUILDER=<a builder of buildx>, or an engine with containerd's image store: docs/platforms.md"
        yield Problem(several[0], what, hint, PlatformCause.NO_INDEX)


def _without_root(snapshot: Snapshot, image: Image) -> Iterator[Problem]:
    """Yield a problem for each root image that is in the engine, and not for a platform that the build needs."""
    for root in image.roots:
        held = snapshot.facts.local.get(str(Reference.read(root).full))
        if held and held.platforms and not snapshot.settings["BUILDER"]:
            yield from _missing(snapshot, image, root, (*held.platforms, *held.elsewhere), PlatformCause.ROOT)


def _without_base(snapshot: Snapshot, image: Image) -> Iterator[Problem]:
    for parent in image.parents:
        yield from _missing(snapshot, image, parent, snapshot.facts.platforms[parent], PlatformCause.BASE)


def _missing(
    snapshot: Snapshot, image: Image, below: str, platforms: Collection[str], cause: PlatformCause
) -> Iterator[Problem]:
    wanted = [platform for platform, base in _bases(snapshot, image) if base == below]
    if lacking := [platform for platform in wanted if platform not in platforms]:
        what = f"FROM {below}: it is for {', '.join(platforms)}, and not for {', '.join(lacking)}"
        hint = f"an image of {below} for all platforms, or platforms = {[*platforms]} for {image.name}"
        yield Problem(image.dockerfile, what, hint.replace("'", '"'), cause)


def _bases(snapshot: Snapshot, image: Image) -> Iterator[tuple[str, str]]:
    """Yield the base of each stage with its platform, for the stages that do not choose one by ``--platform``."""
    platforms = snapshot.facts.platforms[image.name]
    for stage, base in image.stages.items():
        yield stage.partition(" for ")[2] or platforms[0], base


def _executing(snapshot: Snapshot, images: Iterable[Image]) -> tuple[str, ...]:
    """Return the platforms on which the builds run programs, other than that of the host."""
    readings, native = snapshot.repository.assembly.readings, snapshot.repository.native
    found = dict.fromkeys(platform for image in images for platform in readings[image.name].runs_on)
    return tuple(platform for platform in found if platform != native)
