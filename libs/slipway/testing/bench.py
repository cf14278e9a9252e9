"""Run images for tests: found by reference, run by id, with networks and volumes that end with the test."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType

from slipway.config.project import Project
from slipway.config.smoke import HttpReady
from slipway.core.errors import SlipwayError, SmokeError, UsageError, suggestion
from slipway.secrets.redactor import Redactor
from slipway.secrets.secret import Secret
from slipway.smoke import containers, health, orphans
from slipway.smoke.image_archive import Chunks, Layer
from slipway.smoke.layer_cache import LayerCache
from slipway.smoke.writable import places
from slipway.testing.container import Container, Executed
from slipway.testing.container_host import ContainerHost, LocalContainerHost
from slipway.testing.image import BuiltImage, describe, read_together, saved

MEMORY_LABEL = "slipway.memory"


@dataclass(frozen=True)
class Bench:
    """Hold the needs of running containers: engine and host, the run's label, log folder, the images by name.

    ``redact`` learns the secrets of every container that was started. ``project`` has the tables of the images.
    ``platform``: the one of which images of several platforms are tested; empty for the engine's own.
    """

    client: containers.Client
    run: str
    logs: Path
    siblings: Mapping[str, str]
    sandbox: containers.Sandbox = field(default_factory=containers.Sandbox)
    host: ContainerHost = field(default_factory=LocalContainerHost)
    redact: Redactor = field(default_factory=Redactor)
    cache: LayerCache = field(default_factory=LayerCache)
    project: Project = field(default_factory=Project)
    platform: str = ""

    @property
    def place(self) -> ContainerHost:
        """Deprecated: use ``host``."""
        return self.host

    def image(self, reference: str, name: str = "") -> BuiltImage:
        """Return the image that a reference or id names now. Raises SmokeError when the engine does not have it."""
        try:
            found = describe(self.client, reference, self.platform)
        except OSError as error:
            raise SmokeError(
                f"{reference}: the engine has no such image ({containers.reply(error)})", hint="slipway build"
            ) from error
        return BuiltImage(
            self.client,
            name or reference,
            reference,
            str(found.attributes["Id"]),
            found.attributes["Config"] or {},
            found.history,
            tuple(found.attributes["RootFS"].get("Layers") or ()),
            self._read,
            str(found.attributes.get("Architecture", "")),
            found.platform,
        )

    def parent(self, reference: str) -> BuiltImage:
        """Return the parent of the image under test. Pulled when missing: BuildKit keeps root images to itself."""
        try:
            return self.image(reference)
        except SmokeError as absent:
            try:
                self.client.images.pull(reference)
            except OSError as error:
                cause = containers.reply(error)
                raise SmokeError(f"{absent.message}, and it could not be pulled: {cause}") from error
        return self.image(reference)

    def sibling(self, name: str) -> BuiltImage:
        """Return an image of this repository by its name. Raises UsageError that suggests the nearest name."""
        if name not in self.siblings:
            hint = suggestion(name, self.siblings, "--slipway-siblings NAME=REF tells where it is")
            raise UsageError(f"{name}: not among the images given to the tests", hint=hint)
        return self.image(self.siblings[name], name)

    def _read(self, image: BuiltImage) -> tuple[Layer, ...]:
        def save() -> Chunks:
            others = (other for other in self._others() if other.platform == image.platform)
            return Chunks(saved(self.client, read_together(image, others), image.platform))

        return self.cache.layers(image.chain, save)

    def _others(self) -> Iterator[BuiltImage]:
        for name in self.siblings:
            with contextlib.suppress(SmokeError):
                yield self.sibling(name)


class Stack:
    """Run containers that reach each other by their images' names, on their own network without a way out.

    As a context manager it saves the logs and removes everything it created, also after an error.
    """

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._labels = orphans.labels(bench.run)
        self._prefix = f"slipway-{bench.run}-{secrets.token_hex(3)}"
        self._network = ""
        self._volumes: list[str] = []
        self._made: list[str] = []
        self._secrets = contextlib.ExitStack()
        self._redact = bench.redact
        self.containers: list[Container] = []

    def start(
        self,
        name: str,
        *,
        volumes: Mapping[str, str] | None = None,
        env: Mapping[str, str] | None = None,
        secrets: Mapping[str, str] | None = None,
        command: tuple[str, ...] = (),
        memory: str = "",
    ) -> Container:
        """Run the image called ``name`` and return once it is up, or once its job has ended with 0.

        ``[tool.slipway.smoke.NAME]`` says what it needs; ``env`` adds to its env, ``command`` replaces its command.
        ``volumes`` maps names, shared within this stack, to paths; ``memory`` is as Docker writes it ("4g").
        ``secrets`` maps a name to a value that the container reads in ``/run/secrets/<name>``: a file in memory, or in
        a volume on a build host. Everybody with access to the engine can read ``env``. Raises SmokeError with exit
        code, last probe and log lines when the container does not come up.
        """
        image = self._bench.sibling(name)
        spec = self._spec(image, command, memory)
        shared = {self._volume(volume): path for volume, path in (volumes or {}).items()}
        ready = spec.rules.ready
        asked = [f"{ready.port}/tcp"] if isinstance(ready, HttpReady) else []
        spec = replace(
            spec,
            env={**spec.env, **(env or {})},
            volumes=shared,
            scratch=[path for path in spec.scratch if path not in shared.values()],
            tmpfs=[path for path in spec.tmpfs if path not in shared.values()],
            ports=list(dict.fromkeys([*asked, *image.ports])),
        )
        return self._start(self._given(spec, secrets or {}), next(iter(spec.ports), ""))

    def run(self, name: str, *command: str) -> Executed:
        """Run ``command`` in the image called ``name`` until it ends, in the sandbox.

        It tests a tool, an image that starts nothing by itself. Raises SmokeError when the command does not start or
        does not end.
        """
        spec, client = self._spec(self._bench.sibling(name), command), self._bench.client
        self._made.append(spec.name)
        made = containers.create(client, spec)
        containers.start(client, made, spec)
        return Executed(health.wait_until_ended(client, made, spec), containers.log(client, made))

    def make_volume(self, name: str, *, megabytes: int) -> None:
        """Make a volume in memory that has this size, for ``start(…, volumes={name: path})``: a test can fill it.

        It loses its content when no running container uses it.
        """
        containers.create_volume(self._bench.client, self._volume(name), self._labels, megabytes)

    def __enter__(self) -> Stack:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        died = [box.explain("it stopped during the tests") for box in self.containers if _died(box)]
        self._remove_all()
        if died and not error:
            raise SmokeError("\n".join(died), log=str(self._bench.logs))

    def _spec(self, image: BuiltImage, command: tuple[str, ...], memory: str = "") -> containers.Spec:
        sandbox, rules = self._bench.sandbox, self._bench.project.smoke_rules(image.name)
        wanted = memory or (image.config.get("Labels") or {}).get(MEMORY_LABEL, "") or sandbox.memory
        kept, empty = places(rules.writable, image.config.get("Volumes") or (), image.layers)
        return containers.Spec(
            image=image.id,
            name=f"{self._prefix}-{image.name}-{len(self._made)}",
            network=self._own_network(),
            alias=image.name,
            labels=self._labels,
            env=rules.env,
            scratch=kept,
            tmpfs=empty,
            command=command or rules.command,
            sandbox=replace(sandbox, memory=wanted),
            rules=rules,
            platform=image.platform,
        )

    def _start(self, spec: containers.Spec, port: str) -> Container:
        client = self._bench.client
        self._made.append(spec.name)  # noted before it is created, so that an interrupted create is removed, too
        container = Container(client, containers.create(client, spec), spec, port, self._redact, self._bench.host)
        try:
            container.start()
        except SlipwayError as error:
            log = containers.save(client, container.id, self._bench.logs, spec.name, self._redact)
            raise error.redacted(self._redact, log=str(log)) from None
        self.containers.append(container)
        return container

    def _own_network(self) -> str:
        if not self._network:
            self._network = self._prefix
            containers.create_network(self._bench.client, self._network, self._labels)
        return self._network

    def _volume(self, name: str) -> str:
        full = f"{self._prefix}-{name}"
        if full not in self._volumes:
            self._volumes.append(full)
        return full

    def _given(self, spec: containers.Spec, secrets: Mapping[str, str]) -> containers.Spec:
        if not secrets:
            return spec
        self._redact.learn(map(Secret, secrets.values()))
        kept = self._bench.host.secrets(secrets, spec, self._bench.client, self._secrets)
        return replace(spec, secrets=kept)

    def _remove_all(self) -> None:
        """Try each removal, also when others fail."""
        client = self._bench.client
        with contextlib.ExitStack() as removals:
            if self._network:
                removals.callback(containers.remove_network, client, self._network)
            for volume in self._volumes:
                removals.callback(containers.remove_volume, client, volume)
            removals.push(self._secrets)
            for name in self._made:
                removals.callback(containers.remove, client, name)
                removals.callback(containers.save, client, name, self._bench.logs, name, self._redact)


def _died(container: Container) -> bool:
    try:
        return not (container.stopped or container.state.running)
    except OSError:
        return True
