"""Open a shell in a service's container."""

from __future__ import annotations

import sys

from slipway.compose.containers import of_project
from slipway.compose.shell import find_shell
from slipway.core.errors import UsageError
from slipway.tasks.options import SystemOptions
from slipway.tasks.process import is_terminal
from slipway.tasks.session import Session
from slipway.tasks.systems import chosen_services, project_of, talks_to_engine


@talks_to_engine
def run_shell(session: Session, chosen: SystemOptions) -> None:
    """Open a shell in the running container of the one named service. Raises Exit with the shell's exit code.

    Without a terminal the shell reads its commands from standard input.
    """
    file, services = chosen_services(session, chosen.names, "shell")
    if len(services) != 1:
        raise UsageError(f"{file.system}: name one of its services", hint=f"invoke ps {file.system}")
    (service,) = services
    engine, project = session.host.engine, project_of(session, file, chosen.project)
    found = (one for one in of_project(engine.get, project.name) if one.service == service)
    running = next((one for one in found if one.state.status == "running"), None)
    if not running:
        raise UsageError(f"{service}: has no running container in {file.system}", hint=f"invoke up {file.system}")
    shell = find_shell(engine.client, running)
    terminal = ("--tty",) if is_terminal(sys.stdin) and is_terminal(sys.stdout) else ()
    host = session.container_access.docker_host
    where = ("--host", host) if host else ()
    session.attach(("docker", *where, "exec", "--interactive", *terminal, running.id, shell))
