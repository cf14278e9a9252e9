"""Propose a row for each group of Dockerfiles that no row names yet, and give rows the facts about their images."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from slipway.adopt.naming import name_row
from slipway.adopt.patterns import Named, compress
from slipway.adopt.table import Row, Value
from slipway.stack.definition import image_name, name_of

#: Folders whose Dockerfiles explain or test something, and are usually not images of the repository.
_ASIDE = frozenset(
    {
        *("doc", "docs", "example", "examples", "sample", "samples", "demo", "demos", "tutorial", "tutorials"),
        *("test", "tests", "testdata", "test_data", "fixtures", "e2e", ".github", ".devcontainer", ".clusterfuzzlite"),
    }
)
#: The reason to exclude them.
ASIDE = "explains or tests something"
#: A pattern that also names files that are not Dockerfiles.
_OTHER = "is not a Dockerfile"


@dataclass(frozen=True)
class Fact:
    """Hold one value of an image, with its source. ``shared``: it holds for all images of the row, too."""

    key: str
    value: Value
    source: str
    shared: bool = False


@dataclass(frozen=True)
class Surroundings:
    """Hold the facts on which names depend.

    ``built``: Dockerfile → the name under which a script of the repository builds it, or an empty string. ``others``:
    files that no pattern may name. ``taken``: names that no image may get. ``repository``: the name of its folder.
    """

    repository: str
    built: Mapping[str, str] = field(default_factory=dict)
    others: frozenset[str] = frozenset()
    taken: frozenset[str] = frozenset()


def propose_rows(dockerfiles: Collection[str], around: Surroundings, kept: Collection[str] = ()) -> tuple[Row, ...]:
    """Return rows that name each of ``dockerfiles``: images first, then those that are set aside.

    ``kept``: Dockerfiles that rows or declarations define already; no pattern may name them.
    """
    aside = {path for path in dockerfiles if is_aside(path) and path not in around.built}
    if not kept and len(aside) == len(dockerfiles):
        aside = set()
    images = set(dockerfiles) - aside
    outside = around.others | frozenset(kept)
    by_folder = [path for path, name in around.built.items() if name and image_name(name) == name_of(path)]
    named = compress(images, outside | aside, by_folder)
    exclusions = {path for one in named for path in one.excluded}
    rows = list(_named_rows(named, around))
    rows += [
        Row(one.pattern, dict.fromkeys(one.paths, ""), excluded=ASIDE)
        for one in compress(aside - exclusions, outside | images)
        if not one.excluded or len(one.paths) == 1
    ]
    rows += [
        Row(path, {path: ""}, excluded=ASIDE if path in aside else _OTHER)
        for path in sorted(exclusions - frozenset(kept))
    ]
    return tuple(rows)


def is_aside(path: str) -> bool:
    """Tell whether a file lies in a folder of documentation, examples or tests."""
    return not _ASIDE.isdisjoint(part.lower() for part in PurePosixPath(path).parts[:-1])


def _named_rows(named: Iterable[Named], around: Surroundings) -> Iterator[Row]:
    """Yield the rows in their order. Those nearest to the root choose their names first."""
    taken = set(around.taken)
    made: dict[str, Row] = {}
    ahead = sorted(named, key=lambda one: (one.pattern.count("/"), -len(one.paths), one.pattern))
    while ahead:
        one = ahead.pop(0)
        naming = name_row(one, taken, around.repository, around.built)
        if naming is None:
            ahead += [Named(path, (path,)) for path in one.paths]
            continue
        taken.update(naming.names.values())
        values = {"name": naming.template} if naming.template else {}
        made[min(one.paths)] = Row(one.pattern, naming.names, values)
    yield from (made[first] for first in sorted(made))


def with_facts(rows: Sequence[Row], facts: Mapping[str, Sequence[Fact]]) -> tuple[Row, ...]:
    """Return ``rows`` in which every image has its facts. ``facts``: Dockerfile → its facts.

    The facts that most images of a row share stay with its pattern; each other image gets a row of its own.
    """
    return tuple(new for row in rows for new in _with_facts(row, facts))


def _with_facts(row: Row, facts: Mapping[str, Sequence[Fact]]) -> Iterator[Row]:
    if row.excluded:
        yield row
        return
    shared = [(path, fact) for path in row.images for fact in facts.get(path, ()) if fact.shared]
    own = {path: tuple(fact for fact in facts.get(path, ()) if not fact.shared) for path in row.images}
    if not _agree(fact for _, fact in shared):
        own = {path: tuple(facts.get(path, ())) for path in row.images}
        shared = []
    groups: dict[str, list[str]] = {}
    for path in row.images:
        groups.setdefault(repr([(fact.key, fact.value) for fact in own[path]]), []).append(path)
    most = max(groups.values(), key=lambda paths: (len(paths), not own[paths[0]]), default=[])
    if len(most) > 1 or len(row.images) == 1:
        given = [*shared, *((path, fact) for path in most for fact in own[path])]
        yield _given(replace(row, images={path: row.images[path] for path in most}), given)
    else:
        most = []
    for path, name in row.images.items():
        if path not in most:
            alone = _given(_alone(row, path, name), [*shared, *((path, fact) for fact in own[path])])
            yield replace(alone, told=tuple(one for one in alone.told if one[0] == path) or alone.told[:1])


def _alone(row: Row, path: str, name: str) -> Row:
    """Return a row for one Dockerfile of ``row``, with the values that it has there."""
    values = {key: value for key, value in row.values.items() if key != "name"}
    values = {**({"name": name} if name != name_of(path) else {}), **values}
    return Row(path, {path: name}, values, row.told)


def _given(row: Row, facts: Iterable[tuple[str, Fact]]) -> Row:
    for path, fact in facts:
        row = row.giving(fact.key, fact.value, (path, fact.source))
    return row


def _agree(facts: Iterable[Fact]) -> bool:
    """Tell whether no two facts give one key, or one key of a mapping, different values."""
    known: dict[tuple[str, str], str] = {}
    for fact in facts:
        entries = {"": fact.value} if isinstance(fact.value, str) else fact.value
        for key, value in entries.items():
            if known.setdefault((fact.key, key), value) != value:
                return False
    return True
