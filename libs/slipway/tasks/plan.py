"""Plan a build: gather facts, decide what happens to each image, and show the plan."""

from __future__ import annotations

from collections.abc import Sequence

from slipway.config.environment import surroundings
from slipway.core.units import size
from slipway.plan.decide import Action, Plan, as_json, plan_build
from slipway.plan.facts import Snapshot
from slipway.stack import mounts
from slipway.stack.mounts import Given
from slipway.tasks.session import Session


def run_plan(session: Session, names: Sequence[str]) -> None:
    """Show the plan for ``names``, or for all images."""
    snapshot = session.snapshot(names or None)
    selected = tuple(names) or tuple(snapshot.facts.digests)
    plan = plan_build(snapshot.stack, selected, snapshot.facts)
    mounted(session, snapshot, plan)
    show_plan(session, snapshot, plan)


def show_plan(session: Session, snapshot: Snapshot, plan: Plan) -> None:
    """Show a plan that is not executed; for a build host also how many files and bytes it will read."""
    content = as_json(plan)
    content["policy"] = [{"image": one.image, **one.as_json()} for one in snapshot.findings]
    content["faults"] = {name: fault.error.as_json() for name, fault in snapshot.stack.faults.items()}
    transfer = session.host.transfer(snapshot, plan)
    if transfer:
        content["needed"] = vars(transfer)
    if session.json:
        session.answer(content)
        return
    session.console.plan(snapshot.stack, plan, session.seconds)
    if transfer and transfer.files:
        told = f"{transfer.files} files, {size(transfer.bytes)}"
        session.note(f"{told} to sync; rsync sends only the changes")


def mounted(session: Session, snapshot: Snapshot, plan: Plan) -> Given:
    """Return the secrets, files and agents that the plan's builds mount. Raises UsageError, PrerequisiteError."""
    names = [step.image for step in plan.of(Action.BUILD)]
    if not names:
        return Given()
    found = mounts.given(
        snapshot.repository.settings,
        snapshot.repository.assembly,
        [*names, *snapshot.only_in_engine(names)],
        ca=bool(session.ca_bundle),
        agent=surroundings().ssh_agent,
    )
    session.redactor.learn(found.secrets)
    return found
