"""Name the images of proposed patterns.

An image has the name of its folder, or of the part of its file's name that varies. A folder that says only how things
are built (``docker``, ``src``) gives way to the one above it. Where two images would have one name, the row of the
later one puts a folder above before it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import count

from slipway.adopt.patterns import Named
from slipway.config.images import Pattern, filled
from slipway.stack.definition import image_name, name_of

#: Folders that say nothing about the image in them.
_GENERAL = frozenset({"build", "container", "containers", "docker", "dockerfiles", "image", "images", "src", "infra"})
_WORDS = ("dockerfile", "containerfile")


@dataclass(frozen=True)
class Naming:
    """Hold the template of the name of a row's images, empty for slipway's own choice, and their names."""

    template: str
    names: Mapping[str, str]


def name_row(row: Named, taken: Collection[str], repository: str, published: Mapping[str, str]) -> Naming | None:
    """Return the first naming whose names are free, or None when several Dockerfiles would share each name.

    ``taken``: the names that a row may not use. ``repository``: the name of the repository's folder. ``published``:
    Dockerfile → the name under which the repository itself builds it.
    """
    for template in _templates(row, repository, published):
        pattern = Pattern(row.pattern)
        names = {path: _name(template, pattern, path) for path in row.paths}
        if all(names.values()) and len({*names.values()} - {*taken}) == len(row.paths):
            return Naming(template, names)
    return None


def _name(template: str, pattern: Pattern, path: str) -> str:
    default = "-".join(f"{{{key}}}" for key in ("name", "variant") if key in pattern.placeholders)
    chosen = template or (default if "name" in pattern.placeholders else "")
    return image_name(filled(chosen, pattern.values(path) or {})) or name_of(path)


def _templates(row: Named, repository: str, published: Mapping[str, str]) -> Iterator[str]:
    """Yield the templates of a row, the shortest first; an empty one is slipway's own choice."""
    parts = row.pattern.split("/")
    if len(row.paths) == 1 and row.pattern == row.paths[0]:
        yield from _plain(row.pattern, repository, published)
        return
    yield ""
    placeholders = [key for key in ("{name}", "{variant}") if key in row.pattern]
    words = [part for part in (*parts[:-1], _stem(parts[-1])) if part]
    for number in range(1, len(words) + 1):
        kept = [word for word in words[-number:] if word.lower() not in _GENERAL or number == len(words)]
        missing = [key for key in placeholders if not any(key in word for word in kept)]
        yield "-".join([*missing, *kept])


def _plain(path: str, repository: str, published: Mapping[str, str]) -> Iterator[str]:
    """Yield names for one Dockerfile; ``Dockerfile.gpu`` is a variant of its folder's image."""
    *folders, file = path.split("/")
    stem = _stem(file)
    telling = next((folder for folder in reversed(folders) if folder.lower() not in _GENERAL), "")
    above = "" if folders and stem else repository
    if known := image_name(published.get(path, "")):
        yield "" if known == name_of(path) else known
    if stem and not file.lower().startswith(_WORDS):  # gpu.Dockerfile
        yield from ("", image_name(stem))
    elif own := image_name("-".join(dict.fromkeys(filter(None, (telling or above, stem))))):
        yield "" if own == name_of(path) else own
    for number in range(1, len(folders) + 1):
        yield image_name("-".join([*folders[-number:], stem]))
    whole = image_name("-".join([repository, *folders, stem]))
    yield whole
    yield from (f"{whole}-{number}" for number in count(2))


def _stem(file: str) -> str:
    """Return the part of a file's name that is not the word Dockerfile: ``cuda`` of ``Dockerfile.cuda``."""
    lowered = file.lower()
    for word in _WORDS:
        if word in lowered:
            begin = lowered.rindex(word)
            return f"{file[:begin]}{file[begin + len(word) :]}".strip("._-")
    return file
