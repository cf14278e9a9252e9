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

    names: Sequence[str] = option((), "images, simply as words after the task")
    version: str = option(
        "", "BASE_VERSION and VERSION for this task and those after it", sets=("BASE_VERSION", "VERSION")
    )
    registry: str = option("", "REGISTRY for this task and those after it", sets=("REGISTRY",))
    owner: str = option("", "OWNER for this task and those after it", sets=("OWNER",))
    allow_unused_env: bool = option(False, "let .env hold names that no image uses; for the tasks after this one, too")


@dataclass(frozen=True)
class BuildHostOptions:
    """Which build host."""

    host: str = option(
        "", "build host: an ssh alias or user@host[:port], instead of REMOTE_HOST", sets=("REMOTE_HOST",)
    )
    path: str = option("", "folder on the build host, instead of REMOTE_PATH", sets=("REMOTE_PATH",))


@dataclass(frozen=True)
class HostOptions(BuildHostOptions):
    """Where to work: on this machine, or on which build host."""

    remote: bool = option(False, "work on the build host, REMOTE_HOST")


@dataclass(frozen=True)
class DryRunOptions:
    """Whether to do it."""

    dry_run: bool = option(False, "show what would be done, and do nothing")


@dataclass(frozen=True)
class ConfirmOptions(DryRunOptions):
    """Whether to do it, and whether to ask first."""

    yes: bool = option(False, "do it without asking")


@dataclass(frozen=True)
class PushOptions:
    """How to go about a release."""

    force: bool = option(False, "let a version tag move to other content")
    resume: str = option("", "the run whose push is to be finished")
    break_lock: bool = option(False, "break another run's expired lock")


@dataclass(frozen=True)
class SmokeOptions:
    """Which image to test beside those that are built from the repository."""

    image: str = option("", "test this reference instead of the images built from this repository")


@dataclass(frozen=True)
class AttachOptions:
    """Which run on the build host to attach to."""

    run: str = option("", "the run's id; default: the newest that still runs, else the newest")


@dataclass(frozen=True)
class OutputOptions:
    """How to answer. Every task has these flags."""

    json: bool = option(False, "answer with JSON on stdout")
