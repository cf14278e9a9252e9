"""Hold the session of one task: its settings and connections, each created once, when it is first needed."""

from __future__ import annotations

import shlex
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from invoke.context import Context
from invoke.exceptions import Exit

from slipway.config import inherit, settings, wheelhouse
from slipway.config.definitions import Value
from slipway.config.environment import surroundings, variables
from slipway.config.pip import PipConfig, read_pip_config
from slipway.config.project import Project
from slipway.config.root import find_root
from slipway.core.errors import SlipwayError, UnwritableError, UsageError
from slipway.core.reference import Reference
from slipway.core.threads import start_in_thread
from slipway.engine import Logins
from slipway.hosts.git import tracked_files
from slipway.hosts.host import ContainerAccess, Host
from slipway.hosts.local import LocalHost
from slipway.hosts.runner import Runner, attach, run, run_together
from slipway.hosts.runners import RunAhead, echoing
from slipway.plan.facts import Snapshot, gather_facts, read_all
from slipway.plan.inputs import ReadFiles
from slipway.plan.repository import Repository, read_repository
from slipway.runs import secret_folder, workspace
from slipway.runs.cache import UserCache
from slipway.runs.run import Run
from slipway.stack.declared import Declared
from slipway.stack.given import WHEELHOUSES
from slipway.stack.worktree import StatCache, Worktree
from slipway.tasks import env_file
from slipway.tasks.chain import Chain, chain_of, keep
from slipway.tasks.command_line import command_line
from slipway.tasks.core import Core, settings_at
from slipway.tasks.options import BuildHostOptions, HostOptions, PushOptions
from slipway.tasks.output import Output
from slipway.tasks.parser import refuse_tasks

if TYPE_CHECKING:
    from slipway.config.configured import Level
    from slipway.hosts.remote.host import RemoteHost


class Session:
    """Hold the settings, output, host and repository of one task.

    Connections and temporary folders close when the task ends.
    """

    def __init__(self, c: Context | None = None, options: Sequence[object] = (), output: Output | None = None) -> None:
        """Create the session of a task with ``options``, one instance of each of its dataclasses.

        A task without BuildHostOptions or HostOptions works only on this machine. Raises UsageError for a run that
        cannot be resumed.
        """
        context = c or Context()
        self.core = Core.of(context)
        self._context, self._options = context, options
        self._config = context.config
        keep(self._config, self._continued(options))
        self._remote = any(_is_remote(one, self.chain) for one in options)
        self.started = time.monotonic()
        self.output = output or Output()
        self.console, self.redactor, self.json = self.output.console, self.output.redactor, self.output.json
        #: Platform, builder → whether its programs run there.
        self._runs: dict[tuple[str, str], bool] = {}
        #: Closes when the task ends.
        self.opened = ExitStack()
        self.run: Runner = echoing(self.echo) if self.core.echo else run
        self.run_together = partial(run_together, show=self.echo) if self.core.echo else run_together

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None:
        self.opened.__exit__(*error)

    def _continued(self, options: Sequence[object]) -> Chain:
        """Return the chain with this task's options."""
        state = chain_of(self._config)
        if self.core.timeout:
            state = state.with_settings([Value("BUILD_TIMEOUT", f"{self.core.timeout}s", "-T")])
        for given in options:
            state = state.with_options(given)
            if isinstance(given, PushOptions) and given.resume:
                from slipway.push.resume import read_plan

                versions = read_plan(self._root / ".slipway", given.resume).versions
                state = state.with_settings(Value(name, value, "--resume") for name, value in versions.items())
        return state

    @property
    def chain(self) -> Chain:
        """Return the state that the earlier tasks left, with this task's options."""
        return chain_of(self._config)

    @property
    def _root(self) -> Path:
        return find_root(self.core.folder, Path.cwd())

    def echo(self, text: str) -> None:
        """Show a command before it runs."""
        self.console.note(text)

    @cached_property
    def settings(self) -> settings.Settings:
        given = self.chain.settings
        return settings.load(self._root, given, learn=self.redactor.learn, configured=self.core.settings)

    def has_built(self, kind: str, names: Sequence[str]) -> None:
        """Record the images that were built, for the later tasks."""
        keep(self._config, self.chain.with_built(kind, names))

    def note(self, text: str) -> None:
        """Show a line that needs no action by the user."""
        self.console.note(f"note: {text}")

    def typed(self, hint: str) -> str:
        """Return a hint with its commands as the user types them."""
        return command_line.get().typed(hint)

    def agreed(self, question: str) -> bool:
        """Ask the user at the terminal, and tell whether the answer is yes.

        The end of the input is a no.
        """
        self.console.note(f"{question} [y/N]")
        return sys.stdin.readline().strip().lower() in ("y", "yes")

    def again(self) -> Session:
        """Return a session with the same options, which reads the repository and the settings again."""
        return Session(self._context, self._options, self.output)

    def configured_at(self, root: Path) -> tuple[Level, ...]:
        """Return the sources of Invoke's configuration, the repository's own file from the folder ``root``."""
        return settings_at(self._context, root)

    def attach(self, argv: Sequence[str]) -> None:
        """Run a program that talks to the user. Raises Exit with its exit code when that is not 0."""
        if self.core.echo:
            self.echo(f"$ {shlex.join(argv)}")
        if code := attach(argv):
            raise Exit(code=code)

    @property
    def home(self) -> Path:
        return self.settings.root / ".slipway"

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    @cached_property
    def worktree(self) -> Worktree:
        cache = StatCache(self._cache.hashes(self.settings.root))
        return Worktree(self.settings.root, cache, git=self.settings.project.policy.opens_git)

    @property
    def _cache(self) -> UserCache:
        return UserCache(surroundings().cache)

    @property
    def host(self) -> Host:
        """Return the host that this task works on. No other code makes this choice."""
        return self.remote_host if self._remote else self.local_host

    @cached_property
    def container_access(self) -> ContainerAccess:
        """Return the addresses by which other programs on this machine reach the host's containers."""
        return self.host.container_access()

    @cached_property
    def local_host(self) -> LocalHost:
        around = surroundings()
        learn = self.redactor.learn
        logins = Logins(around.docker_config, self.run, given=around.docker_auth_config, learn=learn)
        bakes = RunAhead(self.run, self.echo) if self.core.echo else RunAhead(self.run)
        self.opened.callback(bakes.close)
        return LocalHost(self.settings, around, self.run, logins.find, self.note, bakes)

    @cached_property
    def remote_host(self) -> RemoteHost:
        """Return the build host REMOTE_HOST. Its connection closes when the task ends."""
        from slipway.tasks.host import remote_host

        host = remote_host(self.local_host, self.echo if self.core.echo else None)
        self.opened.callback(host.close)
        return host

    @cached_property
    def pip(self) -> PipConfig:
        around = surroundings()
        found = read_pip_config(around.pip, Path(sys.prefix), around.home)
        self.redactor.learn(found.secrets)
        return found

    @property
    def ca_bundle(self) -> str:
        """Return the CA bundle for builds: CA_BUNDLE, else pip's, else an empty string."""
        return self.settings["CA_BUNDLE"] or self.pip.cert

    def run_mounts(self, project: Project) -> str:
        """Return the flags that give each RUN pip's configuration, if the project wants them."""
        return inherit.mounts(project.inherit, ca=bool(self.ca_bundle) or "ca" in project.secrets)

    @cached_property
    def contexts(self) -> Mapping[str, Path]:
        """Return the named contexts for builds: the wheelhouse, when there is one."""
        chosen = self.settings["WHEELHOUSE"]
        folder = Path(chosen).expanduser() if chosen else self._wheelhouse()
        return dict.fromkeys(WHEELHOUSES, folder) if folder else {}

    def _wheelhouse(self) -> Path | None:
        """Return pip's find-links folders as one folder.

        Several are joined in the user's cache folder; without a cache folder, in a temporary one.
        """
        folders = self.pip.folders
        if len(folders) < 2:
            return next(iter(folders), None)
        if home := self._cache.wheelhouses():
            return wheelhouse.keep(folders, home)
        scratch = tempfile.TemporaryDirectory(prefix="slipway-")
        return wheelhouse.join(folders, Path(self.opened.enter_context(scratch), "wheelhouse"))

    @cached_property
    def repository(self) -> Repository:
        """Read the repository, again if the host has another platform than this machine.

        Raises UsageError for names in ``.env`` that no image uses, and for images with the name of a task.
        """
        native = self.host.platform
        return self._first_read if native == self._first_read.native else self._read_repository(native)

    @cached_property
    def _first_read(self) -> Repository:
        """Read the repository for this machine's platform while slipway connects to the host."""
        self.host.connect_ahead()
        found = self._read_repository()
        self.redactor.learn(found.settings.secrets)
        places = {image.name: image.dockerfile for image in found.stack.known}
        refuse_tasks(places, "rename it, or set its name in the table of images: docs/images.md")
        names = env_file.judge(found)
        if names.misspelled and not self.chain.lenient:
            raise UsageError.of(names.misspelled)
        for remark in (*map(str, names.misspelled), *names.remarks):
            self.note(remark)
        return found

    def _read_repository(self, native: str = "") -> Repository:
        return read_repository(
            self.settings,
            self.worktree,
            self.contexts,
            native,
            secrets=self.pip.withheld,
            tracked=partial(tracked_files, self.run, self.settings.root, self.note),
            mounts=self.run_mounts(self.settings.project),
            declared=self.declared,
        )

    @cached_property
    def declared(self) -> Declared:
        """Return the images of compose files and bake files, and note the parts that slipway does not read."""
        found = self.read_declared(self.settings.project, self.worktree)
        for note in found.notes:
            self.note(str(note))
        return found

    def read_declared(self, project: Project, worktree: Worktree) -> Declared:
        """Return the images of the compose files and bake files that a project's table names."""
        if not project.declarations:
            return Declared()
        from slipway.plan.declared import Bake, read_declarations

        bake = Bake(self.run, surroundings().buildx)
        return read_declarations(project.declarations, project.places["declarations"], worktree, variables(), bake)

    def snapshot(
        self, names: Sequence[str] | None = None, *, on_missing: Callable[[], None] = lambda: None
    ) -> Snapshot:
        """Return the facts about ``names``, or about all images; see ``gather_facts`` for ``on_missing``.

        slipway reads the files of all images while it connects to the host.
        """
        self.host.list_ahead()
        first = self._first_read
        reading = start_in_thread(lambda: read_all(first))
        repository = self.repository

        def read(wanted: Repository) -> ReadFiles:
            found = reading.result()
            return found if wanted is first else read_all(wanted)

        with self.host.verified():
            snapshot = gather_facts(
                repository,
                self.host.engine,
                lambda: self.host.registry,
                names,
                root_digest=self.root_digest,
                read=read,
                on_missing=on_missing,
            )
            self.worktree.cache.save()
            self._cache.prune_hashes()
        for note in snapshot.notes:
            self.note(note)
        return snapshot

    def root_digest(self, reference: Reference) -> str:
        """Return the digest of a root image's tag in its registry; empty without the tag. Raises RegistryError."""
        own = reference.registry == self.settings.registry
        registry = self.host.registry if own else self.host.registry_at(reference.registry)
        return registry.digest(reference)

    def not_runnable(self, platforms: Sequence[str], builder: str = "") -> tuple[str, ...]:
        """Return those of ``platforms`` whose programs ``builder``, or the engine, does not run. Each is tried once."""
        if untried := [platform for platform in platforms if (platform, builder) not in self._runs]:
            failed = self.host.not_runnable(untried, builder)
            self._runs |= {(platform, builder): platform not in failed for platform in untried}
        return tuple(platform for platform in platforms if not self._runs[platform, builder])

    def prepare_workspace(self) -> None:
        """Prepare the folder ``.slipway``.

        A task that builds, pushes or tests calls this before it writes anything into the folder.
        """
        workspace.prepare_workspace(self.home, self._places)

    @property
    def _places(self) -> secret_folder.Places:
        around = surroundings()
        return secret_folder.Places(around.runtime, around.state, lambda: (self.settings.root, *self.contexts.values()))

    @contextmanager
    def record(self) -> Iterator[Run]:
        """Open the directory of a run. Every text that is written into it passes the redactor.

        pip's configuration is read first, so the redactor knows its secrets before anything is written.
        """
        self.redactor.learn((*self.pip.secrets, *self.settings.secrets))
        with Run(self.home, self.redactor, self._places) as record:
            try:
                yield record
            except SlipwayError as error:
                if not (record.directory / "run.json").exists():
                    with suppress(UnwritableError):
                        told = self.output.readable(error).as_json()
                        record.write("run.json", {"run": record.id, **told})
                raise

    def answer(self, content: Mapping[str, Any] | Sequence[Any]) -> None:
        self.output.answer(content)


def _is_remote(given: object, chain: Chain) -> bool:
    """Tell whether the options lead a task to a build host.

    HostOptions leave the choice to ``--remote``, which holds for the rest of a chain. A task with BuildHostOptions
    alone always works on a build host, whatever the other tasks do.
    """
    return chain.remote if isinstance(given, HostOptions) else isinstance(given, BuildHostOptions)
