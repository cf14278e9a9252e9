"""slipway's tasks; ``invoke --list`` shows them."""

from slipway.tasks import namespace

__all__ = ["namespace"]
