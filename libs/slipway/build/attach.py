"""List the runs on a build host, and attach to one of them again.

slipway reads everything that it needs from the build host: a run's bake files name the images, their tags and their
inputs.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from slipway.build.bake_run import log_event
from slipway.build.events import OnEvent
from slipway.build.progress import Progress
from slipway.build.result import ImageResult, RunState, Status
from slipway.core.command import Command
from slipway.core.errors import SshError, UsageError, one_line, suggestion
from slipway.core.image import INPUT_LABEL
from slipway.core.units import size
from slipway.engine import Engine
from slipway.hosts.remote.jobs import Job, follow
from slipway.hosts.remote.scripts import script
from slipway.hosts.ssh.reconnecting import ReconnectingConnection
from slipway.runs.run import Run


@dataclass(frozen=True)
class RemoteRun:
    """Hold a run on the build host.

    ``began``: its start in seconds since 1970, by the build host's clock. ``lives``: its job still runs. ``job``: the
    number of its last job. ``statuses``: the exit status of each of its bakes, None for a bake that has not ended.
    """

    id: str
    began: int
    lives: bool
    job: int
    statuses: tuple[int | None, ...]

    @property
    def state(self) -> RunState:
        if self.lives:
            return RunState.RUNNING
        if all(status == 0 for status in self.statuses):
            return RunState.DONE
        return RunState.FAILED if any(self.statuses) else RunState.ENDED


@dataclass(frozen=True)
class Baked:
    """Hold an image of a bake file.

    ``reference`` and ``content`` are its tags. ``ssh``: the ids of the agents that its bake mounts.
    """

    name: str
    reference: str
    content: str
    input_digest: str
    ssh: tuple[str, ...] = ()


def list_runs(connection: ReconnectingConnection, project: str) -> tuple[RemoteRun, ...]:
    """Return the project's runs that the build host keeps, newest first."""
    said = connection.run(script("runs", project), timeout=60).stdout
    return tuple(_run(line.split()) for line in said.splitlines())


def choose(found: Sequence[RemoteRun], wanted: str) -> RemoteRun:
    """Return the run with the id ``wanted``; without an id, the newest that still runs, or else the newest.

    Raises UsageError for an unknown id, or when the build host keeps no run.
    """
    if wanted:
        for run in found:
            if run.id == wanted:
                return run
        hint = suggestion(wanted, [run.id for run in found], "invoke remote-runs")
        raise UsageError(f"{one_line(wanted)}: the build host has no run with this id", hint=hint)
    living = [run for run in found if run.lives] or list(found)
    if not living:
        raise UsageError("the build host keeps no run", hint="invoke build --remote")
    return living[0]


def attach(
    connection: ReconnectingConnection, engine: Engine, project: str, run: RemoteRun, record: Run, on_event: OnEvent
) -> tuple[ImageResult, ...]:
    """Follow a run until its last job has ended, and return a result for each of its images.

    Raises SshError, PrerequisiteError.
    """
    folder = f"{project}/runs/{run.id}"
    outcomes: list[ImageResult] = []
    failed = ""
    for number, bake in enumerate(bakes(connection, folder, run), 1):
        job = Job(folder, run.job, ())
        progress = Progress([image.name for image in bake], record.redact)

        def heard(line: str, progress: Progress = progress) -> None:
            for event in progress.feed(line):
                log_event(record, event)
                on_event(event)

        result = follow(job, number, connection, on_line=heard) if not failed else None
        failures = progress.failures()
        if result is not None and not result.ok:
            failures = failures or progress.unnamed(result.exit_code)
        for image in bake:
            found = engine.inspect(image.content)
            outcome = ImageResult(image.name, Status.BUILT, "", image.input_digest, reference=image.reference)
            if found and found.input_digest == image.input_digest:
                outcomes.append(replace(outcome, image_digest=found.id, size=found.size))
            elif image.name in failures:
                outcomes.append(replace(outcome, status=Status.FAILED, detail=str(failures[image.name])))
            else:
                outcomes.append(replace(outcome, status=Status.SKIPPED, detail=failed or "not built"))
        if result is not None and not result.ok:
            failed = f"not started: {next(iter(failures), 'the bake')} failed"
    return tuple(outcomes)


@dataclass(frozen=True)
class Cleaned:
    """Hold the number of removed runs, the number of runs that still run and stay, and the freed bytes."""

    runs: int
    living: int
    bytes: int

    @property
    def size(self) -> str:
        return size(self.bytes)


def clean(connection: ReconnectingConnection, project: str, *, look: bool, minutes: int = 0) -> Cleaned:
    """Remove the files that builds left on the build host for a project; with ``look``, only count them.

    ``minutes``: only runs that began so long ago. Runs whose job still runs stay. Raises SshError when the answer of
    the build host cannot be parsed.
    """
    result = connection.run(script("clean", project, "look" if look else "", str(minutes)), timeout=600)
    try:
        went, stay, kilobytes = map(int, result.stdout.split())
    except ValueError:
        raise SshError(f"{project}: {result.stderr.strip()}", hint="invoke remote-check") from None
    return Cleaned(went, stay, kilobytes * 1024)


def bakes(connection: ReconnectingConnection, folder: str, run: RemoteRun) -> tuple[tuple[Baked, ...], ...]:
    """Return the images of each bake of the run's last job, in the job's order.

    Raises SshError when the bake files cannot be read.
    """
    line = 'cd -- "$1" && n=1 && while [ -e "input-$n" ]; do cat "input-$n" && echo && n=$((n + 1)) || exit; done'
    said = connection.run(
        Command(("sh", "-c", line, "sh", f"{folder}/jobs/{run.job}"), label="read bake files"), timeout=60
    )
    try:
        return tuple(_baked(json.loads(text)) for text in _documents(said.stdout))
    except (ValueError, KeyError, IndexError):
        raise SshError(f"run {run.id}: its bake files cannot be read", hint="invoke remote-runs") from None


def _documents(text: str) -> list[str]:
    """Split a text into its JSON objects. Each object ends with a line that holds only ``}``."""
    found: list[str] = []
    for line in text.splitlines(keepends=True):
        if not found or found[-1].endswith("\n}\n"):
            found.append("")
        found[-1] += line
    return [document for document in found if document.strip()]


def _baked(content: Any) -> tuple[Baked, ...]:
    named = content["group"]["_all"]["targets"]
    targets = {name: content["target"][name] for name in named}
    # A target that is only a parent of others may also mount an agent.
    mounted = [entry.partition("=")[0] for target in content["target"].values() for entry in target.get("ssh", ())]
    ssh = tuple(dict.fromkeys(mounted))
    return tuple(
        Baked(name, target["tags"][0], target["tags"][1], target["labels"][INPUT_LABEL], ssh)
        for name, target in targets.items()
    )


def _run(words: Sequence[str]) -> RemoteRun:
    name, began, lives, job, _, *statuses = words
    return RemoteRun(
        name, int(began), lives == "yes", int(job), tuple(int(one) if one.isdigit() else None for one in statuses)
    )
