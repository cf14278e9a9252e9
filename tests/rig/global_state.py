"""The values that slipway's modules hold, to compare before and after runs in one process."""

from __future__ import annotations

import contextvars
import importlib
import pkgutil
from collections import deque
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import slipway

#: Invoke counts the calls of each task; Python notes a class's slots when an instance is copied.
_OUTSIDE = ("times_called", "__slotnames__")


def modules() -> list[ModuleType]:
    """Import every module of slipway."""
    names = [found.name for found in pkgutil.walk_packages(slipway.__path__, "slipway.")]
    return [importlib.import_module(name) for name in names if ".checks" not in name]


def snapshot(modules: Iterable[ModuleType]) -> dict[str, Any]:
    """Return what the globals of the modules hold: name → a value that compares."""
    seen: dict[int, object] = {}
    return {
        f"{module.__name__}.{name}": _value(thing, seen)
        for module in modules
        for name, thing in vars(module).items()
        if not name.startswith("__")
    }


def _value(thing: Any, seen: dict[int, object]) -> Any:
    """Return the content of ``thing``: of containers, instances, functions and slipway's own classes. Any other object
    is its identity, for another one in its place is a change."""
    if isinstance(thing, str | bytes | int | float | Path | None):
        return thing
    if id(thing) in seen:  # told where it was met first
        return id(thing)
    seen[id(thing)] = thing
    if isinstance(thing, Mapping):
        return {repr(key): _value(one, seen) for key, one in thing.items() if key not in _OUTSIDE}
    if isinstance(thing, list | tuple | deque):
        return [_value(one, seen) for one in thing]
    if isinstance(thing, set | frozenset):
        return sorted(map(repr, thing))
    if hasattr(thing, "cache_info") and _is_ours(thing):
        return repr(thing.cache_info())
    if isinstance(thing, contextvars.ContextVar):
        return _value(thing.get(None), seen)
    if isinstance(thing, FunctionType):
        cells = [cell.cell_contents for cell in thing.__closure__ or ()]
        return _value([thing.__defaults__, thing.__kwdefaults__, cells, vars(thing)], seen)
    if isinstance(thing, ModuleType) or (callable(thing) and not _is_ours(thing)):
        return id(thing)
    slots = {name: getattr(thing, name, None) for name in getattr(type(thing), "__slots__", ())}
    return _value({**slots, **getattr(thing, "__dict__", {}), "": id(thing)}, seen)


def _is_ours(thing: Any) -> bool:
    home = thing if hasattr(thing, "__qualname__") else type(thing)
    return str(getattr(home, "__module__", "")).startswith("slipway.")
