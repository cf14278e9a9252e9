"""Make the documents that a project wants beside its images, and store those that the registry does not have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from importlib.metadata import version
from typing import Any

from slipway.audit.attach import attach, find_attached
from slipway.audit.contents import read_contents
from slipway.audit.cyclonedx import Subject, bill_of_materials
from slipway.audit.provenance import Base, Build, provenance, run_that_built
from slipway.audit.source import Source, read_source
from slipway.config.attach import Attachment
from slipway.config.environment import surroundings
from slipway.core.threads import map_concurrently
from slipway.plan.decide import Step, plan_build
from slipway.plan.facts import Snapshot
from slipway.push.inspect import QUESTIONS, Push
from slipway.runs.cache import UserCache
from slipway.runs.run import Run, records
from slipway.smoke.layer_cache import LayerCache
from slipway.tasks.git import git_of
from slipway.tasks.session import Session

#: An image in the registry, and the kinds of documents that the registry does not have about it.
Missing = tuple[Push, tuple[Attachment, ...]]


def missing_documents(session: Session, pushes: Sequence[Push]) -> list[Missing]:
    """Return the images of ``pushes`` about which documents are missing in the registry. Raises RegistryError."""
    wanted = session.settings.project.attach
    if not wanted:
        return []
    found = map_concurrently(lambda push: find_attached(session.host.registry, push.exact), pushes, at_once=QUESTIONS)
    kinds = [tuple(kind for kind in wanted if kind not in known) for known in found]
    return [(push, missing) for push, missing in zip(pushes, kinds, strict=True) if missing]


def attach_documents(session: Session, snapshot: Snapshot, record: Run, pushes: Sequence[Push]) -> None:
    """Make and store the missing documents about ``pushes``, which are in the registry.

    Raises RegistryError, and PolicyError for a layer that cannot be read.
    """
    documents = _Documents(session, snapshot, {push.image: push for push in pushes})
    stored = 0
    for push, kinds in missing_documents(session, pushes):
        made = {kind: documents.make(kind, push) for kind in kinds}
        record.journal(attach=str(push.exact), kinds=kinds)
        digests = attach(session.host.registry, push.exact, made)
        record.journal(attached=str(push.exact), digests=digests)
        stored += len(digests)
    if stored:
        session.note(f"attached {stored} documents ({', '.join(session.settings.project.attach)})")


class _Documents:
    """Make documents about the images of a push."""

    def __init__(self, session: Session, snapshot: Snapshot, pushes: Mapping[str, Push]) -> None:
        self._session, self._snapshot, self._pushes = session, snapshot, pushes

    def make(self, kind: Attachment, push: Push) -> dict[str, Any]:
        if kind is Attachment.SBOM:
            return self._bill_of_materials(push)
        subject = Subject(push.exact.repository, push.content_digest)
        return provenance(subject, self._build(push), self._session.redactor)

    def _bill_of_materials(self, push: Push) -> dict[str, Any]:
        """Return the packages of an image. The engine pulls an image that only the registry has."""
        engine = self._session.host.engine
        image = push.local_id or engine.fetch(push.exact)
        contents = read_contents(engine, image, LayerCache(UserCache(surroundings().cache).layers()))
        subject = Subject(push.exact.repository, push.content_digest, contents.platform)
        return bill_of_materials(subject, contents.inventory, version("slipway"))

    def _build(self, push: Push) -> Build:
        facts, repository = self._snapshot.facts, self._snapshot.repository
        image, engine = self._snapshot.stack[push.image], self._session.host.engine
        return Build(
            step=self._steps[push.image],
            image=image,
            manifest=facts.manifests[push.image],
            trees=facts.trees,
            platforms=repository.platforms_of(image),
            bases=dict(self._bases(image.parents)),
            source=self._source,
            run=run_that_built(self._records, push.image, push.input_digest),
            remote=bool(self._session.host.flag),
            versions={"slipway": version("slipway"), "engine": engine.version},
        )

    def _bases(self, parents: Sequence[str]) -> Iterator[tuple[str, Base]]:
        """Yield the parents that the registry has."""
        facts, registry = self._snapshot.facts, self._session.host.registry
        for name in parents:
            push = self._pushes.get(name)
            digest = push.content_digest if push else registry.digest(facts.content_reference(name))
            if digest:
                yield name, Base(facts.references[name], digest)

    @cached_property
    def _steps(self) -> Mapping[str, Step]:
        return plan_build(self._snapshot.stack, tuple(self._pushes), self._snapshot.facts).by_image

    @cached_property
    def _source(self) -> Source:
        return read_source(git_of(self._session))

    @cached_property
    def _records(self) -> list[dict[str, Any]]:
        return records(self._session.home)
