"""Decide which manifests of the registry go. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from slipway.clean.items import Choice, Stay, choose
from slipway.clean.needed import Named, Needed
from slipway.core.image import content_tag
from slipway.core.reference import Reference
from slipway.registry.artifact import EMPTY, digest_of

_CONTENT_TAG = re.compile(r"in-[0-9a-f]{12}")
#: A list of referrers, under the fallback tag of the manifest that they are about.
_LIST_TAG = re.compile(r"(sha256)-([0-9a-f]{64})")
_EMPTY = digest_of(EMPTY)


@dataclass(frozen=True)
class Stored:
    """Hold a manifest of a repository, with all its tags; a manifest that only a record names has none.

    ``blobs``: digest → bytes of everything that it holds: the manifest itself, its blobs, and those of its members.
    ``members``: the manifests that it lists. ``title``, ``input_digest``: slipway's labels of the image; empty for any
    other. ``created``: seconds since 1970; 0 if unknown. ``subject``: the manifest that a list of referrers is about;
    empty when the registry does not have it.
    """

    repository: Reference
    digest: str
    tags: tuple[str, ...]
    blobs: Mapping[str, int] = field(default_factory=dict)
    members: tuple[str, ...] = ()
    title: str = ""
    input_digest: str = ""
    created: float = 0
    subject: str = ""

    @property
    def is_list(self) -> bool:
        """Tell whether the manifest is nothing but a list of referrers."""
        return bool(self.tags) and all(map(list_subject, self.tags))

    @property
    def is_content(self) -> bool:
        """Tell whether the manifest has content tags alone."""
        return bool(self.tags) and all(map(is_content_tag, self.tags))

    @property
    def exact(self) -> Reference:
        return Reference(self.repository.registry, self.repository.path, digest=self.digest)

    @property
    def place(self) -> tuple[str, str]:
        """Return the repository and the digest: the same manifest may lie in several repositories."""
        return self.repository.path, self.digest


def is_content_tag(tag: str) -> bool:
    return bool(_CONTENT_TAG.fullmatch(tag))


def list_subject(tag: str) -> str:
    """Return the digest of the manifest whose referrers are listed under ``tag``; empty for any other tag."""
    found = _LIST_TAG.fullmatch(tag)
    return f"{found[1]}:{found[2]}" if found else ""


def choose_contents(stored: Sequence[Stored], needed: Needed, before: float) -> Choice[Stored]:
    """Choose the content that nothing needs and that was made before ``before``, then the lists about it.

    ``stored``: all manifests of the repositories that a tag or a record names. A manifest is deleted with all its tags,
    so one with any other tag stays.
    """
    parts = _parts_of_staying(stored, needed, before)
    images = [one for one in stored if one.tags and not one.is_list]
    contents = choose(images, lambda one: _reason(one, parts, needed, before))
    gone = {one.place for one in contents.goes}
    lists = choose([one for one in stored if one.is_list], lambda one: _reason_of_list(one, parts, gone))
    return Choice((*contents.goes, *lists.goes), contents.stays + lists.stays)


def _parts_of_staying(stored: Sequence[Stored], needed: Needed, before: float) -> frozenset[tuple[str, str]]:
    """Return the members of every index that stays and of every list, and their own members.

    A member may be an index that would go by itself, so the search goes on until nothing is added.
    """
    parts: frozenset[tuple[str, str]] = frozenset()
    while True:
        staying = [one for one in stored if one.is_list or _reason(one, parts, needed, before)]
        found = frozenset((one.repository.path, member) for one in staying for member in one.members)
        if found <= parts:
            return parts
        parts |= found


def _reason(one: Stored, parts: frozenset[tuple[str, str]], needed: Needed, before: float) -> Stay | None:
    if not one.is_content:
        return Stay.TAGGED if one.tags else Stay.RELEASED
    names = needed.names_in(one.repository.repository)
    if {content_tag(needed.planned[name]) for name in names}.intersection(one.tags):
        return Stay.PLANNED
    if _named(one, needed.released):
        return Stay.RELEASED
    if _named(one, needed.unfinished):
        return Stay.UNFINISHED
    if one.place in parts:
        return Stay.PART
    if one.title not in names or one.tags != (content_tag(one.input_digest),):
        return Stay.FOREIGN
    if one.created <= 0:
        return Stay.UNDATED
    return Stay.YOUNG if one.created >= before else None


def _reason_of_list(one: Stored, parts: frozenset[tuple[str, str]], gone: Iterable[tuple[str, str]]) -> Stay | None:
    if one.place in parts:
        return Stay.PART
    return Stay.ABOUT if one.subject and (one.repository.path, one.subject) not in gone else None


def _named(one: Stored, named: Named) -> bool:
    """Tell whether ``named`` has the manifest, or the inputs for which one of its content tags stands."""
    return one.digest in named.digests or bool(named.content_tags.intersection(one.tags))


def spared(stored: Iterable[Stored], goes: Iterable[Stored]) -> frozenset[tuple[str, str]]:
    """Return the manifests that must stay: all of ``stored`` that do not go, and the members of those."""
    gone = {one.place for one in goes}
    staying = [one for one in stored if one.place not in gone]
    members = {(one.repository.path, member) for one in staying for member in one.members}
    return frozenset(one.place for one in staying) | members


def freed(goes: Sequence[Stored], stays: Iterable[Stored]) -> list[int]:
    """Return the bytes that go with each of ``goes``; a blob that several share counts for the first of them."""
    held = {_EMPTY} | {blob for one in stays for blob in one.blobs}
    found = []
    for one in goes:
        found.append(sum(size for blob, size in one.blobs.items() if blob not in held))
        held |= one.blobs.keys()
    return found
