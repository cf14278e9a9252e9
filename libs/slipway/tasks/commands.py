"""Define the tasks that ``invoke --list`` shows.

Each task imports its work when it runs, so that the list appears immediately.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from slipway.tasks.options import (
    AttachOptions,
    BuildHostOptions,
    BuildOptions,
    ConfirmOptions,
    DryRunOptions,
    HostOptions,
    ImageOptions,
    PushOptions,
    SmokeOptions,
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
def images(session: Session, images: ImageOptions, host: HostOptions) -> None:
    """Show images as a tree with sizes, digests and state."""
    from slipway.tasks.images import run_images

    run_images(session, images.names)


@task
def smoke(session: Session, images: ImageOptions, options: SmokeOptions, host: HostOptions) -> None:
    """Test running containers of all images, or of the named ones."""
    from slipway.tasks.smoke import run_smoke

    run_smoke(session, images.names, options.image)


@task
def setup(session: Session, options: ConfirmOptions) -> None:
    """Install and start what is missing: engine, root image, registry."""
    from slipway.tasks.setup import run_setup

    run_setup(session, yes=options.yes, dry_run=options.dry_run)


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
