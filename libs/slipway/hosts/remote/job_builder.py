"""Build a plan on the build host: sync the files that the images read, then bake them in jobs.

The jobs outlive this process. On the build host, ``<folder>/<user>/<project>/`` contains two folders. ``contexts/``
has the named contexts, by content. ``runs/<run>/`` has:

- ``tree``: the repository's files
- ``earlier``: links to the trees of older runs, whose equal files rsync links
- ``context``: links to the contexts, by the names that BuildKit gets
- ``jobs``
- ``contexts``: named contexts that slipway is sending
- ``secrets``: exists while a job runs
- ``agent``: exists while ssh's agent is forwarded
- ``whole``: exists once the files were compared
"""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import PurePosixPath

from slipway.core.command import Command, Result
from slipway.core.errors import SyncError
from slipway.core.image import LocalImage
from slipway.core.streams import OnLine
from slipway.hosts.host import BakeInputs, Say, Transfer
from slipway.hosts.remote.agent import AGENT, forward
from slipway.hosts.remote.connected import ConnectedHost
from slipway.hosts.remote.file_manifest import FileManifest, context_to_sync, define, files_to_sync
from slipway.hosts.remote.jobs import DiffersError, Job, JobInput, alone, follow, stop
from slipway.hosts.remote.preflight import HostFacts, refuse_little_room
from slipway.hosts.remote.scripts import script
from slipway.hosts.remote.sync import Synced, send, sync, sync_again
from slipway.hosts.remote.tree_changes import SentTree, TreeChanges
from slipway.hosts.runner import RunCommand, ShouldStop
from slipway.hosts.ssh.agent_forwarding import NotForwardedError
from slipway.hosts.ssh.connection import LostError
from slipway.hosts.ssh.reconnecting import ReconnectingConnection
from slipway.plan.decide import Action, Plan
from slipway.plan.facts import Snapshot
from slipway.stack.mounts import Given, file_name
from slipway.stack.worktree import plain_name

#: The number of older runs that stay on the build host.
KEPT = 3


@contextmanager
def job_builder(
    snapshot: Snapshot,
    plan: Plan,
    host: ConnectedHost,
    run: str,
    rsync: RunCommand,
    mounted: Given,
    say: Say,
    *,
    before: int = 0,
) -> Iterator[JobBuilder]:
    """Send all files that the plan's images read and mount, and yield a builder.

    On exit, stop a job that still runs, unless the connection was lost. ``mounted``: its secrets must be files.
    ``before``: the number of runs that this process began after it probed the host. Raises SyncError, SshError,
    NotForwardedError, and PrerequisiteError when the build host has too little disk space.
    """
    settings = snapshot.repository.settings
    names, read = [step.image for step in plan.of(Action.BUILD)], _read(snapshot, plan)
    project = host.project(settings.registry, settings.owner)
    folder = f"{project}/runs/{run}"
    salt = snapshot.repository.worktree.cache.salt
    images = [snapshot.stack[name] for name in read]
    contexts = sorted({folder for image in images for folder in (image.context, *image.folder_contexts.values())})
    links = {context: context_name(context, salt) for context in contexts}
    manifest = files_to_sync(snapshot, read, define(snapshot, read))
    newest = snapshot.facts.newest
    refuse_little_room(host.facts, manifest.weight, [newest[name].size for name in names if name in newest])
    prepare = partial(_prepare, project, run, links)
    with ExitStack() as opened:
        try:
            if mounted.ssh:
                _run(host.connection, prepare("exit"), folder)
                opened.enter_context(forward(host.connection, folder, mounted.agent, say))
            earlier = [f"{folder}/{name}" for name in earlier_trees(host.facts, project, before)]
            sent = SentTree.of(snapshot.settings.root, str(host.name), project)
            changes = None if any(_given(snapshot, read)) else sent.changes(manifest)
            if changes:
                tree = Synced(manifest.files, changes.weight)
            else:
                tree = send(manifest, f"{folder}/tree", earlier, rsync, host.connection, prepare)
            given, more = _contexts(snapshot, read, project, run, host.connection, rsync)
        except (SyncError, NotForwardedError):
            # Nothing can use the incomplete run, and a full disk would stay full.
            _do(host.connection, 'rm -rf -- "$1"', folder)
            raise
        say(_told((tree, *more)))
        given_secrets = {file_name(name): file.read_bytes() for name, file in mounted.files.items()}
        inputs = BakeInputs(
            root=folder,
            context=lambda context: f"context/{links[context]}",
            dockerfile=lambda image: f"{folder}/tree/{snapshot.repository.define(image)}",
            contexts=given,
            secrets={name: f"{folder}/secrets/{file_name(name)}" for name in mounted.files},
            ssh=dict.fromkeys(mounted.ssh, AGENT),
            builder=host.facts.context,
            buildx=host.facts.words,
        )
        job_input = JobInput(given_secrets, settings.build_seconds, manifest.listed, agent=bool(mounted.ssh))
        if changes:
            job_input = replace(job_input, begun_by=partial(_with_changes, prepare, folder, changes))

        def send_again() -> None:
            if changes:
                _do(host.connection, 'rm -rf -- "$1"', f"{folder}/tree")
                _run(host.connection, prepare("exit"), folder)
                sync(manifest, f"{folder}/tree", earlier, rsync, host.connection)
            else:
                sync_again(manifest, f"{folder}/tree", earlier, rsync, host.connection)

        builder = JobBuilder(inputs, host.connection, folder, job_input, send_again)
        sent.keep(run, manifest)
        try:
            yield builder
        except LostError:
            raise
        except BaseException:
            builder.end()
            raise
        builder.end()


def earlier_trees(facts: HostFacts, project: str, before: int) -> tuple[str, ...]:
    """Return the links in a run's folder that may lead to the trees of older runs.

    rsync looks for every file that it sends in each of them, also where one is empty. ``before``: the number of runs
    since slipway learned ``facts``. Another client's newer run changes only the number of files that rsync can link.
    """
    found = facts.compared.count(PurePosixPath(project).name) + before
    return tuple(f"earlier/{number}" for number in range(1, min(KEPT, found) + 1))


def transfer(snapshot: Snapshot, plan: Plan) -> Transfer:
    """Return the number and bytes of the files that the plan's builds read."""
    read = _read(snapshot, plan)
    given = (manifest for _, manifest, _ in _given(snapshot, read))
    manifests = [files_to_sync(snapshot, read), *given] if read else []
    return Transfer(sum(one.files for one in manifests), sum(one.weight for one in manifests))


def _read(snapshot: Snapshot, plan: Plan) -> list[str]:
    """Return the images whose files the build host needs.

    These are the images to build, and the images below them that only the engine has.
    """
    names = [step.image for step in plan.of(Action.BUILD)]
    return [*names, *snapshot.only_in_engine(names)]


class JobBuilder:
    """Run bakes as jobs on the build host. A job continues by itself with the bakes that were announced.

    ``given``: the input of each job. Its seconds are the time limit of one command. ``send_again`` sends the tree
    again, by rsync, when the one on the build host differs.
    """

    def __init__(
        self,
        inputs: BakeInputs,
        connection: ReconnectingConnection,
        run: str,
        given: JobInput,
        send_again: Callable[[], object],
    ) -> None:
        self.inputs = inputs
        self._connection = connection
        self._run = run
        self._given = given
        self._send_again = send_again
        self._announced: tuple[Command, ...] = ()
        self._job: Job | None = None
        self._jobs = 0
        self._ahead: list[Command] = []

    def announce(self, commands: Iterable[Command]) -> None:
        """Announce the commands that will follow. End a job that was started for an earlier announcement."""
        self.end()
        self._announced = tuple(commands)

    def changed_since(
        self, snapshot: Snapshot, names: Collection[str], held: Callable[[], Sequence[LocalImage]]
    ) -> Mapping[str, str]:
        """Return nothing.

        The copy on the build host was verified and belongs to this run, so no edit reaches it.
        """
        return {}

    def run(self, command: Command, on_line: OnLine | None = None, *, should_stop: ShouldStop) -> Result:
        begins = not self._ahead or self._ahead[0] != command
        job = self._made_for(command) if begins else self._job
        assert job
        number = len(job.commands) - len(self._ahead) + 1
        try:
            result = self._follow(job, number, on_line, should_stop, begins=begins)
        except DiffersError:
            self._send_again()
            self._given = replace(self._given, begun_by=alone)
            result = self._follow(job, number, on_line, should_stop, begins=begins)
        self._given = replace(self._given, begun_by=alone)
        self._ahead = self._ahead[1:] if result.ok else []
        return result

    def _follow(
        self, job: Job, number: int, on_line: OnLine | None, should_stop: ShouldStop, *, begins: bool
    ) -> Result:
        seconds = self._given.seconds * len(job.commands)
        job_input = replace(self._given, seconds=seconds) if begins else None
        return follow(job, number, self._connection, on_line, should_stop, job_input)

    def end(self) -> None:
        """End a job that still runs, because its result is not needed."""
        if self._job and self._ahead:
            stop(self._job, self._connection)
            self._ahead = []

    def _made_for(self, command: Command) -> Job:
        """Return a new job of the command and of the announced commands that follow it."""
        self.end()
        at = self._announced.index(command) if command in self._announced else len(self._announced)
        commands = (command, *self._announced[at + 1 :])
        self._jobs += 1
        self._job = Job(self._run, self._jobs, commands)
        self._ahead = list(commands)
        return self._job


def context_name(context: str, salt: str) -> str:
    """Return the name under which BuildKit gets a context, and keeps the files it received.

    ``slipway.stack.worktree.contexts`` explains why it contains ``salt``.
    """
    return "-".join(filter(None, (plain_name(context), "tree", salt)))


def _prepare(project: str, run: str, links: Mapping[str, str], line: str) -> Command:
    """Return the command that creates the run's folder, and then runs ``line``.

    A separate command would cost more round trips.
    """
    pairs = [word for context, name in links.items() for word in (name, _below_tree(context))]
    return script("prepare", project, run, str(KEPT), line, *pairs)


def _with_changes(prepare: Callable[[str], Command], folder: str, changes: TreeChanges, start: Command) -> Command:
    """Return the command that creates the run's folder, makes its tree by ``changes``, and then becomes ``start``."""
    sizes = (str(len(changes.removed)), str(len(changes.archive)))
    then = script("patch", folder, changes.since, *sizes, *start.argv)
    stdin = changes.removed + changes.archive + start.stdin
    return replace(prepare(shlex.join(then.argv)), stdin=stdin, label=start.label)


def _below_tree(context: str) -> str:
    return "../tree" if context == "." else f"../tree/{context}"


def _contexts(
    snapshot: Snapshot,
    names: Sequence[str],
    project: str,
    run: str,
    connection: ReconnectingConnection,
    rsync: RunCommand,
) -> tuple[dict[str, str], list[Synced]]:
    """Send the named contexts that the images read. Return name → folder, and the results of the transfers.

    Each is kept under the digest of its content, so a wheelhouse is sent only once.
    """
    given: dict[str, str] = {}
    sent: list[Synced] = []
    needed = list(_given(snapshot, names))
    there = _stored(connection, project) if needed else ()
    for name, manifest, text in needed:
        given[name] = f"{project}/contexts/{name}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
        if given[name] in there:
            _do(connection, 'touch -- "$1"', given[name])
            continue
        earlier = [old for old in there if PurePosixPath(old).name.startswith(f"{name}-")]
        own = f"{project}/runs/{run}/contexts/{name}"
        sent.append(sync(manifest, own, earlier, rsync, connection))
        # Another run may have stored the same content first. Its copy is equal.
        _do(connection, 'mv -T -- "$2" "$1" 2>/dev/null || test -d "$1"', given[name], own)
    return given, sent


def _given(snapshot: Snapshot, names: Sequence[str]) -> Iterator[tuple[str, FileManifest, str]]:
    """Yield each named context that the images read: name, manifest, and the text that stands for its content."""
    using = {name: image for image in map(snapshot.stack.__getitem__, names) for name in image.given_contexts}
    for name, image in sorted(using.items()):
        tree = snapshot.facts.manifests[image.name].contexts[name]
        yield name, context_to_sync(snapshot.repository.contexts[name], tree, snapshot.facts.trees), tree.encode()


def _told(synced: Sequence[Synced]) -> str:
    files, sent = sum(one.files for one in synced), sum(one.sent for one in synced)
    return f"synced {files} files, {sent:,} bytes sent"


def _stored(connection: ReconnectingConnection, project: str) -> tuple[str, ...]:
    """Return the complete contexts on the build host."""
    find = ("find", f"{project}/contexts", "-mindepth", "1", "-maxdepth", "1")
    return tuple(_run(connection, Command(find, label="list the contexts"), project).splitlines())


def _do(connection: ReconnectingConnection, line: str, *words: str) -> None:
    _run(connection, Command(("sh", "-c", line, "sh", *words), label="keep the synced files"), words[0])


def _run(connection: ReconnectingConnection, command: Command, about: str) -> str:
    """Return the output of a command on the build host. Raises SyncError when it fails."""
    result = connection.run(command, timeout=60)
    if not result.ok:
        raise SyncError(f"{about}: {result.stderr.strip()}", hint="invoke remote-check")
    return result.stdout
