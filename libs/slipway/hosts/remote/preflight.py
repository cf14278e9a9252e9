"""Check that a build host has all prerequisites of syncing and building.

One command probes the host, and slipway reports all missing prerequisites together. The host needs sshd, a POSIX sh
with coreutils and findutils, tar, gzip, rsync, and docker with buildx. It needs no Python, and no program of slipway.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from slipway.core.command import Command, Result
from slipway.core.errors import PrerequisiteError, Problem
from slipway.core.platform import Platform
from slipway.core.threads import start_in_thread
from slipway.core.units import size
from slipway.engine import DOCKER_BUILDX
from slipway.hosts.remote.scripts import script
from slipway.hosts.requirements import (
    CLASSIC,
    LEAST_API,
    LEAST_BUILDX,
    LEAST_RSYNC,
    ROOMY,
    Check,
    CheckState,
    at_least,
    first_version,
    image_store,
    remedy_there,
)

#: Seconds of clock difference. Locks and time limits use the host's clock; certificates and tokens use both clocks.
_SKEW_WARNED, _SKEW_REFUSED = 5.0, 120.0
#: rsync before 3.5.0 has faults that distributions fix by backports. slipway uses it, with a warning.
_GOOD_RSYNC = "3.5.0"
#: The engine's folder unless its user chose another. The probe asks for its free space.
_USUAL_ROOT = "/var/lib/docker"
#: Prerequisites beside docker and rsync: name in preflight.sh → the tool, and the package that contains it.
_TOOLS = {
    "setsid": ("setsid", "util-linux"),
    "timeout": ("timeout", "coreutils"),
    "sha256sum": ("sha256sum -z", "GNU coreutils"),
    "tar": ("tar -z", "tar and gzip"),
    "find": ("find -printf", "GNU findutils"),
}

RunOnHost = Callable[[Command], Result]
#: Returns the engine's answer to ``GET /info``. Raises PrerequisiteError when it does not answer.
Inform = Callable[[], Mapping[str, Any]]


@dataclass(frozen=True)
class HostFacts:
    """Hold the facts that the probe found on a build host. The version of a missing program is empty.

    ``plugin``: the path of buildx's own program. ``context``: docker's context, which is also the name of the engine's
    own builder. ``folder``: the folder of all runs, with ``~`` expanded on the host. ``free`` and ``disk``: bytes that
    are free in that folder and in the engine's folder, None when unknown. ``usual_disk``: bytes that are free in the
    folder that engines usually have. ``driver`` and ``store``: as in ``setup.probe.Engine``. ``client``: the version of
    docker's CLI. ``silence``: the error of an engine that does not answer. ``refused``: the error for the user's own
    folder. ``compared``: the folder of the project of each run whose files were compared. ``noise``: output of the
    login shell before the probe's. ``skew``: the seconds by which the host's clock is ahead of this machine's.
    """

    user: str
    system: str
    platform: str
    folder: str
    engine: str = ""
    api: str = ""
    driver: str = ""
    store: str = CLASSIC
    silence: str = ""
    buildx: str = ""
    plugin: str = ""
    context: str = "default"
    client: str = ""
    rsync: str = ""
    tools: frozenset[str] = frozenset()
    refused: str = ""
    compared: tuple[str, ...] = ()
    free: int | None = None
    disk: int | None = None
    disk_folder: str = ""
    usual_disk: int | None = None
    skew: float = 0.0
    noise: str = ""

    @property
    def own(self) -> str:
        """Return the folder of this user's runs."""
        return f"{self.folder}/{self.user}"

    @property
    def words(self) -> tuple[str, ...]:
        """Return the words that run buildx on the host."""
        return (self.plugin,) if self.plugin else DOCKER_BUILDX


def preflight_command(folder: str, word: str) -> Command:
    """Return the command that probes the host.

    Its output begins with ``word``. The login shell's start-up files printed any text before that.
    """
    return script("preflight", word, folder)


def look(ask: RunOnHost, folder: str, inform: Inform) -> HostFacts:
    """Probe the host. ``inform`` returns the engine's ``/info``: ``docker info`` first runs every plugin of the client.

    Both are asked at the same time. Raises the errors of ``ask``, and PrerequisiteError when no POSIX shell answers.
    """
    informed = start_in_thread(inform)
    word = secrets.token_hex(8)
    began = time.time()
    result = ask(preflight_command(folder, word))
    facts = read_facts(result, word, now=(began + time.time()) / 2)
    if not facts.engine:
        return facts
    try:
        info = informed.result()
    except PrerequisiteError:
        return facts
    disk = str(info.get("DockerRootDir", ""))
    return replace(
        facts,
        driver=str(info.get("Driver", "")),
        store=image_store(str(info.get("DriverStatus"))),
        disk=facts.usual_disk if disk == _USUAL_ROOT else _free(ask, disk),
        disk_folder=disk,
    )


def _free(ask: RunOnHost, folder: str) -> int | None:
    """Return the free bytes in a folder on the host; None when unknown."""
    said = ask(Command(("df", "-Pk", "--", folder), label="df")).stdout if folder else ""
    words = (said.splitlines()[1:] or [""])[0].split()
    return _kilobytes(words[3]) if len(words) > 3 else None


def read_facts(result: Result, word: str, *, now: float) -> HostFacts:
    """Parse the output of the probe.

    ``now``: this machine's time while the probe ran. Raises PrerequisiteError when the output does not contain
    ``word``.
    """
    noise, begun, said = result.stdout.partition(f"ready\t{word}\n")
    if not begun:
        words = (result.stderr or result.stdout).strip().splitlines()[:1] or [f"exit code {result.exit_code}"]
        raise PrerequisiteError(
            f"the host's login shell does not run sh: {words[0]}", hint="chsh -s /bin/sh, on the host"
        )
    found = dict(line.split("\t", 1) for line in said.splitlines() if "\t" in line)
    engine, api, platform = (*found.get("engine", "").split(), "", "", "")[:3]
    clock = found.get("clock", "")
    return HostFacts(
        user=found.get("user", ""),
        system=found.get("system", "").lower(),
        platform=platform or str(Platform.of_kernel(found.get("machine", ""))),
        folder=found.get("folder", ""),
        engine=engine,
        api=api,
        silence=found.get("silence", ""),
        buildx=first_version(found.get("buildx", "")),
        plugin=found.get("plugin", ""),
        context=found.get("context") or "default",
        client=first_version(found.get("docker", "")),
        rsync=first_version(found.get("rsync", "")),
        tools=frozenset(name for name in _TOOLS if found.get(name)),
        refused=found.get("refused", ""),
        compared=tuple(found.get("compared", "").split()),
        free=_kilobytes(found.get("free", "")),
        usual_disk=_kilobytes(found.get("usual", "")),
        skew=float(clock) + 0.5 - now if clock.isdigit() else 0.0,  # ``date`` truncates to whole seconds
        noise=noise.strip(),
    )


def examine(facts: HostFacts, local_rsync: str) -> tuple[Check, ...]:
    """Return the checks, in the order in which a remote build needs their subjects."""
    return (
        *_shell(facts),
        _engine(facts),
        _buildx(facts),
        _rsync(facts, local_rsync),
        _folder(facts),
        _disk(facts),
        _clock(facts),
    )


def refuse_missing(checks: tuple[Check, ...], host: str) -> None:
    """Raise PrerequisiteError with all missing prerequisites."""
    problems = [
        Problem(f"{host} {check.name}", check.detail, check.hint)
        for check in checks
        if check.state is CheckState.MISSING
    ]
    if problems:
        raise PrerequisiteError.of(problems)


def refuse_little_room(facts: HostFacts, files: int, images: Sequence[int]) -> None:
    """Raise PrerequisiteError when a disk has too little space for the plan.

    ``files``: the bytes to send. ``images``: the bytes of each image after its last build. While it builds, an engine
    needs twice their sum.
    """
    wanted = [(files, facts.free, facts.folder), (2 * sum(images), facts.disk, facts.disk_folder)]
    hint = "free space on the host: invoke remote-clean, docker system df"
    problems = [
        Problem("disk", f"{size(needed)} needed in {folder}, {size(free)} free", hint)
        for needed, free, folder in wanted
        if free is not None and needed > free
    ]
    if problems:
        raise PrerequisiteError.of(problems)


def _shell(facts: HostFacts) -> Iterator[Check]:
    if facts.noise:
        shown = facts.noise.splitlines()[0]
        hint = "at the top of ~/.bashrc on the host: case $- in *i*) ;; *) return ;; esac"
        yield Check(
            "shell", CheckState.MISSING, f"the login shell prints text in sessions without a terminal: {shown}", hint
        )
    for name, (tool, package) in _TOOLS.items():
        if name not in facts.tools:
            yield Check(name, CheckState.MISSING, f"{tool} is missing", f"install {package}")


def _engine(facts: HostFacts) -> Check:
    if not facts.client:
        return Check("engine", CheckState.MISSING, "docker's client is missing", remedy_there(facts.system, "engine"))
    if not facts.engine:
        denied = "permission denied" in facts.silence
        hint = f"sudo usermod -aG docker {facts.user}, then log in again" if denied else _start(facts)
        return Check("engine", CheckState.MISSING, facts.silence or "none answers", hint)
    if not at_least(facts.api, LEAST_API):
        why = f"engine {facts.engine} (API {facts.api}) is too old: slipway needs {LEAST_API} or newer"
        return Check("engine", CheckState.MISSING, why, remedy_there(facts.system, "engine"))
    return Check(
        "engine", CheckState.OK, f"{facts.engine}, API {facts.api}, {facts.platform}, {facts.store} on {facts.driver}"
    )


def _start(facts: HostFacts) -> str:
    return remedy_there(facts.system, "start")


def _buildx(facts: HostFacts) -> Check:
    if at_least(facts.buildx, LEAST_BUILDX):
        return Check("buildx", CheckState.OK, f"{facts.buildx}, the engine's own builder is {facts.context}")
    old = f"buildx {facts.buildx} is too old: slipway needs {LEAST_BUILDX} or newer"
    why = old if facts.buildx else "buildx is missing"
    return Check("buildx", CheckState.MISSING, why, remedy_there(facts.system, "buildx"))


def _rsync(facts: HostFacts, local: str) -> Check:
    for version, where in ((facts.rsync, "on the host"), (local, "on this machine")):
        if not at_least(version, LEAST_RSYNC):
            old = f"rsync {version} {where} is too old: slipway needs {LEAST_RSYNC} or newer"
            why = old if version else f"rsync is missing {where}"
            hint = remedy_there(facts.system, "rsync") if where == "on the host" else "invoke doctor"
            return Check("rsync", CheckState.MISSING, why, hint)
    detail = f"{facts.rsync} on the host, {local} on this machine"
    if not at_least(facts.rsync, _GOOD_RSYNC):
        return Check("rsync", CheckState.WARN, detail, f"older than {_GOOD_RSYNC}: install its security updates")
    return Check("rsync", CheckState.OK, detail)


def _folder(facts: HostFacts) -> Check:
    if facts.refused:
        return Check(
            "folder",
            CheckState.MISSING,
            facts.refused,
            "set REMOTE_PATH to a folder on the host that its user may write",
        )
    return Check("folder", CheckState.OK, facts.own)


def _disk(facts: HostFacts) -> Check:
    if facts.free is None:
        return Check("disk", CheckState.WARN, f"the free space of {facts.folder} is unknown")
    detail = f"{facts.free / 1e9:.1f} GB free in {facts.folder}"
    least = facts.free
    if facts.disk is not None and facts.disk_folder:
        detail += f", {facts.disk / 1e9:.1f} GB in {facts.disk_folder}"
        least = min(least, facts.disk)
    if least < ROOMY:
        return Check(
            "disk", CheckState.WARN, f"{detail}; two bases and their cache need 10 GB", "docker system df, on the host"
        )
    return Check("disk", CheckState.OK, detail)


def _clock(facts: HostFacts) -> Check:
    ahead = f"{abs(facts.skew):.0f} s {'ahead of' if facts.skew > 0 else 'behind'} this machine's"
    if abs(facts.skew) > _SKEW_REFUSED:
        return Check(
            "clock",
            CheckState.MISSING,
            f"{ahead}: certificates and locks depend on it",
            "set one of the clocks, by NTP",
        )
    if abs(facts.skew) > _SKEW_WARNED:
        return Check("clock", CheckState.WARN, ahead, "NTP on both")
    return Check("clock", CheckState.OK, "as ours" if abs(facts.skew) < 2 else ahead)


def _kilobytes(text: str) -> int | None:
    return int(text) * 1024 if text.isdigit() else None
