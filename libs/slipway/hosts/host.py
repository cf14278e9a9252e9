"""Define what a use case needs of the machine where work runs: this one, or a build host over SSH.

``hosts.local`` and ``hosts.remote`` implement the protocols. Nothing else asks which host it works on.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from slipway.core.command import Command, Result
from slipway.core.image import Image, LocalImage
from slipway.core.streams import OnLine
from slipway.engine import DOCKER_BUILDX, Engine
from slipway.hosts.runner import Over
from slipway.plan.decide import Plan
from slipway.plan.facts import Survey
from slipway.registry import Registry
from slipway.stack.mounts import Given

#: Show a note to a person.
Say = Callable[[str], None]


@dataclass(frozen=True)
class Carrier:
    """An image of all files of ``folder``. It is baked, and stands in for a named context."""

    name: str
    folder: str
    dockerfile: str


@dataclass(frozen=True)
class BakeInputs:
    """Where a bake on a host finds everything that it reads, and how buildx is called there.

    ``root``: the folder in which buildx runs · ``context``: a context (a path from the repository's root) → its path
    from ``root`` · ``dockerfile``: an image → the absolute path of the file that BuildKit reads as its Dockerfile ·
    ``contexts``: named context → its folder · ``secrets``: id → file, never in a layer · ``ssh``: id → socket of a
    forwarded agent, empty for the one of SSH_AUTH_SOCK · ``buildx``: the words that run it · ``builder``: the engine's
    own builder, as buildx calls it · ``carriers``: named context → the image that stands in for it.
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
    """Runs the bakes of one plan on a host."""

    @property
    def inputs(self) -> BakeInputs: ...

    def announce(self, commands: Iterable[Command]) -> None:
        """Tell which commands will follow if none fails. It replaces an earlier announcement."""

    def run(self, command: Command, on_line: OnLine | None = None, *, over: Over) -> Result:
        """Run a command to its end, or until it is ``over``: then end it as Ctrl-C would."""

    def changed_since(self, known: Survey, names: Collection[str], local: Sequence[LocalImage]) -> Mapping[str, str]:
        """Return image → change, for those of ``names`` that were not built of the inputs that were planned.

        ``local``: the images in the engine now.
        """


@dataclass(frozen=True)
class Transfer:
    """The files that a host needs for a build, and their bytes. Those that it has already are not sent."""

    files: int
    bytes: int


@dataclass(frozen=True)
class ContainerAccess:
    """How another process on this machine reaches the containers of a host.

    ``docker_host``: the engine's address; empty for the engine that docker's CLI takes. ``ports``: a socket that leads
    to the host's published ports; empty where they are published on this machine.
    """

    docker_host: str = ""
    ports: str = ""


class Host(Protocol):
    """The machine where images are built, pushed and tested."""

    @property
    def flag(self) -> str:
        """The flag that makes a suggested command work on this host, with a space before it; may be empty."""

    @property
    def engine(self) -> Engine: ...

    @property
    def platform(self) -> str:
        """The platform that the host builds for by default: ``linux/amd64``."""

    @property
    def registry(self) -> Registry:
        """The registry that the settings name, by a way that reaches it."""

    def connect_ahead(self) -> None:
        """Begin to connect in the background. Whoever needs the connection waits for it, and gets its error."""

    def verified(self) -> AbstractContextManager[None]:
        """Verify the host's prerequisites when the block ends.

        If the block fails because a prerequisite is missing or the connection is lost, raise that error instead.
        """

    def transfer(self, known: Survey, plan: Plan) -> Transfer | None:
        """Return what the host needs for the plan's builds; None when it reads this machine's files."""

    def seed_root_images(self, known: Survey, plan: Plan) -> bool:
        """Give the engine root images that no registry has. Return True when it got any: then survey again."""

    def builder(self, known: Survey, plan: Plan, run: str, mounted: Given) -> AbstractContextManager[Builder]:
        """Give the host all that the plan's builds read, and return a builder for them.

        ``run``: the run's id. ``mounted``: what builds mount; its secrets are files.
        """

    def release_lock(self, name: str, *, break_expired: bool = False) -> AbstractContextManager[None]:
        """Hold a lock against other releases. Raises LockedError: who holds it, and since when.

        ``break_expired``: take over a lock whose lease has expired.
        """

    def container_access(self) -> ContainerAccess:
        """Return how the process that runs smoke tests reaches the host's containers."""
