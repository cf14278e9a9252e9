"""Know: gather the facts a plan stands on.

The repository first, from its files alone; then one call to the engine; the registry is asked only for what the engine
lacks.
"""

from __future__ import annotations

import platform as machine
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from slipway import graph, rules, runs
from slipway.command import Secret
from slipway.digest import NAMING_ARGS, Manifest, Trees, differences, input_digest
from slipway.engine import Engine
from slipway.errors import PolicyError, Problem, SlipwayError, UsageError
from slipway.model import Image, LocalImage, Reference, Stack, familiar
from slipway.parallel import each
from slipway.plan import Facts, unavailable
from slipway.registry import Registry
from slipway.settings import Settings
from slipway.settings import unused as unused_names
from slipway.stack import Assembly, Naming, assemble
from slipway.worktree import Worktree

#: The named context that stands for pip's find-links folders.
WHEELHOUSE = "wheelhouse"
#: A shorter value is a word, not a secret.
_SHORTEST_SECRET = 4
_NONE: Mapping[str, str] = {}
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class Repository:
    """What the files say: the stack as the Dockerfiles describe it, the tree they read from, and the named contexts.

    ``native``: the platform of the host that builds. ``unused``: a problem for each name in ``.env`` that no image
    uses.
    """

    settings: Settings
    worktree: Worktree
    contexts: Mapping[str, Path]
    texts: Mapping[str, str]
    assembly: Assembly
    native: str
    unused: tuple[Problem, ...] = ()

    @property
    def stack(self) -> Stack:
        return self.assembly.stack

    @property
    def platforms(self) -> tuple[str, ...]:
        """PLATFORMS, or the building host's own."""
        return self.settings.platforms or (self.native,)


@dataclass(frozen=True)
class Survey:
    """All that is known: the repository and the facts. ``notes`` are for a person to see."""

    repository: Repository
    facts: Facts
    notes: tuple[str, ...] = ()

    @property
    def stack(self) -> Stack:
        return self.repository.stack

    def unseen(self, names: Collection[str]) -> tuple[str, ...]:
        """What ``names`` stand on that is in the engine alone, lowest first: a builder of its own cannot see it."""
        if not self.repository.settings["BUILDER"]:
            return ()
        published = self.facts.published
        kept = {image.name: [parent for parent in image.parents if parent not in published] for image in self.stack}
        found = graph.ancestors(kept, names) - set(names)
        return tuple(image.name for image in self.stack if image.name in found)


def read_repository(
    settings: Settings, worktree: Worktree, contexts: Mapping[str, Path], native: str = ""
) -> Repository:
    """``native``: the platform of the host that builds, where that is not this machine.

    Raises UsageError with every problem of the Dockerfiles, PolicyError for what they may not; contacts nothing.
    """
    native = native or this_platform()
    texts = worktree.dockerfiles()
    if not texts:
        hint = "infra/docker/<name>.Dockerfile is a base, apps/<name>/Dockerfile a service"
        raise UsageError(f"{settings.root}: no Dockerfile found", hint=hint)
    assembly = _assembled(settings, texts, contexts, worktree, native, settings.withheld)
    rules.refuse_unknown_budgets(settings.project, assembly)
    unused = unused_names(settings, assembly.declared_args)
    return Repository(settings, worktree, contexts, texts, assembly, native, unused)


def refuse_secrets(repository: Repository, secrets: Collection[Secret]) -> None:
    """Raises PolicyError when one of ``secrets`` stands in a Dockerfile or is given to one as a build arg."""
    of = repository
    _assembled(of.settings, of.texts, of.contexts, of.worktree, of.native, secrets)


def _assembled(
    settings: Settings,
    texts: Mapping[str, str],
    contexts: Mapping[str, Path],
    worktree: Worktree,
    native: str,
    secrets: Collection[Secret],
) -> Assembly:
    assembly = assemble(
        texts,
        naming=Naming(f"{settings.registry}/{settings.owner}", settings.version("base"), settings.version("service")),
        args=settings.build_args,
        contexts=tuple(contexts),
        exists=worktree.exists,
        platform=(*settings.platforms, native)[0],
        secrets=tuple(secret.reveal() for secret in secrets if len(secret.reveal()) >= _SHORTEST_SECRET),
    )
    rules.refuse_hazards(assembly)
    return assembly


def survey(
    repository: Repository,
    engine: Engine,
    registry: Callable[[], Registry],
    selected: Sequence[str] | None = None,
) -> Survey:
    """Everything known for ``selected`` (all images when None). Raises what reading and the engine raise."""
    settings, stack = repository.settings, repository.stack
    for name in selected or ():
        stack[name]
    files, trees, leaving = _files(repository, stack)
    runs.hide(settings.root / ".slipway")
    repository.worktree.cache.save()
    local = engine.images()
    roots = {root: identity(root, local) for image in stack for root in image.roots}
    manifests, digests = _manifests(repository, stack, files, roots)
    references = {image.name: settings.reference(image.name, image.kind) for image in stack}
    newest = _newest(references, local)
    earlier, old_trees = _earlier(settings.root / ".slipway", newest, digests)
    facts = Facts(
        references=references,
        digests=digests,
        manifests=manifests,
        trees={**old_trees, **trees},
        local={tag: image for image in local for tag in image.tags},
        newest=newest,
        earlier=earlier,
        roots=roots,
    )
    lacking = unavailable(stack, selected or tuple(references), facts)
    below = graph.ancestors({image.name: image.parents for image in stack}, lacking) if settings["BUILDER"] else ()
    asked = tuple(dict.fromkeys((*lacking, *sorted(below))))  # a builder of its own finds parents in the registry alone
    published, notes = _published(asked, facts, registry) if lacking else (frozenset(), ())
    if not notes:
        to_build = [stack[name] for name in lacking if name not in published]
        rules.refuse_missing_bases(to_build, settings.registry, facts.roots, registry)
    said = rules.notes(repository.assembly, leaving)
    read = {path for own in files.values() for path in own}
    indexes = rules.extra_indexes(read, repository.worktree)
    return Survey(repository, replace(facts, published=published), (*said, *indexes, *notes))


def changed_since(known: Survey, names: Collection[str], local: Sequence[LocalImage]) -> dict[str, str]:
    """Those of ``names`` whose inputs are no longer what they were when surveyed, and what changed.

    ``local``: what the engine holds now; a root image's tag may have moved.
    """
    old, facts = known.repository, known.facts
    try:
        now = read_repository(old.settings, old.worktree.again(), old.contexts, old.native)
        images = [image for image in now.stack if image.name in names]
        files, trees, _ = _files(now, images)
    except SlipwayError as error:
        return dict.fromkeys(names, error.message)
    roots = {root: identity(root, local) for root in facts.roots}
    manifests, digests = _manifests(now, images, files, roots, facts.digests)
    both = {**facts.trees, **trees}
    return {
        name: differences(facts.manifests[name], manifests[name], both)[0]
        if name in manifests
        else "Dockerfile removed"
        for name in names
        if digests.get(name) != facts.digests[name]
    }


def this_platform() -> str:
    """This machine's, as ``linux/<arch>``."""
    arch = machine.machine()
    return f"linux/{_ARCHITECTURES.get(arch, arch)}"


def identity(root: str, local: Sequence[LocalImage]) -> str:
    """What the engine holds for a root image: its digest in its own registry, else its id, else an empty string."""
    wanted = familiar(root)
    repository, _, pinned = wanted.partition("@")
    repository = repository.removesuffix(f":{repository.rpartition('/')[2].partition(':')[2]}")
    for image in local:
        if wanted in image.tags or wanted in image.digests:
            # A copy pushed elsewhere has a digest there, too: it must not change what the image is called here.
            own = [text.partition("@")[2] for text in image.digests if text.partition("@")[0] == repository]
            return pinned or min(own, default=image.id)
    return ""


def _files(
    repository: Repository, images: Iterable[Image]
) -> tuple[dict[str, Mapping[str, str]], Trees, tuple[str, ...]]:
    """What each of ``images`` reads, by name; the trees; links that leave a context. Raises UsageError with every
    problem, PolicyError."""
    worktree, readings = repository.worktree, repository.assembly.readings
    files: dict[str, Mapping[str, str]] = {}
    trees: dict[str, Mapping[str, str]] = {}
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
        problems += rules.unsendable(image, own)
        if own.size > repository.settings.project.context_limit:
            problems.append(rules.too_large(image, own, worktree, repository.settings.project.context_limit))
        files[image.name] = {**own.entries, **{name: found.entries["."] for name, found in named.items()}}
        leaving |= dict.fromkeys(own.leaving)
        for found in (own, *named.values()):
            trees |= found.trees
    if refused:
        raise PolicyError.of(refused)
    if problems:
        raise UsageError.of(problems)
    return files, trees, tuple(leaving)


def _manifests(
    repository: Repository,
    images: Iterable[Image],
    files: Mapping[str, Mapping[str, str]],
    roots: Mapping[str, str],
    parents: Mapping[str, str] = _NONE,
) -> tuple[dict[str, Manifest], dict[str, str]]:
    """What each of ``images`` is made of, and its input digest; ``parents`` are digests of images not among them."""
    settings = repository.settings
    manifests: dict[str, Manifest] = {}
    digests: dict[str, str] = {}
    args = {name: value for name, value in settings.build_args.items() if name not in NAMING_ARGS}
    for image in images:
        manifests[image.name] = Manifest(
            dockerfile=repository.texts[image.dockerfile],
            files=files[image.name],
            args={name: args[name] for name in image.args if name in args},
            parents={parent: digests.get(parent, parents.get(parent, "")) for parent in image.parents},
            roots={root: roots.get(root, "") for root in image.roots},
            settings={"platform": ",".join(repository.platforms), "context": image.context},
        )
        digests[image.name] = input_digest(manifests[image.name])
    return manifests, digests


def _newest(references: Mapping[str, Reference], local: Sequence[LocalImage]) -> dict[str, LocalImage]:
    by_repository = {reference.repository: name for name, reference in references.items()}
    newest: dict[str, LocalImage] = {}
    for image in sorted(local, key=lambda image: image.created):
        for tag in image.tags:
            name = by_repository.get(tag.rpartition(":")[0])
            if name and image.is_own(name):
                newest[name] = image
    return newest


def _earlier(
    home: Path, newest: Mapping[str, LocalImage], digests: Mapping[str, str]
) -> tuple[dict[str, Manifest], dict[str, Mapping[str, str]]]:
    """What the newest images were built from, where that differs from now."""
    earlier: dict[str, Manifest] = {}
    trees: dict[str, Mapping[str, str]] = {}
    for name, image in newest.items():
        if image.input_digest != digests[name]:
            manifest, more = runs.load_inputs(home, image.input_digest)
            if manifest:
                earlier[image.input_digest] = manifest
                trees |= more
    return earlier, trees


def _published(
    names: Sequence[str], facts: Facts, registry: Callable[[], Registry]
) -> tuple[frozenset[str], tuple[str, ...]]:
    asked = registry()
    try:
        if problem := asked.greeting().problem:
            return frozenset(), (f"{asked.host} {problem}: what is published there is not known",)
        digests = each(asked.digest, [facts.content(name) for name in names], at_once=8)
    except SlipwayError as error:
        return frozenset(), (error.message,)
    return frozenset(name for name, digest in zip(names, digests, strict=True) if digest), ()
