"""Bring the parts of a compose service that decide its image into one shape.

compose accepts several shapes: ``build: .`` for ``build: {context: .}``, and lists of ``NAME=value`` for mappings. The
one shape is a table of tables, in which variables are expanded and paths count from the repository's root. So
``overriding`` can merge services of files in several folders.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from slipway.stack.declarations.document import Items, Node, Table, Text
from slipway.stack.declarations.interpolation import InterpolationError, Lookup, expand
from slipway.stack.declarations.places import joined

_KEYS = ("build", "extends", "image", "platform")


def shaped_service(service: Table, folder: str, lookup: Lookup) -> Table:
    """Return the service with ``build``, ``extends``, ``image`` and ``platform`` alone.

    ``folder``: the folder that relative paths refer to, from the repository's root.
    """
    entries = {key: expanded(service.entries[key], lookup) for key in _KEYS if key in service.entries}
    if "build" in entries:
        entries["build"] = _build(entries["build"], folder)
    return _with_entries(service, entries)


def shaped_secrets(secrets: Table, folder: str, lookup: Lookup) -> Table:
    """Return the top-level ``secrets``, with the paths of their files from the repository's root."""
    shaped = {name: expanded(secret, lookup) for name, secret in secrets.entries.items()}
    shapes = {"file": _path}
    return _with_entries(secrets, {name: _entries_shaped(secret, shapes, folder) for name, secret in shaped.items()})


def expanded(node: Node, lookup: Lookup) -> Node:
    """Return ``node`` with the variables in all its texts expanded."""
    if isinstance(node, Text):
        return _expanded_text(node, lookup)
    if isinstance(node, Items):
        return replace(node, items=tuple(expanded(item, lookup) for item in node.items))
    return _with_entries(node, {key: expanded(value, lookup) for key, value in node.entries.items()})


def _expanded_text(text: Text, lookup: Lookup) -> Text:
    if text.value is None:
        return text
    try:
        found = expand(text.value, lookup)
    except InterpolationError as error:
        return replace(text, fault=str(error))
    return replace(text, value=found.text, unset=found.unset)


def _with_entries(table: Table, entries: Mapping[str, Node]) -> Table:
    return replace(table, entries=MappingProxyType(dict(entries)))


def _build(build: Node, folder: str) -> Node:
    if isinstance(build, Text) and build.value is not None:
        build = Table(MappingProxyType({"context": build}), build.where, build.mark)
    shapes = {"context": _path, "args": _pairs, "additional_contexts": _contexts, "secrets": _by_id}
    return _entries_shaped(build, shapes, folder)


def _entries_shaped(node: Node, shapes: Mapping[str, Callable[[Node, str], Node]], folder: str) -> Node:
    """Return ``node`` with the shape of each of its entries that has one in ``shapes``."""
    if not isinstance(node, Table):
        return node
    return _with_entries(
        node, {key: shapes[key](value, folder) if key in shapes else value for key, value in node.entries.items()}
    )


def _path(node: Node, folder: str) -> Node:
    return replace(node, value=joined(folder, node.value)) if isinstance(node, Text) and node.value else node


def _contexts(node: Node, folder: str) -> Node:
    pairs = _pairs(node, folder)
    return _entries_shaped(pairs, dict.fromkeys(pairs.entries, _path), folder) if isinstance(pairs, Table) else pairs


def _pairs(node: Node, folder: str) -> Node:
    """Return a list of ``NAME=value`` as a table. A name without ``=`` is null in it."""
    if not isinstance(node, Items):
        return node
    entries: dict[str, Node] = {}
    for item in node.items:
        if isinstance(item, Text):
            name, equals, value = (item.value or "").partition("=")
            entries[name] = replace(item, value=value if equals else None)
    return Table(MappingProxyType(entries), node.where, node.mark)


def _by_id(node: Node, folder: str) -> Node:
    """Return a list of build secrets as a table by the ids under which a Dockerfile mounts them."""
    if not isinstance(node, Items):
        return node
    entries: dict[str, Node] = {}
    for item in node.items:
        secret = Table(MappingProxyType({"source": item}), item.where) if isinstance(item, Text) else item
        if isinstance(secret, Table):
            entries[secret.text("target").value or secret.text("source").value or ""] = secret
    return Table(MappingProxyType(entries), node.where, node.mark)
