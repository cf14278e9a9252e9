"""``python -m tests.bench``: measure, tell, and with ``--write`` keep what was measured in docs/."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from tests.bench import documents, rounds, table
from tests.bench.adopting import adopted
from tests.bench.foreign import foreign
from tests.bench.logs import followed
from tests.bench.measure import FailedError, machine
from tests.bench.ml import build_and_push, push_compressed
from tests.bench.releases import edits_pushed, releases
from tests.bench.remote import over_the_line
from tests.bench.samples import Results, Series
from tests.bench.systems import own_systems, up
from tests.bench.watch import edits
from tests.bench.wide import wide
from tests.rig.stacks import ROOT, make_root_image

Part = Callable[[rounds.Field], Iterator[Series]]
PARTS: dict[str, Part] = {
    "start": rounds.start,
    "files": rounds.files,
    "trees": rounds.trees,
    "foreign": foreign,
    "init": adopted,
    "releases": releases,
    "edits": edits_pushed,
    "ml": build_and_push,
    "ml-zstd": push_compressed,
    "wide": wide,
    "remote": over_the_line,
    "up": up,
    "systems": own_systems,
    "watch": edits,
    "logs": followed,
}
_USUAL = ["start", "files", "trees", "foreign", "init", "releases", "edits", "remote", "up", "systems", "watch", "logs"]


def main() -> int:
    chosen = _arguments()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))  # so that all is removed then, too
    make_root_image()
    parts: list[Part] = [partial(rounds.builds, services=services) for services in chosen.services]
    measured: list[Series] = []
    failed = ""
    try:
        for part in (*parts, *(PARTS[name] for name in chosen.parts)):
            with rounds.a_field(chosen.rounds, lambda line: print(line, file=sys.stderr, flush=True)) as field:
                found = tuple(part(field))
            measured.extend(found)
            if chosen.write:
                documents.write(ROOT / "docs", Results(machine(), found))
    except FailedError as error:
        failed = f"error: {error}"
    results = Results(machine(), tuple(measured))
    print(table.text(results))
    if chosen.json:
        Path(chosen.json).write_text(documents.dumps(results), "utf-8")
    print(failed, end="\n" * bool(failed), file=sys.stderr)
    return 1 if failed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="nox -s bench --", description=__doc__)
    parser.add_argument("--services", type=int, nargs="*", default=[20, 100, 500], help="sizes of the stacks")
    parser.add_argument("--parts", nargs="*", default=_USUAL, choices=sorted(PARTS), help="what else")
    parser.add_argument("--ml", action="store_true", help="base-ml too, which takes a quarter of an hour")
    parser.add_argument("--wide", action="store_true", help="500 services beside bake, too, which takes forty minutes")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", help="a file for the samples")
    parser.add_argument("--write", action="store_true", help="keep in docs/; parts and sizes not measured now stay")
    chosen = parser.parse_args()
    if chosen.ml:
        chosen.parts += ["ml", "ml-zstd"]
    if chosen.wide:
        chosen.parts += ["wide"]
    return chosen


if __name__ == "__main__":
    sys.exit(main())
