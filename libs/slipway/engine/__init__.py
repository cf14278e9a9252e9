"""The engine: images by label, tag, pull, push, containers' client. It never builds.

The docker SDK speaks to it, imported when it is first needed; the one call of every plan goes without. Every engine
that docker's CLI can have is one here: at a socket, at a port with TLS or without, by ssh.
"""

from slipway.engine.address import DOCKER_BUILDX, Endpoint
from slipway.engine.client import Engine, OnTransfer
from slipway.engine.failures import TOO_LARGE
from slipway.engine.logins import Credentials, FindLogin, Logins, anonymous

__all__ = [
    "DOCKER_BUILDX",
    "TOO_LARGE",
    "Credentials",
    "Endpoint",
    "Engine",
    "FindLogin",
    "Logins",
    "OnTransfer",
    "anonymous",
]
