"""Read the settings in Invoke's configuration: ``slipway:`` in invoke.yaml, ``ns.configure({"slipway": {…}})``.

    slipway:
      registry: reg.example.com
      base_version: "1.10"

The configuration has several sources, and a setting keeps the name of its own. YAML reads an unquoted 1.10 as the
number 1.1, so a value that is neither text nor a whole number is an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from slipway.config.definitions import SETTINGS, Value
from slipway.core.errors import Problem, one_line, suggestion

#: The name of a source that Invoke does not tell.
INVOKE = "invoke's configuration"
_NAMES = {setting.name for setting in SETTINGS}


@dataclass(frozen=True)
class Level:
    """Hold one source of Invoke's configuration: its name, such as ``invoke.yaml``, and its content at ``slipway``."""

    source: str
    content: object


def read_configured(levels: Sequence[Level]) -> tuple[dict[str, Value], tuple[Problem, ...]]:
    """Return the settings of ``levels``, lowest first, and a problem for each entry that is not a setting."""
    entries: dict[str, tuple[str, str, object]] = {}
    for level in levels:
        if isinstance(level.content, Mapping):
            entries |= {str(key).upper(): (level.source, str(key), value) for key, value in level.content.items()}
    values = {name: Value(name, str(value), source) for name, (source, _, value) in entries.items() if _is_text(value)}
    return {name: value for name, value in values.items() if name in _NAMES}, (*_shapeless(levels), *_wrong(entries))


def _shapeless(levels: Sequence[Level]) -> Iterator[Problem]:
    wrong = [level for level in levels if not isinstance(level.content, Mapping)]
    for level in wrong[-1:]:  # the levels below it repeat its content
        yield Problem(level.source, "slipway is a table of settings", "slipway: {registry: reg.example.com}")


def _wrong(entries: Mapping[str, tuple[str, str, object]]) -> Iterator[Problem]:
    for name, (source, key, value) in entries.items():
        if name not in _NAMES:
            known = suggestion(name, _NAMES, "invoke config lists them")
            yield Problem(source, f"slipway.{one_line(key)} is not a setting", known)
        elif not _is_text(value):
            yield Problem(source, f"slipway.{key} is not text", f'quotes make it text: {key}: "…"')


def _is_text(value: object) -> bool:
    return isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool))
