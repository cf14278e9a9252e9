"""Name the reasons for which slipway refuses a version of the bases, or a release."""

from __future__ import annotations

from slipway.core.problems import Cause


class VersionCause(Cause):
    """Name the reasons for which slipway refuses a version of the bases."""

    DRIFT = "base-drift", "A base's inputs changed, and the registry has its BASE_VERSION with other content."
    TAKEN = "version-taken", "The registry has the version that BASE_VERSION was to become."


class ReleaseCause(Cause):
    """Name the reasons for which a release, or a look at one, ends."""

    WRITTEN = "release-written", "The version has a record, and it has other content."
    DIFFERS = "release-differs", "A tag or a blob in the registry is not as the record of the release says."
    UNKNOWN = "release-unknown", "The registry has no record of the version."
