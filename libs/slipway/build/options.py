"""Define the options that a user can give to a build."""

from __future__ import annotations

from dataclasses import dataclass

from slipway.core.options import option


@dataclass(frozen=True)
class BuildOptions:
    """Hold the options for the execution of a plan."""

    no_cache: bool = option(False, "rebuild these images from nothing")
    fail_fast: bool = option(False, "start nothing after the first failure")
    strict: bool = option(False, "treat BuildKit warnings as errors")
    retries: int = option(0, "retry a failed image this many times")
