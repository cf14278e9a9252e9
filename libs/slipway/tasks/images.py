"""plan, build-base, build, push, images: the images from Dockerfile to registry."""

from __future__ import annotations

from collections.abc import Sequence

from invoke.context import Context

from slipway.plan import plan_build
from slipway.tasks import flow
from slipway.tasks.door import Invocation, task


@task
def plan(c: Context, names: Sequence[str] = (), version: str = "", json: bool = False) -> None:
    """Show what a build would do to each image, and why."""
    here = Invocation(version, json)
    known = here.survey(names or None)
    selected = tuple(names) or tuple(known.facts.digests)
    flow.show_plan(here, known, plan_build(known.assembly.stack, selected, known.facts))


@task
def build_base(
    c: Context, names: Sequence[str] = (), version: str = "", dry_run: bool = False, json: bool = False
) -> None:
    """Build the base images, or those named."""
    flow.run_build(Invocation(version, json), names, "base", dry_run=dry_run)


@task
def build(c: Context, names: Sequence[str] = (), version: str = "", dry_run: bool = False, json: bool = False) -> None:
    """Build the services, or the images named; bases that are missing or stale come first."""
    flow.run_build(Invocation(version, json), names, "service", dry_run=dry_run)


@task
def push(
    c: Context,
    names: Sequence[str] = (),
    version: str = "",
    force: bool = False,
    resume: str = "",
    dry_run: bool = False,
    json: bool = False,
) -> None:
    """Push all images, or those named: content first, then the version tags, each read back."""
    flow.run_push(Invocation(version, json), names, force=force, dry_run=dry_run, resume=resume)


@task
def images(c: Context, json: bool = False) -> None:
    """Show the tree of images with sizes, digests and state."""
    here = Invocation(json=json)
    known = here.survey()
    if here.json:
        here.answer(flow.images_json(known))
    else:
        here.console.tree(known.assembly.stack, flow.images_rows(known))
