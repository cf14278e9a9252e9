"""The machine slipway works on: setup, doctor, config."""

from __future__ import annotations

import sys
from dataclasses import asdict, replace

from slipway.config import settings as reading
from slipway.config.settings import Value
from slipway.core.errors import MissingError
from slipway.setup.blockers import Wanted
from slipway.setup.bootstrap import setup as bring_about
from slipway.setup.doctor import doctor as examine
from slipway.setup.doctor import healthy
from slipway.tasks.invocation import Invocation
from slipway.tasks.process import is_terminal


def run_setup(here: Invocation, *, yes: bool, dry_run: bool) -> None:
    told: list[str] = []
    say = told.append if here.json else here.console.line
    ask = here.agreed if is_terminal(sys.stdin) else None
    ping = here.host.registry.greeting
    done = bring_about(here.run, _wanted(here), say, ask=ask, yes=yes, dry_run=dry_run, ping=ping)
    if here.json:
        here.answer({"told": told, "done": [asdict(action) for action in done]})


def run_doctor(here: Invocation) -> None:
    proxies = reading.surroundings().proxies
    checks = examine(here.run, _wanted(here), here.pip, proxies, ping=here.host.registry.greeting)
    if here.json:
        here.answer([vars(check) for check in checks])
    else:
        here.console.table([(check.state, check.name, check.detail, check.hint) for check in checks])
    if not healthy(checks):
        lacking = [check for check in checks if check.state == "lack"]
        raise MissingError(f"{lacking[0].name}: {lacking[0].detail}", hint=lacking[0].hint or "invoke setup")


def run_config(here: Invocation) -> None:
    values = [_told(value) for value in here.settings.shown]
    if here.json:
        here.answer([vars(value) for value in values])
    else:
        here.console.table([(value.name, value.value or "-", value.source) for value in values])


def _told(value: Value) -> Value:
    """``value``; without BUILDER the builder that is used then."""
    if value.name == "BUILDER" and not value.value:
        return replace(value, value=reading.surroundings().builder, source="the engine's own")
    return value


def _wanted(here: Invocation) -> Wanted:
    image = here.settings.values["PYTHON_IMAGE"]
    return Wanted(
        root=here.settings.root,
        python_image=image.value,
        image_source=image.source,
        registry=here.settings.registry,
        ca_bundle=here.ca_bundle,
        docker_host=reading.surroundings().docker_host,
        builder=here.settings["BUILDER"],
    )
