"""Look for content in the registry that nothing needs, and delete it.

A registry has no request for a condition. So slipway looks at a repository again immediately before it deletes there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import chain

from slipway.clean.contents import Stored, choose_contents, freed, is_content_tag, list_subject, spared
from slipway.clean.items import Doomed, Item, Kind, Stay, seconds_since_1970
from slipway.clean.needed import Needed
from slipway.core.image import INPUT_LABEL, TITLE_LABEL
from slipway.core.reference import Reference, registry_name
from slipway.core.threads import map_concurrently
from slipway.push.inspect import QUESTIONS
from slipway.registry import Registry
from slipway.registry.artifacts import Artifacts

#: Reads the manifests of a repository.
Look = Callable[[Reference], Sequence[Stored]]


@dataclass(frozen=True)
class Contents:
    """Hold the content that goes, and how many manifests stay.

    ``keeps_all``: the reason for which the registry deletes nothing; empty when it deletes.
    """

    doomed: tuple[Doomed, ...]
    stays: Counter[Stay]
    keeps_all: str = ""


def look_at_contents(registry: Registry, needed: Needed, before: float) -> Contents:
    """Return the content that goes. Raises RegistryError: without an answer about every tag, nothing goes."""
    homes = {replace(one, tag=""): None for one in needed.references.values()}
    here = [home for home in homes if home.registry == registry_name(registry.host)]
    stored = list(chain.from_iterable(read_repository(registry, home, needed) for home in here))
    choice = choose_contents(stored, needed, before)
    parts = {one.place: _with_referrers(registry, one) for one in choice.goes}
    gone = {one.place for one in choice.goes}
    sizes = freed([parts[one.place] for one in choice.goes], [one for one in stored if one.place not in gone])
    items = [Item(Kind.CONTENT, _shown(one), size) for one, size in zip(choice.goes, sizes, strict=True)]
    look_again = cache(lambda home: read_repository(registry, home, needed))
    doomed = tuple(
        Doomed(item, partial(_remove, registry, one, needed, before, look_again))
        for item, one in zip(items, choice.goes, strict=True)
    )
    refused = registry.keeps_all(choice.goes[0].repository) if choice.goes else ""
    return Contents(doomed, choice.stays, refused)


def _shown(one: Stored) -> str:
    return f"{one.repository}:{','.join(one.tags)}"


def read_repository(registry: Registry, home: Reference, needed: Needed) -> list[Stored]:
    """Return the manifests of a repository that a tag or a record names. Raises RegistryError."""
    tags = registry.tags(home)
    found = map_concurrently(lambda tag: registry.digest(home.tagged(tag)), tags, at_once=QUESTIONS)
    by_digest: dict[str, list[str]] = {}
    for tag, digest in zip(tags, found, strict=True):
        if digest:  # a tag may be deleted meanwhile
            by_digest.setdefault(digest, []).append(tag)
    named = {digest for path, digest in needed.released.places | needed.unfinished.places if path == home.path}
    exact = [replace(home, digest=digest) for digest in sorted(named - by_digest.keys())]
    there = map_concurrently(registry.digest, exact, at_once=QUESTIONS)
    digests = {**by_digest, **{digest: [] for digest in there if digest}}
    return map_concurrently(lambda one: _stored(registry, home, one, digests[one]), digests, at_once=QUESTIONS)


def _stored(registry: Registry, home: Reference, digest: str, tags: Sequence[str]) -> Stored:
    manifest = registry.manifest(replace(home, digest=digest))
    made = Stored(home, digest, tuple(sorted(tags)), manifest.sizes, manifest.members)
    if made.is_list:
        subjects = [replace(home, digest=list_subject(tag)) for tag in made.tags]
        return replace(made, subject=next(filter(None, map(registry.digest, subjects)), ""))
    members = [registry.manifest(replace(home, digest=member)) for member in manifest.members]
    blobs = {digest: size for one in (manifest, *members) for digest, size in one.sizes.items()}
    if not all(map(is_content_tag, tags)):
        return replace(made, blobs=blobs)
    config = registry.configuration(home, next((one for one in (manifest, *members) if one.config), manifest))
    labels: Mapping[str, str] = (config.get("config") or {}).get("Labels") or {}
    return replace(
        made,
        blobs=blobs,
        title=labels.get(TITLE_LABEL, ""),
        input_digest=labels.get(INPUT_LABEL, ""),
        created=seconds_since_1970(str(config.get("created", ""))),
    )


def _with_referrers(registry: Registry, one: Stored) -> Stored:
    """Return a manifest that goes, with the bytes of the artifacts about it."""
    found = [registry.manifest(reference) for reference in _artifacts(registry, one)]
    return replace(one, blobs={**one.blobs, **{blob: size for each in found for blob, size in each.sizes.items()}})


def _artifacts(registry: Registry, one: Stored) -> list[Reference]:
    """Return the artifacts about an image, or those in a list of referrers, as far as the registry has them."""
    listed = [one.digest for one in Artifacts(registry).referrers(one.exact)] if not one.is_list else one.members
    found = [replace(one.repository, digest=digest) for digest in listed]
    return [reference for reference in found if registry.digest(reference)]


def _remove(registry: Registry, one: Stored, needed: Needed, before: float, look_again: Look) -> str | None:
    """Delete a manifest, with its members and the artifacts about it, unless something needs it by now."""
    now = look_again(one.repository)
    found = next((other for other in now if other.digest == one.digest), None)
    if found is None:
        return None
    choice = choose_contents(now, needed, before)
    if found not in choice.goes:
        return f"it has the tags {', '.join(found.tags)} by now"
    if found.subject and registry.digest(replace(one.repository, digest=found.subject)):
        return f"{found.subject[:19]} is in the registry"
    kept = spared(now, choice.goes)
    parts = [*_artifacts(registry, found), *(replace(one.repository, digest=member) for member in found.members)]
    registry.delete(found.exact)
    for part in dict.fromkeys(parts):
        if (part.path, part.digest) not in kept:
            registry.delete(part)
    return None
