"""Work on a build host: its engine, jobs that outlive this process, a copy of the files that images read."""

from __future__ import annotations

import getpass
import platform
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property

from slipway.core.addresses import endpoint, host_and_port, is_loopback
from slipway.core.command import Command
from slipway.core.errors import SlipwayError
from slipway.engine import Engine
from slipway.hosts.host import Builder, ContainerAccess, Transfer
from slipway.hosts.local import LocalHost
from slipway.hosts.remote.connected import ConnectedHost, PendingConnection, reach
from slipway.hosts.remote.job_builder import job_builder, transfer
from slipway.hosts.remote.locks import held
from slipway.hosts.remote.root_images import send_root_images
from slipway.hosts.requirements import first_version
from slipway.plan.decide import Action, Plan
from slipway.plan.facts import Survey
from slipway.registry import Registry
from slipway.stack.mounts import Given


class RemoteHost:
    """The host of ``pending``. It is connected to when something of it is first needed, until ``close``.

    ``local``: this machine, which has the repository, the logins, and root images that no registry has.
    """

    flag = " --remote"

    def __init__(self, local: LocalHost, pending: PendingConnection) -> None:
        self._local = local
        self._pending = pending
        self._opened = ExitStack()

    def close(self) -> None:
        self._opened.close()

    @cached_property
    def connected(self) -> ConnectedHost:
        """The connection, also to a host with missing prerequisites. Raises the errors of connecting."""
        local = self._local
        rsync = first_version(local.run(Command(("rsync", "--version"), label="rsync --version")).stdout)
        return reach(self._pending, local.settings["REMOTE_PATH"], rsync, local.logins, self._opened, local.say)

    @property
    def ready(self) -> ConnectedHost:
        """The connection to a host that has all prerequisites. Raises PrerequisiteError."""
        self.connected.refuse_missing()
        return self.connected

    @property
    def project(self) -> str:
        """The folder on the host that holds all runs of this repository."""
        return self.connected.project(self._local.settings.registry, self._local.settings.owner)

    @property
    def engine(self) -> Engine:
        return self.connected.engine

    @cached_property
    def platform(self) -> str:
        engine = self.engine
        with self._diagnosed():
            return engine.platform()

    @cached_property
    def registry(self) -> Registry:
        """Reached from this machine where that is possible, else from the host: it alone may be in that network.

        An address on loopback is always the host's own.
        """
        direct = self._local.registry
        if not is_loopback(direct.host) and direct.answers():
            return direct
        name, port = host_and_port(endpoint(direct.host), plain=direct.plain)
        return self._local.registry_through(self.connected.way_to(name, port, self._opened))

    def connect_ahead(self) -> None:
        self._pending.start()

    @contextmanager
    def verified(self) -> Iterator[None]:
        with self._diagnosed():
            yield
        self.connected.refuse_missing()

    @contextmanager
    def _diagnosed(self) -> Iterator[None]:
        """If a prerequisite is missing or the connection is lost, raise that instead of the error it caused."""
        connected = self.connected  # an error of connecting needs no diagnosis
        try:
            yield
        except SlipwayError:
            connected.refuse_missing()
            connected.connection.check()
            raise

    def transfer(self, known: Survey, plan: Plan) -> Transfer:
        return transfer(known, plan)

    def seed_root_images(self, known: Survey, plan: Plan) -> bool:
        return send_root_images(known, plan, self._local.engine, self.engine, self._local.say)

    @contextmanager
    def builder(self, known: Survey, plan: Plan, run: str, mounted: Given) -> Iterator[Builder]:
        local = self._local
        if plan.of(Action.BUILD):
            with job_builder(known, plan, self.ready, run, local.run, mounted, local.say) as builder:
                yield builder
        else:  # nothing is sent, and the builder runs nothing
            with local.builder(known, plan, run, mounted) as idle:
                yield idle

    @contextmanager
    def release_lock(self, name: str, *, break_expired: bool = False) -> Iterator[None]:
        """Hold a lock in the repository, then one on the host, whose lease is renewed while it is held."""
        with self._local.release_lock(name):
            host, holder = self.ready, f"{getpass.getuser()}@{platform.node()}"
            lock = f"{host.facts.folder}/locks/{name}"
            with held(host.connection, lock, holder, self._local.say, broken=break_expired):
                yield

    def container_access(self) -> ContainerAccess:
        ports = self.ready.ports(self._opened, self._local.say)
        return ContainerAccess(self.engine.address, ports)
