"""State that a task leaves to the tasks after it on one command line, kept in Invoke's own configuration.

Invoke's executor hands one configuration to all tasks of a command line, and keeps what a task changes in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from invoke.config import Config

from slipway.config.settings import Value
from slipway.core.options import flag, options
from slipway.tasks.options import BuildHostOptions, HostOptions, ImageOptions

#: Beside ``slipway``, which holds settings of the user.
_KEY = "slipway_chain"


@dataclass(frozen=True)
class Chain:
    """The settings that flags gave, ``--allow-unused-env``, ``--remote``, and what was built: kind → images."""

    settings: Mapping[str, Value] = field(default_factory=lambda: MappingProxyType({}))
    lenient: bool = False
    remote: bool = False
    built: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))

    def with_settings(self, values: Iterable[Value]) -> Chain:
        return replace(self, settings={**self.settings, **{value.name: value for value in values}})

    def with_options(self, given: object) -> Chain:
        """Return this chain after a task with the options ``given``, an instance of one of its dataclasses."""
        after = self.with_settings(_settings(given))
        if isinstance(given, ImageOptions):
            return replace(after, lenient=self.lenient or given.allow_unused_env)
        if isinstance(given, BuildHostOptions):
            return replace(after, remote=self.remote or not isinstance(given, HostOptions) or given.remote)
        return after

    def with_built(self, kind: str, names: Sequence[str]) -> Chain:
        return replace(self, built={**self.built, kind: tuple(dict.fromkeys((*self.built.get(kind, ()), *names)))})

    @property
    def bases(self) -> tuple[str, ...]:
        """The base images of a chain that has built nothing else."""
        return self.built["base"] if set(self.built) == {"base"} else ()


def chain_of(config: Config) -> Chain:
    """Return the state that the tasks before this one left in ``config``."""
    found = config.get(_KEY)
    return found if isinstance(found, Chain) else Chain()


def keep(config: Config, chain: Chain) -> None:
    """Leave ``chain`` to the tasks after this one."""
    config.update({_KEY: chain})


def _settings(given: object) -> Iterable[Value]:
    for one, option in options(given):
        if value := getattr(given, one.name):
            yield from (Value(name, value, flag(one.name)) for name in option.sets)
