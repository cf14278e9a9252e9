"""Run one bake, and collect its images, failures, warnings and times from buildx's progress.

The bake ends when the own steps of one image take longer than BUILD_TIMEOUT. buildx then cancels the other images, as
after any failure. Their finished steps stay in the cache.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from slipway.build.advice import ENGINE_GONE
from slipway.build.events import Event, Failed, Finished, OnEvent, StepCached, StepDone, StepOutput, StepStarted
from slipway.build.progress import Failure, Progress
from slipway.config.settings import Settings
from slipway.core.command import Command
from slipway.core.errors import PrerequisiteError
from slipway.hosts.host import Builder
from slipway.runs.run import Run
from slipway.secrets.names import SECRETS_CHECK

#: BuildKit names the variable: ``… for sensitive data (ENV "API_TOKEN") (line 5)``.
_SECRETS_WARNING = re.compile(rf'^{SECRETS_CHECK}: .*\((?:ARG|ENV) "([^"]+)"\)')


@dataclass(frozen=True)
class BakeResult:
    """Hold the result of one bake.

    ``made``: the images that are in the engine, according to buildx. ``seconds``: the time that each image's steps
    took. ``digests``: the digest of each manifest or index that buildx exported.
    """

    made: Collection[str]
    failures: Mapping[str, Failure]
    warnings: Mapping[str, tuple[str, ...]]
    seconds: Mapping[str, float]
    digests: Mapping[str, str] = field(default_factory=dict)


def run_bake(
    command: Command, names: Sequence[str], builder: Builder, settings: Settings, record: Run, on_event: OnEvent
) -> BakeResult:
    """Bake ``names`` with ``command``. Raises PrerequisiteError when buildx loses or cannot reach the engine."""
    record.journal(command=str(command), images=list(names))
    progress = Progress(names, record.redact)
    seconds = dict.fromkeys(names, 0.0)
    late: dict[str, Failure] = {}

    def on_line(line: str) -> None:
        for event in progress.feed(line):
            log_event(record, event)
            if isinstance(event, StepDone | Finished):
                seconds[event.image] += event.seconds
            on_event(event)

    def should_stop() -> bool:
        late.update({} if late else progress.overdue(settings.build_seconds))
        return bool(late)

    result = builder.run(command, on_line=on_line, should_stop=should_stop)
    for line in progress.trailer:
        record.log("bake", line)
    if progress.cut:
        raise PrerequisiteError("engine: went away", code=ENGINE_GONE.code)
    if result.ok:
        return BakeResult(tuple(names), {}, progress.warnings, seconds, progress.digests)
    cause = f"not finished after {settings['BUILD_TIMEOUT']} (BUILD_TIMEOUT)"
    for name, failure in late.items():
        record.log(name, f"failed  {failure.step}  {cause}")
        on_event(Failed(name, cause))
    overdue = {name: replace(failure, cause=cause) for name, failure in late.items()}
    failures = progress.failures() | overdue or progress.unnamed(result.exit_code)
    seconds |= {name: progress.seconds(name) for name in failures}
    return BakeResult(progress.exported, failures, progress.warnings, seconds, progress.digests)


def unweighed(
    warnings: Mapping[str, Sequence[str]], weighed: Mapping[str, Collection[str]]
) -> dict[str, tuple[str, ...]]:
    """Leave out BuildKit's warnings about variables that policy has judged (``weighed``).

    BuildKit judges a variable by its name alone. Policy also judges its value.
    """
    return {
        name: tuple(text for text in told if not _names_one_of(text, weighed[name])) for name, told in warnings.items()
    }


def _names_one_of(warning: str, variables: Collection[str]) -> bool:
    found = _SECRETS_WARNING.search(warning)
    return found is not None and found[1] in variables


def log_event(record: Run, event: Event) -> None:
    """Write an event to the log of its image."""
    match event:
        case StepOutput(image, line):
            record.log(image, line)
        case StepStarted(image, step):
            record.log(image, f"step    {step}")
        case StepCached(image, step):
            record.log(image, f"cached  {step}")
        case StepDone(image, step, seconds):
            record.log(image, f"done    {step}" + (f"  {seconds:.1f} s" if seconds else ""))
        case Failed(image, what):
            record.log(image, f"failed  {what}")
