"""What ``invoke --list`` shows. A task's work is imported when it runs, so that the list comes at once."""

from __future__ import annotations

from collections.abc import Sequence

from invoke.context import Context

from slipway.tasks.core import Core
from slipway.tasks.door import task


@task
def plan(
    c: Context,
    names: Sequence[str] = (),
    version: str = "",
    registry: str = "",
    owner: str = "",
    remote: bool = False,
    host: str = "",
    path: str = "",
    allow_unused_env: bool = False,
    json: bool = False,
) -> None:
    """Show what a build would do to each image, and why."""
    from slipway.tasks import images
    from slipway.tasks.invocation import Invocation, Naming, Where

    here = Invocation(Core.of(c), json, Naming(version, registry, owner), Where(remote, host, path), allow_unused_env)
    images.run_plan(here, names)


@task
def build_base(
    c: Context,
    names: Sequence[str] = (),
    version: str = "",
    registry: str = "",
    owner: str = "",
    no_cache: bool = False,
    fail_fast: bool = False,
    strict: bool = False,
    retries: int = 0,
    remote: bool = False,
    host: str = "",
    path: str = "",
    dry_run: bool = False,
    allow_unused_env: bool = False,
    json: bool = False,
) -> None:
    """Build the base images, or those named."""
    from slipway.build.bake_run import Options
    from slipway.tasks import images
    from slipway.tasks.invocation import Invocation, Naming, Where

    options = Options(no_cache, fail_fast, strict, retries)
    here = Invocation(Core.of(c), json, Naming(version, registry, owner), Where(remote, host, path), allow_unused_env)
    images.run_build(here, names, "base", options, dry_run=dry_run)


@task
def build(
    c: Context,
    names: Sequence[str] = (),
    version: str = "",
    registry: str = "",
    owner: str = "",
    no_cache: bool = False,
    fail_fast: bool = False,
    strict: bool = False,
    retries: int = 0,
    remote: bool = False,
    host: str = "",
    path: str = "",
    dry_run: bool = False,
    allow_unused_env: bool = False,
    json: bool = False,
) -> None:
    """Build the services, or the images named, on fresh bases."""
    from slipway.build.bake_run import Options
    from slipway.tasks import images
    from slipway.tasks.invocation import Invocation, Naming, Where

    options = Options(no_cache, fail_fast, strict, retries)
    here = Invocation(Core.of(c), json, Naming(version, registry, owner), Where(remote, host, path), allow_unused_env)
    images.run_build(here, names, "service", options, dry_run=dry_run)


@task
def push(
    c: Context,
    names: Sequence[str] = (),
    version: str = "",
    registry: str = "",
    owner: str = "",
    force: bool = False,
    resume: str = "",
    break_lock: bool = False,
    remote: bool = False,
    host: str = "",
    path: str = "",
    dry_run: bool = False,
    allow_unused_env: bool = False,
    json: bool = False,
) -> None:
    """Push all images, or those named: content first, then tags."""
    from slipway.tasks import images
    from slipway.tasks.invocation import Invocation, Naming, Where

    here = Invocation(Core.of(c), json, Naming(version, registry, owner), Where(remote, host, path), allow_unused_env)
    options = images.Release(force=force, resume=resume, break_lock=break_lock)
    images.run_push(here, names, options, dry_run=dry_run)


@task(name="images")  # type: ignore[untyped-decorator]
def list_images(
    c: Context,
    names: Sequence[str] = (),
    version: str = "",
    registry: str = "",
    owner: str = "",
    remote: bool = False,
    host: str = "",
    path: str = "",
    allow_unused_env: bool = False,
    json: bool = False,
) -> None:
    """Show images as a tree with sizes, digests and state."""
    from slipway.tasks import images
    from slipway.tasks.invocation import Invocation, Naming, Where

    here = Invocation(Core.of(c), json, Naming(version, registry, owner), Where(remote, host, path), allow_unused_env)
    images.run_images(here, names)


@task
def smoke(
    c: Context,
    names: Sequence[str] = (),
    image: str = "",
    version: str = "",
    registry: str = "",
    owner: str = "",
    remote: bool = False,
    host: str = "",
    path: str = "",
    allow_unused_env: bool = False,
    json: bool = False,
) -> None:
    """Test running containers of all images, or of those named."""
    from slipway.tasks.invocation import Invocation, Naming, Where
    from slipway.tasks.smoke import run_smoke

    here = Invocation(Core.of(c), json, Naming(version, registry, owner), Where(remote, host, path), allow_unused_env)
    run_smoke(here, names, image)


@task
def setup(c: Context, yes: bool = False, dry_run: bool = False, json: bool = False) -> None:
    """Get what is missing: engine, root image, registry."""
    from slipway.tasks.invocation import Invocation
    from slipway.tasks.machine import run_setup

    run_setup(Invocation(Core.of(c), json), yes=yes, dry_run=dry_run)


@task
def doctor(c: Context, json: bool = False) -> None:
    """Examine engine, buildx, registry, disk and pip."""
    from slipway.tasks.invocation import Invocation
    from slipway.tasks.machine import run_doctor

    run_doctor(Invocation(Core.of(c), json))


@task
def config(c: Context, json: bool = False) -> None:
    """Show every setting, its value and where it came from."""
    from slipway.tasks.invocation import Invocation
    from slipway.tasks.machine import run_config

    run_config(Invocation(Core.of(c), json))


@task
def remote_check(c: Context, host: str = "", path: str = "", json: bool = False) -> None:
    """Examine the build host: login, engine, rsync, disk, clock."""
    from slipway.tasks.invocation import Invocation, Where
    from slipway.tasks.remote import run_check

    run_check(Invocation(Core.of(c), json, where=Where(True, host, path)))


@task
def remote_runs(c: Context, host: str = "", path: str = "", json: bool = False) -> None:
    """List the runs that are kept on the build host."""
    from slipway.tasks.invocation import Invocation, Where
    from slipway.tasks.remote import run_runs

    run_runs(Invocation(Core.of(c), json, where=Where(True, host, path)))


@task
def remote_attach(c: Context, run: str = "", host: str = "", path: str = "", json: bool = False) -> None:
    """Listen again to a build on the build host, to its end."""
    from slipway.tasks.invocation import Invocation, Where
    from slipway.tasks.remote import run_attach

    run_attach(Invocation(Core.of(c), json, where=Where(True, host, path)), run)


@task
def remote_clean(
    c: Context, yes: bool = False, dry_run: bool = False, host: str = "", path: str = "", json: bool = False
) -> None:
    """Remove from the build host what builds left there."""
    from slipway.tasks.invocation import Invocation, Where
    from slipway.tasks.remote import run_clean

    run_clean(Invocation(Core.of(c), json, where=Where(True, host, path)), yes=yes, dry_run=dry_run)
