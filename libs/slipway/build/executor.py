"""Build what the plan says: pull, tag, and bake in waves, each of all images whose parents are there.

A wave is one solve. Parents are never linked inside a solve: BuildKit keys a step on a ``target:`` link otherwise than
the same step on the parent's image, so the first edit of a service would install its dependencies again.

buildx stops at the first failure and cancels the rest. So: bake, look at what is there now, drop what failed and all
that stands on it, go on with the rest (finished steps are cached). Resuming after a crash is the same loop; so is an
engine that goes away and comes back meanwhile: it is waited for, and the wave is baked once more.

What buildx says it made is believed once it is seen: labels, tags and platform as planned, its inputs as they were.
What is not so loses its tags.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from math import ceil

from slipway.build import advice
from slipway.build.bake_run import Solved, Work, bake, solve
from slipway.build.events import Failed, Finished, Notice
from slipway.build.progress import Failure
from slipway.build.result import ImageResult, Status
from slipway.build.verify import mismatch
from slipway.core.command import Command
from slipway.core.errors import BuildError, MissingError, SlipwayError
from slipway.core.image import LocalImage, Reference
from slipway.core.threads import map_concurrently
from slipway.engine import Engine
from slipway.plan.decide import Action, Plan, Step
from slipway.plan.facts import Survey
from slipway.runs.run import Run
from slipway.secrets.names import SECRETS_CHECK
from slipway.stack import graph
from slipway.stack.manifests import save_inputs

#: Seconds that an engine which went away is waited for.
_PATIENCE = 60.0
#: BuildKit in the engine begins all that can begin: the memory a step may take, and how many builds a core can mostly
#: begin in the six seconds after which BuildKit's client gives up on one ("no such job"); so few are never too many.
_MEMORY_EACH = 192 * 2**20
_EACH_CORE, _FEW = 50, 8
_LOST_SIGHT = re.compile("failed to receive status|no such job|code = (?:Canceled|Unavailable)")
_QUESTIONS = 8
#: How a step ends that builds nothing.
_FETCHED = {Action.PULL: Status.PULLED, Action.TAG: Status.TAGGED, Action.REUSE: Status.REUSED}


def build(work: Work) -> tuple[ImageResult, ...]:
    """Carry out the plan; an outcome for each of its steps, in its order. Raises nothing for a failed image."""
    plan, parents = work.plan, work.parents
    work.builder.announce(planned_bakes(work))
    outcomes = _fetched(work)
    wanted = [step.image for step in plan.of(Action.BUILD)]
    seconds: dict[str, float] = dict.fromkeys(wanted, 0.0)
    tries = _Tries(work)
    missing = [name for name, outcome in outcomes.items() if not outcome.ok]
    failures: dict[str, Failure] = {}
    remaining = _without(wanted, missing, parents)
    again = False
    while remaining and not (work.options.fail_fast and (failures or missing)):
        wave = _wave(work, remaining)
        try:
            finished, found = _solve(work, wave, seconds)
        except MissingError:
            gone = f"engine went away{' again' if again else ''} (was {work.engine.version})"
            if not again and _returns(work, gone):
                again = True
                continue
            finished, found = {}, dict.fromkeys(wave, Failure("", gone, final=True))
        for name, failure in found.items():
            if not failure.step:
                work.record.log(name, f"failed  {failure}")
        outcomes |= finished
        failures |= {name: failure for name, failure in found.items() if not tries.again(name, failure)}
        remaining = _without([name for name in remaining if name not in finished], failures, parents)
    for name in wanted:
        if name in failures:
            outcomes[name] = _failed(plan.by_image[name], failures[name], seconds[name])
        elif name not in outcomes:
            outcomes[name] = _skipped(plan.by_image[name], [*failures, *missing], parents)
    return tuple(outcomes[step.image] for step in plan.steps)


def planned_bakes(work: Work) -> Iterator[Command]:
    """Yield the commands that ``build`` runs if nothing fails. A job on a build host goes on with them by itself."""
    remaining = [step.image for step in work.plan.of(Action.BUILD)]
    while remaining:
        wave = _wave(work, remaining)
        yield bake(work, wave)
        remaining = [name for name in remaining if name not in wave]


def pull_roots(survey: Survey, plan: Plan, engine: Engine) -> bool:
    """Pull root images that images to build need and the engine lacks; True when any was (then survey again)."""
    lacking = {root for step in plan.of(Action.BUILD) for root in survey.stack[step.image].roots}
    lacking = {root for root in lacking if not survey.facts.roots[root] and not engine.find(root)}
    for root in sorted(lacking):
        engine.pull(Reference.parse(root).full)
    return bool(lacking)


def check(outcomes: Sequence[ImageResult], record: Run, *, flag: str = "") -> None:
    """Raises BuildError that names the first failed image and counts the rest; ``flag``: the host's, for the hint."""
    failed = [outcome for outcome in outcomes if outcome.status is Status.FAILED]
    skipped = [outcome for outcome in outcomes if outcome.status is Status.SKIPPED]
    if not failed:
        return
    more = f"; {len(failed) - 1} more failed" if len(failed) > 1 else ""
    more += f"; {len(skipped)} skipped" if skipped else ""
    first = failed[0]
    raise BuildError(
        f"build {first.image}: {first.detail}{more}",
        hint=advice.after(first, flag),
        log=record.log_path(first.image),
    )


def _fetched(work: Work) -> dict[str, ImageResult]:
    """What need not be built, here under its version tag; what was pulled is looked at before it is believed."""
    plan = work.plan
    outcomes = {step.image: _fetch(work, step) for step in plan.steps if step.action != Action.BUILD}
    pulled = [step.image for step in plan.of(Action.PULL) if outcomes[step.image].ok]
    listed = _look(work, [str(plan.by_image[name].content) for name in pulled])
    for name in pulled:
        found = listed.get(str(plan.by_image[name].content))
        if found and found.input_digest == plan.by_image[name].input_digest:
            outcomes[name] = replace(outcomes[name], image_digest=found.id, size=found.size)
        else:
            detail = f"{plan.by_image[name].content} in the registry was made of other inputs"
            outcomes[name] = replace(outcomes[name], status=Status.FAILED, detail=detail)
    return outcomes


def _fetch(work: Work, step: Step) -> ImageResult:
    """Tag, pull or leave an image whose content exists."""
    status = _FETCHED[step.action]
    try:
        if step.action == Action.PULL:
            work.engine.pull(step.content)
        if step.action in (Action.PULL, Action.TAG):
            work.engine.tag(str(step.content), step.reference)
    except SlipwayError as error:
        work.on_event(Failed(step.image, error.message))
        return replace(_outcome(step, Status.FAILED), detail=error.message)
    work.on_event(Finished(step.image, status))
    here = work.survey.facts.here(step.image)
    return replace(_outcome(step, status), image_digest=here.id if here else "", size=here.size if here else 0)


def _solve(
    work: Work, wave: Sequence[str], seconds: dict[str, float]
) -> tuple[dict[str, ImageResult], dict[str, Failure]]:
    """Bake ``wave`` and look at what is there now: what is finished, and what failed.

    Raises MissingError when the engine went away.
    """
    solved = solve(work, wave)
    for name, spent in solved.seconds.items():
        seconds[name] += spent
    contents = [str(work.plan.by_image[name].content) for name in wave]
    listed = _look(work, [*contents, *work.survey.facts.roots])
    made = [name for name in wave if _is_made(work.plan.by_image[name], solved, listed)]
    unfit = _unfit(work, made, solved, listed)
    for name, failure in unfit.items():
        _withdraw(work, work.plan.by_image[name], listed)
        work.on_event(Failed(name, failure.cause))
    if unfit:
        _take_back(work, unfit)
    good = [name for name in made if name not in unfit]
    if good:
        _remember(work, good)
    finished = {}
    for name in good:
        image = listed[str(work.plan.by_image[name].content)]
        outcome = _outcome(work.plan.by_image[name], Status.BUILT)
        told = replace(outcome, image_digest=image.id, size=image.size, warnings=solved.warnings.get(name, ()))
        finished[name] = replace(told, seconds=seconds[name])
    failed = {name: failure for name, failure in solved.failures.items() if name not in good} | unfit
    return finished, failed


def _is_made(step: Step, solved: Solved, listed: Mapping[str, LocalImage]) -> bool:
    """buildx may lose its connection after the image was loaded; one that was here before proves nothing, though."""
    here = listed.get(str(step.content))
    return step.image in solved.made or bool(not step.fresh and here and here.input_digest == step.input_digest)


def _unfit(work: Work, made: Sequence[str], solved: Solved, listed: Mapping[str, LocalImage]) -> dict[str, Failure]:
    """Of ``made``, what must not be kept, and why: not as planned, its files changed meanwhile, warned of."""
    unfit = _otherwise(work, made, listed)
    torn = work.builder.changed_since(work.survey, [name for name in made if name not in unfit], tuple(listed.values()))
    unfit |= {name: f"{what} while it was built" for name, what in torn.items()}
    for name in made:
        said = solved.warnings.get(name, ())
        warned = [text for text in said if work.options.strict or text.startswith(SECRETS_CHECK)]
        if warned and name not in unfit:
            more = f" (+{len(warned) - 1} more)" if len(warned) > 1 else ""
            unfit[name] = f"{warned[0]}{more}"
    return {name: Failure("", cause, final=True) for name, cause in unfit.items()}


def _otherwise(work: Work, made: Sequence[str], listed: Mapping[str, LocalImage]) -> dict[str, str]:
    """What is not as it was planned, and in what."""
    steps, wanted = [work.plan.by_image[name] for name in made], work.survey.repository.platforms
    found = {step.image: mismatch(step, listed.get(str(step.content)), wanted) for step in steps}
    return {name: what for name, what in found.items() if what}


def _withdraw(work: Work, step: Step, listed: Mapping[str, LocalImage]) -> None:
    """Take the image's tags from it; a tag that stands for another image by now stays."""
    image = listed.get(str(step.content))
    for reference in (step.reference, step.content):
        if image and str(reference) in image.tags:
            work.engine.untag(reference)


def _take_back(work: Work, refused: Collection[str]) -> None:
    """Untag descendants of refused images: a job on a build host may have built some of them already."""
    work.builder.announce(())
    above = graph.descendants(work.parents, refused)
    steps = [
        step for step in work.plan.of(Action.BUILD) if step.image in above and not work.survey.facts.here(step.image)
    ]
    listed = _look(work, [str(step.content) for step in steps])
    for step in steps:
        _withdraw(work, step, listed)


class _Tries:
    """How often a failed image is tried again: as often as was asked for, and once if BuildKit lost sight of it, cut
    its connection, or cancelled it with no other to blame."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._left: dict[str, int] = {}
        self._lost: set[str] = set()

    def again(self, name: str, failure: Failure) -> bool:
        """Whether to try once more. What was built and then refused would be refused again."""
        left = self._left.setdefault(name, self._work.options.retries)
        if _LOST_SIGHT.search(failure.cause) and name not in self._lost:
            self._lost.add(name)
        elif left and not failure.final:
            left = self._left[name] = left - 1
        else:
            return False
        self._work.record.journal(retry=name, cause=str(failure), left=left)
        self._work.on_event(Notice(f"{name} is tried again"))
        return True


def _returns(work: Work, gone: str) -> bool:
    """Whether the engine, gone in mid-build, answers again in time."""
    work.record.journal(engine=gone)
    work.on_event(Notice(f"{gone}; waiting for it, at most {_PATIENCE:.0f} s"))
    back = work.engine.returns(_PATIENCE)
    if back:
        work.on_event(Notice("engine is back; the rest is tried once more"))
    return back


def _wave(work: Work, names: Sequence[str]) -> Sequence[str]:
    """What can be baked now: images with no parent left to build, in equal parts if they are too many at once.

    A builder that is not the engine's own cannot see the engine's images, so it gets all at once, linked inside the
    solve; it has a limit of its own (``max-parallelism``).
    """
    if work.settings["BUILDER"]:
        return names
    ready = [name for name in names if not set(work.parents[name]) & set(names)]
    return ready[: ceil(len(ready) / ceil(len(ready) / _at_once(work, len(ready))))]


def _at_once(work: Work, ready: int) -> int:
    """JOBS, else as many as the engine's memory may hold, and no more than its cores can begin."""
    if work.settings["JOBS"]:
        return int(work.settings["JOBS"])
    if ready <= _FEW:
        return ready
    memory, cores = work.engine.capacity()
    return max(_FEW, min(memory // _MEMORY_EACH, cores * _EACH_CORE))


def _look(work: Work, references: Sequence[str]) -> dict[str, LocalImage]:
    """What the engine holds under each reference now. Asked one by one: a list would name all that it ever built."""
    found = map_concurrently(work.engine.inspect, references, at_once=_QUESTIONS)
    return {reference: image for reference, image in zip(references, found, strict=True) if image}


def _remember(work: Work, finished: Collection[str]) -> None:
    facts = work.survey.facts
    made = {facts.digests[name]: facts.manifests[name] for name in finished}
    save_inputs(work.settings.root / ".slipway", made, facts.trees, images=len(facts.digests))


def _without(names: Sequence[str], lost: Collection[str], parents: graph.Graph) -> list[str]:
    gone = graph.descendants(parents, lost) | set(lost)
    return [name for name in names if name not in gone]


def _outcome(step: Step, status: Status) -> ImageResult:
    return ImageResult(step.image, status, step.reason, step.input_digest, reference=str(step.reference))


def _failed(step: Step, failure: Failure, seconds: float) -> ImageResult:
    return replace(_outcome(step, Status.FAILED), detail=str(failure), seconds=seconds, output=failure.output)


def _skipped(step: Step, lost: Sequence[str], parents: graph.Graph) -> ImageResult:
    because = next(iter(sorted(graph.ancestors(parents, [step.image]) & set(lost))), "")
    detail = f"{because} failed" if because else f"not begun: {lost[0]} failed"
    return replace(_outcome(step, Status.SKIPPED), detail=detail)
