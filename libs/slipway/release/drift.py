"""Find bases whose inputs changed while the registry has their version with other content."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from slipway.core.errors import PolicyError
from slipway.core.image import INPUT_LABEL, TITLE_LABEL, Image
from slipway.core.threads import map_concurrently
from slipway.plan.decide import MODES_HINT, Facts
from slipway.push.inspect import QUESTIONS
from slipway.registry import Registry
from slipway.release.causes import VersionCause
from slipway.release.since import Git, Start, changes_since
from slipway.release.standing import Standing, State
from slipway.stack.changes import How, Part, differences
from slipway.stack.digest import Manifest
from slipway.stack.entries import Encoded, FileEntry, Kind, Trees

#: Returns the manifest that is stored for an input digest, or None, and its trees.
LoadInputs = Callable[[str], tuple[Manifest | None, Mapping[str, Mapping[str, Encoded]]]]


@dataclass(frozen=True)
class Sources:
    """Hold the sources of the earlier inputs: ``.slipway`` (``load``), and git from the version's ``start``."""

    load: LoadInputs
    git: Git
    start: Callable[[], Start]
    modes: Callable[[str, Mapping[str, str]], str] = field(default=lambda image, labels: "")


def standings(images: Sequence[Image], facts: Facts, registry: Registry, sources: Sources) -> tuple[Standing, ...]:
    """Compare each of ``images``, parents first, with its version in the registry.

    Raises RefusedError when the server is not a registry, and RegistryError.
    """
    registry.refuse_foreign()
    labels = map_concurrently(lambda image: _published(image, registry), images, at_once=QUESTIONS)
    found: dict[str, Standing] = {}
    for image, published in zip(images, labels, strict=True):
        stands = Standing(image.name, image.reference, State.NEW, facts.digests[image.name])
        if published is not None:
            stands = _compared(image, stands, published, facts, sources)
            if stands.state is State.DRIFTED and stands.published and not stands.modes:
                stands = _explained(image, stands, facts, sources, found)
        found[image.name] = stands
    return tuple(found.values())


def refuse_drift(found: Sequence[Standing], moving_tags: Sequence[str]) -> None:
    """Raise PolicyError when a base of ``found`` changed. A tag among ``moving_tags`` may stand for other content."""
    drifted = [one for one in found if one.state is State.DRIFTED and one.reference.tag not in moving_tags]
    if not drifted:
        return
    bases = "1 base changed" if len(drifted) == 1 else f"{len(drifted)} bases changed"
    said = f"{bases}, and the registry has {drifted[0].reference.tag} with other content"
    hint = "invoke base-bump patch"
    if all(one.modes for one in drifted):
        hint = f"{MODES_HINT}; else {hint}"
    raise PolicyError("\n  ".join([said, *map(str, drifted)]), hint=hint, code=VersionCause.DRIFT)


def _published(image: Image, registry: Registry) -> Mapping[str, str] | None:
    """Return the labels of the image's version in the registry, or None when it does not have the version."""
    return registry.labels(image.reference) if registry.digest(image.reference) else None


def _compared(image: Image, stands: Standing, labels: Mapping[str, str], facts: Facts, sources: Sources) -> Standing:
    if labels.get(TITLE_LABEL) != image.name or not labels.get(INPUT_LABEL):
        return replace(stands, state=State.DRIFTED, said="another program than slipway built the published image")
    published = labels[INPUT_LABEL]
    if published == stands.planned:
        return replace(stands, state=State.PUBLISHED, published=published)
    modes = sources.modes(image.name, labels)
    return replace(stands, state=State.DRIFTED, published=published, said=modes, modes=bool(modes))


def _explained(
    image: Image, stands: Standing, facts: Facts, sources: Sources, others: Mapping[str, Standing]
) -> Standing:
    """Return the standing with the inputs that differ: from ``.slipway``, else from git."""
    earlier, trees = sources.load(stands.published)
    if earlier:
        found = differences(earlier, facts.manifests[image.name], {**facts.trees, **trees})
        named = (replace(one, name=image.dockerfile) if one.part is Part.DOCKERFILE else one for one in found)
        return replace(stands, changes=tuple(map(str, named)))
    start = sources.start()
    below = [name for name in image.parents if name in others and others[name].state is State.DRIFTED]
    parents = tuple(f"parent {name} changed" for name in below)
    if not start.commit:
        unknown = "" if parents else "its inputs differ; "
        return replace(stands, changes=parents, said=f"{unknown}the earlier ones are not here, and {start.said}")
    paths, inputs = paths_read(image, facts.manifests[image.name].files, facts.trees)
    changed = changes_since(start, paths, sources.git)
    files = tuple(str(one) for one in changed or () if one.name in inputs or one.how is How.REMOVED)
    if changed is None:
        return replace(
            stands, changes=parents, said=f"its inputs differ, and git cannot compare them with {start.said}"
        )
    if not files and not parents:
        said = f"its inputs differ, and git shows no change of its files since {start.said}: an ARG or a root image"
        return replace(stands, said=said)
    return replace(stands, changes=(*files, *parents), said=f"since {start.said}")


def paths_read(image: Image, files: Mapping[str, FileEntry], trees: Trees) -> tuple[set[str], set[str]]:
    """Return the files and trees that the image reads, from the repository's root, and all files in them."""
    paths, inside = {image.dockerfile}, set[str]()
    for path, entry in files.items():
        for name in {path, entry.via or path}:
            found = posixpath.normpath(posixpath.join(image.context, name))
            if entry.kind is Kind.FOLDER or found.startswith(("../", "/")):
                continue
            paths.add(found)
            listing = trees.get(entry.content, {}) if entry.kind is Kind.TREE else {}
            inside |= {posixpath.normpath(posixpath.join(found, each)) for each in listing}
    return paths, paths | inside
