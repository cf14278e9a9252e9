"""Look for old runs of this checkout, and remove their folders."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from functools import partial
from pathlib import Path

from slipway.clean.items import Doomed, Item, Kind, Stay, choose
from slipway.core.errors import SlipwayError
from slipway.core.writing import written
from slipway.release.planned import Planned
from slipway.release.record import Record, read_record
from slipway.release.resume import Interrupted, read_release

#: Seconds for which a folder without a result belongs to a run that may go on.
_A_DAY = 86400


def look_at_runs(
    home: Path, unfinished: Collection[str], before: float, now: float
) -> tuple[list[Doomed], Counter[Stay]]:
    """Return the runs below ``home``, the repository's ``.slipway``, that ended before ``before``.

    ``unfinished``: the runs that ``release-resume`` may continue. They stay, as do runs that may go on.
    """

    def reason(folder: Path) -> Stay | None:
        if folder.name in unfinished:
            return Stay.UNFINISHED
        ended = (folder / "run.json").exists()
        return Stay.YOUNG if _changed(folder) >= (before if ended else min(before, now - _A_DAY)) else None

    choice = choose(sorted(_folders(home)), reason)
    items = [Item(Kind.RUN, folder.name, _bytes(folder)) for folder in choice.goes]
    doomed = [Doomed(item, partial(_remove, folder)) for item, folder in zip(items, choice.goes, strict=True)]
    return doomed, choice.stays


def unfinished_releases(home: Path, published: Collection[str]) -> Mapping[str, Planned]:
    """Return the releases of this checkout that ``release-resume`` may finish, by run.

    ``published``: the full names of all records, ``REGISTRY/OWNER/releases:VERSION``.
    """
    found = {folder.name: release for folder in _folders(home) if (release := _unpublished(folder))}
    return {
        run: release.planned
        for run, release in found.items()
        if f"{release.repository}:{release.planned.version}" not in published
    }


def kept_records(home: Path) -> Iterator[Record]:
    """Yield the records of releases that this checkout keeps as files, as far as they can be read."""
    for path in sorted(home.glob("releases/*.json")):
        try:
            yield read_record(path.read_bytes(), str(path))
        except (OSError, SlipwayError):
            continue


def _folders(home: Path) -> list[Path]:
    return [folder for folder in home.glob("runs/*") if folder.is_dir() and not folder.is_symlink()]


def _unpublished(folder: Path) -> Interrupted | None:
    """Return the release that a run planned and did not publish; None for any other run."""
    if not (folder / "release.json").exists():
        return None
    try:
        release = read_release(folder.parents[1], folder.name)
    except SlipwayError:
        return None
    try:
        return None if json.loads((folder / "run.json").read_text("utf-8"))["ok"] else release
    except (OSError, ValueError, KeyError, TypeError):
        return release


def _changed(folder: Path) -> float:
    """Return the last change of a folder or of a file in it, in seconds since 1970."""
    return max((path.lstat().st_mtime for path in (folder, *folder.iterdir())), default=0.0)


def _bytes(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def _remove(folder: Path) -> None:
    with written(folder), contextlib.suppress(FileNotFoundError):
        shutil.rmtree(folder)
