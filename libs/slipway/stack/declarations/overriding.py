"""Merge a value over another one, as compose does for several files and for ``extends``."""

from __future__ import annotations

from types import MappingProxyType

from slipway.stack.declarations.document import Items, Mark, Node, Table


def merge_tables(base: Table, over: Table) -> Table:
    """Return ``over`` merged over ``base``: tables key by key, lists one after the other, other values replaced.

    ``!override`` replaces a table or list as a whole. ``!reset`` removes a value.
    """
    entries = dict(base.entries)
    for key, value in over.entries.items():
        if value.mark is Mark.REMOVED:
            entries.pop(key, None)
        else:
            entries[key] = _merge(entries.get(key), value)
    return Table(MappingProxyType(entries), over.where or base.where)


def _merge(base: Node | None, over: Node) -> Node:
    if isinstance(over, Table):
        kept = base if isinstance(base, Table) and over.mark is Mark.MERGED else Table()
        return merge_tables(kept, over)
    if isinstance(over, Items) and isinstance(base, Items) and over.mark is Mark.MERGED:
        return Items((*base.items, *over.items), over.where)
    return over
