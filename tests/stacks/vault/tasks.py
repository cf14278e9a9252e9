"""Invoke's door."""

from slipway.tasks import namespace

__all__ = ["namespace"]
