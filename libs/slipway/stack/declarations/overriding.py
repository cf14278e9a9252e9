"""Merge a value over another one, as compose does for several files and for ``extends``."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

from slipway.stack.declarations.document import Items, Mark, Node, Table


def merge_tables(base: Table, over: Table, *, keep_marks: bool = False) -> Table:
    """Return ``over`` merged over ``base``: tables key by key, lists one after the other, other values replaced.

    ``!override`` replaces a table or list as a whole. ``!reset`` removes a value. ``keep_marks``: the result keeps the
    marks of ``over``, for it overrides a third table, too.
    """
    entries = dict(base.entries)
    for key, value in over.entries.items():
        if value.mark is not Mark.REMOVED:
            entries[key] = _merge(entries.get(key), value, keep_marks=keep_marks)
        elif keep_marks:
            entries[key] = value
        else:
            entries.pop(key, None)
    return Table(MappingProxyType(entries), over.where or base.where, over.mark if keep_marks else Mark.MERGED)


def extend_table(base: Table, over: Table) -> Table:
    """Return ``over`` merged over the table that it extends. The marks of ``base`` concern other tables."""
    return merge_tables(merge_tables(Table(), base), over, keep_marks=True)


def _merge(base: Node | None, over: Node, *, keep_marks: bool) -> Node:
    if isinstance(over, Table):
        kept = base if isinstance(base, Table) and over.mark is Mark.MERGED else Table()
        return merge_tables(kept, over, keep_marks=keep_marks)
    if isinstance(over, Items) and isinstance(base, Items) and over.mark is Mark.MERGED:
        return Items((*base.items, *over.items), over.where)
    return over if keep_marks else replace(over, mark=Mark.MERGED)
