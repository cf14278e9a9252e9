"""Find the images and systems whose smoke tests passed before: the registry has the result beside a tested manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from slipway.core.errors import RegistryError
from slipway.core.reference import Reference
from slipway.core.threads import map_concurrently
from slipway.push.inspect import QUESTIONS, Push
from slipway.registry import Registry
from slipway.registry.artifacts import Artifacts
from slipway.release.planned import Planned
from slipway.release.tested import LARGEST, Setup, refusal


@dataclass(frozen=True)
class Candidate:
    """Hold an image or a system whose tests may have passed before.

    ``members``: the image, or the members of the system in the order of their names. The result lies beside the first.
    """

    name: str
    members: tuple[Push, ...]
    setup: Setup

    @property
    def is_published(self) -> bool:
        return bool(self.members) and all(push.content_digest for push in self.members)

    @property
    def home(self) -> Reference:
        """Return the manifest beside which the result lies."""
        return self.members[0].exact

    @property
    def digests(self) -> dict[str, str]:
        """Return the digest of each member."""
        return {push.image: push.content_digest for push in self.members}


@dataclass(frozen=True)
class Found:
    """Hold the images and the systems whose tests need not run again.

    ``digests``: image → its digest. ``systems``: system → the digest of each member. ``notes``: a line for each other
    image or system with a result: the reason why the result does not count.
    """

    digests: Mapping[str, str] = field(default_factory=dict)
    systems: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def tested(self) -> dict[str, str]:
        """Return the digest of each image that passed by itself or in a system: the content to release."""
        members = (member for members in self.systems.values() for member in members.items())
        return {**dict(members), **self.digests}


#: Nothing passed before.
NOTHING = Found()


def candidates(pushes: Sequence[Push], setups: Mapping[str, Setup]) -> tuple[Candidate, ...]:
    """Return the images and systems of ``setups`` that the registry has. A system without members is not among them."""
    of = {push.image: push for push in pushes}
    found = (
        Candidate(name, tuple(of[one] for one in (sorted(setup.images) if setup.system else [name])), setup)
        for name, setup in setups.items()
    )
    return tuple(one for one in found if one.is_published)


def passed_before(pushes: Sequence[Push], setups: Mapping[str, Setup], registry: Registry) -> Found:
    """Return the published images and systems of ``setups`` that passed these tests.

    ``pushes``: those of all images in ``setups``. A result that cannot be read does not count: its image is tested.
    """
    there = candidates(pushes, setups)
    reasons = map_concurrently(lambda one: _refused(one, registry), there, at_once=QUESTIONS)
    judged = list(zip(there, reasons, strict=True))
    passed = [one for one, reason in judged if reason == ""]
    return Found(
        {one.name: one.members[0].content_digest for one in passed if not one.setup.system},
        {one.name: one.digests for one in passed if one.setup.system},
        tuple(f"{one.name}: its test result does not count: {reason}" for one, reason in judged if reason),
    )


def refuse_other_content(planned: Planned, accepted: Mapping[str, str]) -> None:
    """Raise RegistryError when the content tag of an accepted image stands for another manifest than the tested one."""
    for push in planned.pushes:
        if accepted.get(push.image, push.content_digest) != push.content_digest:
            told = f"{push.content}: stands for another manifest than the tested {accepted[push.image][:19]}"
            raise RegistryError(f"{told}; no version tag moved", hint="did another run move it? invoke release")


def _refused(candidate: Candidate, registry: Registry) -> str | None:
    """Return the reason why no result counts; empty when one counts, None when there is none."""
    reason = None
    try:
        for one in Artifacts(registry).referrers(candidate.home):
            if candidate.setup.is_met_by(one):
                reason = _judged(candidate, replace(candidate.home, digest=one.digest), registry)
                if not reason:
                    return ""
    except RegistryError as error:
        return error.message
    return reason


def _judged(candidate: Candidate, result: Reference, registry: Registry) -> str:
    try:
        if registry.manifest(result).size > LARGEST:
            return f"{result.digest[:19]} is larger than a test result"
        artifact = Artifacts(registry).fetch(result)
    except RegistryError as error:
        return error.message
    if artifact.subject is None or artifact.subject.digest != candidate.home.digest:
        return f"{result.digest[:19]} is about another manifest"
    reason = refusal(artifact.content, [*candidate.digests.values()], candidate.setup)
    return f"{result.digest[:19]}: {reason}" if reason else ""
