"""Work on this machine with the engine that docker's CLI uses, child processes, and the repository's own files."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from slipway.config.environment import Surroundings
from slipway.config.settings import Settings
from slipway.core.command import Command, Result
from slipway.core.errors import SlipwayError
from slipway.core.image import LocalImage
from slipway.core.platform import this_platform
from slipway.core.retry import RetryPolicy
from slipway.core.streams import OnLine
from slipway.engine import DOCKER_BUILDX, Engine, FindLogin
from slipway.hosts.bake import bake_command
from slipway.hosts.beside import pipe
from slipway.hosts.emulation import not_runnable
from slipway.hosts.host import BakeInputs, Carrier, ContainerAccess, MountSource, Say, Transfer
from slipway.hosts.listening import listening_here
from slipway.hosts.requirements import first_version
from slipway.hosts.runner import Runner, ShouldStop, Watched
from slipway.hosts.runners import RunAhead
from slipway.plan.decide import Plan
from slipway.plan.facts import Snapshot, changed_since
from slipway.plan.repository import Repository
from slipway.runs.lock import lock
from slipway.stack.mounts import Given

if TYPE_CHECKING:
    from slipway.registry import Registry


@dataclass(frozen=True)
class LocalHost:
    """Work on this machine.

    ``logins`` finds the login for a registry. ``say`` shows notes to a person. ``bakes`` runs the bakes.
    """

    settings: Settings
    around: Surroundings
    run: Runner
    logins: FindLogin
    say: Say
    bakes: RunAhead
    flag: str = ""

    @cached_property
    def engine(self) -> Engine:
        return Engine(self.around.engine, logins=self.logins, start=pipe)

    @property
    def platform(self) -> str:
        return this_platform()

    @property
    def buildx_version(self) -> str:
        return first_version(self.run(Command((*self.around.buildx, "version"), label="buildx version")).stdout)

    def not_runnable(self, platforms: Sequence[str], builder: str = "") -> tuple[str, ...]:
        around = self.around
        return not_runnable(platforms, self.platform, builder or around.builder, around.buildx, self.run)

    @cached_property
    def registry(self) -> Registry:
        return self.registry_at(self.settings.registry)

    def registry_at(self, host: str, socket: str = "") -> Registry:
        """Return the registry at ``host``. ``socket`` leads to it; empty to connect directly."""
        from slipway.registry import Registry

        insecure = self.settings.project.insecure_registries
        return Registry(host, self.logins, RetryPolicy(tell=self.say), insecure, socket)

    def connect_ahead(self) -> None:
        """Do nothing: this machine needs no connection."""

    def list_ahead(self) -> None:
        with suppress(SlipwayError):  # raised again by the first question to the engine
            if self.engine.endpoint.is_near:
                self.engine.list_ahead()

    def bake_ahead(self) -> None:
        around, settings = self.around, self.settings
        self.bakes.start(
            bake_command(
                b"",
                buildx=around.buildx,
                root=str(settings.root),
                builder=settings["BUILDER"] or around.builder,
                sampler=settings["OTEL_TRACES_SAMPLER"],
                count=0,
            )
        )

    def verified(self) -> AbstractContextManager[None]:
        """Verify nothing: an error on this machine states its own cause."""
        return nullcontext()

    def transfer(self, snapshot: Snapshot, plan: Plan) -> Transfer | None:
        return None

    def seed_root_images(self, snapshot: Snapshot, plan: Plan) -> bool:
        return False

    @contextmanager
    def builder(self, snapshot: Snapshot, plan: Plan, run: str, mounted: Given) -> Iterator[LocalBuilder]:
        words, builder = self.around.buildx, self.around.builder
        yield LocalBuilder.of(snapshot.repository, self.bakes, mounted, buildx=words, builder=builder)

    def release_lock(self, name: str, *, break_expired: bool = False) -> AbstractContextManager[None]:
        """Hold a lock in the repository.

        The kernel releases it when the process that holds it ends, so it never expires.
        """
        return lock(self.settings.root / ".slipway", name)

    def mounts(self, system: str, sources: Sequence[MountSource]) -> LocalMounts:
        return LocalMounts()

    def listening_ports(self) -> frozenset[int]:
        return listening_here() if self.engine.endpoint.is_near else frozenset()

    def container_access(self) -> ContainerAccess:
        if not self.engine.endpoint.is_near:
            self.say(f"{self.engine.endpoint} publishes ports on its own machine: tests over HTTP do not get there")
        return ContainerAccess()


@dataclass(frozen=True)
class LocalMounts:
    """Leave the files where they are: the engine mounts them from this machine."""

    paths: Mapping[MountSource, str] = field(default_factory=dict)

    def given(self) -> AbstractContextManager[None]:
        return nullcontext()

    def remove(self) -> None:
        """Do nothing: the files are the user's own."""


@dataclass(frozen=True)
class LocalBuilder:
    """Run bakes as child processes in the repository."""

    inputs: BakeInputs
    runner: Watched

    @classmethod
    def of(
        cls,
        repository: Repository,
        runner: Watched,
        mounted: Given,
        *,
        buildx: tuple[str, ...] = DOCKER_BUILDX,
        builder: str = "default",
    ) -> Self:
        """Return a builder that reads ``repository``. The secrets in ``mounted`` must be files."""
        root = repository.settings.root.absolute()
        inputs = BakeInputs(
            root=str(repository.settings.root),
            context=repository.worktree.context,
            dockerfile=lambda image: str(root / repository.define(image)),
            contexts={name: str(folder) for name, folder in repository.contexts.items()},
            secrets={name: str(file) for name, file in mounted.files.items()},
            ssh=dict.fromkeys(mounted.ssh, ""),
            buildx=buildx,
            builder=builder,
            carriers=dict(_carriers(repository, root)),
        )
        return cls(inputs, runner)

    def announce(self, commands: Iterable[Command]) -> None:
        """Do nothing: a child process does not outlive this one."""

    def run(self, command: Command, on_line: OnLine | None = None, *, should_stop: ShouldStop) -> Result:
        return self.runner(command, on_line=on_line, should_stop=should_stop)

    def changed_since(
        self, snapshot: Snapshot, names: Collection[str], held: Callable[[], Sequence[LocalImage]]
    ) -> Mapping[str, str]:
        return changed_since(snapshot, names, held())


def _carriers(repository: Repository, root: Path) -> Iterator[tuple[str, Carrier]]:
    """Yield each named context that contains slipway's own folder, with the image that replaces it.

    The image contains the other files of that context. BuildKit applies an ignore file to the context of an image, but
    not to a named context.
    """
    used = dict.fromkeys(context for image in repository.stack for context in image.given_contexts)
    for number, context in enumerate(used, start=1):
        folder, name = repository.contexts[context], f"_context-{number}"
        if not repository.worktree.read_folder(folder).beside_own:
            continue
        dockerfile = str(root / repository.worktree.define_carrier(name, folder))
        yield context, Carrier(name, str(folder), dockerfile)
