"""Build what the plan says: pull, tag, and bake in waves, each of all images whose parents are there.

A wave is one solve. Parents are never linked inside a solve: BuildKit keys a step on a ``target:`` link otherwise than
the same step on the parent's image, so the first edit of a service would install its dependencies again.

buildx stops at the first failure and cancels the rest. So: bake, look at what is there now, drop what failed and all
that stands on it, go on with the rest (finished steps are cached). Resuming after a crash is the same loop.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from slipway import graph, runs
from slipway.bake import Event, Failure, Progress, Target, bake_command, bake_file
from slipway.engine import Engine
from slipway.errors import BuildError, SlipwayError
from slipway.model import INPUT_LABEL, TITLE_LABEL, LocalImage
from slipway.plan import BUILD, PULL, TAG, Outcome, Plan, Step
from slipway.runner import Run as Runner
from slipway.settings import Settings
from slipway.survey import Survey, changed_since, pull_reference

OnEvent = Callable[[Event], None]


@dataclass(frozen=True)
class Inheritance:
    """What builds get from this machine: secret id → file, never in a layer."""

    secrets: Mapping[str, Path]


@dataclass(frozen=True)
class Work:
    """What is to be done, and with what: the survey, the plan made of it, the edges, who listens."""

    survey: Survey
    plan: Plan
    engine: Engine
    run: Runner
    record: runs.Run
    inheritance: Inheritance
    on_event: OnEvent

    @property
    def settings(self) -> Settings:
        return self.survey.repository.settings

    @property
    def parents(self) -> graph.Graph:
        return {image.name: image.parents for image in self.survey.stack}


def build(work: Work) -> tuple[Outcome, ...]:
    """Carry out the plan; an outcome for each of its steps, in its order. Raises nothing for a failed image."""
    plan, parents = work.plan, work.parents
    outcomes = _fetched(work)
    wanted = [step.image for step in plan.of(BUILD)]
    seconds: dict[str, float] = dict.fromkeys(wanted, 0.0)
    missing = [name for name, outcome in outcomes.items() if not outcome.ok]
    failures: dict[str, Failure] = {}
    remaining = _without(wanted, missing, parents)
    while remaining:
        wave = _wave(remaining, parents, alone=not work.settings["BUILDER"])
        found = _bake(work, wave, seconds)
        finished = _finished(work, wave)
        torn = _torn(work, finished)
        finished = {name: image for name, image in finished.items() if name not in torn}
        outcomes |= {name: _built(plan.by_image[name], image, seconds[name]) for name, image in finished.items()}
        _remember(work, finished)
        found = {name: failure for name, failure in found.items() if name not in finished} | torn
        if not finished and not found:
            found = dict.fromkeys(wave, Failure("", "buildx ended without building it"))
        failures |= found
        remaining = _without([name for name in remaining if name not in finished], failures, parents)
    lost = {*failures, *missing}
    for name in wanted:
        if name not in outcomes:
            outcomes[name] = _lost(plan.by_image[name], failures.get(name), lost, parents, seconds[name])
    return tuple(outcomes[step.image] for step in plan.steps)


def pull_roots(survey: Survey, plan: Plan, engine: Engine) -> bool:
    """Pull root images that images to build need and the engine lacks; True when any was (then survey again)."""
    lacking = {root for step in plan.of(BUILD) for root in survey.stack[step.image].roots}
    lacking = {root for root in lacking if not survey.facts.roots[root]}
    for root in sorted(lacking):
        engine.pull(pull_reference(root))
    return bool(lacking)


def check(outcomes: Sequence[Outcome], record: runs.Run) -> None:
    """Raises BuildError that names the first failed image and counts the rest."""
    failed = [outcome for outcome in outcomes if outcome.status == "failed"]
    skipped = [outcome for outcome in outcomes if outcome.status == "skipped"]
    if not failed:
        return
    more = f"; {len(failed) - 1} more failed" if len(failed) > 1 else ""
    more += f"; {len(skipped)} skipped" if skipped else ""
    first = failed[0]
    raise BuildError(
        f"build {first.image}: {first.detail}{more}",
        hint=f"mend it and run the same command: finished images are kept (invoke build {first.image} for this one)",
        log=record.log_path(first.image),
    )


def _fetched(work: Work) -> dict[str, Outcome]:
    """What need not be built, here under its version tag; what was pulled is looked at before it is believed."""
    plan = work.plan
    outcomes = {step.image: _fetch(work, step) for step in plan.steps if step.action != BUILD}
    pulled = [step.image for step in plan.of(PULL) if outcomes[step.image].ok]
    found = _finished(work, pulled) if pulled else {}
    for name in pulled:
        if name in found:
            outcomes[name] = replace(outcomes[name], image_digest=found[name].id, size=found[name].size)
        else:
            detail = f"{plan.by_image[name].content} in the registry was made of other inputs"
            outcomes[name] = replace(outcomes[name], status="failed", detail=detail)
    return outcomes


def _fetch(work: Work, step: Step) -> Outcome:
    """Tag, pull or leave an image whose content exists."""
    status = {PULL: "pulled", TAG: "tagged"}.get(step.action, "reused")
    try:
        if step.action == PULL:
            work.engine.pull(step.content)
        if step.action in (PULL, TAG):
            work.engine.tag(str(step.content), step.reference)
    except SlipwayError as error:
        work.on_event(Event(step.image, "failed", error.message))
        return replace(_outcome(step, "failed"), detail=error.message)
    work.on_event(Event(step.image, "built", status))
    here = work.survey.facts.here(step.image)
    return replace(_outcome(step, status), image_digest=here.id if here else "", size=here.size if here else 0)


def _bake(work: Work, names: Sequence[str], seconds: dict[str, float]) -> Mapping[str, Failure]:
    """One solve of ``names``; what failed in it. ``seconds`` grows by what each image's steps took."""
    settings, record = work.settings, work.record
    file = bake_file([_target(work, work.plan.by_image[name], set(names)) for name in names])
    command = bake_command(file, root=str(settings.root), builder=settings["BUILDER"], count=len(names))
    record.journal(command=str(command), images=list(names))
    progress = Progress(names)

    def on_line(line: str) -> None:
        for event in progress.feed(line):
            _log(record, event)
            seconds[event.image] += event.seconds
            work.on_event(replace(event, text=record.redact(event.text)))

    result = work.run(command, on_line=on_line)
    for line in progress.trailer:
        record.log("bake", line)
    failures = {name: _redacted(failure, record) for name, failure in progress.failures().items()}
    if not result.ok and not failures:
        tail = [line for line in progress.trailer if line.strip()]
        cause = tail[-1].removeprefix("ERROR: ") if tail else f"buildx ended with exit code {result.exit_code}"
        failures = {name: Failure("", record.redact(cause)) for name in names}
    return {} if result.ok else failures


def _log(record: runs.Run, event: Event) -> None:
    if event.kind == "log":
        record.log(event.image, event.text)
    elif event.kind in ("step", "cached", "done", "failed"):
        spent = f"  {event.seconds:.1f} s" if event.seconds else ""
        record.log(event.image, f"{event.kind:7} {event.text}{spent}")


def _redacted(failure: Failure, record: runs.Run) -> Failure:
    output = tuple(record.redact(line) for line in failure.output)
    return Failure(record.redact(failure.step), record.redact(failure.cause), output)


def _target(work: Work, step: Step, baked: Collection[str]) -> Target:
    repository, image, given = work.survey.repository, work.survey.stack[step.image], work.settings.build_args
    links = {
        text: f"target:{parent}" if parent in baked else f"docker-image://{work.survey.facts.content(parent)}"
        for text, parent in image.links.items()
    }
    links |= {name: str(repository.contexts[name]) for name in image.contexts}
    secrets = {name: file for name, file in work.inheritance.secrets.items() if name in image.secrets}
    return Target(
        name=step.image,
        context=repository.worktree.context(image.context),
        dockerfile=image.dockerfile if image.context == "." else Path(image.dockerfile).name,
        tags=(str(step.reference), str(step.content)),
        args={name: given[name] for name in image.args if name in given},
        labels={INPUT_LABEL: step.input_digest, TITLE_LABEL: step.image},
        links=links,
        secrets=tuple(f"id={name},src={secrets[name]}" for name in sorted(secrets)),
        platforms=work.settings.platforms,
    )


def _wave(names: Sequence[str], parents: graph.Graph, *, alone: bool) -> list[str]:
    """What can be baked now: images with no parent left to build. A builder that is not the engine's own cannot see
    the engine's images, so it gets all at once, linked inside the solve."""
    return [name for name in names if not (alone and set(parents[name]) & set(names))]


def _finished(work: Work, names: Sequence[str]) -> dict[str, LocalImage]:
    """Those that are in the engine now with exactly the planned inputs, whatever buildx said."""
    local = {tag: image for image in work.engine.images() for tag in image.tags}
    steps = [work.plan.by_image[name] for name in names]
    found = {step.image: local.get(str(step.content)) for step in steps}
    digests = {step.image: step.input_digest for step in steps}
    return {name: image for name, image in found.items() if image and image.input_digest == digests[name]}


def _torn(work: Work, finished: Mapping[str, LocalImage]) -> dict[str, Failure]:
    """Images whose files changed between plan and build: nobody knows what is in them, so they lose their tags."""
    torn = {name: f"{what} while it was built" for name, what in changed_since(work.survey, finished).items()}
    for name, cause in torn.items():
        step = work.plan.by_image[name]
        for reference in (step.reference, step.content):
            work.engine.untag(reference)
        work.on_event(Event(name, "failed", cause))
    return {name: Failure("", cause) for name, cause in torn.items()}


def _remember(work: Work, finished: Collection[str]) -> None:
    facts = work.survey.facts
    for name in finished:
        runs.save_inputs(work.settings.root / ".slipway", facts.digests[name], facts.manifests[name], facts.trees)


def _without(names: Sequence[str], lost: Collection[str], parents: graph.Graph) -> list[str]:
    gone = graph.descendants(parents, lost) | set(lost)
    return [name for name in names if name not in gone]


def _outcome(step: Step, status: str) -> Outcome:
    return Outcome(step.image, status, step.reason, step.input_digest, reference=str(step.reference))


def _built(step: Step, image: LocalImage, seconds: float) -> Outcome:
    return replace(_outcome(step, "built"), image_digest=image.id, size=image.size, seconds=seconds)


def _lost(step: Step, failure: Failure | None, lost: Collection[str], parents: graph.Graph, seconds: float) -> Outcome:
    if failure:
        return replace(_outcome(step, "failed"), detail=str(failure), seconds=seconds)
    because = next(iter(sorted(graph.ancestors(parents, [step.image]) & set(lost))), "its parent")
    return replace(_outcome(step, "skipped"), detail=f"{because} failed")
