"""``slipway init`` in a repository that knows nothing of slipway: 500 Dockerfiles among 100,000 files."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.bench import targets
from tests.bench.measure import Place, measure
from tests.bench.peers import SLIPWAY
from tests.bench.rounds import Field
from tests.bench.samples import Series

_FILES, _DOCKERFILES = 100_000, 500
_INIT = (sys.executable, "-m", "slipway.tasks", "init")


def adopted(field: Field) -> Iterator[Series]:
    """Show the images and the table; write nothing."""
    field.say(f"init: {_DOCKERFILES} Dockerfiles, {_FILES} files, {field.rounds} rounds")
    root = foreign(field.folder / "foreign", _DOCKERFILES, _FILES)
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    subprocess.run(["git", "add", "-A"], cwd=root, check=True)
    place = Place(root, field.folder / "init.log")
    measure(_INIT, place)
    samples = tuple(measure(_INIT, place) for _ in range(field.rounds))
    yield Series("init", targets.INIT, _DOCKERFILES, SLIPWAY, samples)


def foreign(root: Path, dockerfiles: int, files: int) -> Path:
    """Write a repository: a Makefile builds half of the images, each stands on the first of its group of ten."""
    makefile = ""
    for number in range(dockerfiles):
        name, base = f"svc{number:03}", f"svc{number // 10 * 10:03}"
        folder = root / f"group{number // 100}/{name}"
        folder.mkdir(parents=True)
        above = "python:3.12-slim" if name == base else f"acme/{base}:latest"
        (folder / "Dockerfile").write_text(f"FROM {above}\nARG FLAVOUR=plain\nCOPY main.py /app/\nRUN true\n")
        (folder / "main.py").write_text(f"print({number})\n")
        if number % 2 == 0:
            makefile += f"{name}:\n\tdocker build -t acme/{name} group{number // 100}/{name}\n"
    (root / "Makefile").write_text(makefile)
    for number in range(files - 2 * dockerfiles - 1):
        folder = root / f"data/{number // 1000:03}"
        if number % 1000 == 0:
            folder.mkdir(parents=True)
        (folder / f"{number:06}.json").write_text(f'{{"number": {number}}}\n')
    return root
