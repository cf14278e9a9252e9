"""Show and prepare the machine on which slipway works: setup, doctor, config."""

from __future__ import annotations

import sys
from dataclasses import asdict, replace

from slipway.config.definitions import Value
from slipway.config.environment import surroundings
from slipway.core.errors import PrerequisiteError
from slipway.core.reference import Reference
from slipway.hosts.requirements import CheckState
from slipway.setup.blockers import Requirements
from slipway.setup.bootstrap import setup as bring_about
from slipway.setup.doctor import doctor as examine
from slipway.setup.doctor import healthy
from slipway.tasks.options import SetupOptions
from slipway.tasks.process import is_terminal
from slipway.tasks.session import Session

#: The platforms of most servers and laptops.
_USUAL = ("linux/amd64", "linux/arm64")


def run_setup(session: Session, options: SetupOptions) -> None:
    told: list[str] = []
    say = told.append if session.json else session.console.line
    ask = session.agreed if is_terminal(sys.stdin) else None
    ping = session.host.registry.greeting
    wanted = _wanted(session)
    if options.platforms:
        wanted = replace(wanted, platforms=session.settings.platforms or _USUAL)
    root = session.host.registry_at(Reference.read(wanted.python_image).registry).greeting
    done = bring_about(
        *(session.run, wanted, say), ask=ask, yes=options.yes, dry_run=options.dry_run, ping=ping, root_ping=root
    )
    if session.json:
        session.answer({"told": told, "done": [asdict(action) for action in done]})


def run_doctor(session: Session) -> None:
    proxies = surroundings().proxies
    found = examine(session.run, _wanted(session), session.pip, proxies, ping=session.host.registry.greeting)
    checks = [replace(check, hint=session.typed(check.hint)) for check in found]
    if session.json:
        session.answer([vars(check) for check in checks])
    else:
        session.console.table([(check.state, check.name, check.detail, check.hint) for check in checks])
    if not healthy(found):
        lacking = [check for check in checks if check.state is CheckState.MISSING]
        raise PrerequisiteError(f"{lacking[0].name}: {lacking[0].detail}", hint=lacking[0].hint or "invoke setup")


def run_config(session: Session) -> None:
    values = [_told(value) for value in session.settings.shown]
    if session.json:
        session.answer([vars(value) for value in values])
    else:
        session.console.table([(value.name, value.value or "-", value.source) for value in values])


def _told(value: Value) -> Value:
    """Return ``value``; for an empty BUILDER, the builder that slipway uses instead."""
    if value.name == "BUILDER" and not value.value:
        return replace(value, value=surroundings().builder, source="the engine's own")
    return value


def _wanted(session: Session) -> Requirements:
    image = session.settings.values["PYTHON_IMAGE"]
    return Requirements(
        root=session.settings.root,
        python_image=image.value,
        image_source=image.source,
        registry=session.settings.registry,
        ca_bundle=session.ca_bundle,
        docker_host=surroundings().docker_host,
        builder=session.settings["BUILDER"],
    )
