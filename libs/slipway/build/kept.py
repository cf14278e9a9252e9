"""Take over images that a builder stored in the registry, because the engine could not hold them.

They are for several platforms, or have layers compressed with zstd, and the engine has the classic image store.

The builder stores such an image by its digest alone. The engine pulls its own platform, so that slipway verifies the
image as any other. Only then does the image get its content tag.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from slipway.build.progress import Failure
from slipway.core.errors import SlipwayError
from slipway.core.reference import Reference
from slipway.engine import Engine
from slipway.plan.decide import Facts, Step

#: Images, each with its reference by digest in the registry.
Kept = Sequence[tuple[Step, Reference]]


def pull(kept: Kept, engine: Engine, facts: Facts) -> dict[str, Failure]:
    """Pull one platform of each image and tag it in the engine. Return the failures."""

    def taken(step: Step, exact: Reference) -> None:
        engine.pull(exact, platform=facts.pulled_platform(step.image))
        for reference in (step.content, step.reference):
            engine.tag(str(exact), reference)

    return _each(kept, taken)


def publish(kept: Kept, tag: Callable[[Reference, Reference], None]) -> dict[str, Failure]:
    """Give each image its content tag in the registry. Return the failures."""
    return _each(kept, lambda step, exact: tag(exact, step.content))


def _each(kept: Kept, do: Callable[[Step, Reference], None]) -> dict[str, Failure]:
    failures = {}
    for step, exact in kept:
        try:
            do(step, exact)
        except SlipwayError as error:
            failures[step.image] = Failure("", error.message)
    return failures
