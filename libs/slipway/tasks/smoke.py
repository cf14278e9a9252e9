"""The tests of running containers."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from slipway.core.errors import SmokeError, UsageError
from slipway.core.image import Reference
from slipway.plan.facts import Survey
from slipway.runs.run import records
from slipway.smoke import orphans, selection
from slipway.smoke import session as testing
from slipway.smoke.results import SmokeResult, verdicts
from slipway.tasks.invocation import Invocation, only
from slipway.tasks.names import refuse_tasks
from slipway.ui import columns


def run_smoke(here: Invocation, names: Sequence[str], image: str) -> None:
    known = here.survey()
    existing = selection.find_tests(here.settings.root)
    targets = [_given(here, known, image, existing)] if image else _targets(here, known, names, existing)
    siblings = {name: found.id for name in known.facts.digests if (found := known.facts.here(name))}
    with here.record() as record:
        this = testing.Round(
            here.settings.root,
            record.id,
            record.directory,
            siblings,
            here.settings["SLOWNESS"],
            here.settings.project.allow_setuid,
            verdicts(records(here.settings.root / ".slipway")),
            record.redact,
            here.host.container_access(),
            here.host.flag,
            image,
        )
        _tell_moved(here, known, targets)
        tested: list[SmokeResult] = []
        try:
            testing.smoke(targets, this, here.run, lambda result: _tell(here, result, tested))
        finally:
            content = {"run": record.id, "command": "smoke", "images": [vars(result) for result in tested]}
            record.write("run.json", content)
            if here.json:
                here.answer(content)
            _remove_orphans(here)
        if image and (now := here.host.engine.find(image)) != targets[0].image:
            raise SmokeError(
                f"smoke {image}: moved while it was tested, {targets[0].image[:19]} -> {now[:19] or 'nothing'}",
                hint=f"invoke smoke --image {image}",
            )


def _remove_orphans(here: Invocation) -> None:
    """Remove what tests left in the engine that were killed, for an interrupt does not wait long for them."""
    with contextlib.suppress(OSError):
        orphans.remove_orphans(here.host.engine.client)


def _targets(
    here: Invocation, known: Survey, names: Sequence[str], existing: frozenset[str]
) -> list[testing.SmokeTarget]:
    together = tuple(name for name in selection.together(existing) if name not in known.facts.digests)
    refuse_tasks({name: f"{selection.TOGETHER}{name.replace('-', '_')}.py" for name in together})
    chosen = only(names, (*known.facts.digests, *together), "image or test")
    return [
        testing.SmokeTarget(name, tests=selection.select_tests(name, (), existing))
        if name in together
        else _target(here, known, name, _built(here, known, name), existing)
        for name in chosen
    ]


def _target(here: Invocation, known: Survey, name: str, image: str, existing: frozenset[str]) -> testing.SmokeTarget:
    stack = known.stack
    foundation = stack[name].foundation
    parent = _built(here, known, foundation) if foundation in stack[name].parents else foundation
    project = here.settings.project
    budget = project.budgets.get(name, "")
    tests = selection.select_tests(name, stack.below(name), existing)
    reason, reference = project.allow_root.get(name, ""), str(known.facts.references[name])
    tool = known.repository.assembly.is_tool(name)
    return testing.SmokeTarget(name, image, tests, budget, parent if budget else "", reason, reference, tool)


def _given(here: Invocation, known: Survey, image: str, existing: frozenset[str]) -> testing.SmokeTarget:
    """``--image REF``: the checks, and the tests of the name that the reference carries when it is ours."""
    found = here.host.engine.find(image) or here.host.engine.fetch(Reference.parse(image).full)
    name = Reference.read(image).name
    if name in known.facts.digests:
        return _target(here, known, name, found, existing)
    return testing.SmokeTarget(name, found)


def _built(here: Invocation, known: Survey, name: str) -> str:
    found = known.facts.here(name)
    if not found:
        hint = f"invoke build {name}{here.host.flag}"
        raise UsageError(f"smoke {name}: not built with the inputs as they are now", hint=hint)
    return found.id


def _tell_moved(here: Invocation, known: Survey, targets: Sequence[testing.SmokeTarget]) -> None:
    """A version tag that stands for another image than the one that is tested: someone moved it."""
    for target in targets:
        held = known.facts.local.get(target.reference)
        if held and held.id != target.image:
            said = f"tested is {target.image[:19]}, built of the inputs as they are"
            here.console.note(f"note: {target.reference} is {held.id[:19]}; {said}")


def _tell(here: Invocation, result: SmokeResult, tested: list[SmokeResult]) -> None:
    tested.append(result)
    if here.json:
        return
    status = "passed" if result.ok else "failed"
    said = f"{result.passed} passed" + (f", {result.failed} failed" if result.failed else "")
    here.console.line(f"{result.name:20} {status}   {said:24} {columns.seconds(result.seconds):>10}")
    if result.ok and result.flakes:
        here.console.note(f"note: {result.name}: {result.flakes}")
