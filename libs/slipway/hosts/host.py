"""Define the protocols of the machine where work runs: this machine, or a build host over SSH.

``hosts.local`` and ``hosts.remote`` implement them. No other module distinguishes between the two.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from slipway.core.command import Command, Result
from slipway.core.image import Image, LocalImage
from slipway.core.streams import OnLine
from slipway.engine import DOCKER_BUILDX, Engine
from slipway.hosts.runner import ShouldStop
from slipway.plan.decide import Plan
from slipway.plan.facts import Snapshot
from slipway.stack.mounts import Given

if TYPE_CHECKING:
    from slipway.registry import Registry

#: Shows a note to a person.
Say = Callable[[str], None]


@dataclass(frozen=True)
class Carrier:
    """Hold an image that contains all files of ``folder`` except slipway's own.

    slipway bakes it, and other bakes read it in place of a named context.
    """

    name: str
    folder: str
    dockerfile: str


@dataclass(frozen=True)
class BakeInputs:
    """Hold the places on a host from which a bake reads its inputs, and the words that run buildx on that host.

    ``root``: the folder in which buildx runs. ``context``: maps a context (a path from the repository's root) to its
    path from ``root``. ``dockerfile``: maps an image to the absolute path of the file that BuildKit reads as its
    Dockerfile. ``contexts``: named context → its folder. ``secrets``: id → file; BuildKit puts no secret into a layer.
    ``ssh``: id → socket of a forwarded agent, empty for the agent of SSH_AUTH_SOCK. ``buildx``: the words that run it.
    ``builder``: buildx's name of the engine's own builder. ``carriers``: named context → the image that replaces it.
    """

    root: str
    context: Callable[[str], str]
    dockerfile: Callable[[Image], str]
    contexts: Mapping[str, str]
    secrets: Mapping[str, str]
    ssh: Mapping[str, str] = field(default_factory=dict)
    buildx: tuple[str, ...] = DOCKER_BUILDX
    builder: str = "default"
    carriers: Mapping[str, Carrier] = field(default_factory=dict)


class Builder(Protocol):
    """Run the bakes of one plan on a host."""

    @property
    def inputs(self) -> BakeInputs: ...

    def announce(self, commands: Iterable[Command]) -> None:
        """Announce the commands that will follow if none fails.

        An announcement replaces the one before it.
        """

    def run(self, command: Command, on_line: OnLine | None = None, *, should_stop: ShouldStop) -> Result:
        """Run a command to its end.

        Once ``should_stop`` returns True, end the command as Ctrl-C would.
        """

    def changed_since(
        self, snapshot: Snapshot, names: Collection[str], held: Callable[[], Sequence[LocalImage]]
    ) -> Mapping[str, str]:
        """Return image → change, for each of ``names`` whose build read other inputs than the plan's.

        ``held`` asks the engine which of the images and of their root images it has now.
        """


@dataclass(frozen=True)
class Transfer:
    """Hold the number of files that a host needs for a build, and their bytes.

    Both count files that the host already has. slipway does not send those again.
    """

    files: int
    bytes: int


class MountKind(StrEnum):
    """Name the ways in which a compose file mounts a file of this machine."""

    BIND = "bind mount"
    SECRET = "secret"
    CONFIG = "config"


@dataclass(frozen=True)
class MountSource:
    """Hold the absolute path of a file or folder of this machine that containers mount."""

    path: str
    kind: MountKind


class Mounts(Protocol):
    """Give a host the files and folders of this machine that a system's containers mount."""

    @property
    def paths(self) -> Mapping[MountSource, str]:
        """Return the path on the host of each source that has another path there than on this machine."""

    def given(self) -> AbstractContextManager[None]:
        """Give the host the files for the containers that the block starts.

        When the block ends without an error, remove the files that an earlier start of the system left.
        """

    def remove(self) -> None:
        """Remove the system's files from the host. The files of this machine stay."""


@dataclass(frozen=True)
class ContainerAccess:
    """Hold the addresses by which another process on this machine reaches a host's containers.

    ``docker_host``: the engine's address; empty for the engine that docker's CLI uses. ``ports``: a socket that leads
    to the host's published ports; empty where the engine publishes them on this machine.
    """

    docker_host: str = ""
    ports: str = ""


class Host(Protocol):
    """Build, push and test images on one machine."""

    @property
    def flag(self) -> str:
        """Return the flag that makes a suggested command work on this host.

        A blank precedes it. It is empty for a host that needs no flag.
        """

    @property
    def engine(self) -> Engine: ...

    @property
    def platform(self) -> str:
        """Return the platform that the host builds for by default, such as ``linux/amd64``."""

    @property
    def buildx_version(self) -> str:
        """Return the version of buildx on the host; empty when it does not say one."""

    def not_runnable(self, platforms: Sequence[str], builder: str = "") -> tuple[str, ...]:
        """Return those of ``platforms`` whose programs ``builder`` does not run.

        ``builder``: the name of a buildx builder; empty for the engine's own.
        """

    @property
    def registry(self) -> Registry:
        """Return the registry that the settings name, connected over a route that reaches it."""

    def registry_at(self, host: str) -> Registry:
        """Return the registry at ``host``, connected over a route that reaches it."""

    def connect_ahead(self) -> None:
        """Begin to connect in the background.

        The first caller that needs the connection waits for it, and gets its error.
        """

    def list_ahead(self) -> None:
        """Begin to list the images in the background, if the engine is on this machine.

        A task that needs the engine calls this before it reads the repository.
        """

    def bake_ahead(self) -> None:
        """Start a bake that waits for its file, if buildx runs on this machine.

        A task that will build calls this while it waits for answers. buildx starts in the meantime.
        """

    def verified(self) -> AbstractContextManager[None]:
        """Verify the host's prerequisites when the block ends.

        If the block fails because a prerequisite is missing or the connection is lost, raise that error instead.
        """

    def transfer(self, snapshot: Snapshot, plan: Plan) -> Transfer | None:
        """Return the size of the files that the plan's builds need; None when the host reads this machine's files."""

    def seed_root_images(self, snapshot: Snapshot, plan: Plan) -> bool:
        """Give the engine the root images that no registry has.

        Return True when the engine got any. The caller must then gather the facts again.
        """

    def builder(self, snapshot: Snapshot, plan: Plan, run: str, mounted: Given) -> AbstractContextManager[Builder]:
        """Give the host all files that the plan's builds read, and return a builder for them.

        ``run``: the run's id. ``mounted``: the secrets and agents that builds mount. Its secrets must be files.
        """

    def release_lock(self, name: str, *, break_expired: bool = False) -> AbstractContextManager[None]:
        """Hold a lock against other releases.

        ``break_expired``: take over a lock whose lease has expired. Raises LockedError with the holder and the start
        time.
        """

    def mounts(self, system: str, sources: Sequence[MountSource]) -> Mounts:
        """Read the files that the containers of ``system``, a project of compose, mount from this machine.

        Raises UsageError for a file that cannot be read.
        """

    def listening_ports(self) -> frozenset[int]:
        """Return the TCP ports of the engine's machine on which something listens, as far as they are known."""

    def container_access(self) -> ContainerAccess:
        """Return the addresses by which the process of the smoke tests reaches the host's containers."""
