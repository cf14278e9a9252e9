"""Lay out text: trees, aligned columns, durations, lists of names. Pure; no colour, no terminal."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from slipway.core.image import Image, Stack
from slipway.core.reference import full_name


def seconds(count: float) -> str:
    """Format a duration: ``0.24 s``, ``8.2 s``, ``1 min 04 s``."""
    if count < 0.995:
        return f"{count:.2f} s"
    if count < 59.95:
        return f"{count:.1f} s"
    return f"{round(count) // 60} min {round(count) % 60:02d} s"


def padded(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """Pad cells so that each column is as wide as its widest cell that has another cell behind it.

    Nothing is cut. The last cell of a row is not padded.
    """
    widths: list[int] = []
    for row in rows:
        widths += [0] * (len(row) - len(widths))
        widths[: len(row) - 1] = [max(width, len(cell)) for width, cell in zip(widths, row[:-1], strict=False)]
    return [[*(cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=False)), *row[-1:]] for row in rows]


def aligned(rows: Sequence[Sequence[str]], gap: int = 3) -> list[str]:
    """Return rows as lines with aligned columns."""
    return [(" " * gap).join(row).rstrip() for row in padded(rows)]


def tree(stack: Stack, names: Collection[str]) -> list[tuple[str, str]]:
    """Return (branch, name) for the root images and every image of ``names`` below them, depth first.

    An image appears below the image that it is built on. If that one is not in ``names``, it appears below another
    parent.
    """
    shown = [image for image in stack if image.name in names]
    below: dict[str, list[str]] = {}
    tops: dict[str, None] = {}
    for image in shown:
        parent = _shown_below(image, stack, names)
        if parent not in names:
            tops.setdefault(parent, None)
        below.setdefault(parent, []).append(image.name)
    lines: list[tuple[str, str]] = []
    for top in tops:
        lines.append(("", top))
        lines += _branches(top, below, "")
    return lines


def _shown_below(image: Image, stack: Stack, names: Collection[str]) -> str:
    if image.foundation and image.foundation not in image.parents:
        return root_label(image.foundation, stack)
    parents = [image.foundation, *image.parents] if image.foundation else image.parents
    shown = next((parent for parent in parents if parent in names), "")
    return shown or (parents[0] if parents else root_label(next(iter(image.roots), "scratch"), stack))


def root_label(root: str, stack: Stack) -> str:
    """Return the label of a root image: its full name if an image of the stack has the same name."""
    return full_name(root) if root in stack.by_name else root


def _branches(parent: str, below: Mapping[str, Sequence[str]], indent: str) -> list[tuple[str, str]]:
    lines: list[tuple[str, str]] = []
    children = below.get(parent, ())
    for number, child in enumerate(children, start=1):
        last = number == len(children)
        lines.append((f"{indent}{'└─ ' if last else '├─ '}", child))
        lines += _branches(child, below, f"{indent}{'   ' if last else '│  '}")
    return lines


def listed(names: Sequence[str], most: int = 3) -> str:
    """Join the first names, and count the others: ``svc-a, svc-b, svc-c and 8 more``."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
