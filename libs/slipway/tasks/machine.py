"""setup, doctor, config: the machine slipway works on."""

from __future__ import annotations

from invoke import Context

from slipway.tasks.door import Invocation, task


@task
def config(c: Context, json: bool = False) -> None:
    """Show every setting, its value and where it came from."""
    here = Invocation(json=json)
    values = [*here.settings.values.values(), *here.settings.shown_extra.values()]
    if here.json:
        here.answer([vars(value) for value in values])
    else:
        here.console.table([(value.name, value.value or "-", value.source) for value in values])
