"""Define the tasks that ``invoke --list`` shows.

Each task imports its work when it runs, so that the list appears immediately.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from slipway.tasks.options import (
    AttachOptions,
    BuildHostOptions,
    BuildOptions,
    CleanOptions,
    ConfirmOptions,
    DownOptions,
    DryRunOptions,
    HostOptions,
    ImageOptions,
    InitOptions,
    LockOptions,
    LogOptions,
    MatrixOptions,
    OutdatedOptions,
    PushOptions,
    ReferenceOptions,
    RegistryOptions,
    ReleasedOptions,
    ReleaseOptions,
    ResumeOptions,
    SbomOptions,
    ScanOptions,
    SetupOptions,
    StackOptions,
    SystemOptions,
    UpOptions,
    VersionOptions,
    WaitOptions,
    WatchOptions,
)
from slipway.tasks.wrapper import task

if TYPE_CHECKING:
    from slipway.tasks.session import Session


@task
def plan(session: Session, images: ImageOptions, host: HostOptions) -> None:
    """Show what a build would do to each image, and why."""
    from slipway.tasks.plan import run_plan

    run_plan(session, images.names)


@task
def build_base(
    session: Session, images: ImageOptions, options: BuildOptions, host: HostOptions, run: DryRunOptions
) -> None:
    """Build the base images, or the named ones."""
    from slipway.tasks.build import run_build

    run_build(session, images.names, "base", options, dry_run=run.dry_run)


@task
def build(session: Session, images: ImageOptions, options: BuildOptions, host: HostOptions, run: DryRunOptions) -> None:
    """Build the services, or the named images, and their bases."""
    from slipway.tasks.build import run_build

    run_build(session, images.names, "service", options, dry_run=run.dry_run)


@task
def push(session: Session, images: ImageOptions, options: PushOptions, host: HostOptions, run: DryRunOptions) -> None:
    """Push all images, or the named ones: content first, then tags."""
    from slipway.tasks.push import run_push

    run_push(session, images.names, options, dry_run=run.dry_run)


@task
def release(
    session: Session, stack: StackOptions, options: ReleaseOptions, host: HostOptions, run: DryRunOptions
) -> None:
    """Build, test and push all images as one version, with a record."""
    from slipway.tasks.release import run_release

    run_release(session, options, dry_run=run.dry_run)


@task
def release_resume(session: Session, options: ResumeOptions, stack: StackOptions, host: HostOptions) -> None:
    """Finish the release of a run, without a build."""
    from slipway.tasks.release import run_resume

    run_resume(session, options)


@task
def release_list(session: Session, registry: RegistryOptions, host: HostOptions) -> None:
    """List the releases in the registry."""
    from slipway.tasks.releases import run_list

    run_list(session)


@task
def release_show(session: Session, options: ReleasedOptions, host: HostOptions) -> None:
    """Show the images of a release, its sources and tools."""
    from slipway.tasks.releases import run_show

    run_show(session, options)


@task
def release_verify(session: Session, options: ReleasedOptions, host: HostOptions) -> None:
    """Compare a release's record with the registry (for CI)."""
    from slipway.tasks.releases import run_verify

    run_verify(session, options)


@task
def release_rollback(session: Session, options: ReleasedOptions, host: HostOptions, run: ConfirmOptions) -> None:
    """Move the tags of a release back to its digests."""
    from slipway.tasks.releases import run_rollback

    run_rollback(session, options, yes=run.yes, dry_run=run.dry_run)


@task
def base_check(session: Session, images: ImageOptions, host: HostOptions) -> None:
    """Find bases that changed without a new version (for CI)."""
    from slipway.tasks.base import run_check

    run_check(session, images.names)


@task
def base_bump(session: Session, version: VersionOptions, host: HostOptions, run: DryRunOptions) -> None:
    """Raise BASE_VERSION by patch, minor or major, or to a version."""
    from slipway.tasks.base import run_bump

    run_bump(session, version.to, dry_run=run.dry_run)


@task
def base_rehearse(session: Session, images: ImageOptions, options: LockOptions, host: HostOptions) -> None:
    """Build and test the bases and all on them; no version tag moves."""
    from slipway.tasks.rehearse import run_rehearse

    run_rehearse(session, images.names, break_lock=options.break_lock)


@task
def base_outdated(session: Session, options: OutdatedOptions, host: HostOptions, run: DryRunOptions) -> None:
    """List root images that moved and newer requirements; update them."""
    from slipway.tasks.outdated import run_outdated

    run_outdated(session, options, dry_run=run.dry_run)


@task
def ci_matrix(session: Session, options: MatrixOptions) -> None:
    """Write what to build and test since a git commit, for CI."""
    from slipway.tasks.matrix import run_matrix

    run_matrix(session, options)


@task
def clean(session: Session, stack: StackOptions, options: CleanOptions, host: HostOptions, run: ConfirmOptions) -> None:
    """Remove old images, content and runs that nothing needs any more."""
    from slipway.tasks.clean import run_clean

    run_clean(session, options, yes=run.yes, dry_run=run.dry_run)


@task
def images(session: Session, images: ImageOptions, host: HostOptions) -> None:
    """Show images as a tree with sizes, digests and state."""
    from slipway.tasks.images import run_images

    run_images(session, images.names)


@task
def sbom(session: Session, images: ImageOptions, options: SbomOptions, host: HostOptions) -> None:
    """List the packages in images, and the layer that brought each."""
    from slipway.tasks.sbom import run_sbom

    run_sbom(session, images.names, options)


@task
def scan(session: Session, images: ImageOptions, options: ScanOptions, host: HostOptions) -> None:
    """Find known vulnerabilities in the packages of images."""
    from slipway.tasks.scan import run_scan

    run_scan(session, images.names, options)


@task
def smoke(session: Session, images: ImageOptions, options: ReferenceOptions, host: HostOptions) -> None:
    """Test running containers of all images, or of the named ones."""
    from slipway.tasks.smoke import run_smoke

    run_smoke(session, images.names, options.image)


@task
def up(session: Session, system: SystemOptions, options: UpOptions, host: HostOptions, run: DryRunOptions) -> None:
    """Build a system's stale images, start its containers, wait until it is up."""
    from slipway.tasks.up import run_up

    run_up(session, system, options, dry_run=run.dry_run)


@task
def down(session: Session, system: SystemOptions, options: DownOptions, host: HostOptions, run: ConfirmOptions) -> None:
    """Remove a system's containers and networks; its volumes stay."""
    from slipway.tasks.down import run_down

    run_down(session, system, options, yes=run.yes, dry_run=run.dry_run)


@task
def ps(session: Session, system: SystemOptions, host: HostOptions) -> None:
    """Show a system's services: state, health, use, image as planned or stale."""
    from slipway.tasks.ps import run_ps

    run_ps(session, system)


@task
def logs(session: Session, services: SystemOptions, options: LogOptions, host: HostOptions) -> None:
    """Show the logs of a system's services, merged by time."""
    from slipway.tasks.logs import run_logs

    run_logs(session, services, options)


@task
def restart(session: Session, services: SystemOptions, options: WaitOptions, host: HostOptions) -> None:
    """Restart services of a system, and wait until they are up."""
    from slipway.tasks.restart import run_restart

    run_restart(session, services, options)


@task
def shell(session: Session, services: SystemOptions, host: HostOptions) -> None:
    """Open a shell in a running service's container."""
    from slipway.tasks.shell import run_shell

    run_shell(session, services)


@task
def watch(session: Session, system: SystemOptions, options: WatchOptions, host: HostOptions) -> None:
    """Keep a system up, and rebuild what each change of a file concerns."""
    from slipway.tasks.watch import run_watch

    run_watch(session, system, options)


@task
def setup(session: Session, options: SetupOptions) -> None:
    """Install and start what is missing: engine, root image, registry."""
    from slipway.tasks.setup import run_setup

    run_setup(session, options)


@task
def init(session: Session, options: InitOptions, run: ConfirmOptions) -> None:
    """Show the images that a repository describes; write the table for them."""
    from slipway.tasks.init import run_init

    run_init(session, options, yes=run.yes, dry_run=run.dry_run)


@task
def doctor(session: Session) -> None:
    """Check engine, buildx, registry, disk and pip."""
    from slipway.tasks.setup import run_doctor

    run_doctor(session)


@task
def config(session: Session) -> None:
    """Show every setting, its value and its source."""
    from slipway.tasks.setup import run_config

    run_config(session)


@task
def remote_check(session: Session, host: BuildHostOptions) -> None:
    """Check the build host: login, engine, rsync, disk, clock."""
    from slipway.tasks.remote import run_check

    run_check(session)


@task
def remote_runs(session: Session, host: BuildHostOptions) -> None:
    """List the runs on the build host."""
    from slipway.tasks.remote import run_runs

    run_runs(session)


@task
def remote_attach(session: Session, options: AttachOptions, host: BuildHostOptions) -> None:
    """Re-attach to a build on the build host."""
    from slipway.tasks.remote import run_attach

    run_attach(session, options.run)


@task
def remote_clean(session: Session, options: ConfirmOptions, host: BuildHostOptions) -> None:
    """Remove this repository's runs from the build host."""
    from slipway.tasks.remote import run_clean

    run_clean(session, yes=options.yes, dry_run=options.dry_run)
