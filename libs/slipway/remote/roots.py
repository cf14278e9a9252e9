"""Root images that were made here and are in no registry: the engine there gets them from the engine here."""

from __future__ import annotations

from collections.abc import Callable

from slipway.engine import Engine
from slipway.model import full_name
from slipway.plan import BUILD, Plan
from slipway.sizes import size
from slipway.survey import Survey


def send_roots(known: Survey, plan: Plan, here: Engine, there: Engine, say: Callable[[str], None]) -> bool:
    """True when any was sent (then survey again). What a registry has is left for the engine there to pull.

    Raises MissingError and PushError with the engines' words.
    """
    needed = {root for step in plan.of(BUILD) for root in known.stack[step.image].roots}
    lacking = {root: here.inspect(root) for root in sorted(needed) if not known.facts.roots[root]}
    ours = {root: image for root, image in lacking.items() if image and not image.digests}
    for root, image in ours.items():
        say(f"{root} is in no registry: sending it, {size(image.size)}")
        here.send(full_name(root), there)
    return bool(ours)
