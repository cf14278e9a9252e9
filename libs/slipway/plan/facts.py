"""Know: gather the facts a plan stands on.

The repository first, from its files alone; then one call to the engine; the registry is asked only for what the engine
lacks.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from slipway.config.settings import Settings
from slipway.config.settings import unused as unused_names
from slipway.core.errors import PolicyError, Problem, SlipwayError, UsageError
from slipway.core.image import Image, LocalImage, Reference, Stack
from slipway.core.platform import this_platform
from slipway.core.threads import map_concurrently
from slipway.engine import Engine
from slipway.plan import history, policy
from slipway.plan.decide import Facts, missing_from_engine
from slipway.registry import Registry
from slipway.secrets.secret import Secret
from slipway.stack import graph
from slipway.stack.digest import Manifest, differences, input_digest
from slipway.stack.discovery import Assembly, Naming, assemble
from slipway.stack.entries import Encoded, FileEntry, Trees
from slipway.stack.worktree import Worktree

#: A shorter value is a word, not a secret.
_SHORTEST_SECRET = 4
_NONE: Mapping[str, str] = {}
_NO_TRIGGERS: Mapping[str, Sequence[str]] = {}


@dataclass(frozen=True)
class Repository:
    """What the files say: the stack as the Dockerfiles describe it, the tree they read from, and the named contexts.

    ``native``: the platform of the host that builds. ``unused``: a problem for each name in ``.env`` that no image
    uses. ``onbuild``: root image → its ONBUILD triggers, once the engine was asked. ``secrets``: what may stand in no
    image, beside the secrets of the settings.
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
        """PLATFORMS, or the building host's own."""
        return self.settings.platforms or (self.native,)

    def define(self, image: Image) -> str:
        """The path, from the root, of what BuildKit reads as the image's Dockerfile: the text that was planned."""
        return self.worktree.define(image, self.texts[image.dockerfile])


@dataclass(frozen=True)
class Survey:
    """All that is known: the repository and the facts. ``notes`` are for a person to see."""

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
        """What ``names`` stand on that is in the engine alone, lowest first: a builder of its own cannot see it."""
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
    """Read the Dockerfiles. ``native``: the platform of the host that builds, where that is not this machine.
    ``onbuild``: root image → its ONBUILD triggers, as far as they are known. ``secrets``: refused in a Dockerfile and
    as a build arg, as the secrets of the settings are.

    Raises UsageError with every problem of the Dockerfiles, PolicyError for what they may not; contacts nothing.
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


def survey(
    repository: Repository,
    engine: Engine,
    registry: Callable[[], Registry],
    selected: Sequence[str] | None = None,
) -> Survey:
    """Everything known for ``selected`` (all images when None). Raises what reading and the engine raise."""
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
    asked = tuple(dict.fromkeys((*lacking, *sorted(below))))  # a builder of its own finds parents in the registry alone
    published, notes = _published(asked, facts, registry) if lacking else (frozenset(), ())
    to_build = [stack[name] for name in lacking if name not in published]
    if not settings["BUILDER"]:  # what another one knows is not known here
        policy.refuse_young_flags(to_build, repository.assembly, engine.version)
    if not notes:
        policy.refuse_missing_bases(to_build, settings.registry, settings.owner, facts.roots, registry)
    said = policy.notes(repository.assembly, settings.project, read.leaving)
    indexes = policy.extra_indexes({path for own in read.files.values() for path in own}, repository.worktree)
    modes = policy.modes_alone(lacking, facts)
    return Survey(repository, replace(facts, published=published), (*said, *indexes, *modes, *notes))


def changed_since(known: Survey, names: Collection[str], local: Sequence[LocalImage]) -> dict[str, str]:
    """Those of ``names`` whose inputs are no longer what they were when surveyed, and what changed.

    ``local``: what the engine holds now; a root image's tag may have moved. Only the Dockerfiles and the files of these
    images are read. BuildKit was given the planned text and context of each, so no Dockerfile is parsed again.
    """
    facts, now = known.facts, replace(known.repository, worktree=known.repository.worktree.again())
    roots = {root: identity(root, local) for root in facts.roots}
    digests, changed = dict(facts.digests), dict[str, str]()
    for image in known.stack:  # parents before children
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
            changed[image.name] = differences(facts.manifests[image.name], manifests[image.name], both)[0]
    return changed


def identity(root: str, local: Sequence[LocalImage]) -> str:
    """What the engine holds for a root image: its digest in its own registry, else its id, else an empty string."""
    wanted = Reference.read(root).full
    for image in local:
        if str(wanted) in (*image.tags, *image.digests):
            # A copy pushed elsewhere has a digest there, too: it must not change what the image is called here.
            own = [text.partition("@")[2] for text in image.digests if text.partition("@")[0] == wanted.repository]
            return wanted.digest or min(own, default=image.id)
    return ""


@dataclass(frozen=True)
class _Read:
    """What images read: image → its ``files``, image → the trees of its named ``contexts``; what is in each of the
    ``trees``; links ``leaving`` a context."""

    files: Mapping[str, Mapping[str, FileEntry]]
    contexts: Mapping[str, Mapping[str, FileEntry]]
    trees: Trees
    leaving: tuple[str, ...]


def _files(repository: Repository, images: Iterable[Image]) -> _Read:
    """What each of ``images`` reads. Raises UsageError with every problem, PolicyError."""
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
            named = {name: worktree.whole(repository.contexts[name]) for name in image.contexts}
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
    """What each of ``images`` is made of, and its input digest; ``parents`` are digests of images not among them."""
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
            return frozenset(), (f"{asked.host} {problem}: what is published there is not known",)
        digests = map_concurrently(asked.digest, [facts.content_reference(name) for name in names], at_once=8)
    except SlipwayError as error:
        return frozenset(), (error.message,)
    return frozenset(name for name, digest in zip(names, digests, strict=True) if digest), ()
