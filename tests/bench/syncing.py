"""What ``invoke build --remote`` does before its first bake, and no more: look, connect, send, compare there, begin."""

from __future__ import annotations

from slipway.core.command import Command
from slipway.plan.decide import plan_build
from slipway.stack.mounts import Given
from slipway.tasks.invocation import Invocation
from slipway.tasks.options import HostOptions


def main() -> None:
    with Invocation(options=[HostOptions(remote=True)]) as here, here.record() as record:
        known = here.survey()
        plan = plan_build(known.stack, tuple(known.facts.digests), known.facts)
        with here.host.builder(known, plan, record.id, Given()) as builder:
            builder.run(Command(("true",)), over=lambda: False)


if __name__ == "__main__":
    main()
