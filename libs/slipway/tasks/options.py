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
    "CleanOptions",
    "ConfirmOptions",
    "DownOptions",
    "DryRunOptions",
    "HostOptions",
    "ImageOptions",
    "InitOptions",
    "LockOptions",
    "LogOptions",
    "MatrixOptions",
    "NameOptions",
    "OutputOptions",
    "PolicyOptions",
    "PushOptions",
    "ReferenceOptions",
    "RegistryOptions",
    "ReleaseOptions",
    "ReleasedOptions",
    "ResumeOptions",
    "SbomOptions",
    "ScanOptions",
    "SetupOptions",
    "SinceOptions",
    "StackOptions",
    "SystemOptions",
    "UpOptions",
    "VersionOptions",
    "WaitOptions",
    "WatchOptions",
]


@dataclass(frozen=True)
class NameOptions:
    """Hold the names of images, or of a system and its services."""

    names: Sequence[str] = option((), "images, or a system and its services, as plain words after the task")


@dataclass(frozen=True)
class VersionOptions:
    """Hold the new version of the bases."""

    to: str = option("", "patch, minor, major or a version, as a plain word after the task; default: patch")


@dataclass(frozen=True)
class PolicyOptions:
    """Hold the way to treat a broken rule of policy."""

    policy: str = option(
        "",
        "'note' to only note what policy refuses, 'refuse' to refuse it, for the rest of the chain",
        sets=("policy",),
    )


@dataclass(frozen=True)
class RegistryOptions:
    """Hold the place of the images in a registry."""

    registry: str = option("", "set REGISTRY for the rest of the chain", sets=("REGISTRY",))
    owner: str = option("", "set OWNER for the rest of the chain", sets=("OWNER",))


@dataclass(frozen=True)
class StackOptions(PolicyOptions, RegistryOptions):
    """Hold the parts of the references of all images."""

    version: str = option(
        "", "set BASE_VERSION and VERSION for the rest of the chain", sets=("BASE_VERSION", "VERSION")
    )
    allow_unused_env: bool = option(
        False, "allow names in .env that are almost those of settings or ARGs, for the rest of the chain"
    )


@dataclass(frozen=True)
class ImageOptions(StackOptions, NameOptions):
    """Hold the names of the images to work on, and the parts of their references."""


@dataclass(frozen=True)
class SystemOptions(NameOptions):
    """Hold the system and its services to work on."""

    project: str = option("", "work on the containers of this project name, beside those of the usual one")


@dataclass(frozen=True)
class WaitOptions:
    """Hold how long to wait for services."""

    deadline: int = option(120, "wait at most this many seconds for the services")


@dataclass(frozen=True)
class UpOptions(PolicyOptions, WaitOptions):
    """Hold the options of bringing a system up."""

    strict_ports: bool = option(False, "fail if a published port is taken, instead of taking the next free one")
    keep: bool = option(False, "leave the containers of a system that did not come up")
    write: str = option("", "write the compose file that runs to this file, and start nothing")
    forward: bool = option(False, "with --remote: lead ports of 127.0.0.1 to the services until Ctrl-C")


@dataclass(frozen=True)
class DownOptions:
    """Hold the options of taking a system down."""

    volumes: bool = option(False, "remove its volumes too, after a question that lists them")


@dataclass(frozen=True)
class WatchOptions(PolicyOptions, WaitOptions):
    """Hold how long to wait for services, and the way to notice changes of files."""

    poll: bool = option(False, "look at the files twice a second, where the system reports no changes")


@dataclass(frozen=True)
class SinceOptions:
    """Hold the earlier time or commit with which a task begins."""

    since: str = option(
        "",
        "logs: only lines of the last time: 90s, 30m, 2h; ci-matrix: a commit, or main... for its merge base with HEAD",
    )


@dataclass(frozen=True)
class LogOptions(SinceOptions):
    """Hold the options of reading logs."""

    follow: bool = option(False, "go on as the services write, also after a restart")
    tail: int = option(0, "at most this many of each container's last lines; 0 for all")


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
class OutdatedOptions:
    """Hold the choice to write the newer versions."""

    update: bool = option(False, "write the new digests and versions, as one change")


@dataclass(frozen=True)
class ConfirmOptions(DryRunOptions):
    """Hold the choice to only show the work, and the choice to do it without asking."""

    yes: bool = option(False, "ask for no confirmation")


@dataclass(frozen=True)
class SetupOptions(ConfirmOptions):
    """Hold the options of preparing this machine."""

    platforms: bool = option(False, "also run programs of PLATFORMS, or of amd64 and arm64, by emulation")


@dataclass(frozen=True)
class InitOptions:
    """Hold what to write for a repository that slipway looks at."""

    tasks: bool = option(False, "write a tasks.py, too")
    file: str = option("", "put the table into this file: slipway.toml or pyproject.toml")


@dataclass(frozen=True)
class LockOptions:
    """Hold the way to treat the lock of a run that writes to the registry."""

    break_lock: bool = option(False, "break another run's expired lock")


@dataclass(frozen=True)
class PushOptions(LockOptions):
    """Hold the options of a push."""

    force: bool = option(False, "allow a version tag to move to other content")
    resume: str = option("", "finish the push of this run")


@dataclass(frozen=True)
class CleanOptions(LockOptions):
    """Hold the age of the things to remove."""

    older_than: str = option("30d", "remove only what is older: 30d, 12h, 0s")
    cache: bool = option(False, "also remove the engine's build cache of that age, of all programs")


@dataclass(frozen=True)
class ReleaseOptions(LockOptions):
    """Hold the options of the release of a version."""

    also: Sequence[str] = option((), "also give every image this tag of moving-tags, such as latest")
    no_smoke: bool = option(False, "leave out the smoke tests")


@dataclass(frozen=True)
class ReleasedOptions(RegistryOptions):
    """Hold the release to look at, or to return to."""

    release: str = option("", "the version, as a plain word after the task; default: VERSION, else BASE_VERSION")


@dataclass(frozen=True)
class MatrixOptions(StackOptions, SinceOptions):
    """Hold the earlier commit to compare with, and the form of the matrix."""

    format: str = option("json", "json, github (also Gitea) for $GITHUB_OUTPUT, or gitlab for a child pipeline")
    at_most: int = option(256, "put the images into at most this many jobs")


@dataclass(frozen=True)
class RunOptions:
    """Hold the id of the run to continue."""

    run: str = option("", "continue this run, a plain word after the task; remote-attach also finds the newest")


@dataclass(frozen=True)
class ResumeOptions(RunOptions, LockOptions):
    """Hold the run whose release to finish."""


@dataclass(frozen=True)
class ReferenceOptions:
    """Hold the reference of an image to work on instead of those that are built from the repository."""

    image: str = option("", "work on this reference instead of the images built from this repository")


@dataclass(frozen=True)
class SbomOptions(ReferenceOptions):
    """Hold the image to list, and the folder for bills of materials."""

    output: str = option("", "write a CycloneDX 1.6 file for each image into this folder")


@dataclass(frozen=True)
class ScanOptions(ReferenceOptions):
    """Hold the image to scan, the scanners and their sources, and the findings that fail."""

    fail_on: str = option("", "fail at a finding this severe or worse: low, medium, high or critical")
    only_fixed: bool = option(False, "leave out findings that no version fixes")
    scanner: Sequence[str] = option((), "use only this scanner: pip-audit, debian-tracker, trivy or grype")
    source: str = option("", "URL or file of Debian's data; one that ends in / has a file for each suite")
    scanner_deadline: int = option(300, "wait at most this many seconds for each scanner")


@dataclass(frozen=True)
class AttachOptions(RunOptions):
    """Hold the id of the run on the build host to attach to; without one, the newest running one, else the newest."""


@dataclass(frozen=True)
class OutputOptions:
    """Hold the form of the output. Every task has these flags."""

    json: bool = option(False, "write JSON to stdout")
