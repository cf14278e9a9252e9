"""Enforce the policy for a repository before a build, and collect notes about it for the user."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from slipway.config.project import Project
from slipway.core.errors import PrerequisiteError, Problem, SlipwayError, UsageError, one_line, suggestion
from slipway.core.image import CONTENT_PREFIX, Image
from slipway.core.reference import HUB, Reference, full_name, names_registry
from slipway.core.rules import Rule
from slipway.core.units import size
from slipway.dockerfile.frontends import CHECKS_SINCE, SINCE, has_checks, unknown_to
from slipway.plan import findings
from slipway.plan.decide import MODES_HINT, Facts
from slipway.plan.findings import Finding
from slipway.stack import mounts
from slipway.stack.discovery import Assembly
from slipway.stack.worktree import Files, Worktree, folder_name

if TYPE_CHECKING:
    from slipway.registry import Registry

_LARGEST_SHOWN, _LINKS_SHOWN, _CONTEXTS_SHOWN, _MODES_SHOWN, _TAGS_SHOWN = 5, 5, 5, 3, 10


def refuse_unknown_images(project: Project, assembly: Assembly) -> None:
    """Raise UsageError for each budget or permission of an image that does not exist."""
    names = [image.name for image in assembly.stack.known]
    known = f"known: {', '.join(names)}"
    given = [("budget of", name, project.places[name]) for name in project.budgets]
    given += [("allow", one.image, one.place) for one in project.policy.permissions if one.image]
    given += [("smoke", name, project.places[f"smoke.{name}"]) for name in project.smoke]
    problems = [
        Problem(place, f"{what} {name}: matches no image", suggestion(name, names, known))
        for what, name, place in given
        if name not in names
    ]
    if problems:
        raise UsageError.of(problems)


def too_large(image: Image, files: Files, worktree: Worktree, project: Project) -> Problem:
    """Return the problem that ``image`` would send more than the limit of a context; it names the largest files."""
    largest = worktree.largest(files, _LARGEST_SHOWN)
    shown = ", ".join(f"{one_line(path)} {size(count)}" for path, count in largest)
    hint = f"largest: {shown}; name them in .dockerignore, copy less, or raise context-limit in {project.header()}"
    return Problem(
        image.dockerfile, f"{image.name} would send {size(files.size)}, more than {size(project.context_limit)}", hint
    )


def unsendable(image: Image, files: Files) -> list[Problem]:
    """Return a problem for each path whose name or target is not UTF-8.

    BuildKit's messages hold only UTF-8, so slipway cannot send such a path.
    """
    what = "{} has a name or target that is not UTF-8: BuildKit does not accept it"
    hint = "rename it, or name it in .dockerignore"
    return [Problem(image.dockerfile, what.format(one_line(path)), hint) for path in files.odd]


def refuse_young_flags(images: Iterable[Image], assembly: Assembly, engine: str) -> None:
    """Raise UsageError for each flag in a Dockerfile that the engine's own frontend does not know.

    ``engine``: the engine's version. A Dockerfile that selects another frontend passes.
    """
    problems: list[Problem] = []
    for image in images:
        young = () if image.frontend else assembly.readings[image.name].young
        for use in unknown_to(engine, young):
            since = ".".join(map(str, SINCE[use.by]))
            what = f"{use.by} is not known to the frontend of Docker {engine}"
            hint = f"Docker {since} knows it; # syntax=docker/dockerfile:1@sha256:… as the first line brings it before"
            problems.append(Problem(f"{image.dockerfile}:{use.line}", what, hint))
    if problems:
        raise UsageError.of(problems)


def refuse_missing_checks(engine: str) -> None:
    """Raise PrerequisiteError when the version ``engine`` has no checks: ``--strict`` would find nothing."""
    if not has_checks(engine):
        since = ".".join(map(str, CHECKS_SINCE))
        raise PrerequisiteError(
            f"engine {engine}: its BuildKit has no checks for --strict",
            hint=f"install Docker Engine {since} or newer, or build without --strict",
        )


def refuse_missing_bases(
    images: Iterable[Image], host: str, owner: str, roots: Mapping[str, str], registry: Callable[[], Registry]
) -> None:
    """Raise UsageError when neither the engine nor the registry ``host`` has a base of ``images``.

    ``roots``: root image → its identity in the engine. The error lists the versions in the registry. On Docker Hub,
    the function checks only images of ``owner``, because Docker Hub also holds the root images of other publishers.
    Raises RegistryError.
    """
    problems: list[Problem] = []
    for image in images:
        for root in image.roots:
            reference = Reference.read(root).full
            own = reference.registry == host and (host != HUB or reference.path.startswith(f"{owner}/"))
            if own and not roots[root] and not registry().digest(reference):
                version = reference.tag or reference.digest[:19]
                hint = f"did you push {reference.name} {version}? {_versions(reference, registry())}"
                what = f"FROM {root}: neither in the engine nor at {host}"
                problems.append(Problem(image.dockerfile, what, hint))
    if problems:
        raise UsageError.of(problems)


def _versions(reference: Reference, registry: Registry) -> str:
    try:
        known = [tag for tag in registry.tags(reference) if not tag.startswith(CONTENT_PREFIX)]
    except SlipwayError:
        return "the registry does not say which versions it has"
    return f"known: {', '.join(known[-_TAGS_SHOWN:])}" if known else "no version of it is there"


def notes(
    assembly: Assembly, project: Project, leaving: Sequence[str], found: Sequence[Finding] = ()
) -> tuple[str, ...]:
    """Return notes about the repository for the user, a line each.

    They name the Dockerfiles that another frontend reads, contexts with alternatives, the noted ones of ``found``,
    mounts without a source, root images with a base's name, and links (``leaving``, as ``path -> target``) out of
    a context.
    """
    noted = {one.where.rpartition(":")[0] for one in found if one.rule is Rule.FRONTEND and one.is_noted}
    frontends = [
        f"{image.dockerfile} is read by {image.frontend}"
        for image in assembly.stack
        if image.frontend and image.dockerfile not in noted
    ]
    links = [f"{one_line(link)} leads out of the context: sent as a link, never followed" for link in leaving]
    more = [f"{len(links) - _LINKS_SHOWN} more links lead out"] if len(links) > _LINKS_SHOWN else []
    return (
        *frontends,
        *_contexts(assembly),
        *assembly.remarks,
        *findings.notes(found),
        *mounts.notes(assembly, project),
        *_unmeant(assembly),
        *links[:_LINKS_SHOWN],
        *more,
    )


def _contexts(assembly: Assembly) -> Iterator[str]:
    """Yield notes about images whose sources are complete in several folders; each note names the context."""
    fitting = [(image.dockerfile, assembly.fitting[image.name]) for image in assembly.stack]
    several = [(dockerfile, folders) for dockerfile, folders in fitting if len(folders) > 1]
    for dockerfile, (nearest, *others) in several[:_CONTEXTS_SHOWN]:
        named = " and ".join(map(folder_name, others))
        have = "has" if len(others) == 1 else "have"
        yield f"{dockerfile}: its context is {nearest}, the nearest folder; {named} {have} all its sources, too"
    if len(several) > _CONTEXTS_SHOWN:
        yield f"{len(several) - _CONTEXTS_SHOWN} more images have the nearest of several folders as their context"


def _unmeant(assembly: Assembly) -> Iterator[str]:
    """Yield a note for each root image on Docker Hub that has the name of one of the stack's bases.

    The author of such a Dockerfile mostly means that base. A root image with a remark needs no second note, nor one
    that a named context means.
    """
    bases = {image.name for image in assembly.stack if image.kind == "base"}
    for image in assembly.stack:
        for root, use in assembly.readings[image.name].uses.items():
            name, what = Reference.read(root).name, f"{image.dockerfile}:{use.line}: {root} is"
            noted = any(remark.startswith(f"{what} ") for remark in assembly.remarks)
            if root in image.roots and name in bases - {image.name} and not (noted or names_registry(root)):
                meant = f"${{REGISTRY}}/${{OWNER}}/{name}:${{BASE_VERSION}}"
                yield f"{what} {full_name(root)}; the base of this stack is {meant}"


def modes_alone(names: Sequence[str], facts: Facts) -> Iterator[str]:
    """Yield a note that names the images among ``names`` to build again for modes only, with a hint."""
    moded = [name for name in names if facts.modes_alone(name)]
    if moded:
        more = f" and {len(moded) - _MODES_SHOWN} more" if len(moded) > _MODES_SHOWN else ""
        yield f"only modes of files differ for {', '.join(moded[:_MODES_SHOWN])}{more}; {MODES_HINT}"
