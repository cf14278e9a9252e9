"""Find the prerequisites that this machine needs to build, and install them: engine, root image, registry.

``plan_setup`` is pure: it decides from the facts of ``machine``. ``setup`` performs the first action, probes the
machine again, and decides again until no action is left. So each probe verifies the action before it, and a second run
finds nothing to do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from slipway.core.addresses import host_and_port, is_loopback
from slipway.core.command import Command
from slipway.core.errors import PrerequisiteError, UsageError
from slipway.hosts.runner import RunCommand
from slipway.setup import debian, emulation, root_image
from slipway.setup.actions import Done, SetEnvValue, SetupAction, SetupStep, Together, WaitFor, Write, describe, perform
from slipway.setup.blockers import Requirements, blockers, missing_programs
from slipway.setup.emulation import Emulation
from slipway.setup.probe import REGISTRY_CONTAINER, Machine, Ping, look, silence_of

ENGINE_LOG = "/var/log/slipway-dockerd.log"
#: An engine inspects every layer that it keeps before it answers. An engine with 79,000 layers took 33 s.
ENGINE_SECONDS = 300
_PID_FILE = "/run/docker.pid"

Say = Callable[[str], None]
#: Ask a person a question. True means yes.
Confirm = Callable[[str], bool]


def setup(
    run: RunCommand,
    wanted: Requirements,
    say: Say,
    *,
    ask: Confirm | None = None,
    yes: bool = False,
    dry_run: bool = False,
    ping: Ping,
    root_ping: Ping,
) -> tuple[Done, ...]:
    """Install the missing prerequisites, and return the completed actions in order.

    Every action is shown with its reason before it runs. ``ask`` is None without a terminal. Raises UsageError
    without a terminal, and when the answer is no. Raises PrerequisiteError for an action that failed, and for a
    prerequisite that setup cannot fix. setup looks for these prerequisites before its first action.

    ``ping`` asks REGISTRY. ``root_ping`` asks the registry of PYTHON_IMAGE. Where no engine can try a pull yet, this
    answer decides whether setup makes the root image.
    """
    machine = _probe(run, wanted, ping)
    if machine.is_bare and wanted.python_image != debian.ROOT_IMAGE:
        machine = replace(machine, unreachable=silence_of(root_ping))
    actions = _decide(machine, wanted)
    if not actions:
        say("nothing to do: " + _standing(machine, wanted))
        return ()
    for line in describe(actions):
        say(line)
    if dry_run:
        return ()
    if not yes:
        _agree(ask, len(actions), "invoke setup --platforms" if wanted.platforms else "invoke setup")
    return _work(run, wanted, say, ping, machine)


def plan_setup(machine: Machine, wanted: Requirements) -> tuple[SetupAction, ...]:
    """Return the actions that ``machine`` needs, in order; none when nothing is missing.

    This function does not check ``blockers``.
    """
    engine: tuple[SetupAction, ...] = (*_packages(machine, wanted), *_start(machine))
    image = tuple(root_image.actions(machine, wanted))
    if machine.is_bare and root_image.is_made(machine, wanted):
        engine, image = (_beside(machine, wanted, engine, image),), ()
    before = (*engine, *_emulation(machine.emulation), *image)
    for action in before:
        wanted = _chosen(action, wanted)
    return (*before, *_registry(machine, wanted))


def _beside(
    machine: Machine, wanted: Requirements, engine: tuple[SetupAction, ...], image: tuple[SetupAction, ...]
) -> SetupAction:
    """Return one action for ``engine`` and ``image``: it makes the root file system while apt installs the engine.

    Neither needs the other, and each keeps one processor busy. Only mmdebstrap has to be installed before.
    """
    parts = (*engine, *image)
    together = Together((engine, (root_image.file_system(machine, wanted),)))
    return SetupAction(
        ", ".join(part.title for part in parts),
        "; ".join(part.reason for part in parts),
        (*root_image.maker(machine), together, *root_image.imported(wanted)),
        " ".join(part.note for part in parts if part.note),
    )


def _packages(machine: Machine, wanted: Requirements) -> Iterator[SetupAction]:
    found = missing_programs(machine, compose=wanted.compose and machine.takes_packages)
    packages = tuple(dict.fromkeys(package for missing in found for package in missing.packages))
    if not packages:
        return
    reason = "; ".join(missing.why for missing in found)
    steps: list[SetupStep] = []
    note = ""
    if machine.release in debian.OLD_RELEASES and set(packages) & set(debian.NEWER):
        steps = [
            Write(debian.SOURCES_FILE, debian.newer_source(machine.sources, machine.codename)),
            Write(debian.PREFERENCES_FILE, debian.newer_preferences()),
        ]
        note = (
            f"Debian {machine.release} has no engine and buildx that are new enough, so apt takes "
            f"{', '.join(debian.NEWER)} from Debian {debian.NEWER_SUITE} on this machine's own mirror. The source and "
            "its pin stay in /etc/apt for their updates. apt takes other packages from there only if one of these "
            "needs them."
        )
    yield SetupAction(
        f"install {' '.join(packages)}", reason, (*steps, debian.update_lists(), debian.install(packages)), note
    )


def _start(machine: Machine) -> Iterator[SetupAction]:
    if machine.engine:
        return
    if machine.systemd:
        start = Command(("systemctl", "start", "docker"), label="systemctl start docker")
        wait = WaitFor("engine", ENGINE_SECONDS)
        yield SetupAction("start the engine", f"no engine answers at {machine.address}", (start, wait))
        return
    clear = [Command(("rm", "-f", *machine.stale), label="remove stale pid files")] if machine.stale else []
    start = Command(
        (
            *("start-stop-daemon", "--start", "--background", "--oknodo", "--pidfile", _PID_FILE),
            *("--output", ENGINE_LOG, "--exec", machine.dockerd_path),
        ),
        label="start dockerd",
    )
    alive = Command(("start-stop-daemon", "--status", "--pidfile", _PID_FILE), label="is dockerd alive")
    wait = WaitFor("engine", ENGINE_SECONDS, ENGINE_LOG, alive)
    yield SetupAction(
        "start the engine",
        f"no engine answers at {machine.address}",
        (*clear, start, wait),
        f"Without systemd, dockerd runs until this machine stops; its log is {ENGINE_LOG}.",
    )


def _emulation(found: Emulation) -> Iterator[SetupAction]:
    if not found.missing:
        return
    steps: list[SetupStep] = []
    if not found.mounted:
        mount = ("mount", "-t", "binfmt_misc", "binfmt_misc", emulation.TABLE)
        steps.append(Command(mount, label="mount binfmt_misc"))
    if not found.installed:
        steps += [debian.update_lists(), debian.install(emulation.PACKAGES)]
    for platform in found.missing:
        name = emulation.emulator_of(platform)
        steps.append(Command((emulation.UPDATE, "--enable", name), label=f"update-binfmts --enable {name}"))
    listed = ", ".join(found.missing)
    note = "The kernel then starts qemu for these programs, in containers too. update-binfmts --disable NAME ends that."
    yield SetupAction(f"emulate {listed}", f"programs of {listed} do not run", tuple(steps), note)


def _registry(machine: Machine, wanted: Requirements) -> Iterator[SetupAction]:
    if not is_loopback(wanted.registry) or machine.registry.status:
        return
    reason = f"nothing answers at {wanted.registry}" + ("" if machine.engine else f"; {root_image.UNKNOWN}")
    wait = WaitFor("registry", 30)
    if machine.container:
        start = Command(("docker", "start", REGISTRY_CONTAINER), label="start the registry")
        yield SetupAction(
            f"start the container {REGISTRY_CONTAINER}", f"{reason}: it is {machine.container.state}", (start, wait)
        )
        return
    name, port = host_and_port(wanted.registry, plain=True)
    address = "127.0.0.1" if name.lower() == "localhost" else name
    steps = (_build_registry(machine, wanted), _run_registry(address, port), wait)
    note = f"It listens on {address} only; pushed images stay in the volume {REGISTRY_CONTAINER}."
    yield SetupAction(f"run the registry {REGISTRY_CONTAINER} on port {port}", reason, steps, note)


def _build_registry(machine: Machine, wanted: Requirements) -> Command:
    rig = wanted.root / "infra" / "rig"
    secret = ("--secret", f"id=ca,src={wanted.ca_bundle}") if wanted.ca_bundle else ()
    return Command(
        (
            *("docker", "buildx", "build", "--builder", machine.context, "--load", "--provenance=false"),
            *("--file", str(rig / "registry.Dockerfile"), "--build-arg", f"ROOT_IMAGE={wanted.python_image}", *secret),
            *("--tag", REGISTRY_CONTAINER, str(rig)),
        ),
        label=f"build the image {REGISTRY_CONTAINER}",
    )


def _run_registry(address: str, port: int) -> Command:
    shown = f"[{address}]" if ":" in address else address
    return Command(
        (
            *("docker", "run", "--detach", "--name", REGISTRY_CONTAINER, "--label", "slipway.rig=registry"),
            *("--restart", "unless-stopped", "--publish", f"{shown}:{port}:5000"),
            *("--volume", f"{REGISTRY_CONTAINER}:/var/lib/registry", "--read-only"),
            *("--cap-drop", "ALL", "--security-opt", "no-new-privileges", REGISTRY_CONTAINER),
        ),
        label="run the registry",
    )


def _probe(run: RunCommand, wanted: Requirements, ping: Ping) -> Machine:
    machine = look(run, wanted.python_image, ping, wanted.docker_host)
    found = emulation.look(run, wanted.platforms, machine.context, engine=bool(machine.engine))
    return replace(machine, emulation=found)


def _decide(machine: Machine, wanted: Requirements) -> tuple[SetupAction, ...]:
    if problems := blockers(machine, wanted):
        raise PrerequisiteError.of(problems)
    return plan_setup(machine, wanted)


def _agree(ask: Confirm | None, count: int, command: str) -> None:
    if ask is None:
        what = "setup: needs your consent to change this machine, and this is not a terminal"
        raise UsageError(what, hint=f"{command} --yes")
    if not ask(f"Do {'this' if count == 1 else f'these {count}'}?"):
        raise UsageError("setup: declined; nothing was changed", hint=f"{command} --dry-run")


def _work(run: RunCommand, wanted: Requirements, say: Say, ping: Ping, machine: Machine) -> tuple[Done, ...]:
    done: list[Done] = []
    while actions := _decide(machine, wanted):
        action = actions[0]
        if any(action.title == earlier.action.title for earlier in done):
            raise PrerequisiteError(f"{action.title}: done, yet {action.reason}", hint="invoke doctor")
        started = time.monotonic()
        say(f"{action.title} …")
        unreachable = perform(action, run, ping)
        done.append(Done(action, time.monotonic() - started, unreachable))
        say(done[-1].line)
        wanted = _chosen(action, wanted)
        machine = replace(_probe(run, wanted, ping), unreachable=unreachable or machine.unreachable)
    return tuple(done)


def _chosen(action: SetupAction, wanted: Requirements) -> Requirements:
    images = [step.value for step in action.steps if isinstance(step, SetEnvValue) and step.name == "PYTHON_IMAGE"]
    return replace(wanted, python_image=images[0], image_source=".env") if images else wanted


def _standing(machine: Machine, wanted: Requirements) -> str:
    engine = f"engine {machine.engine.version}" if machine.engine else "engine"
    parts = [engine, f"buildx {machine.buildx}", f"rsync {machine.rsync}", wanted.python_image]
    if is_loopback(wanted.registry):
        parts.append(f"registry {wanted.registry}")
    parts += wanted.platforms
    return " · ".join(parts)
