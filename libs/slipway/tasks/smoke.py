"""The tests of running containers."""

from __future__ import annotations

from collections.abc import Sequence

from slipway import graph, layout
from slipway import smoke as testing
from slipway.errors import UsageError
from slipway.model import Reference
from slipway.survey import Survey
from slipway.tasks.invocation import Invocation, only


def run_smoke(here: Invocation, names: Sequence[str], image: str) -> None:
    known = here.survey()
    existing = testing.find_tests(here.settings.root)
    targets = [_given(here, known, image, existing)] if image else _targets(here, known, names, existing)
    siblings = {name: found.id for name in known.facts.digests if (found := known.facts.here(name))}
    with here.record() as record:
        this = testing.Round(here.settings.root, record.id, record.directory, siblings)
        outcomes: list[testing.Outcome] = []
        try:
            testing.smoke(targets, this, here.run, lambda outcome: _tell(here, outcome, outcomes))
        finally:
            content = {"run": record.id, "command": "smoke", "images": [vars(outcome) for outcome in outcomes]}
            record.write("run.json", content)
            if here.json:
                here.answer(content)


def _targets(here: Invocation, known: Survey, names: Sequence[str], existing: frozenset[str]) -> list[testing.Target]:
    together = tuple(name for name in testing.together(existing) if name not in known.facts.digests)
    chosen = only(names, (*known.facts.digests, *together), "image or test")
    return [
        testing.Target(name, tests=testing.tests_for(name, (), existing))
        if name in together
        else _target(here, known, name, _built(known, name), existing)
        for name in chosen
    ]


def _target(here: Invocation, known: Survey, name: str, image: str, existing: frozenset[str]) -> testing.Target:
    stack = known.stack
    below = graph.ancestors({entry.name: entry.parents for entry in stack}, [name])
    bases = [entry.name for entry in stack if entry.name in below]
    parents = (*stack[name].parents, *stack[name].roots)
    parent = _built(known, parents[0]) if stack[name].parents else (parents or ("",))[0]
    budget = here.settings.project.budgets.get(name, "")
    return testing.Target(name, image, testing.tests_for(name, bases, existing), budget, parent if budget else "")


def _given(here: Invocation, known: Survey, image: str, existing: frozenset[str]) -> testing.Target:
    """``--image REF``: the checks, and the tests of the name that the reference carries when it is ours."""
    found = here.engine.find(image) or here.engine.fetch(Reference.parse(image))
    name = image.partition("@")[0].rpartition("/")[2].partition(":")[0]
    if name in known.facts.digests:
        return _target(here, known, name, found, existing)
    return testing.Target(name, found)


def _built(known: Survey, name: str) -> str:
    found = known.facts.here(name)
    if not found:
        raise UsageError(f"smoke {name}: not built with the inputs as they are now", hint=f"invoke build {name}")
    return found.id


def _tell(here: Invocation, outcome: testing.Outcome, outcomes: list[testing.Outcome]) -> None:
    outcomes.append(outcome)
    if here.json:
        return
    status = "passed" if outcome.ok else "failed"
    said = f"{outcome.passed} passed" + (f", {outcome.failed} failed" if outcome.failed else "")
    here.console.line(f"{outcome.name:20} {status}   {said:24} {layout.seconds(outcome.seconds):>10}")
