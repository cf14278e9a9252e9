"""The flags of tasks, each declared once. A task takes the dataclasses whose flags it has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from slipway.build.options import BuildOptions
from slipway.core.options import option

__all__ = [
    "AttachOptions",
    "BuildHostOptions",
    "BuildOptions",
    "ConfirmOptions",
    "DryRunOptions",
    "HostOptions",
    "ImageOptions",
    "OutputOptions",
    "PushOptions",
    "SmokeOptions",
]


@dataclass(frozen=True)
class ImageOptions:
    """Which images, and the parts of their names."""

    names: Sequence[str] = option((), "images, as plain words after the task")
    version: str = option(
        "", "set BASE_VERSION and VERSION for the rest of the chain", sets=("BASE_VERSION", "VERSION")
    )
    registry: str = option("", "set REGISTRY for the rest of the chain", sets=("REGISTRY",))
    owner: str = option("", "set OWNER for the rest of the chain", sets=("OWNER",))
    allow_unused_env: bool = option(False, "allow names in .env that no image uses, for the rest of the chain")


@dataclass(frozen=True)
class BuildHostOptions:
    """Which build host."""

    host: str = option(
        "", "use this build host (ssh alias or user@host[:port]) instead of REMOTE_HOST", sets=("REMOTE_HOST",)
    )
    path: str = option("", "use this folder on the build host instead of REMOTE_PATH", sets=("REMOTE_PATH",))


@dataclass(frozen=True)
class HostOptions(BuildHostOptions):
    """Where to work: on this machine, or on which build host."""

    remote: bool = option(False, "work on the build host REMOTE_HOST")


@dataclass(frozen=True)
class DryRunOptions:
    """Whether to do it."""

    dry_run: bool = option(False, "show the plan and change nothing")


@dataclass(frozen=True)
class ConfirmOptions(DryRunOptions):
    """Whether to do it, and whether to ask first."""

    yes: bool = option(False, "ask for no confirmation")


@dataclass(frozen=True)
class PushOptions:
    """How to go about a release."""

    force: bool = option(False, "allow a version tag to move to other content")
    resume: str = option("", "finish the push of this run")
    break_lock: bool = option(False, "break another run's expired lock")


@dataclass(frozen=True)
class SmokeOptions:
    """Which image to test beside those that are built from the repository."""

    image: str = option("", "test this reference instead of the images built from this repository")


@dataclass(frozen=True)
class AttachOptions:
    """Which run on the build host to attach to."""

    run: str = option("", "attach to this run; default: the newest running one, else the newest")


@dataclass(frozen=True)
class OutputOptions:
    """How to answer. Every task has these flags."""

    json: bool = option(False, "write JSON to stdout")
