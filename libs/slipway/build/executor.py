"""Execute a plan: pull and tag the images that exist, and bake the others in waves.

A wave is one bake of images whose parents are all in the engine. A bake of the engine's own builder does not link
parents. BuildKit gives a step on a ``target:`` link another cache key than the same step on the parent's image. With
links, the first edit of a service would install its dependencies again.

buildx stops at the first failure and cancels the other images. So slipway bakes, inspects the engine, drops the failed
images and their descendants, and continues with the others. Finished steps are cached. A build that is resumed after a
crash proceeds in the same way. If the engine goes away during a build, slipway waits for the engine and bakes the wave
once more.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from slipway.build import advice, kept
from slipway.build.bake_run import BakeResult, run_bake, unweighed
from slipway.build.bake_targets import bake_steps
from slipway.build.events import Failed, Notice, OnEvent
from slipway.build.fetch import fetch
from slipway.build.options import BuildOptions
from slipway.build.progress import Failure
from slipway.build.result import ImageResult, Status
from slipway.build.retries import Retries
from slipway.build.verify import InspectedImages, inspect_images, is_made, rejections, untag
from slipway.build.waves import Waves
from slipway.core.errors import BuildError, PrerequisiteError
from slipway.core.image import LocalImage
from slipway.core.reference import Reference
from slipway.engine import Engine
from slipway.hosts.host import Builder
from slipway.plan.decide import Action, Plan, Step
from slipway.plan.facts import Snapshot
from slipway.runs.run import Run
from slipway.stack import graph
from slipway.stack.manifests import save_inputs

Publish = Callable[[Reference, Reference], None]
#: How long slipway waits for an engine that went away, in seconds.
_ENGINE_SECONDS = 60.0


@dataclass(frozen=True)
class BuildRun:
    """Hold a plan to execute, its snapshot, the engine, the builder, the run's record, a listener, and options.

    ``publish`` gives an image of the registry, named by its digest, its content tag.
    """

    snapshot: Snapshot
    plan: Plan
    engine: Engine
    builder: Builder
    record: Run
    on_event: OnEvent
    options: BuildOptions = field(default_factory=BuildOptions)
    publish: Publish = lambda exact, content: None

    @property
    def waves(self) -> Waves:
        settings = self.snapshot.settings
        return Waves(self.snapshot.parents, self.engine.capacity, int(settings["JOBS"] or 0), bool(settings["BUILDER"]))

    def steps(self, names: Sequence[str]) -> list[Step]:
        return [self.plan.by_image[name] for name in names]


def build(run: BuildRun) -> tuple[ImageResult, ...]:
    """Execute the plan, and return a result for each of its steps, in the plan's order.

    A failed image raises no error: its result holds the failure.
    """
    plan, parents, waves = run.plan, run.snapshot.parents, run.waves
    wanted = [step.image for step in plan.of(Action.BUILD)]
    run.builder.announce(bake_steps(run.steps(wave), run.snapshot, run.builder.inputs) for wave in waves.all(wanted))
    results = fetch(plan, run.snapshot.facts, run.engine, run.on_event)
    unfetched = [name for name, result in results.items() if not result.ok]
    seconds: dict[str, float] = dict.fromkeys(wanted, 0.0)
    retries = Retries(run.options.retries)
    failures: dict[str, Failure] = {}
    remaining = _drop_descendants(wanted, unfetched, parents)
    again = False
    while remaining and not (run.options.fail_fast and (failures or unfetched)):
        wave = waves.next(remaining)
        try:
            finished, failed = _build_wave(run, run.steps(wave), seconds)
        except PrerequisiteError:
            gone = f"engine went away{' again' if again else ''} (was {run.engine.version})"
            if not again and _wait_for_engine(run, gone):
                again = True
                continue
            finished, failed = {}, dict.fromkeys(wave, Failure("", gone, final=True))
        for name, failure in failed.items():
            if not failure.step:
                run.record.log(name, f"failed  {failure}")
        results |= finished
        failures |= {name: failure for name, failure in failed.items() if not _try_again(run, retries, name, failure)}
        remaining = _drop_descendants([name for name in remaining if name not in finished], failures, parents)
    for step in run.steps(wanted):
        if step.image in failures:
            results[step.image] = _failed(step, failures[step.image], seconds[step.image])
        elif step.image not in results:
            results[step.image] = _skipped(step, [*failures, *unfetched], parents)
    return tuple(results[step.image] for step in plan.steps)


def failure(results: Sequence[ImageResult], record: Run, *, flag: str = "") -> BuildError | None:
    """Return the error of a build in which an image failed, else None.

    The error names the first failed image, and counts the other failed images and the skipped ones. ``flag``: the
    host's flag, for the hint.
    """
    failed = [result for result in results if result.status is Status.FAILED]
    skipped = [result for result in results if result.status is Status.SKIPPED]
    if not failed:
        return None
    more = f"; {len(failed) - 1} more failed" if len(failed) > 1 else ""
    more += f"; {len(skipped)} skipped" if skipped else ""
    first = failed[0]
    cause = advice.after(first, flag)
    log = record.log_path(first.image)
    return BuildError(f"build {first.image}: {first.detail}{more}", hint=cause.hint, log=log, code=cause.code)


def _build_wave(
    run: BuildRun, steps: Sequence[Step], seconds: dict[str, float]
) -> tuple[dict[str, ImageResult], dict[str, Failure]]:
    """Bake ``steps``, inspect the engine, and return the finished images and the failures.

    Adds the time of each image to ``seconds``. Raises PrerequisiteError when buildx loses the engine.
    """
    bake = _bake(run, steps)
    unpulled = kept.pull(_kept(run, steps, bake), run.engine, run.snapshot.facts)
    for name, spent in bake.seconds.items():
        seconds[name] += spent
    found = inspect_images(run.engine, [str(step.content) for step in steps])
    made = [step for step in steps if is_made(step, bake.made, found)]

    def changed(names: Sequence[str]) -> Mapping[str, str]:
        def held() -> Sequence[LocalImage]:
            return (*found.values(), *inspect_images(run.engine, run.snapshot.pinned_roots).values())

        return run.builder.changed_since(run.snapshot, names, held)

    platforms = {step.image: run.snapshot.repository.platforms_of(run.snapshot.stack[step.image]) for step in made}
    rejected = rejections(made, found, platforms, changed, bake.warnings, strict=run.options.strict)
    if rejected:
        _untag_rejected(run, rejected, found)
    good = [step for step in made if step.image not in {**rejected, **unpulled}]
    unpublished = kept.publish(_kept(run, good, bake), run.publish)
    good = [step for step in good if step.image not in unpublished]
    if good:
        _save_manifests(run.snapshot, [step.image for step in good])
    finished = {step.image: _built(step, bake, found, seconds[step.image]) for step in good}
    failed = {name: failure for name, failure in bake.failures.items() if name not in finished}
    return finished, {**failed, **rejected, **unpulled, **unpublished}


def _kept(run: BuildRun, steps: Sequence[Step], bake: BakeResult) -> list[tuple[Step, Reference]]:
    """Return the images that the builder stored in the registry, with their references by digest."""
    facts, digests = run.snapshot.facts, bake.digests
    stored = [step for step in steps if facts.is_kept_in_registry(step.image) and step.image in digests]
    return [(step, replace(step.content, tag="", digest=digests[step.image])) for step in stored]


def _bake(run: BuildRun, steps: Sequence[Step]) -> BakeResult:
    snapshot = run.snapshot
    command = bake_steps(steps, snapshot, run.builder.inputs)
    names = [step.image for step in steps]
    bake = run_bake(command, names, run.builder, snapshot.settings, run.record, run.on_event)
    weighed = {name: snapshot.repository.assembly.readings[name].weighed for name in names}
    return replace(bake, warnings=unweighed(bake.warnings, weighed))


def _untag_rejected(run: BuildRun, rejected: Mapping[str, Failure], found: InspectedImages) -> None:
    untag(run.steps(list(rejected)), found, run.engine)
    for name, failure in rejected.items():
        run.on_event(Failed(name, failure.cause))
    run.builder.announce(())
    _untag_descendants(run, rejected)


def _untag_descendants(run: BuildRun, rejected: Collection[str]) -> None:
    """Untag the descendants of rejected images.

    A job on a build host may have built some of them already.
    """
    above = graph.descendants(run.snapshot.parents, rejected)
    facts, steps = run.snapshot.facts, run.plan.of(Action.BUILD)
    unwanted = [step for step in steps if step.image in above and not facts.in_engine(step.image)]
    untag(unwanted, inspect_images(run.engine, [str(step.content) for step in unwanted]), run.engine)


def _try_again(run: BuildRun, retries: Retries, name: str, failure: Failure) -> bool:
    if not retries.take(name, failure):
        return False
    run.record.journal(retry=name, cause=str(failure), left=retries.left(name))
    run.on_event(Notice(f"{name} is tried again"))
    return True


def _wait_for_engine(run: BuildRun, gone: str) -> bool:
    """Tell whether the engine, lost during a build, answers again within the time limit."""
    run.record.journal(engine=gone)
    run.on_event(Notice(f"{gone}; waiting for it, at most {_ENGINE_SECONDS:.0f} s"))
    back = run.engine.returns(_ENGINE_SECONDS)
    if back:
        run.on_event(Notice("engine is back; the rest is tried once more"))
    return back


def _save_manifests(snapshot: Snapshot, names: Sequence[str]) -> None:
    facts = snapshot.facts
    made = {facts.digests[name]: facts.manifests[name] for name in names}
    save_inputs(snapshot.settings.root / ".slipway", made, facts.trees, images=len(facts.digests))


def _drop_descendants(names: Sequence[str], lost: Collection[str], parents: graph.Graph) -> list[str]:
    gone = graph.descendants(parents, lost) | set(lost)
    return [name for name in names if name not in gone]


def _built(step: Step, bake: BakeResult, found: InspectedImages, seconds: float) -> ImageResult:
    image, warnings = found[str(step.content)], bake.warnings.get(step.image, ())
    return replace(
        ImageResult.of(step, Status.BUILT), image_digest=image.id, size=image.size, seconds=seconds, warnings=warnings
    )


def _failed(step: Step, failure: Failure, seconds: float) -> ImageResult:
    return replace(ImageResult.of(step, Status.FAILED), detail=str(failure), seconds=seconds, output=failure.output)


def _skipped(step: Step, lost: Sequence[str], parents: graph.Graph) -> ImageResult:
    because = next(iter(sorted(graph.ancestors(parents, [step.image]) & set(lost))), "")
    detail = f"{because} failed" if because else f"not started: {lost[0]} failed"
    return replace(ImageResult.of(step, Status.SKIPPED), detail=detail)
