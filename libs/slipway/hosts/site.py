"""Define where buildx runs and what it finds there."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from slipway.core.command import Command
from slipway.core.image import Image, LocalImage
from slipway.engine import DOCKER_BUILDX
from slipway.hosts.runner import Watched
from slipway.plan.facts import Repository, Survey, changed_since

#: What changed of the inputs of the images named, since they were surveyed, by what the engine holds now.
ChangedSince = Callable[[Survey, Collection[str], Sequence[LocalImage]], dict[str, str]]


@dataclass(frozen=True)
class Carrier:
    """An image of all files of ``folder``, baked and given in place of a named context."""

    name: str
    folder: str
    dockerfile: str


@dataclass(frozen=True)
class Site:
    """Where buildx runs, and what it finds there.

    ``root``: the folder it runs in · ``context``: a context (a path from the repository's root) → its path from there ·
    ``dockerfile``: an image → the absolute path of what BuildKit reads as its Dockerfile ·
    ``contexts``: name → folder of what the whole machine gives · ``secrets``: id → file, never in a layer · ``ssh``:
    id → socket of an agent that is forwarded, empty for that of SSH_AUTH_SOCK · ``buildx``: the words that run it ·
    ``builder``: the engine's own, by name · ``run``: runs it · ``changed``: whether what it read is still what was
    planned · ``expect`` is told beforehand what will be run if nothing fails · ``carriers``: a named context → an image
    of its files, which is baked and given in its place.
    """

    root: str
    run: Watched
    context: Callable[[str], str]
    dockerfile: Callable[[Image], str]
    contexts: Mapping[str, str]
    secrets: Mapping[str, str]
    ssh: Mapping[str, str] = field(default_factory=dict)
    buildx: tuple[str, ...] = DOCKER_BUILDX
    builder: str = "default"
    changed: ChangedSince = changed_since
    expect: Callable[[Callable[[], tuple[Command, ...]]], None] = lambda commands: None
    carriers: Mapping[str, Carrier] = field(default_factory=dict)


def site_here(
    repository: Repository,
    run: Watched,
    secrets: Mapping[str, Path],
    ssh: tuple[str, ...] = (),
    buildx: tuple[str, ...] = DOCKER_BUILDX,
    builder: str = "default",
) -> Site:
    """This machine: the repository itself."""
    root = repository.settings.root.absolute()
    return Site(
        root=str(repository.settings.root),
        run=run,
        context=repository.worktree.context,
        dockerfile=lambda image: str(root / repository.define(image)),
        contexts={name: str(folder) for name, folder in repository.contexts.items()},
        secrets={name: str(file) for name, file in secrets.items()},
        ssh=dict.fromkeys(ssh, ""),
        buildx=buildx,
        builder=builder,
        carriers=dict(_carriers_here(repository, root)),
    )


def _carriers_here(repository: Repository, root: Path) -> Iterator[tuple[str, Carrier]]:
    """For the named contexts that slipway's own folder lies in: BuildKit takes no ignore file of ours for them, but it
    does for an image of all their files."""
    used = dict.fromkeys(context for image in repository.stack for context in image.contexts)
    for number, context in enumerate(used, start=1):
        folder, name = repository.contexts[context], f"_context-{number}"
        if not repository.worktree.whole(folder).beside_own:
            continue
        dockerfile = str(root / repository.worktree.define_carrier(name, folder))
        yield context, Carrier(name, str(folder), dockerfile)
