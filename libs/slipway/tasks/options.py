"""Define the flags of tasks, each declared once. A task takes the dataclasses whose flags it has."""

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
    """Hold the names of the images to work on, and the parts of their references."""

    names: Sequence[str] = option((), "images, as plain words after the task")
    version: str = option(
        "", "set BASE_VERSION and VERSION for the rest of the chain", sets=("BASE_VERSION", "VERSION")
    )
    registry: str = option("", "set REGISTRY for the rest of the chain", sets=("REGISTRY",))
    owner: str = option("", "set OWNER for the rest of the chain", sets=("OWNER",))
    allow_unused_env: bool = option(False, "allow names in .env that no image uses, for the rest of the chain")


@dataclass(frozen=True)
class BuildHostOptions:
    """Hold the build host to use, and the folder on it."""

    host: str = option(
        "", "use this build host (ssh alias or user@host[:port]) instead of REMOTE_HOST", sets=("REMOTE_HOST",)
    )
    path: str = option("", "use this folder on the build host instead of REMOTE_PATH", sets=("REMOTE_PATH",))


@dataclass(frozen=True)
class HostOptions(BuildHostOptions):
    """Hold the choice between this machine and a build host."""

    remote: bool = option(False, "work on the build host REMOTE_HOST, for the rest of the chain")


@dataclass(frozen=True)
class DryRunOptions:
    """Hold the choice to only show the work."""

    dry_run: bool = option(False, "show the plan and change nothing")


@dataclass(frozen=True)
class ConfirmOptions(DryRunOptions):
    """Hold the choice to only show the work, and the choice to do it without asking."""

    yes: bool = option(False, "ask for no confirmation")


@dataclass(frozen=True)
class PushOptions:
    """Hold the options of a release."""

    force: bool = option(False, "allow a version tag to move to other content")
    resume: str = option("", "finish the push of this run")
    break_lock: bool = option(False, "break another run's expired lock")


@dataclass(frozen=True)
class SmokeOptions:
    """Hold the reference of an image to test instead of those that are built from the repository."""

    image: str = option("", "test this reference instead of the images built from this repository")


@dataclass(frozen=True)
class AttachOptions:
    """Hold the id of the run on the build host to attach to."""

    run: str = option("", "attach to this run; default: the newest running one, else the newest")


@dataclass(frozen=True)
class OutputOptions:
    """Hold the form of the output. Every task has these flags."""

    json: bool = option(False, "write JSON to stdout")
