"""Name the reasons for which a cleaning does not end well."""

from __future__ import annotations

from slipway.core.problems import Cause


class CleanCause(Cause):
    """Name the reasons for which a cleaning does not end well."""

    INCOMPLETE = "clean-incomplete", "The engine, the registry or the disk did not let slipway remove something."
