"""Keep the state that a task leaves to the later tasks of its command line, in Invoke's own configuration.

Invoke's executor gives one configuration to all tasks of a command line, and keeps a task's changes to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from invoke.config import Config

from slipway.config.definitions import Value
from slipway.core.options import flag, options
from slipway.tasks.options import HostOptions, StackOptions

#: The key beside ``slipway``, which holds the user's settings.
_KEY = "slipway_chain"


@dataclass(frozen=True)
class Chain:
    """Hold the state that the tasks of a command line share.

    ``settings``: those that flags gave. ``lenient``: a task had ``--allow-unused-env``. ``remote``: a task had
    ``--remote``. ``built``: kind → the images that were built.
    """

    settings: Mapping[str, Value] = field(default_factory=lambda: MappingProxyType({}))
    lenient: bool = False
    remote: bool = False
    built: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))

    def with_settings(self, values: Iterable[Value]) -> Chain:
        return replace(self, settings={**self.settings, **{value.name: value for value in values}})

    def with_options(self, given: object) -> Chain:
        """Return this chain after a task with the options ``given``, an instance of one of its dataclasses."""
        after = self.with_settings(_settings(given))
        if isinstance(given, StackOptions):
            return replace(after, lenient=self.lenient or given.allow_unused_env)
        if isinstance(given, HostOptions):
            return replace(after, remote=self.remote or given.remote)
        return after

    def with_built(self, kind: str, names: Sequence[str]) -> Chain:
        return replace(self, built={**self.built, kind: tuple(dict.fromkeys((*self.built.get(kind, ()), *names)))})

    @property
    def bases(self) -> tuple[str, ...]:
        """Return the base images of a chain that has built nothing else; else none."""
        return self.built["base"] if set(self.built) == {"base"} else ()


def chain_of(config: Config) -> Chain:
    """Return the state that the earlier tasks left in ``config``."""
    found = config.get(_KEY)
    return found if isinstance(found, Chain) else Chain()


def keep(config: Config, chain: Chain) -> None:
    """Leave ``chain`` in ``config`` for the later tasks."""
    config.update({_KEY: chain})


def _settings(given: object) -> Iterable[Value]:
    for one, option in options(given):
        if value := getattr(given, one.name):
            yield from (Value(name, value, flag(one.name)) for name in option.sets)
