"""Hold the rows that slipway proposes for ``[tool.slipway]``, and write them as TOML."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

#: A value of the table: a text, or a mapping of texts.
Value = str | Mapping[str, str]
#: The number of sources that a comment names.
_SHOWN = 2
#: The order of the values in a row.
_ORDER = ("name", "repository", "tag", "context", "target", "args", "contexts")
_BARE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")


@dataclass(frozen=True)
class Row:
    """Hold one row of ``images``: a pattern, the Dockerfiles that it names, and its values.

    ``images``: Dockerfile → the name of its image. ``told``: each Dockerfile and a place that tells a value of its
    image. ``excluded``: the Dockerfiles are not images, for this reason; empty for images.
    """

    pattern: str
    images: Mapping[str, str]
    values: Mapping[str, Value] = field(default_factory=dict)
    told: tuple[tuple[str, str], ...] = ()
    excluded: str = ""

    def giving(self, key: str, value: Value, *told: tuple[str, str]) -> Row:
        """Return the row with one more value, and the places that tell it; a mapping is merged into the known one."""
        known = self.values.get(key)
        merged = {**known, **value} if isinstance(known, Mapping) and isinstance(value, Mapping) else value
        return replace(self, values={**self.values, key: merged}, told=tuple(dict.fromkeys((*self.told, *told))))

    def sources(self, path: str = "") -> list[str]:
        """Return the places that tell the values of the image of the Dockerfile ``path``, or of all images."""
        return list(dict.fromkeys(place for dockerfile, place in self.told if path in ("", dockerfile)))

    @property
    def bare(self) -> str:
        """Return the row as a line of TOML."""
        content = "false" if self.excluded else inline(dict(sorted(self.values.items(), key=_by_key)))
        return f"{quoted(self.pattern)} = {content}"

    @property
    def line(self) -> str:
        """Return the row as a line of TOML, with its sources as a comment."""
        sources = self.sources()
        more = f" and {len(sources) - _SHOWN} more" if len(sources) > _SHOWN else ""
        told = ", ".join(filter(None, (self.excluded, *sources[:_SHOWN]))) + more
        return self.bare + (f"  # {told}" if told else "")


@dataclass(frozen=True)
class Table:
    """Hold what slipway proposes: the rows of ``images``, and the files of ``declarations``."""

    rows: tuple[Row, ...] = ()
    declarations: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.rows or self.declarations)

    @property
    def declarations_line(self) -> str:
        return f"declarations = {listed(self.declarations)}"

    @property
    def lines(self) -> list[str]:
        """Return the table as it stands in slipway.toml."""
        rows = [row.line for row in self.rows]
        declared = [self.declarations_line] if self.declarations else []
        return [*declared, *(["[images]", *rows] if rows else [])]

    @property
    def content(self) -> dict[str, object]:
        """Return the table as TOML readers see it."""
        images = {row.pattern: False if row.excluded else dict(row.values) for row in self.rows}
        declared = {"declarations": list(self.declarations)} if self.declarations else {}
        return {**declared, **({"images": images} if images else {})}


def _by_key(item: tuple[str, Value]) -> int:
    return _ORDER.index(item[0])


def quoted(text: str) -> str:
    """Return ``text`` as a TOML string."""
    return json.dumps(text, ensure_ascii=False)


def listed(texts: Sequence[str]) -> str:
    return f"[{', '.join(map(quoted, texts))}]"


def inline(values: Mapping[str, Value]) -> str:
    """Return ``values`` as an inline table."""
    if not values:
        return "{}"
    return f"{{ {', '.join(_pairs(values))} }}"


def _pairs(values: Mapping[str, Value]) -> Iterable[str]:
    for key, value in values.items():
        named = key if key and _BARE.issuperset(key) else quoted(key)
        yield f"{named} = {quoted(value) if isinstance(value, str) else inline(value)}"
