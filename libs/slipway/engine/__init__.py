"""The engine: images by label, tag, pull, push, containers' client. It never builds.

The docker SDK speaks to it, imported when it is first needed; the one call of every plan goes without.
"""

from slipway.engine.client import TOO_LARGE, Credentials, Engine, OnTransfer

__all__ = ["TOO_LARGE", "Credentials", "Engine", "OnTransfer"]
