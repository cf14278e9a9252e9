"""Build images: plan, get root images, bake, verify, and show the results."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from slipway.build.result import ImageResult
from slipway.config.inherit import Inherit, contents
from slipway.config.pip import pip_conf, uv_toml
from slipway.core.errors import BuildError, UsageError
from slipway.core.reference import Reference
from slipway.plan import policy
from slipway.plan.compression import refuse_compression
from slipway.plan.decide import Action, Plan, as_json, plan_build
from slipway.plan.facts import Snapshot
from slipway.plan.platforms import refuse_platforms
from slipway.runs.lock import lock
from slipway.runs.run import Run
from slipway.stack import mounts
from slipway.stack.mounts import Given
from slipway.tasks.options import BuildOptions
from slipway.tasks.plan import mounted, show_plan
from slipway.tasks.results import tell
from slipway.tasks.selection import stack_names
from slipway.tasks.session import Session


def run_build(session: Session, names: Sequence[str], kind: str, options: BuildOptions, *, dry_run: bool) -> None:
    """Show the plan, and build it unless ``dry_run`` is set. Raises BuildError when an image failed."""
    if options.retries < 0:
        raise UsageError(f"--retries {options.retries}: not a number of tries", hint="--retries 1")
    session.host.list_ahead()
    selected = stack_names(session, kind, names)
    session.has_built(kind, selected)
    no_cache = selected if options.no_cache else ()
    snapshot = session.snapshot(selected) if dry_run else session.snapshot(selected, on_missing=session.host.bake_ahead)
    plan = plan_build(snapshot.stack, selected, snapshot.facts, no_cache)
    mounted(session, snapshot, plan)
    if not dry_run and get_root_images(session, snapshot, plan):
        snapshot = session.snapshot(selected)
        plan = plan_build(snapshot.stack, selected, snapshot.facts, no_cache)
    if options.strict and plan.of(Action.BUILD) and not session.settings["BUILDER"]:
        policy.refuse_missing_checks(session.host.engine.version)
    if dry_run:
        show_plan(session, snapshot, plan)
        return
    session.prepare_workspace()
    if not session.json:
        session.console.plan(snapshot.stack, plan, session.seconds)
        if set(plan.counts()) <= {Action.REUSE}:
            return
    with building(session, snapshot, plan, options) as built:
        tell(session, built.record, built.results, "build", plan.roots, built.error, snapshot)


@dataclass(frozen=True)
class Built:
    """Hold the results of a build: its run, a result for each image, and the error of the first failed image."""

    record: Run
    results: Sequence[ImageResult]
    error: BuildError | None


@contextmanager
def building(session: Session, snapshot: Snapshot, plan: Plan, options: BuildOptions) -> Iterator[Built]:
    """Build a plan, and yield the results while its run is open."""
    from slipway.build import executor

    with lock(session.home, "build"), session.record() as record:
        record.write("plan.json", as_json(plan))
        images = [step.image for step in plan.steps]
        given = mounted(session, snapshot, plan)
        builds = build_mounts(session, record, given) if plan.of(Action.BUILD) else Given()
        with (
            session.host.builder(snapshot, plan, record.id, builds) as builder,
            session.console.showing(snapshot.stack, images) as taker,
        ):
            results = executor.build(
                executor.BuildRun(
                    snapshot,
                    plan,
                    session.host.engine,
                    builder,
                    record,
                    taker.take,
                    options,
                    partial(_publish, session),
                )
            )
        yield Built(record, results, executor.failure(results, record, flag=session.host.flag))


def _publish(session: Session, exact: Reference, content: Reference) -> None:
    registry = session.host.registry
    registry.put(content, registry.manifest(exact))


def get_root_images(session: Session, snapshot: Snapshot, plan: Plan) -> bool:
    """Send or pull the root images that builds need and the engine does not have. Return True when it got any.

    Raises PrerequisiteError or UsageError when the builds would fail for their platforms, and PrerequisiteError when
    the engine would not keep their layers as COMPRESSION says.
    """
    if not plan.of(Action.BUILD):
        return False
    builder = session.settings["BUILDER"]
    refuse_compression(snapshot, plan)
    refuse_platforms(snapshot, plan, lambda names: session.not_runnable(names, builder))
    from slipway.build.fetch import pull_roots

    seeded = session.host.seed_root_images(snapshot, plan)
    return pull_roots(snapshot, plan, session.host.engine, session.root_digest) or seeded


def build_mounts(session: Session, record: Run, given: Given) -> Given:
    """Return everything that builds mount, with every secret in a file.

    It consists of pip's configuration and the project's own mounts.
    """
    return replace(given, files={**inherit(session, record), **written(given, record)}, values={})


def written(given: Given, record: Run) -> dict[str, Path]:
    """Return the project's secrets as files: its own files, and files of the run for values."""
    values = {
        name: record.secret_file(f"given-{mounts.file_name(name)}", value.reveal())
        for name, value in given.values.items()
    }
    return {**given.files, **values}


def inherit(session: Session, record: Run) -> dict[str, Path]:
    """Return pip's configuration and the CA bundle as secret files.

    The files of pip's configuration are removed when the run ends. Raises UsageError when the CA bundle is missing.
    """
    secrets = {
        "uv.toml": record.secret_file("uv.toml", uv_toml(session.pip)),
        "pip.conf": record.secret_file("pip.conf", pip_conf(session.pip)),
    }
    if session.settings.project.inherit is Inherit.RUN:
        secrets |= {name: record.secret_file(name, text) for name, text in contents(session.pip).items()}
    if bundle := session.ca_bundle:
        if not Path(bundle).is_file():
            raise UsageError(f"CA_BUNDLE={bundle}: no such file", hint="CA_BUNDLE or pip's cert names a PEM bundle")
        secrets["ca"] = Path(bundle).absolute()
    return secrets
