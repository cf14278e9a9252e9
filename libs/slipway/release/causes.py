"""Name the reasons for which slipway refuses a version of the bases."""

from __future__ import annotations

from slipway.core.problems import Cause


class VersionCause(Cause):
    """Name the reasons for which slipway refuses a version of the bases."""

    DRIFT = "base-drift", "A base's inputs changed, and the registry has its BASE_VERSION with other content."
    TAKEN = "version-taken", "The registry has the version that BASE_VERSION was to become."
