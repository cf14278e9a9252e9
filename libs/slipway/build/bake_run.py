"""One solve: bake some images, listen to buildx; what it made, what failed, what it warned of, how long it took.

An image whose own steps take longer than BUILD_TIMEOUT ends the solve. buildx cancels the others then, as it does at
any failure: what they finished is cached.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from slipway.build.bake_file import Target, bake_command, bake_file, overrides
from slipway.build.events import Event, Failed, Finished, OnEvent, Output, StepCached, StepDone, StepStarted
from slipway.build.options import BuildOptions
from slipway.build.progress import Failure, Progress
from slipway.config.settings import Settings
from slipway.core.command import Command
from slipway.core.errors import MissingError
from slipway.core.image import FRESH_LABEL, INPUT_LABEL, MODELESS_LABEL, TITLE_LABEL, Reference
from slipway.engine import Engine
from slipway.hosts.host import BakeInputs, Builder
from slipway.plan.decide import Action, Plan, Step, step_of
from slipway.plan.facts import Survey
from slipway.runs.run import Run
from slipway.secrets.names import SECRETS_CHECK
from slipway.stack import graph

#: BuildKit names the variable: ``… for sensitive data (ENV "API_TOKEN") (line 5)``.
_SECRETS_WARNING = re.compile(rf'^{SECRETS_CHECK}: .*\((?:ARG|ENV) "([^"]+)"\)')


@dataclass(frozen=True)
class Work:
    """What is to be done, and with what: the survey, the plan made of it, the edges, who listens."""

    survey: Survey
    plan: Plan
    engine: Engine
    builder: Builder
    record: Run
    on_event: OnEvent
    options: BuildOptions = field(default_factory=BuildOptions)

    @property
    def settings(self) -> Settings:
        return self.survey.repository.settings

    @property
    def parents(self) -> graph.Graph:
        return {image.name: image.parents for image in self.survey.stack}


@dataclass(frozen=True)
class Solved:
    """``made``: images that buildx says are there. ``seconds``: what each image's steps took."""

    made: Collection[str]
    failures: Mapping[str, Failure]
    warnings: Mapping[str, tuple[str, ...]]
    seconds: Mapping[str, float]


def solve(work: Work, names: Sequence[str]) -> Solved:
    """Bake ``names``. Raises MissingError when the engine went away."""
    settings, record = work.settings, work.record
    command = bake(work, names)
    record.journal(command=str(command), images=list(names))
    progress = Progress(names, record.redact)
    seconds = dict.fromkeys(names, 0.0)
    late: dict[str, Failure] = {}

    def on_line(line: str) -> None:
        for event in progress.feed(line):
            log_event(record, event)
            if isinstance(event, StepDone | Finished):
                seconds[event.image] += event.seconds
            work.on_event(event)

    def over() -> bool:
        late.update({} if late else progress.overdue(settings.build_seconds))
        return bool(late)

    result = work.builder.run(command, on_line=on_line, over=over)
    for line in progress.trailer:
        record.log("bake", line)
    if progress.cut:
        raise MissingError("engine: went away")
    if result.ok:
        return Solved(tuple(names), {}, _warnings(work, progress), seconds)
    failures = progress.failures() | _ended(work, late) or progress.unnamed(result.exit_code)
    seconds |= {name: progress.seconds(name) for name in failures}
    return Solved(progress.exported, failures, _warnings(work, progress), seconds)


def bake(work: Work, names: Sequence[str]) -> Command:
    """What bakes ``names``: the same command for the same plan."""
    inputs, facts = work.builder.inputs, work.survey.facts
    unseen = work.survey.unseen(names)
    steps = [work.plan.by_image[name] for name in names]
    linked = {*names, *unseen}
    below = [step_of(work.survey.stack[name], facts, Action.REUSE, "") for name in unseen]
    targets = [_target(work, step, linked) for step in steps]
    built_upon = [_target(work, step, linked) for step in below]
    built_upon += _carriers(work, [*names, *unseen])
    return bake_command(
        bake_file(targets, built_upon),
        buildx=inputs.buildx,
        root=inputs.root,
        builder=work.settings["BUILDER"] or inputs.builder,
        count=len(names),
        overrides=overrides([*targets, *built_upon]),
    )


def _warnings(work: Work, progress: Progress) -> dict[str, tuple[str, ...]]:
    """BuildKit's warnings without those of variables that policy has weighed: it knows names from values."""
    readings = work.survey.repository.assembly.readings
    return {
        name: tuple(text for text in said if not _is_weighed(text, readings[name].weighed))
        for name, said in progress.warnings.items()
    }


def _is_weighed(warning: str, weighed: Collection[str]) -> bool:
    found = _SECRETS_WARNING.search(warning)
    return found is not None and found[1] in weighed


def _ended(work: Work, late: Mapping[str, Failure]) -> dict[str, Failure]:
    cause = f"not finished after {work.settings['BUILD_TIMEOUT']} (BUILD_TIMEOUT)"
    for name, failure in late.items():
        work.record.log(name, f"failed  {failure.step}  {cause}")
        work.on_event(Failed(name, cause))
    return {name: replace(failure, cause=cause) for name, failure in late.items()}


def log_event(record: Run, event: Event) -> None:
    """Write the event to its image's log."""
    match event:
        case Output(image, line):
            record.log(image, line)
        case StepStarted(image, step):
            record.log(image, f"step    {step}")
        case StepCached(image, step):
            record.log(image, f"cached  {step}")
        case StepDone(image, step, seconds):
            record.log(image, f"done    {step}" + (f"  {seconds:.1f} s" if seconds else ""))
        case Failed(image, what):
            record.log(image, f"failed  {what}")


def _given(inputs: BakeInputs, context: str) -> str:
    """How buildx is given a named context."""
    return f"target:{inputs.carriers[context].name}" if context in inputs.carriers else inputs.contexts[context]


def _carriers(work: Work, names: Sequence[str]) -> list[Target]:
    used = dict.fromkeys(context for name in names for context in work.survey.stack[name].contexts)
    carriers = work.builder.inputs.carriers
    found = [carriers[context] for context in used if context in carriers]
    return [Target(one.name, one.folder, one.dockerfile, (), platforms=work.settings.platforms) for one in found]


def _target(work: Work, step: Step, baked: Collection[str]) -> Target:
    inputs, image, given = work.builder.inputs, work.survey.stack[step.image], work.settings.build_args
    links = {
        Reference.read(text).context: f"target:{parent}"
        if parent in baked
        else f"docker-image://{work.survey.facts.content(parent)}"
        for text, parent in image.links.items()
    }
    links |= {name: _given(inputs, name) for name in image.contexts}
    labels = {INPUT_LABEL: step.input_digest, TITLE_LABEL: step.image}
    labels |= {MODELESS_LABEL: work.survey.facts.modeless[step.image]}
    labels |= {FRESH_LABEL: step.input_digest} if step.fresh else {}
    return Target(
        name=step.image,
        context=inputs.context(image.context),
        dockerfile=inputs.dockerfile(image),
        tags=(str(step.reference), str(step.content)),
        args={name: given[name] for name in image.args if name in given},
        labels=labels,
        links=links,
        secrets={name: file for name, file in inputs.secrets.items() if name in image.secrets},
        ssh=tuple(f"{name}={socket}" if socket else name for name, socket in inputs.ssh.items() if name in image.ssh),
        platforms=work.settings.platforms,
        fresh=step.fresh,
    )
