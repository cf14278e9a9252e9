"""Tell for each image of a rehearsal whether it holds: its requirements, its build, its smoke tests. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from slipway.build.result import ImageResult, Status
from slipway.core.errors import BuildError, SlipwayError, SmokeError
from slipway.core.image import Image, Stack
from slipway.core.reference import Reference
from slipway.release.outcome import Outcome
from slipway.release.pins import Conflict
from slipway.smoke.results import SmokeResult, by_cause
from slipway.stack import graph

#: The check of every image that compares its Python packages with each other's requirements.
_AGREEMENT = "test_its_python_packages_agree"
#: The words of pip, uv and Poetry for requirements that contradict each other, in the line that names them.
_RESOLVER = re.compile(r"Cannot install .+|.*Because .+|.*conflicting dependencies.*|.*ResolutionImpossible.*")


class Stage(StrEnum):
    """Name the stage at which an image breaks, in their order. ``base-rehearse --json`` prints the values."""

    PLAN = "plan"
    REQUIREMENTS = "requirements"
    BUILD = "build"
    SMOKE = "smoke"


@dataclass(frozen=True)
class Cause:
    """Hold a cause: the stage, and one line for the user."""

    stage: Stage
    said: str


@dataclass(frozen=True)
class Trial:
    """Hold the rehearsal of one image.

    ``reference``: its name with the version tag. ``notes``: requirements that exclude a version of a base; the build
    and the tests decide whether they break it. ``tests``: the number of those that passed. ``digest``: the tested
    manifest in the registry. ``stands``: the digest for which the version tag stands; empty for a new tag.
    """

    image: str
    reference: Reference
    outcome: Outcome
    causes: tuple[Cause, ...] = ()
    notes: tuple[str, ...] = ()
    tests: int = 0
    digest: str = ""
    stands: str = ""

    @property
    def tag(self) -> str:
        """Return what a release would do to the version tag; empty for an image that is not in the registry."""
        if not self.digest:
            return ""
        if not self.stands:
            return f"{self.reference.tag} is new"
        if self.stands == self.digest:
            return f"{self.reference.tag} stands for it"
        return f"{self.reference.tag} stands for {self.stands[:19]}"

    @property
    def rows(self) -> Iterator[tuple[str, str, str, str]]:
        """Yield the lines of a table: the outcome, then each further cause and note."""
        notes = [Cause(Stage.REQUIREMENTS, note) for note in self.notes]
        told = [*notes, *self.causes]
        if self.outcome is Outcome.REHEARSED:
            yield self.image, self.outcome, f"{self.tests} passed", self.tag
        else:
            first = told.pop(0)
            yield self.image, self.outcome, first.stage, first.said
        yield from (("", "", cause.stage, cause.said) for cause in told)

    def as_json(self) -> dict[str, Any]:
        return {**vars(self), "reference": str(self.reference), "causes": [vars(cause) for cause in self.causes]}


def scope_of(stack: Stack, bases: Collection[str]) -> tuple[Image, ...]:
    """Return the bases and all images that stand on them, parents first; those at fault come last."""
    parents = {image.name: image.parents for image in stack.known}
    names = graph.descendants(parents, bases) | set(bases)
    return tuple(image for image in stack.known if image.name in names)


def trials(
    images: Sequence[Image],
    stack: Stack,
    built: Mapping[str, ImageResult],
    tested: Mapping[str, SmokeResult],
    found: Sequence[Conflict] = (),
) -> tuple[Trial, ...]:
    """Return the trial of each image. An image without a result of a build was in the engine already."""
    told: dict[str, list[str]] = {}
    for conflict in found:
        told.setdefault(conflict.image, []).append(str(conflict))
    made = (_trial(image, stack, built.get(image.name), tested.get(image.name)) for image in images)
    return tuple(replace(trial, notes=tuple(told.get(trial.image, ()))) for trial in made)


def failure(found: Sequence[Trial], built: BuildError | None, tested: SlipwayError | None) -> SlipwayError | None:
    """Return the error of a rehearsal in which an image breaks: that of the build comes first; else None.

    ``built`` and ``tested``: the errors of the build and of the smoke tests.
    """
    broken = [one for one in found if one.outcome is Outcome.BROKEN]
    if not broken:
        return built or tested
    lines = [f"{one.image}: {cause.stage}: {cause.said}" for one in broken for cause in one.causes[:1]]
    text = "\n  ".join([f"base-rehearse: {len(broken)} of {len(found)} images break", *lines])
    if built is None and any(one.causes[0].stage is Stage.PLAN for one in broken):
        return BuildError(text, hint="invoke plan")
    first = built or tested or SmokeError("", hint="did its files change meanwhile? invoke base-rehearse")
    return type(first)(text, hint=first.hint, log=first.log, code=first.code)


def _trial(image: Image, stack: Stack, built: ImageResult | None, tested: SmokeResult | None) -> Trial:
    trial = Trial(image.name, image.reference, Outcome.REHEARSED)
    if fault := stack.faults.get(image.name):
        outcome = Outcome.SKIPPED if fault.base else Outcome.BROKEN
        said = f"it stands on {fault.base}" if fault.base else fault.error.message
        return replace(trial, outcome=outcome, causes=(Cause(Stage.PLAN, said),))
    if built and not built.ok:
        outcome = Outcome.SKIPPED if built.status is Status.SKIPPED else Outcome.BROKEN
        return replace(trial, outcome=outcome, causes=(_of_build(built),))
    if tested is None or not tested.ok:
        return replace(trial, outcome=Outcome.BROKEN, causes=_of_tests(tested))
    return replace(trial, tests=tested.passed)


def _of_build(built: ImageResult) -> Cause:
    """Return the cause of a failed build: the requirements, where a resolver said so."""
    for line in (built.detail, *built.output):
        if found := _RESOLVER.search(line.strip()):
            return Cause(Stage.REQUIREMENTS, found[0])
    return Cause(Stage.BUILD, built.detail)


def _of_tests(tested: SmokeResult | None) -> tuple[Cause, ...]:
    """Return the causes of failed tests, requirements first."""
    if tested is None:
        return (Cause(Stage.SMOKE, "it was not tested"),)
    lines = by_cause(tested.failures) if tested.ran else list(tested.failures)
    causes = [Cause(Stage.REQUIREMENTS if line.startswith(_AGREEMENT) else Stage.SMOKE, line) for line in lines]
    return tuple(sorted(causes, key=lambda cause: cause.stage is Stage.SMOKE))
