"""Open a shell in a service's container."""

from __future__ import annotations

from slipway.compose.containers import of_project
from slipway.core.errors import UsageError
from slipway.tasks.options import SystemOptions
from slipway.tasks.session import Session
from slipway.tasks.systems import chosen_services, project_of, talks_to_engine

#: bash where the image has it.
_SHELL = "exec bash 2>/dev/null || exec sh"


@talks_to_engine
def run_shell(session: Session, chosen: SystemOptions) -> None:
    """Open a shell in the running container of the one named service."""
    file, services = chosen_services(session, chosen.names, "shell")
    if len(services) != 1:
        raise UsageError(f"{file.system}: name one of its services", hint=f"invoke ps {file.system}")
    (service,) = services
    running = [
        one
        for one in of_project(session.host.engine.client, project_of(session, file, chosen.project).name)
        if one.service == service and one.state.status == "running"
    ]
    if not running:
        raise UsageError(f"{service}: has no running container in {file.system}", hint=f"invoke up {file.system}")
    terminal = ("--tty",) if session.console.tty else ()
    engine = session.container_access.docker_host
    where = ("--host", engine) if engine else ()
    session.attach(("docker", *where, "exec", "--interactive", *terminal, running[0].id, "sh", "-c", _SHELL))
