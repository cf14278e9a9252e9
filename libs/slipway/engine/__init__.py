"""Use the engine: find images by label, tag, pull, push, and provide the client for containers. It never builds.

The docker SDK makes most calls, and is imported on first use. Every plan lists images, and does so without the SDK, as
long as the engine is at a socket or at ssh. slipway supports every address that docker's CLI supports: a socket, a
port with or without TLS, ssh.
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
