"""Know: gather the facts a plan stands on.

Files first, then one call to the engine; the registry is asked only for what the engine lacks.
"""

from __future__ import annotations

import platform as machine
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from slipway import runs
from slipway.digest import NAMING_ARGS, Manifest, Trees, input_digest
from slipway.engine import Engine
from slipway.errors import PolicyError, Problem, SlipwayError, UsageError
from slipway.model import LocalImage, Reference
from slipway.parallel import each
from slipway.plan import Facts, unavailable
from slipway.registry import Registry
from slipway.settings import Settings, check_extra
from slipway.stack import Assembly, Naming, assemble
from slipway.worktree import Worktree

#: The named context that stands for pip's find-links folders.
WHEELHOUSE = "wheelhouse"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class Survey:
    """All that is known: the stack, what its images read, and the facts. ``notes`` are for a person to see."""

    assembly: Assembly
    facts: Facts
    contexts: Mapping[str, Path]
    notes: tuple[str, ...] = ()


def read_stack(settings: Settings, worktree: Worktree, contexts: Mapping[str, Path]) -> Assembly:
    """The stack as the Dockerfiles say it. Raises UsageError with every problem; contacts nothing."""
    texts = worktree.dockerfiles()
    if not texts:
        hint = "infra/docker/<name>.Dockerfile is a base, apps/<name>/Dockerfile a service"
        raise UsageError(f"{settings.root}: no Dockerfile found", hint=hint)
    assembly = assemble(
        texts,
        naming=Naming(f"{settings.registry}/{settings.owner}", settings.version("base"), settings.version("service")),
        args=settings.build_args,
        contexts=tuple(contexts),
        exists=worktree.exists,
        platform=default_platform(settings).partition(",")[0],
    )
    check_extra(settings, assembly.declared_args)
    _refuse_secret_args(assembly)
    return assembly


def survey(
    settings: Settings,
    worktree: Worktree,
    engine: Engine,
    registry: Callable[[], Registry],
    contexts: Mapping[str, Path],
    selected: Sequence[str] | None = None,
) -> Survey:
    """Everything known for ``selected`` (all images when None). Raises what reading and the engine raise."""
    assembly = read_stack(settings, worktree, contexts)
    for name in selected or ():
        assembly.stack[name]
    files, trees = _files(worktree, assembly, contexts)
    worktree.cache.save()
    local = engine.images()
    roots = {root: identity(root, local) for image in assembly.stack for root in image.roots}
    manifests = _manifests(settings, worktree.dockerfiles(), assembly, files, roots)
    digests = {name: input_digest(manifest) for name, manifest in manifests.items()}
    references = {image.name: settings.reference(image.name, image.kind) for image in assembly.stack}
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
    lacking = unavailable(assembly.stack, selected or tuple(references), facts)
    published, notes = _published(lacking, facts, registry) if lacking else (frozenset(), ())
    facts = Facts(**{**vars(facts), "published": published})
    return Survey(assembly, facts, contexts, notes)


def default_platform(settings: Settings) -> str:
    """PLATFORMS, or this machine's as ``linux/<arch>``."""
    arch = machine.machine()
    return ",".join(settings.platforms) or f"linux/{_ARCHITECTURES.get(arch, arch)}"


def identity(root: str, local: Sequence[LocalImage]) -> str:
    """What the engine holds for a root image: its digest in its own registry, else its id, else an empty string."""
    wanted = _familiar(root)
    repository, _, pinned = wanted.partition("@")
    repository = repository.removesuffix(f":{repository.rpartition('/')[2].partition(':')[2]}")
    for image in local:
        if wanted in image.tags or wanted in image.digests:
            # A copy pushed elsewhere has a digest there, too: it must not change what the image is called here.
            own = [text.partition("@")[2] for text in image.digests if text.partition("@")[0] == repository]
            return pinned or min(own, default=image.id)
    return ""


def _familiar(reference: str) -> str:
    """As the engine lists it: without Docker Hub's prefix, with a tag."""
    for prefix in ("docker.io/library/", "docker.io/"):
        reference = reference.removeprefix(prefix)
    named = "@" in reference or ":" in reference.rpartition("/")[2]
    return reference if named else f"{reference}:latest"


def pull_reference(root: str) -> Reference:
    """A root image as the engine pulls it: Docker Hub's short names spelled out, with a tag."""
    name = _familiar(root)
    first = name.partition("/")[0]
    hosted = "/" in name and ("." in first or ":" in first or first == "localhost")
    full = name if hosted else f"docker.io/{name}" if "/" in name else f"docker.io/library/{name}"
    return Reference.parse(full)


def _files(
    worktree: Worktree, assembly: Assembly, contexts: Mapping[str, Path]
) -> tuple[dict[str, Mapping[str, str]], Trees]:
    """What each image reads, by name. Raises UsageError with every problem, PolicyError."""
    files: dict[str, Mapping[str, str]] = {}
    trees: dict[str, Mapping[str, str]] = {}
    problems: list[Problem] = []
    for image in assembly.stack:
        try:
            own = worktree.files(image.dockerfile, image.context, assembly.readings[image.name].sources)
            named = {name: worktree.whole(contexts[name]) for name in image.contexts}
        except UsageError as error:
            problems += error.problems or [Problem("", error.message, error.hint)]
            continue
        files[image.name] = {**own.entries, **{name: found.entries["."] for name, found in named.items()}}
        for found in (own, *named.values()):
            trees |= found.trees
    if problems:
        raise UsageError.of(problems)
    return files, trees


def _manifests(
    settings: Settings,
    dockerfiles: Mapping[str, str],
    assembly: Assembly,
    files: Mapping[str, Mapping[str, str]],
    roots: Mapping[str, str],
) -> dict[str, Manifest]:
    manifests: dict[str, Manifest] = {}
    digests: dict[str, str] = {}
    args = {name: value for name, value in settings.build_args.items() if name not in NAMING_ARGS}
    for image in assembly.stack:
        manifests[image.name] = Manifest(
            dockerfile=dockerfiles[image.dockerfile],
            files=files[image.name],
            args={name: args[name] for name in image.args if name in args},
            parents={parent: digests.get(parent, "") for parent in image.parents},
            roots={root: roots[root] for root in image.roots},
            settings={"platform": default_platform(settings), "context": image.context},
        )
        digests[image.name] = input_digest(manifests[image.name])
    return manifests


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
    if not asked.answers():
        return frozenset(), (f"{asked.host} does not answer: what is published there is not known",)
    try:
        digests = each(asked.digest, [facts.content(name) for name in names], at_once=8)
    except SlipwayError as error:
        return frozenset(), (error.message,)
    return frozenset(name for name, digest in zip(names, digests, strict=True) if digest), ()


def _refuse_secret_args(assembly: Assembly) -> None:
    for image in assembly.stack:
        for name, line in assembly.readings[image.name].secret_args:
            raise PolicyError(
                f"{image.dockerfile}:{line}: {name} would stand in the image's history",
                hint=f"RUN --mount=type=secret,id={name.lower()} instead of ARG or ENV",
            )
