"""The engine: images by label, tag, pull, push, containers' client. It never builds.

The docker SDK speaks to it, imported when it is first needed; the one call of every plan goes without.
"""

from slipway.engine.address import DOCKER_BUILDX
from slipway.engine.client import TOO_LARGE, Engine, OnTransfer
from slipway.engine.logins import Credentials, FindLogin, Logins, anonymous

__all__ = ["DOCKER_BUILDX", "TOO_LARGE", "Credentials", "Engine", "FindLogin", "Logins", "OnTransfer", "anonymous"]
