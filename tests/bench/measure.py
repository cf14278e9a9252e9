"""One command, started, waited for, measured. Its output goes to a file, and is shown when it fails."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from slipway.config.definitions import SETTINGS
from tests.bench.samples import Sample
from tests.rig.outside import docker

#: Runs a module as ``python -m`` does, and at its end writes the peak of this very process in kB: what wait4 tells
#: would be the greatest of its children, buildx for one, and at least what the bench itself held when it started it.
_WITNESS = """\
import atexit, runpy, sys
def tell(path=sys.argv[1]):
    with open("/proc/self/status") as status, open(path, "w") as file:
        file.write(next(line.split()[1] for line in status if line.startswith("VmHWM:")))
atexit.register(tell)
sys.argv = sys.argv[2:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""

#: Seconds until BuildKit has begun to write the traces of a build. It begins after 3 s.
_TRACES = 3.5
#: The least idle share of the cores' time on a machine that does no work.
_IDLE = 0.8


class FailedError(Exception):
    """A measured command ended with another exit code than 0, or did something else than was to be measured."""


@dataclass(frozen=True)
class Place:
    """Where commands are run, and the file that takes what they print."""

    folder: Path
    log: Path
    inherit_pip: bool = False

    def environment(self) -> Mapping[str, str]:
        """The caller's own without slipway's settings; without pip's configuration unless it is wanted.

        Python may keep its bytecode, as it does for users.
        """
        left = {setting.name for setting in SETTINGS} | {"PYTHONDONTWRITEBYTECODE"}
        kept = {name: value for name, value in os.environ.items() if name not in left}
        if not self.inherit_pip:
            kept = {name: value for name, value in kept.items() if not name.startswith("PIP_")}
            kept["PIP_CONFIG_FILE"] = os.devnull
        return kept


def measure(
    argv: Sequence[str], place: Place, during: Callable[[int], AbstractContextManager[object]] = nullcontext
) -> Sample:
    """Raises FailedError with the last lines of what the command said.

    ``during``: makes the context, of the command's process id, in which the bench waits.
    """
    with place.log.open("wb") as log:
        started = time.perf_counter()
        process = subprocess.Popen(
            argv,
            cwd=place.folder,
            env=place.environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            with during(process.pid):
                _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            end(process)
            raise
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        tail = "\n".join(place.log.read_text("utf-8", "replace").splitlines()[-20:])
        raise FailedError(f"{' '.join(argv)} ended with exit code {process.returncode}:\n{tail}")
    return Sample(round(seconds, 4), round(usage.ru_utime + usage.ru_stime, 4))


def settle(most: float = 60.0) -> None:
    """Wait until the engine has finished what earlier builds left it to do, so that no tool is measured with it.

    The machine is then idle for 0.5 s. ``most``: seconds after which the bench goes on in any case.
    """
    time.sleep(_TRACES)
    limit = time.monotonic() + most
    before = _ticks()
    while time.monotonic() < limit:
        time.sleep(0.5)
        after = _ticks()
        if after[1] - before[1] >= _IDLE * (after[0] - before[0]):
            return
        before = after


def _ticks() -> tuple[int, int]:
    """The time of all cores since the machine started, and the part in which they were idle."""
    spent = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return sum(spent), spent[3]


def end(process: subprocess.Popen[bytes]) -> None:
    """With all that it started: a build that went on would leave images behind the cleaning."""
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def peak_memory(module: str, words: Sequence[str], place: Place) -> Sample:
    """``python -m module words``: the greatest resident size that its own process had, its children apart."""
    told = place.log.with_suffix(".peak")
    sample = measure((sys.executable, "-c", _WITNESS, str(told), module, *words), place)
    return Sample(sample.seconds, sample.cpu, int(told.read_text()) * 1024)


def image_ids(prefix: str, ask: Callable[..., str] = docker) -> Mapping[str, str]:
    """Name → id of every image that is tagged ``prefix/<name>:<version>``; content tags apart. ``ask`` runs docker."""
    form = "{{.Repository}} {{.Tag}} {{.ID}}"
    listed = ask("images", "--no-trunc", "--format", form, "--filter", f"reference={prefix}/*")
    rows = (line.split(" ") for line in listed.splitlines())
    return {repository.removeprefix(f"{prefix}/"): id for repository, tag, id in rows if not tag.startswith("in-")}


def check_changed(before: Mapping[str, str], after: Mapping[str, str], wanted: Iterable[str], who: str) -> None:
    """Raises FailedError when other images than ``wanted`` are new: then something else was measured."""
    changed = {name for name in after if before.get(name) != after[name]}
    if changed != set(wanted) or set(after) < set(before):
        raise FailedError(f"{who}: {len(changed)} images are new, not {len(set(wanted))}: {sorted(changed)[:5]}")


def machine() -> dict[str, str]:
    """Describe the machine that took the figures."""
    info = json.loads(docker("info", "--format", "{{json .}}"))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cores": str(os.cpu_count()),
        "memory": f"{memory / 1e9:.0f} GB",
        "kernel": f"{os.uname().sysname} {os.uname().release}",
        "engine": f"{info['ServerVersion']} ({info['Driver']})",
        "buildx": docker("buildx", "version").split()[1],
        "compose": docker("compose", "version", "--short"),
        "python": ".".join(map(str, sys.version_info[:3])),
    }
