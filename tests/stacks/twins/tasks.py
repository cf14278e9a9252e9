"""slipway's tasks, for ``invoke``."""

from slipway.tasks import namespace

__all__ = ["namespace"]
