"""Find the images whose smoke tests passed before: the registry has the result beside the very manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from slipway.core.errors import RegistryError
from slipway.core.reference import Reference
from slipway.core.threads import map_concurrently
from slipway.push.inspect import QUESTIONS, Push
from slipway.registry import Registry
from slipway.registry.artifacts import Artifacts
from slipway.release.planned import Planned
from slipway.release.tested import FORM, Setup, refusal

#: A test result is some kilobytes. slipway reads no document that says to be larger than this number of bytes.
_LARGEST = 2**20


@dataclass(frozen=True)
class Found:
    """Hold the images whose tests need not run again, each with its digest.

    ``notes``: a line for each other image with a result: the reason why the result does not count.
    """

    digests: Mapping[str, str]
    notes: tuple[str, ...] = ()


def passed_before(pushes: Sequence[Push], setups: Mapping[str, Setup], registry: Registry) -> Found:
    """Return the published images of ``pushes`` that passed the tests of their setup.

    A result that cannot be read does not count: its image is tested.
    """
    there = [push for push in pushes if push.content_digest]
    reasons = map_concurrently(lambda push: _refused(push, setups[push.image], registry), there, at_once=QUESTIONS)
    found = list(zip(there, reasons, strict=True))
    notes = (f"{push.image}: its test result does not count: {reason}" for push, reason in found if reason)
    return Found({push.image: push.content_digest for push, reason in found if reason == ""}, tuple(notes))


def refuse_other_content(planned: Planned, accepted: Mapping[str, str]) -> None:
    """Raise RegistryError when the content tag of an accepted image stands for another manifest than the tested one."""
    for push in planned.pushes:
        if accepted.get(push.image, push.content_digest) != push.content_digest:
            told = f"{push.content}: stands for another manifest than the tested {accepted[push.image][:19]}"
            raise RegistryError(f"{told}; no version tag moved", hint="did another run move it? invoke release")


def _refused(push: Push, setup: Setup, registry: Registry) -> str | None:
    """Return the reason why no result counts; empty when one counts, None when there is none."""
    reason = None
    try:
        for one in Artifacts(registry).referrers(push.exact):
            if FORM.has(one):
                reason = _judged(push, replace(push.exact, digest=one.digest), setup, registry)
                if not reason:
                    return ""
    except RegistryError as error:
        return error.message
    return reason


def _judged(push: Push, result: Reference, setup: Setup, registry: Registry) -> str:
    try:
        if registry.manifest(result).size > _LARGEST:
            return f"{result.digest[:19]} is larger than a test result"
        artifact = Artifacts(registry).fetch(result)
    except RegistryError as error:
        return error.message
    if artifact.subject is None or artifact.subject.digest != push.content_digest:
        return f"{result.digest[:19]} is about another manifest"
    reason = refusal(artifact.content, push.content_digest, setup)
    return f"{result.digest[:19]}: {reason}" if reason else ""
