"""Name Dockerfiles by the fewest patterns, none of which names a file that is not meant.

``images/a/Dockerfile`` and ``images/b/Dockerfile`` become ``images/{name}/Dockerfile``. A Dockerfile that shares its
form with no other keeps its path. Where a pattern would also name other files, each of them is excluded, if that still
takes fewer lines than naming the Dockerfiles one by one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

#: The pieces of a file's name around the word, of which the first or the second may vary.
_FILE = re.compile(
    r"(?P<before>[^/]*[^/._-])??(?P<middle>[._-]?(?:dockerfile|containerfile)[._-]?)(?P<after>[^/]*)", re.I
)


@dataclass(frozen=True)
class Named:
    """Hold a pattern, the Dockerfiles that it names, and the other files that it would name too."""

    pattern: str
    paths: tuple[str, ...]
    excluded: tuple[str, ...] = ()

    @property
    def lines(self) -> int:
        return 1 + len(self.excluded)

    @property
    def saved(self) -> int:
        """Return the number of lines that the pattern saves, beside a line for each Dockerfile."""
        return len(self.paths) - self.lines


def compress(
    paths: Collection[str], others: Collection[str] = (), by_folder: Collection[str] = ()
) -> tuple[Named, ...]:
    """Return patterns that together name exactly ``paths``, each of them once, and no file of ``others``.

    A pattern names at least two Dockerfiles. One with two placeholders says little, so it must replace several rows,
    and its images have two folders in their names: it names none of ``by_folder``, which have the name of one.
    """
    rows = _with_one_placeholder(frozenset(paths), frozenset(others))
    named = _with_two_placeholders(rows, others, frozenset(by_folder))
    return tuple(sorted(named, key=lambda row: row.paths))


def _with_one_placeholder(paths: frozenset[str], others: Collection[str]) -> list[Named]:
    """Return the rows that take fewest lines when each has one placeholder at most."""
    forms, unwanted = _by_form(paths, 1), _by_form(others, 1)
    left, chosen = set(paths), list[Named]()
    while left:
        offers = (
            Named(form, tuple(sorted(found)), tuple(sorted(unwanted.get(form, ()))))
            for form, found in forms.items()
            if len(found) > 1 and found <= left
        )
        best = max(offers, key=_worth, default=None)
        if not best or best.saved < 1:
            break
        chosen.append(best)
        left -= set(best.paths)
    return [*chosen, *(Named(path, (path,)) for path in left)]


def _worth(row: Named) -> tuple[int, int, int, str]:
    """Return a key that is highest for the row that saves most lines, then for the placeholder nearest to the file."""
    return row.saved, row.pattern.find("{"), len(row.pattern), row.pattern


def _with_two_placeholders(rows: Sequence[Named], others: Collection[str], by_folder: frozenset[str]) -> list[Named]:
    """Return the rows after patterns with two placeholders have replaced those that they save."""
    kept = list(rows)
    forms = _by_form([path for row in rows for path in row.paths], 2)
    forms = {form: found for form, found in forms.items() if _varies_in_file(form) or not found & by_folder}
    unwanted = _by_form(others, 2)
    while True:
        offers: list[tuple[int, int, str]] = []
        for form, found in forms.items():
            replaced = [row for row in kept if found.issuperset(row.paths)]
            lines = sum(row.lines for row in replaced) - 1 - len(unwanted.get(form, ()))
            if sum(len(row.paths) for row in replaced) == len(found):
                offers.append((lines - _least_saving(form), len(form), form))
        worth, _, form = max(offers, default=(-1, 0, ""))
        if worth < 0:
            return kept
        found = forms.pop(form)
        kept = [row for row in kept if not found.issuperset(row.paths)]
        kept.append(Named(form, tuple(sorted(found)), tuple(sorted(unwanted.get(form, ())))))


def _least_saving(form: str) -> int:
    """Return the number of lines that a pattern with two placeholders must save."""
    return 2 if _varies_in_file(form) else 3


def _varies_in_file(form: str) -> bool:
    return "{variant}" in form.rpartition("/")[2]


def _by_form(paths: Collection[str], placeholders: int) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for path in paths:
        for form in forms_of(path, placeholders):
            found.setdefault(form, set()).add(path)
    return found


def forms_of(path: str, placeholders: int) -> Iterator[str]:
    """Yield every pattern with so many placeholders that names ``path``: ``{name}`` first, then ``{variant}``.

    A placeholder stands for a folder, or for the part of the file's name before or after the word. It matches no
    leading dot.
    """
    *folders, file = path.split("/")
    named = _FILE.fullmatch(file)
    before, middle, after = (named["before"] or "", named["middle"], named["after"]) if named else ("", file, "")
    files = {"before": before, "after": after}
    spots = [(index, "folder") for index, folder in enumerate(folders) if folder[0] != "."]
    spots += [(len(folders), which) for which, text in files.items() if text and text[0] != "."]
    for some in combinations(spots, placeholders):
        yield _form(folders, before, middle, after, some)


def _form(folders: Sequence[str], before: str, middle: str, after: str, spots: Sequence[tuple[int, str]]) -> str:
    parts = [*folders]
    file = {"before": before, "after": after}
    for placeholder, (index, which) in zip(("{name}", "{variant}"), spots, strict=False):
        if which == "folder":
            parts[index] = placeholder
        else:
            file[which] = placeholder
    return "/".join([*parts, file["before"] + middle + file["after"]])
