"""Deprecated: the names are in ``slipway.testing.container_host`` now."""

from __future__ import annotations

from slipway.testing.container_host import ContainerHost as Place
from slipway.testing.container_host import LocalContainerHost as Here
from slipway.testing.container_host import RemoteContainerHost as There

__all__ = ["Here", "Place", "There"]
