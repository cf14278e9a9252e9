"""Know → decide → do → tell: plan, build, push, images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from slipway import push as pushing
from slipway.build import executor as building
from slipway.build.bake_run import Work
from slipway.build.result import ImageResult
from slipway.config import settings
from slipway.config.pip import pip_conf, uv_toml
from slipway.core.errors import UsageError
from slipway.core.units import size
from slipway.plan.decide import Action, Plan, as_json, plan_build
from slipway.plan.facts import Survey, refuse_secrets
from slipway.plan.history import only_modes
from slipway.runs.lock import lock
from slipway.runs.run import Run
from slipway.stack import mounts
from slipway.stack.mounts import Given
from slipway.tasks.invocation import Invocation, only
from slipway.tasks.options import BuildOptions, PushOptions
from slipway.ui import report


def stack_names(here: Invocation, kind: str, names: Sequence[str]) -> tuple[str, ...]:
    """``names``, or all images of ``kind``. ``build-base`` takes bases only; ``build`` takes any image, and all in a
    stack of bases alone."""
    stack = here.repository.stack
    for name in names:
        stack[name]
    own = tuple(image.name for image in stack if image.kind == kind)
    if kind == "base":
        return only(names, own, kind)
    return tuple(dict.fromkeys(names)) or own or tuple(image.name for image in stack)


def run_plan(here: Invocation, names: Sequence[str]) -> None:
    known = here.survey(names or None)
    selected = tuple(names) or tuple(known.facts.digests)
    plan = plan_build(known.stack, selected, known.facts)
    mounted(here, known, plan)
    show_plan(here, known, plan)


def run_images(here: Invocation, names: Sequence[str]) -> None:
    known = here.survey(names or None)
    entries = [entry for entry in images_json(known) if not names or entry["image"] in names]
    if here.json:
        here.answer(entries)
    else:
        here.console.tree(known.stack, images_rows(known, entries))


def show_plan(here: Invocation, known: Survey, plan: Plan) -> None:
    """The plan of what is not begun; for a build host with what is going to be read there."""
    content = as_json(plan)
    transfer = here.host.transfer(known, plan)
    if transfer:
        content["needed"] = vars(transfer)
    if here.json:
        here.answer(content)
        return
    here.console.plan(known.stack, plan, here.seconds)
    if transfer and transfer.files:
        told = f"{transfer.files} files, {size(transfer.bytes)}"
        here.note(f"{told} are to be read there; what the host has of it is not sent")


def run_build(here: Invocation, names: Sequence[str], kind: str, options: BuildOptions, *, dry_run: bool) -> None:
    """Plan, and unless ``dry_run`` build; raises BuildError when an image failed."""
    if options.retries < 0:
        raise UsageError(f"--retries {options.retries}: not a number of tries", hint="--retries 1")
    selected = stack_names(here, kind, names)
    here.has_built(kind, selected)
    fresh = selected if options.no_cache else ()
    known = here.survey(selected)
    plan = plan_build(known.stack, selected, known.facts, fresh)
    mounted(here, known, plan)
    if not dry_run and get_root_images(here, known, plan):
        known = here.survey(selected)
        plan = plan_build(known.stack, selected, known.facts, fresh)
    if dry_run:
        show_plan(here, known, plan)
        return
    if not here.json:
        here.console.plan(known.stack, plan, here.seconds)
        if set(plan.counts()) <= {Action.REUSE}:
            return
    if plan.of(Action.BUILD):
        refuse_secrets(known.repository, here.pip.withheld)
    with lock(here.home, "build"), here.record() as record:
        record.write("plan.json", as_json(plan))
        images = [step.image for step in plan.steps]
        gifts = mounted(here, known, plan)
        builds = build_mounts(here, record, gifts) if plan.of(Action.BUILD) else Given()
        with (
            here.host.builder(known, plan, record.id, builds) as builder,
            here.console.showing(known.stack, images) as taker,
        ):
            outcomes = building.build(Work(known, plan, here.host.engine, builder, record, taker.take, options))
        tell(here, record, outcomes, "build", plan.roots)
        building.check(outcomes, record, flag=here.host.flag)


def get_root_images(here: Invocation, known: Survey, plan: Plan) -> bool:
    """Send or pull root images that are missing from the engine. Return True when it got any."""
    seeded = here.host.seed_root_images(known, plan)
    return building.pull_roots(known, plan, here.host.engine) or seeded


def mounted(here: Invocation, known: Survey, plan: Plan) -> Given:
    """What the builds of the plan mount and the project gives. Raises UsageError, MissingError."""
    names = [step.image for step in plan.of(Action.BUILD)]
    if not names:
        return Given()
    found = mounts.given(
        here.settings,
        known.repository.assembly,
        [*names, *known.unseen(names)],
        ca=bool(here.ca_bundle),
        agent=settings.surroundings().ssh_agent,
    )
    here.redactor.learn(found.secrets)
    return found


def build_mounts(here: Invocation, record: Run, gifts: Given) -> Given:
    """Return what builds mount, with every secret in a file: pip's configuration, and what the project gives."""
    return replace(gifts, files={**inherit(here, record), **written(gifts, record)}, values={})


def run_push(here: Invocation, names: Sequence[str], options: PushOptions, *, dry_run: bool) -> None:
    """Look, refuse, upload, move; raises PolicyError, PushError, MixedReleaseError, LockedError."""
    if options.resume:
        names = pushing.read_plan(here.home, options.resume).images
    names = names or here.chain.bases
    known = here.survey(names or None)
    images = [image for image in known.stack if not names or image.name in names]
    pushes = pushing.look(images, known.facts, here.host.registry)
    explain = partial(only_modes, here.home, known.facts)
    pushing.refuse_moves(pushes, here.host.registry, here.settings.project.moving_tags, options.force, explain)
    if dry_run or not here.json:
        rows = [(push.image, push.reference.tag, push.action, push.reason) for push in pushes]
        here.answer([vars(push) for push in pushes]) if here.json else here.console.table(rows)
    if dry_run or (not here.json and all(push.action is pushing.PushAction.REUSE for push in pushes)):
        return
    release = f"push-{here.settings.registry}-{here.settings.owner}".replace("/", "-").replace(":", "-")
    with here.host.release_lock(release, break_expired=options.break_lock), here.record() as record:
        versions = {"BASE_VERSION": here.settings.version("base"), "VERSION": here.settings.version("service")}
        record.write("plan.json", pushing.ReleasePlan(tuple(push.image for push in pushes), versions).as_json())
        lacking = [push.image for push in pushes if not push.published]
        with here.console.showing(known.stack, lacking) as taker:
            run = pushing.PushRun(here.host.engine, here.host.registry, record, taker.take)
            outcomes = pushing.release(pushes, run)
        tell(here, record, outcomes, "push")


def written(gifts: Given, record: Run) -> dict[str, Path]:
    """The secrets that the project gives as files: its own, or those of the run for values."""
    values = {
        name: record.secret_file(f"given-{mounts.file_name(name)}", value.reveal())
        for name, value in gifts.values.items()
    }
    return {**gifts.files, **values}


def inherit(here: Invocation, record: Run) -> dict[str, Path]:
    """pip's configuration as secret files that live as long as the run."""
    secrets = {
        "uv.toml": record.secret_file("uv.toml", uv_toml(here.pip)),
        "pip.conf": record.secret_file("pip.conf", pip_conf(here.pip)),
    }
    if bundle := here.ca_bundle:
        if not Path(bundle).is_file():
            raise UsageError(f"CA_BUNDLE={bundle}: no such file", hint="CA_BUNDLE or pip's cert names a PEM bundle")
        secrets["ca"] = Path(bundle).absolute()
    return secrets


def tell(
    here: Invocation,
    record: Run,
    outcomes: Sequence[ImageResult],
    command: str,
    roots: Mapping[str, str] = MappingProxyType({}),
) -> None:
    content = report.results_json(outcomes, run=record.id, seconds=here.seconds, command=command, roots=roots)
    record.write("run.json", content)
    if here.json:
        here.answer(content)
    else:
        here.console.line()
        here.console.results(outcomes, here.seconds)


def images_json(known: Survey) -> list[dict[str, Any]]:
    """An entry per image: where it comes from, what it is made of, how it stands in the engine."""
    facts = known.facts
    entries = []
    for image in known.stack:
        found = facts.here(image.name) or facts.newest.get(image.name)
        entries.append(
            {
                "image": image.name,
                "kind": image.kind,
                "dockerfile": image.dockerfile,
                "parents": image.parents,
                "roots": image.roots,
                "reference": str(facts.references[image.name]),
                "input_digest": facts.digests[image.name],
                "image_digest": found.id if found else "",
                "bytes": found.size if found else 0,
                "state": facts.presence(image.name),
            }
        )
    return entries


def images_rows(known: Survey, entries: Sequence[Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    """Name → version, size, digest, state as shown."""
    return {
        entry["image"]: (
            known.facts.references[entry["image"]].tag,
            size(entry["bytes"]) if entry["bytes"] else "",
            entry["image_digest"][:19],
            entry["state"],
        )
        for entry in entries
    }
