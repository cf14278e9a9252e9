"""Find the prerequisites that a machine does not have, and the fix of each that setup may not install."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from slipway.core.addresses import host_and_port, is_loopback
from slipway.core.errors import Problem
from slipway.hosts.requirements import LEAST_API, LEAST_BUILDX, LEAST_DOCKERD, LEAST_RSYNC, at_least, remedy
from slipway.setup import emulation
from slipway.setup.debian import ROOT_IMAGE
from slipway.setup.probe import LOCAL_SOCKETS, REGISTRY_CONTAINER, Machine


@dataclass(frozen=True)
class Requirements:
    """Hold the wanted state of a machine.

    ``image_source``: the source of PYTHON_IMAGE, as in ``definitions.Value.source``. ``builder``: the name of a buildx
    builder; empty for the engine's own. ``platforms``: those whose programs the machine must run.
    """

    root: Path
    python_image: str = "python:3.12-slim"
    image_source: str = "default"
    registry: str = "localhost:5000"
    ca_bundle: str = ""
    docker_host: str = ""
    builder: str = ""
    platforms: tuple[str, ...] = ()
    compose: bool = True  # only where setup can install it


@dataclass(frozen=True)
class MissingProgram:
    """Hold a program that is missing or too old: the reason, and Debian's packages that fix it."""

    program: str
    why: str
    packages: tuple[str, ...]


def missing_programs(machine: Machine, *, compose: bool = False) -> tuple[MissingProgram, ...]:
    """Return the programs to install; with ``compose`` also compose.

    An engine that is installed but not started is not missing.
    """
    return tuple(_missing_programs(machine, compose))


def blockers(machine: Machine, wanted: Requirements) -> tuple[Problem, ...]:
    """Return the missing prerequisites that setup cannot fix, each with the command that fixes it."""
    return (
        *_engine_blockers(machine),
        *_program_blockers(machine),
        *_image_blockers(machine, wanted),
        *_registry_blockers(machine, wanted),
        *(() if machine.takes_packages else emulation.blockers(machine.emulation, machine.system)),
    )


def _missing_programs(machine: Machine, compose: bool) -> Iterator[MissingProgram]:
    if machine.engine and not at_least(machine.engine.api, LEAST_API):
        why = (
            f"engine {machine.engine.version} (API {machine.engine.api}) is too old: slipway needs {LEAST_API} or newer"
        )
        yield MissingProgram("engine", why, ("docker.io", "docker-cli"))
    elif not machine.engine and not at_least(machine.dockerd, LEAST_DOCKERD):
        old = f"dockerd {machine.dockerd} is too old: slipway needs {LEAST_DOCKERD} or newer"
        why = old if machine.dockerd else "the engine is missing"
        yield MissingProgram("engine", why, ("docker.io", "docker-cli", "iptables", "ca-certificates"))
    elif not machine.client:
        yield MissingProgram("engine", "docker's client is missing", ("docker-cli",))
    if not at_least(machine.buildx, LEAST_BUILDX):
        old = f"buildx {machine.buildx} is too old: slipway needs {LEAST_BUILDX} or newer"
        yield MissingProgram("buildx", old if machine.buildx else "docker has no buildx", ("docker-buildx",))
    if compose and not machine.compose:
        yield MissingProgram("compose", "docker has no compose, and the benchmarks need it", ("docker-compose",))
    if not at_least(machine.rsync, LEAST_RSYNC):
        old = f"rsync {machine.rsync} is too old: slipway needs {LEAST_RSYNC} or newer"
        yield MissingProgram("rsync", old if machine.rsync else "rsync is missing", ("rsync",))
    if not machine.ssh:
        yield MissingProgram("ssh", "ssh is missing", ("openssh-client",))


def _engine_blockers(machine: Machine) -> Iterator[Problem]:
    if machine.engine:
        return
    if _refused(machine):
        yield Problem("engine", machine.silence, 'sudo usermod -aG docker "$USER", then log in again')
    elif _elsewhere(machine):
        what = f"none answers at {machine.address}: {machine.silence}"
        yield Problem("engine", what, "start that one, or unset DOCKER_HOST")
    elif at_least(machine.dockerd, LEAST_DOCKERD) and not machine.takes_packages:
        yield Problem("engine", f"none answers at {machine.address}", remedy(machine.system, "start"))


def _program_blockers(machine: Machine) -> Iterator[Problem]:
    if machine.takes_packages:
        return
    told = _refused(machine) or _elsewhere(machine)
    for missing in missing_programs(machine):
        if missing.program != "engine" or not told:
            yield Problem(missing.program, missing.why, remedy(machine.system, missing.program))


def _image_blockers(machine: Machine, wanted: Requirements) -> Iterator[Problem]:
    image = wanted.python_image
    if image in machine.images:
        return
    if image == ROOT_IMAGE:
        if not machine.takes_packages:
            what = "setup makes it from Debian's packages, on Debian and as root"
            yield Problem(image, what, "PYTHON_IMAGE=python:3.12-slim in .env")
    elif machine.unreachable and not machine.takes_packages:
        hint = "PYTHON_IMAGE=<an image this engine can pull> in .env"
        yield Problem(image, f"cannot be pulled: {machine.unreachable}", hint)
    elif machine.unreachable and wanted.image_source == "environment":
        what = f"cannot be pulled: {machine.unreachable}; the {wanted.image_source} names it, so .env cannot"
        yield Problem(image, what, f"unset PYTHON_IMAGE, or make it {ROOT_IMAGE}")


def _registry_blockers(machine: Machine, wanted: Requirements) -> Iterator[Problem]:
    if not is_loopback(wanted.registry) or not machine.registry.problem:
        return
    _, port = host_and_port(wanted.registry, plain=True)
    if machine.registry.status:
        what = machine.registry.problem
        yield Problem(wanted.registry, what, "REGISTRY=localhost:<a free port> in .env")
    elif machine.container and machine.container.port != port:
        what = f"the container {REGISTRY_CONTAINER} was made for port {machine.container.port}"
        hint = f"docker rm --force {REGISTRY_CONTAINER} && invoke setup (its volume stays)"
        yield Problem(wanted.registry, what, hint)
    elif machine.container and machine.container.state in ("running", "restarting"):
        what = f"the container {REGISTRY_CONTAINER} is {machine.container.state}, yet nothing answers"
        yield Problem(wanted.registry, what, f"docker logs --tail 20 {REGISTRY_CONTAINER}")


def _refused(machine: Machine) -> bool:
    return "permission denied" in machine.silence.lower()


def _elsewhere(machine: Machine) -> bool:
    return machine.address not in LOCAL_SOCKETS
