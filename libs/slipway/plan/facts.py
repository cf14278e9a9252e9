"""Gather the facts that a plan needs.

slipway reads the repository's files while an engine on this machine lists its images. It asks the registry only for
images that the engine does not have and, with BUILDER, for the images below them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from slipway.config.images_lock import ImagesLock
from slipway.config.settings import Settings
from slipway.core.compression import Compression
from slipway.core.errors import SlipwayError
from slipway.core.image import LocalImage, Stack
from slipway.core.reference import Reference
from slipway.core.threads import map_concurrently
from slipway.engine import Engine
from slipway.plan import findings, history, inheritance, locked, policy
from slipway.plan.decide import Facts, missing_from_engine
from slipway.plan.findings import Finding
from slipway.plan.inputs import ReadFiles, manifests_of, read_files
from slipway.plan.locked import DigestOf, unasked
from slipway.plan.repository import Repository
from slipway.stack import graph
from slipway.stack.changes import differences

if TYPE_CHECKING:
    from slipway.registry import Registry


@dataclass(frozen=True)
class Snapshot:
    """Hold the repository and the facts. ``notes`` are for the user. ``findings``: what breaks a rule of policy."""

    repository: Repository
    facts: Facts
    notes: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def stack(self) -> Stack:
        return self.repository.stack

    @property
    def settings(self) -> Settings:
        return self.repository.settings

    def allowed(self, name: str) -> list[dict[str, object]]:
        """Return the findings about the image ``name`` that a reason lets pass, for run.json."""
        return [one.as_json() for one in self.findings if one.image == name and one.permission]

    def known_files(self, names: Collection[str]) -> tuple[str, ...]:
        """Return the sha256 of each file that may be a secret and that policy let into the images ``names``."""
        return tuple(dict.fromkeys(one.content for one in self.findings if one.content and one.image in names))

    def under_content_tags(self) -> Snapshot:
        """Return the snapshot in which each image has its content tag alone, so that a build moves no version tag."""
        references = {name: self.facts.content_reference(name) for name in self.facts.references}
        return replace(self, facts=replace(self.facts, references=references))

    @property
    def pinned_roots(self) -> tuple[str, ...]:
        """Return the root images as builds take them: by digest where images.lock has one."""
        return tuple(map(self.settings.lock.pinned, self.facts.roots))

    @property
    def parents(self) -> graph.Graph:
        return {image.name: image.parents for image in self.stack}

    def only_in_engine(self, names: Collection[str]) -> tuple[str, ...]:
        """Return the images below ``names`` that the registry does not have, lowest first.

        BUILDER names a separate builder, which cannot use the engine's images. Without BUILDER, the result is empty.
        """
        if not self.settings["BUILDER"]:
            return ()
        published = self.facts.published
        kept = {image.name: [parent for parent in image.parents if parent not in published] for image in self.stack}
        found = graph.ancestors(kept, names) - set(names)
        return tuple(image.name for image in self.stack if image.name in found)


#: Returns the files of all images of a repository.
Read = Callable[[Repository], ReadFiles]


def read_all(repository: Repository) -> ReadFiles:
    """Read the files of all images of a repository."""
    return read_files(repository, repository.stack)


def gather_facts(
    repository: Repository,
    engine: Engine,
    registry: Callable[[], Registry],
    selected: Sequence[str] | None = None,
    *,
    root_digest: DigestOf = unasked,
    read: Read = read_all,
    on_missing: Callable[[], None] = lambda: None,
) -> Snapshot:
    """Gather the facts about ``selected``, or about all images that can be planned when it is None.

    ``root_digest`` asks the registry of a root image. ``read`` returns the files of all images. ``on_missing`` is
    called before slipway asks the registry for images that the engine does not have. Raises the errors of the selected
    images and of those that they stand on, the errors of the engine, and PolicyError when a root image moved since it
    was locked. Raises RegistryError when the registry does not answer about a missing base. The faults of other images
    are notes.
    """
    settings = repository.settings
    repository, files = _read(repository, selected, read)
    local = engine.images()
    lock = settings.lock
    onbuild = _triggers(engine, dict.fromkeys(root for image in repository.stack for root in image.roots), lock)
    if onbuild != repository.onbuild:
        repository, files = _read(repository.with_triggers(onbuild), selected, read)
    stack = repository.stack
    roots = {root: identity(lock.pinned(root), local) for image in stack for root in image.roots}
    stood_on = _roots_of(stack, selected)
    of_lock = (*locked.check_roots(stood_on, lock, local, root_digest), *locked.notes(stood_on, lock))
    manifests, digests = manifests_of(repository, stack, files, roots)
    references = {image.name: image.reference for image in stack}
    platforms = {image.name: repository.platforms_of(image) for image in stack}
    newest = history.newest_of(references, local)
    earlier, old_trees = history.earlier(settings.root / ".slipway", newest, digests)
    facts = Facts(
        references=references,
        digests=digests,
        manifests=manifests,
        trees={**old_trees, **files.trees},
        local={tag: image for image in local for tag in image.tags},
        newest=newest,
        earlier=earlier,
        roots=roots,
        platforms=platforms,
        containerd_store=not _depends_on_store(platforms.values(), settings.compression)
        or engine.has_containerd_store(),
        native=repository.native,
        compression=settings.compression,
    )
    lacking = missing_from_engine(stack, selected or tuple(references), facts)
    if lacking:
        on_missing()
    below = graph.ancestors({image.name: image.parents for image in stack}, lacking) if settings["BUILDER"] else ()
    asked = tuple(dict.fromkeys((*lacking, *sorted(below))))  # a separate builder pulls parents from the registry
    published, notes = _published(asked, facts, registry) if lacking else (frozenset(), ())
    to_build = [stack[name] for name in lacking if name not in published]
    # slipway does not know the version of a separate builder
    inheritance.refuse_old_frontends(to_build, "" if settings["BUILDER"] else engine.version)
    if not settings["BUILDER"]:
        policy.refuse_young_flags(to_build, repository.assembly, engine.version)
    if not notes:
        policy.refuse_missing_bases(to_build, settings.registry, settings.owner, facts.roots, registry)
    found = (
        *findings.of_dockerfiles(repository.assembly, settings.project, lock),
        *(one for one in files.findings if one.image in stack.by_name),
        *findings.of_requirements(files.files, repository.worktree, settings.project),
    )
    said = policy.notes(repository.assembly, settings.project, files.leaving, found)
    facts = replace(facts, published=published)
    modes = policy.modes_alone([name for name in lacking if not facts.in_engine(name)], facts)
    faults = map(str, stack.faults.values())
    return Snapshot(repository, facts, (*faults, *said, *of_lock, *modes, *notes), found)


def _depends_on_store(platforms: Iterable[Sequence[str]], compression: Compression) -> bool:
    """Tell whether only containerd's image store can hold the images that a build makes."""
    return compression is not Compression.GZIP or max(map(len, platforms), default=0) > 1


def _triggers(engine: Engine, roots: Collection[str], lock: ImagesLock) -> dict[str, Sequence[str]]:
    """Return the ONBUILD triggers of those root images that are in the engine, by digest where they are locked."""
    found = engine.onbuild(tuple(map(lock.pinned, roots)))
    return {root: found[lock.pinned(root)] for root in roots if lock.pinned(root) in found}


def _roots_of(stack: Stack, selected: Sequence[str] | None) -> tuple[str, ...]:
    """Return the root images and frontends of the selected images and of those below them."""
    parents = {image.name: image.parents for image in stack}
    names = parents.keys() if selected is None else graph.ancestors(parents, selected) | set(selected)
    images = [image for image in stack if image.name in names]
    return tuple(dict.fromkeys(root for image in images for root in (*image.roots, *filter(None, [image.frontend]))))


def _read(repository: Repository, selected: Sequence[str] | None, read: Read) -> tuple[Repository, ReadFiles]:
    """Read the files of all images.

    Raises the errors of the selected images. Without a selection, raises those of all images if none can be planned.
    """
    _refuse(repository.stack, selected)
    files = read(repository)
    found = repository.without(files.errors)
    _refuse(found.stack, selected)
    return found, files


def _refuse(stack: Stack, selected: Sequence[str] | None) -> None:
    if selected is not None:
        stack.refuse(selected)
        for name in selected:
            stack[name]
    elif not stack.images:
        stack.refuse(stack.faults)


def changed_since(snapshot: Snapshot, names: Collection[str], local: Sequence[LocalImage]) -> dict[str, str]:
    """Return those of ``names`` whose inputs have changed since the snapshot, each with its first change.

    ``local``: the engine's present images; a root image's tag may have moved. The function reads only the Dockerfiles
    and the files of these images. BuildKit received the planned text and context of each, so the function parses no
    Dockerfile again.
    """
    facts, now = snapshot.facts, replace(snapshot.repository, worktree=snapshot.repository.worktree.again())
    lock = snapshot.settings.lock
    roots = {root: identity(lock.pinned(root), local) for root in facts.roots}
    digests, changed = dict(facts.digests), dict[str, str]()
    for image in snapshot.stack:  # parents before children
        if image.name not in names:
            continue
        try:
            text = now.worktree.dockerfile(image.dockerfile)
            read = read_files(now, [image])
            if read.errors:
                raise read.errors[image.name]
        except SlipwayError as error:
            digests[image.name], changed[image.name] = "", error.message
            continue
        as_it_is = replace(now, texts={image.dockerfile: text})
        manifests, found = manifests_of(as_it_is, [image], read, roots, digests)
        digests |= found
        if found[image.name] != facts.digests[image.name]:
            both = {**facts.trees, **read.trees}
            changed[image.name] = str(differences(facts.manifests[image.name], manifests[image.name], both)[0])
    return changed


def identity(root: str, local: Sequence[LocalImage]) -> str:
    """Return the engine's identity of a root image, or an empty string when the engine does not have it.

    The identity is the image's digest in its own registry, else its id.
    """
    wanted = Reference.read(root).full
    name = str(wanted)
    for image in local:
        if name in image.tags or name in image.digests:
            # A copy in another repository may have another digest, which must not change the identity.
            own = [text.partition("@")[2] for text in image.digests if text.partition("@")[0] == wanted.repository]
            return wanted.digest or min(own, default=image.id)
    return ""


def _published(
    names: Sequence[str], facts: Facts, registry: Callable[[], Registry]
) -> tuple[frozenset[str], tuple[str, ...]]:
    asked = registry()
    try:
        if problem := asked.greeting().problem:
            return frozenset(), (f"{asked.host} {problem}: slipway does not know which images it has",)
        found = map_concurrently(lambda name: _has(asked, facts, name), names, at_once=8)
    except SlipwayError as error:
        return frozenset(), (error.message,)
    return frozenset(name for name, there in zip(names, found, strict=True) if there), ()


def _has(registry: Registry, facts: Facts, name: str) -> bool:
    """Tell whether the registry has an image, for each of its platforms. Raises RegistryError."""
    content, platforms = facts.content_reference(name), facts.platforms[name]
    if not registry.digest(content):
        return False
    return len(platforms) < 2 or registry.platforms(content).issuperset(platforms)
