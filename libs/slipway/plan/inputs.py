"""Read the files of images, and name each image by the digest of its inputs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from slipway.core.errors import PolicyError, Problem, SlipwayError, UsageError
from slipway.core.image import Image
from slipway.plan import policy
from slipway.plan.repository import Repository
from slipway.stack.digest import Manifest, input_digest
from slipway.stack.entries import Encoded, FileEntry, Trees
from slipway.stack.worktree import Files

_NONE: Mapping[str, str] = {}


@dataclass(frozen=True)
class ReadFiles:
    """Hold the files that images read.

    ``files``: image → its files. ``contexts``: image → the trees of its named contexts. ``trees``: the listing of each
    tree. ``leaving``: the links that point out of a context. ``errors``: the reason for each image without files.
    """

    files: Mapping[str, Mapping[str, FileEntry]]
    contexts: Mapping[str, Mapping[str, FileEntry]]
    trees: Trees
    leaving: tuple[str, ...]
    errors: Mapping[str, SlipwayError]


def read_files(repository: Repository, images: Iterable[Image]) -> ReadFiles:
    """Read the files of each of ``images``.

    An image gets a PolicyError for files that must not enter it, and a UsageError for files that cannot be sent.
    """
    worktree, readings = repository.worktree, repository.assembly.readings
    files: dict[str, Mapping[str, FileEntry]] = {}
    contexts: dict[str, Mapping[str, FileEntry]] = {}
    trees: dict[str, Mapping[str, Encoded]] = {}
    leaving: dict[str, None] = {}
    errors: dict[str, SlipwayError] = {}
    for image in images:
        try:
            own = worktree.files(image.dockerfile, image.context, readings[image.name].sources)
            named = {name: worktree.read_folder(repository.contexts[name]) for name in image.contexts}
        except (UsageError, PolicyError) as error:
            errors[image.name] = error
            continue
        if problems := _unfit(image, own, repository):
            errors[image.name] = UsageError.of(problems)
            continue
        files[image.name] = own.entries
        contexts[image.name] = {name: found.entries["."] for name, found in named.items()}
        leaving |= dict.fromkeys(own.leaving)
        for found in (own, *named.values()):
            trees |= found.trees
    return ReadFiles(files, contexts, trees, tuple(leaving), errors)


def _unfit(image: Image, own: Files, repository: Repository) -> list[Problem]:
    """Return the problems of an image's files: names that BuildKit does not accept, and too many bytes."""
    problems = policy.unsendable(image, own)
    if own.size > repository.settings.project.context_limit:
        problems.append(policy.too_large(image, own, repository.worktree, repository.settings.project))
    return problems


def manifests_of(
    repository: Repository,
    images: Iterable[Image],
    read: ReadFiles,
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
