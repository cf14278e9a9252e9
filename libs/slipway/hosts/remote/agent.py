"""Forward ssh's agent of this machine into the folder of a run on the build host."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from slipway.hosts.remote.scripts import script
from slipway.hosts.ssh.agent_forwarding import forwarded
from slipway.hosts.ssh.reconnecting import ReconnectingConnection, Say

#: The socket's name in the run's folder, where buildx runs. An absolute path may be too long for a socket.
AGENT = "agent"


@contextmanager
def forward(connection: ReconnectingConnection, run: str, agent: str, say: Say) -> Iterator[None]:
    """Forward the agent whose socket is ``agent`` into the folder ``run`` until the context ends.

    After a reconnect, forward it again over the new connection. Raises NotForwardedError, LostError.
    """
    offer = partial(script, "agent", run)
    connection.stop_sharing()
    with connection.keep(lambda connection: forwarded(connection, agent, offer)):
        say(f"forwarding ssh's agent to {connection.config} while the build runs")
        yield
