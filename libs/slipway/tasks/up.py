"""Bring a system up: build its stale images, choose its ports, start its containers, and wait for them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType

from slipway.build.options import BuildOptions
from slipway.compose import containers, ports, up
from slipway.compose.files import ComposeFile
from slipway.compose.kept_ports import keep_ports, read_ports
from slipway.compose.mounts import on_build_host
from slipway.compose.platforms import unavailable
from slipway.compose.ports import Chosen
from slipway.compose.report import ServiceReport, report_of
from slipway.compose.running_file import checkout_name, running_file
from slipway.compose.system import Config, Service, System
from slipway.compose.up import Project
from slipway.compose.wait import Outcome
from slipway.core.errors import SlipwayError, UpError, UsageError
from slipway.core.threads import map_concurrently, start_in_thread
from slipway.core.writing import written
from slipway.hosts.host import Mounts, MountSource
from slipway.plan.decide import Action, plan_build
from slipway.plan.facts import Snapshot
from slipway.runs.lock import lock
from slipway.tasks.build import building, get_root_images
from slipway.tasks.options import SystemOptions, UpOptions
from slipway.tasks.plan import mounted
from slipway.tasks.session import Session
from slipway.tasks.systems import (
    chosen_file,
    learn_secrets,
    mounts_to_send,
    project_of,
    resolve,
    runs_elsewhere,
    shown_address,
    system_of,
    talks_to_engine,
)
from slipway.ui import columns
from slipway.ui.services import service_row

#: The services that slipway asks about together for the closing table.
_AT_ONCE = 16


@dataclass(frozen=True)
class Start:
    """Hold a system that is ready to start: its file, project and services, the file that runs, its ports and mounts.

    ``absent``: image → the reason why compose must pull it.
    """

    file: ComposeFile
    project: Project
    system: System
    config: Config
    chosen: tuple[Chosen, ...]
    mounts: Mounts
    absent: Mapping[str, str]


@talks_to_engine
def run_up(session: Session, chosen: SystemOptions, options: UpOptions, *, dry_run: bool) -> None:
    """Bring the system up. Raises UpError when a service does not come up."""
    if options.deadline < 1:
        raise UsageError(f"--deadline {options.deadline}: not a number of seconds", hint="--deadline 120")
    file = chosen_file(session, chosen.names, "up")
    project = project_of(session, file, chosen.project)
    system = _resolved(session, file, project)
    learn_secrets(session, system)
    sources = mounts_to_send(session, file, system)
    if dry_run or options.write:
        start = _start(session, file, project, system, _images(session, system), sources, options)
        _show(session, start, options.write)
        return
    session.prepare_workspace()
    prepare = partial(_start, session, file, project, system, _built(session, system), sources, options)
    with lock(session.home, f"up-{project.name}"):
        start, outcome = _bring_up_at_free_ports(session, prepare, options)
    if not chosen.project:  # a second copy of the system does not change the ports of the usual one
        keep_ports(session.home, system.name, start.chosen)
    near = _forwarded(session, start, outcome) if options.forward else {}
    _tell(session, start, outcome, near)
    while near:
        time.sleep(1)


def _resolved(session: Session, file: ComposeFile, project: Project) -> System:
    """Return the system. slipway reads the repository while compose resolves the file.

    The errors of the compose file come first.
    """
    resolving = start_in_thread(partial(resolve, session, file, project))
    with suppress(UsageError):
        session.repository  # noqa: B018
    return system_of(session, file, resolving.result())


def _forwarded(session: Session, start: Start, outcome: Outcome) -> Mapping[int, int]:
    """Lead ports of 127.0.0.1 to the published ports of a build host. Return port there → port here."""
    from slipway.hosts.ssh.local_forwarding import listen

    ports = session.container_access.ports
    if not ports:
        raise UsageError("--forward: the services are on this machine", hint=f"invoke up {start.system.name} --remote")
    found = [one for standing in outcome.standings.values() for one in standing.containers]
    published = sorted({port for one in found for _, port in one.ports.values()})
    session.note("ports of 127.0.0.1 lead to the services until Ctrl-C; the system stays up")
    return {port: listen(ports, port, near=port) for port in published}


def _built(session: Session, system: System) -> Mapping[str, str]:
    """Build the system's stale images, and return ``_images`` as they are then. Raises BuildError."""
    if not system.built:
        return {}
    snapshot = session.snapshot(system.built, on_missing=session.host.bake_ahead)
    plan = plan_build(snapshot.stack, system.built, snapshot.facts)
    mounted(session, snapshot, plan)
    if get_root_images(session, snapshot, plan):
        snapshot = session.snapshot(system.built)
        plan = plan_build(snapshot.stack, system.built, snapshot.facts)
    if set(plan.counts()) <= {Action.REUSE}:
        return _ids(snapshot)
    if not session.json:
        session.console.plan(snapshot.stack, plan, session.seconds)
    with building(session, snapshot, plan, BuildOptions()) as built:
        if built.error:
            if not session.json:
                session.console.results(built.results, session.seconds)
            raise built.error
        return {**_ids(snapshot), **{one.image: one.image_digest for one in built.results if one.image_digest}}


def _images(session: Session, system: System) -> Mapping[str, str]:
    """Return the system's images of the stack, each with its id in the engine; see ``_ids``."""
    return _ids(session.snapshot(system.built)) if system.built else {}


def _ids(snapshot: Snapshot) -> Mapping[str, str]:
    """Return image of the stack → its id in the engine.

    An image that is not there with its inputs as they are has its reference instead.
    """
    found = {name: snapshot.facts.in_engine(name) for name in snapshot.facts.digests}
    return {name: one.id if one else str(snapshot.facts.references[name]) for name, one in found.items()}


def _start(
    session: Session,
    file: ComposeFile,
    project: Project,
    system: System,
    images: Mapping[str, str],
    sources: Sequence[MountSource],
    options: UpOptions,
    refused: Mapping[int, str] = MappingProxyType({}),
) -> Start:
    """Return the system as it would start now. ``refused``: further ports that are taken, with their holders."""
    engine = session.host.engine
    taken = ports.taken(session.host.listening_ports(), containers.listed(engine.get), project.name)
    kept = read_ports(session.home, system.name)
    chosen = ports.choose(system.ports, {**taken, **refused}, kept, strict=options.strict_ports)
    found = {
        service.name: containers.inspect_image(engine.get, images.get(service.built, service.image))
        for service in system.services
    }
    checks = {name: containers.health_check(image) for name, image in found.items()}
    checkout = checkout_name(str(session.settings.root.resolve()))
    mounts = session.host.mounts(project.name, sources)
    if runs_elsewhere(session):
        system = replace(system, config=on_build_host(system.config, mounts.paths))
    config = running_file(system, project.name, checkout, images, checks, chosen)
    return Start(file, project, system, config, chosen, mounts, unavailable(system, found))


def _bring_up_at_free_ports(
    session: Session, prepare: Callable[[Mapping[int, str]], Start], options: UpOptions
) -> tuple[Start, Outcome]:
    """Choose ports, start the containers and wait for them. Choose again when the engine cannot publish a port.

    Another program took that port after slipway had looked, or holds it without listening. Raises UpError.
    """
    refused: dict[int, str] = {}
    while True:
        start = prepare(refused)
        for one in start.chosen:
            if one.instead_of:
                told = f"port {one.instead_of} is held by {one.holder}; it gets {one.port.published}"
                session.note(f"{one.port.service}: {told}")
        try:
            return start, _bring_up(session, start, options)
        except UpError as error:
            port = ports.refused(str(error))
            if options.strict_ports or not port or port in refused:
                raise
            refused[port] = "another program"


def _bring_up(session: Session, start: Start, options: UpOptions) -> Outcome:
    """Start the containers and wait. Raises UpError, and PrerequisiteError when the engine is lost.

    When the files for the mounts cannot be sent, the containers of an earlier start go on.
    """
    deadline = options.deadline * float(session.settings["SLOWNESS"])
    engine = session.host.engine
    with start.mounts.given(), _taken_down(session, start, keep=options.keep):
        with session.console.services([service.name for service in start.system.services]) as taker:
            outcome = up.bring_up(start.project, start.system, start.config, session.run, engine, taker.take, deadline)
        if not outcome.ok:
            raise up.failure(outcome, start.system, start.file.files[0], engine, deadline, start.absent)
    return outcome


@contextmanager
def _taken_down(session: Session, start: Start, *, keep: bool) -> Iterator[None]:
    """Remove the system's containers and mounts when the block fails, unless ``keep`` is set."""
    try:
        yield
    except BaseException:
        if keep:
            session.note(f"{start.project.name}: its containers stay, as --keep says")
        else:
            _take_down(session, start)
        raise


def _take_down(session: Session, start: Start) -> None:
    """Remove the system's containers and mounts. Tell when some may be left: Ctrl-C came, or the engine is lost."""
    removed = False
    try:
        with suppress(OSError, SlipwayError):  # an engine or a build host that is lost takes nothing down
            engine = session.host.engine
            removed = engine.returns(0) and up.take_down(start.project, session.run, engine.get).ok
            if removed:
                start.mounts.remove()
    finally:
        if not removed:
            command = session.typed(f"invoke down {start.system.name}")
            session.note(f"containers of {start.system.name} may be left; {command} removes them")


def _show(session: Session, start: Start, file: str) -> None:
    """Show the compose file that would run; with ``file`` write it there instead."""
    command = start.project.command("--file", "-", "config", stdin=json.dumps(start.config).encode())
    text = session.run(command).stdout
    if file:
        path = Path(file)
        with written(path):
            path.touch(mode=0o600)
            if path.is_file():  # an earlier file may have another mode
                path.chmod(0o600)
            path.write_text(text, "utf-8")
        session.note(f"{path}: written; it may hold secrets, so only you can read it")
    elif session.json:
        session.answer({"system": start.system.name, "project": start.project.name, "file": dict(start.config)})
    else:
        session.console.line(text.rstrip("\n"))


def _tell(session: Session, start: Start, outcome: Outcome, near: Mapping[int, int]) -> None:
    """Show a line per service: state, seconds, addresses, memory, image."""
    get, shown = session.host.engine.get, shown_address(session, near)

    def row(service: Service) -> ServiceReport:
        return report_of(service, outcome.standings[service.name], get, shown)

    rows = map_concurrently(row, start.system.services, at_once=_AT_ONCE)
    if session.json:
        answer = {"system": start.system.name, "project": start.project.name, "ok": True}
        session.answer({**answer, "services": [asdict(row) for row in rows]})
        return
    session.console.line()
    session.console.table([service_row(row) for row in rows])
    session.console.line(f"{start.system.name} is up · {columns.seconds(session.seconds)}")
