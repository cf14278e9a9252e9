"""Read the files of images, and name each image by the digest of its inputs."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from slipway.config.inherit import Inherit
from slipway.core.errors import Problem, SlipwayError, UsageError
from slipway.core.image import Image
from slipway.dockerfile import Reading, Source
from slipway.plan import findings, policy
from slipway.plan.findings import Finding
from slipway.plan.inheritance import is_inheriting
from slipway.plan.repository import Repository
from slipway.stack.digest import Manifest, input_digest
from slipway.stack.entries import Encoded, FileEntry, Trees
from slipway.stack.worktree import Files, MarkedFile, Worktree

_NONE: Mapping[str, str] = {}


@dataclass(frozen=True)
class ReadFiles:
    """Hold the files that images read.

    ``files``: image → its files. ``contexts``: image → the trees of its named contexts. ``trees``: the listing of each
    tree. ``leaving``: the links that point out of a context. ``errors``: the reason for each image without files.
    ``findings``: the files that may be secrets.
    """

    files: Mapping[str, Mapping[str, FileEntry]]
    contexts: Mapping[str, Mapping[str, FileEntry]]
    trees: Trees
    leaving: tuple[str, ...]
    errors: Mapping[str, SlipwayError]
    findings: tuple[Finding, ...] = ()


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
    marked: dict[str, Sequence[MarkedFile]] = {}
    for image in images:
        try:
            own = worktree.files(image.dockerfile, image.context, readings[image.name].sources)
            folders = _folders(image, readings[image.name], worktree)
            named = {name: worktree.read_folder(repository.contexts[name]) for name in image.given_contexts}
        except UsageError as error:
            errors[image.name] = error
            continue
        if problems := [problem for each in (own, *folders) for problem in _unfit(image, each, repository)]:
            errors[image.name] = UsageError.of(problems)
            continue
        files[image.name] = {path: entry for each in (own, *folders) for path, entry in each.entries.items()}
        contexts[image.name] = {name: found.entries["."] for name, found in named.items()}
        leaving |= dict.fromkeys(own.leaving)
        marked[image.name] = [file for found in (own, *folders, *named.values()) for file in found.marked]
        for found in (own, *folders, *named.values()):
            trees |= found.trees
    judged = findings.of_files(marked, repository.settings.project, repository.tracked)
    return ReadFiles(files, contexts, trees, tuple(leaving), {**errors, **findings.refusals(judged)}, judged)


def _folders(image: Image, reading: Reading, worktree: Worktree) -> list[Files]:
    """Return the files that the image reads from named contexts in the repository."""
    sources: dict[str, list[Source]] = {}
    for source in reading.named:
        if folder := image.folder_contexts.get(source.context):
            sources.setdefault(folder, []).append(source)
    read = {folder: worktree.folder_files(image.dockerfile, folder, found) for folder, found in sources.items()}
    return [_seen_from(image.context, folder, found) for folder, found in read.items()]


def _seen_from(context: str, folder: str, files: Files) -> Files:
    """Return the files of ``folder`` with resolved paths from the image's ``context``, as for its other files."""
    entries = {
        path: entry._replace(via=posixpath.relpath(posixpath.join(folder, entry.via), context)) if entry.via else entry
        for path, entry in files.entries.items()
    }
    return replace(files, entries=entries)


def _settings(image: Image, repository: Repository) -> dict[str, str]:
    """Return the platforms, the target, the places of the contexts, and ``inherit``, as far as the image has them."""
    contexts = {f"context {name}": content for name, content in image.contexts.items() if content}
    target = {"target": image.target} if image.target else {}
    inherit = {"inherit": Inherit.RUN.value} if is_inheriting(image) else {}
    platforms = ",".join(repository.platforms_of(image))
    return {"platform": platforms, "context": image.context, **target, **inherit, **contexts}


def _frontend(image: Image, repository: Repository) -> dict[str, str]:
    """Return the digest of the frontend, if images.lock has one. Without it, a frontend counts by its name alone."""
    digest = repository.settings.lock.digest(image.frontend) if image.frontend else ""
    return {"frontend": digest} if digest else {}


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
    for image in images:
        asked = repository.assembly.readings[image.name].builder
        builder = {"builder's platform": repository.native} if asked else {}
        manifests[image.name] = Manifest(
            dockerfile=repository.texts[image.dockerfile],
            files=read.files[image.name],
            args={name: image.args[name] for name in image.content if name in image.args},
            parents={parent: digests.get(parent, parents.get(parent, "")) for parent in image.parents},
            roots={root: roots.get(root, "") for root in image.roots},
            settings={**_settings(image, repository), **builder, **_frontend(image, repository)},
            stages=image.stages,
            contexts=read.contexts[image.name],
        )
        digests[image.name] = input_digest(manifests[image.name])
    return manifests, digests
