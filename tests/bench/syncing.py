"""The part of ``invoke build --remote`` before its first bake: probe, connect, send, compare, start."""

from __future__ import annotations

from slipway.core.command import Command
from slipway.plan.decide import plan_build
from slipway.stack.mounts import Given
from slipway.tasks.options import HostOptions
from slipway.tasks.session import Session


def main() -> None:
    with Session(options=[HostOptions(remote=True)]) as session, session.record() as record:
        snapshot = session.snapshot()
        plan = plan_build(snapshot.stack, tuple(snapshot.facts.digests), snapshot.facts)
        with session.host.builder(snapshot, plan, record.id, Given()) as builder:
            builder.run(Command(("true",)), should_stop=lambda: False)


if __name__ == "__main__":
    main()
