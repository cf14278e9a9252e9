"""Invoke's door: ``invoke --list`` shows what can be done."""

from slipway.tasks import namespace

__all__ = ["namespace"]
