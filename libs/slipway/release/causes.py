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


class SignatureCause(Cause):
    """Name the reasons for which slipway refuses the signature of a release."""

    MISSING = "signature-missing", "ALLOWED_SIGNERS says who may sign, and the record of the release has no signature."
    REFUSED = "signature-refused", "No signature of the record is by an allowed signer, or none fits the record."


class SinceCause(Cause):
    """Name the reasons for which slipway cannot compare the checkout with an earlier commit."""

    UNKNOWN = "since-unknown", "git does not know the commit that --since names."
    UNRELATED = "since-unrelated", "git knows no common commit of the two that --since names with `...`."
