"""Gather the facts that a plan needs.

slipway reads the repository's files first, then asks the engine. It asks the registry only for images that the engine
does not have and, with BUILDER, for the images below them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from slipway.config.settings import Settings
from slipway.config.settings import unused as unused_names
from slipway.core.errors import PolicyError, Problem, SlipwayError, UsageError
from slipway.core.image import Image, LocalImage, Stack
from slipway.core.platform import this_platform
from slipway.core.reference import Reference
from slipway.core.threads import map_concurrently
from slipway.engine import Engine
from slipway.plan import history, policy
from slipway.plan.decide import Facts, missing_from_engine
from slipway.registry import Registry
from slipway.secrets.secret import Secret
from slipway.stack import graph
from slipway.stack.changes import differences
from slipway.stack.digest import Manifest, input_digest
from slipway.stack.discovery import Assembly, Naming, assemble
from slipway.stack.entries import Encoded, FileEntry, Trees
from slipway.stack.worktree import Worktree

#: In characters. A shorter value is an ordinary word, not a secret.
_SHORTEST_SECRET = 4
_NONE: Mapping[str, str] = {}
_NO_TRIGGERS: Mapping[str, Sequence[str]] = {}


@dataclass(frozen=True)
class Repository:
    """Hold the content of the files: the stack from the Dockerfiles, the worktree, and the named contexts.

    ``native``: the platform of the host that builds. ``unused``: a problem for each name in ``.env`` that no image
    uses. ``onbuild``: root image → its ONBUILD triggers, known once slipway has asked the engine. ``secrets``: the
    values that no image may hold, beside the secrets of the settings.
    """

    settings: Settings
    worktree: Worktree
    contexts: Mapping[str, Path]
    texts: Mapping[str, str]
    assembly: Assembly
    native: str
    unused: tuple[Problem, ...] = ()
    onbuild: Mapping[str, Sequence[str]] = field(default_factory=dict)
    secrets: tuple[Secret, ...] = ()

    @property
    def stack(self) -> Stack:
        return self.assembly.stack

    @property
    def platforms(self) -> tuple[str, ...]:
        """Return PLATFORMS, or the platform of the host that builds."""
        return self.settings.platforms or (self.native,)

    def define(self, image: Image) -> str:
        """Write the image's Dockerfile, as planned, for BuildKit; return its path from the root."""
        return self.worktree.define(image, self.texts[image.dockerfile])


@dataclass(frozen=True)
class Snapshot:
    """Hold the repository and the facts. ``notes`` are for the user."""

    repository: Repository
    facts: Facts
    notes: tuple[str, ...] = ()

    @property
    def stack(self) -> Stack:
        return self.repository.stack

    @property
    def settings(self) -> Settings:
        return self.repository.settings

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


def read_repository(
    settings: Settings,
    worktree: Worktree,
    contexts: Mapping[str, Path],
    native: str = "",
    onbuild: Mapping[str, Sequence[str]] = _NO_TRIGGERS,
    secrets: Collection[Secret] = (),
) -> Repository:
    """Read the Dockerfiles of a repository.

    ``native``: the platform of the host that builds, if that is not this machine. ``onbuild``: the known ONBUILD
    triggers of root images. ``secrets``: values that slipway refuses in a Dockerfile and as a build arg, like the
    secrets of the settings.

    Raises UsageError with every problem of the Dockerfiles, and PolicyError for content that they must not have.
    Contacts neither engine nor registry.
    """
    native = native or this_platform()
    texts = worktree.dockerfiles()
    if not texts:
        hint = "infra/docker/<name>.Dockerfile is a base, apps/<name>/Dockerfile a service"
        raise UsageError(f"{settings.root}: no Dockerfile found", hint=hint)
    assembly = assemble(
        texts,
        naming=Naming(f"{settings.registry}/{settings.owner}", settings.version("base"), settings.version("service")),
        args=settings.build_args,
        unset=settings.unset_args,
        contexts=tuple(contexts),
        exists=worktree.exists,
        platforms=settings.platforms or (native,),
        builder=native,
        onbuild=onbuild,
        secrets=tuple(filter(_is_secret, (secret.reveal() for secret in (*settings.withheld, *secrets)))),
    )
    policy.refuse_hazards(assembly, settings.project)
    policy.refuse_unknown_images(settings.project, assembly)
    unused = unused_names(settings, assembly.declared_args)
    return Repository(settings, worktree, contexts, texts, assembly, native, unused, onbuild, tuple(secrets))


def _is_secret(value: str) -> bool:
    return len(value) >= _SHORTEST_SECRET


def gather_facts(
    repository: Repository,
    engine: Engine,
    registry: Callable[[], Registry],
    selected: Sequence[str] | None = None,
) -> Snapshot:
    """Gather the facts about ``selected`` (all images when None).

    Raises the errors of reading the files, the errors of the engine, and RegistryError when the registry does not
    answer about a missing base.
    """
    settings = repository.settings
    for name in selected or ():
        repository.stack[name]
    read = _files(repository, repository.stack)
    local = engine.images()
    onbuild = engine.onbuild(tuple(dict.fromkeys(root for image in repository.stack for root in image.roots)))
    if onbuild != repository.onbuild:
        of = repository
        repository = read_repository(settings, of.worktree, of.contexts, of.native, onbuild, of.secrets)
        read = _files(repository, repository.stack)
    stack = repository.stack
    roots = {root: identity(root, local) for image in stack for root in image.roots}
    manifests, digests = _manifests(repository, stack, read, roots)
    references = {image.name: settings.reference(image.name, image.kind) for image in stack}
    newest = history.newest_of(references, local)
    earlier, old_trees = history.earlier(settings.root / ".slipway", newest, digests)
    facts = Facts(
        references=references,
        digests=digests,
        manifests=manifests,
        trees={**old_trees, **read.trees},
        local={tag: image for image in local for tag in image.tags},
        newest=newest,
        earlier=earlier,
        roots=roots,
    )
    lacking = missing_from_engine(stack, selected or tuple(references), facts)
    below = graph.ancestors({image.name: image.parents for image in stack}, lacking) if settings["BUILDER"] else ()
    asked = tuple(dict.fromkeys((*lacking, *sorted(below))))  # a separate builder pulls parents from the registry
    published, notes = _published(asked, facts, registry) if lacking else (frozenset(), ())
    to_build = [stack[name] for name in lacking if name not in published]
    if not settings["BUILDER"]:  # slipway does not know the version of a separate builder
        policy.refuse_young_flags(to_build, repository.assembly, engine.version)
    if not notes:
        policy.refuse_missing_bases(to_build, settings.registry, settings.owner, facts.roots, registry)
    said = policy.notes(repository.assembly, settings.project, read.leaving)
    indexes = policy.extra_indexes({path for own in read.files.values() for path in own}, repository.worktree)
    modes = policy.modes_alone(lacking, facts)
    return Snapshot(repository, replace(facts, published=published), (*said, *indexes, *modes, *notes))


def changed_since(snapshot: Snapshot, names: Collection[str], local: Sequence[LocalImage]) -> dict[str, str]:
    """Return those of ``names`` whose inputs have changed since the snapshot, each with its first change.

    ``local``: the engine's present images; a root image's tag may have moved. The function reads only the Dockerfiles
    and the files of these images. BuildKit received the planned text and context of each, so the function parses no
    Dockerfile again.
    """
    facts, now = snapshot.facts, replace(snapshot.repository, worktree=snapshot.repository.worktree.again())
    roots = {root: identity(root, local) for root in facts.roots}
    digests, changed = dict(facts.digests), dict[str, str]()
    for image in snapshot.stack:  # parents before children
        if image.name not in names:
            continue
        try:
            text = now.worktree.dockerfile(image.dockerfile)
            read = _files(now, [image])
        except SlipwayError as error:
            digests[image.name], changed[image.name] = "", error.message
            continue
        as_it_is = replace(now, texts={image.dockerfile: text})
        manifests, found = _manifests(as_it_is, [image], read, roots, digests)
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


@dataclass(frozen=True)
class _Read:
    """Hold the files that images read.

    ``files``: image → its files. ``contexts``: image → the trees of its named contexts. ``trees``: the listing of each
    tree. ``leaving``: the links that point out of a context.
    """

    files: Mapping[str, Mapping[str, FileEntry]]
    contexts: Mapping[str, Mapping[str, FileEntry]]
    trees: Trees
    leaving: tuple[str, ...]


def _files(repository: Repository, images: Iterable[Image]) -> _Read:
    """Read the files of each of ``images``.

    Raises PolicyError with every file that must not enter an image, else UsageError with every other problem.
    """
    worktree, readings = repository.worktree, repository.assembly.readings
    files: dict[str, Mapping[str, FileEntry]] = {}
    contexts: dict[str, Mapping[str, FileEntry]] = {}
    trees: dict[str, Mapping[str, Encoded]] = {}
    leaving: dict[str, None] = {}
    problems: list[Problem] = []
    refused: list[Problem] = []
    for image in images:
        try:
            own = worktree.files(image.dockerfile, image.context, readings[image.name].sources)
            named = {name: worktree.read_folder(repository.contexts[name]) for name in image.contexts}
        except UsageError as error:
            problems += error.problems
            continue
        except PolicyError as error:
            refused += error.problems
            continue
        problems += policy.unsendable(image, own)
        if own.size > repository.settings.project.context_limit:
            problems.append(policy.too_large(image, own, worktree, repository.settings.project.context_limit))
        files[image.name] = own.entries
        contexts[image.name] = {name: found.entries["."] for name, found in named.items()}
        leaving |= dict.fromkeys(own.leaving)
        for found in (own, *named.values()):
            trees |= found.trees
    if refused:
        raise PolicyError.of(refused)
    if problems:
        raise UsageError.of(problems)
    return _Read(files, contexts, trees, tuple(leaving))


def _manifests(
    repository: Repository,
    images: Iterable[Image],
    read: _Read,
    roots: Mapping[str, str],
    parents: Mapping[str, str] = _NONE,
) -> tuple[dict[str, Manifest], dict[str, str]]:
    """Return the manifests and the input digests of ``images``.

    ``parents``: the input digests of parents that are not among ``images``.
    """
    manifests: dict[str, Manifest] = {}
    digests: dict[str, str] = {}
    args = repository.settings.build_args
    platforms = {"platform": ",".join(repository.platforms)}
    for image in images:
        asked = repository.assembly.readings[image.name].builder
        builder = {"builder's platform": repository.native} if asked else {}
        manifests[image.name] = Manifest(
            dockerfile=repository.texts[image.dockerfile],
            files=read.files[image.name],
            args={name: args[name] for name in image.content if name in args},
            parents={parent: digests.get(parent, parents.get(parent, "")) for parent in image.parents},
            roots={root: roots.get(root, "") for root in image.roots},
            settings={**platforms, **builder, "context": image.context},
            stages=image.stages,
            contexts=read.contexts[image.name],
        )
        digests[image.name] = input_digest(manifests[image.name])
    return manifests, digests


def _published(
    names: Sequence[str], facts: Facts, registry: Callable[[], Registry]
) -> tuple[frozenset[str], tuple[str, ...]]:
    asked = registry()
    try:
        if problem := asked.greeting().problem:
            return frozenset(), (f"{asked.host} {problem}: slipway does not know which images it has",)
        digests = map_concurrently(asked.digest, [facts.content_reference(name) for name in names], at_once=8)
    except SlipwayError as error:
        return frozenset(), (error.message,)
    return frozenset(name for name, digest in zip(names, digests, strict=True) if digest), ()
