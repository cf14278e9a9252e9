"""Options of a build, as a user gives them."""

from __future__ import annotations

from dataclasses import dataclass

from slipway.core.options import option


@dataclass(frozen=True)
class BuildOptions:
    """How to carry out a plan."""

    no_cache: bool = option(False, "build these images from nothing, though they are here")
    fail_fast: bool = option(False, "begin nothing after the first failure")
    strict: bool = option(False, "treat BuildKit warnings as errors")
    retries: int = option(0, "how often to try a failed image again")
