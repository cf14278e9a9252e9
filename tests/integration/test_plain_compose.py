"""Every command of plain docker compose in the documents and in the systems' own files works in a checkout."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from slipway.compose.files import find_systems
from tests.rig.stacks import ROOT

pytestmark = pytest.mark.integration
#: A command up to the word that starts containers.
_COMMAND = re.compile(r"docker compose (?:--\S+ \S+ )+(?=up|watch)")
ENV = "OWNER=acme\nVERSION=v7\nAPI_KEY=a-key\n"


def commands() -> Iterator[tuple[str, str]]:
    files = (*ROOT.glob("infra/compose/*.yaml"), ROOT / "docs/systems.md", *ROOT.glob("docs/systems/*.md"))
    for path in sorted(files):
        for command in _COMMAND.findall(path.read_text("utf-8")):
            yield path.relative_to(ROOT).as_posix(), command


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("checkout")
    shutil.copytree(ROOT / "infra/compose", root / "infra/compose")
    (root / ".env").write_text(ENV)
    return root


def test_each_system_says_how_plain_compose_starts_it() -> None:
    said = {path for path, _ in commands()}
    assert {file.files[0] for file in find_systems(ROOT).values()} <= said


@pytest.mark.parametrize(("path", "command"), [pytest.param(*one, id=one[0]) for one in commands()])
def test_plain_compose_reads_the_env_file_of_the_checkout(checkout: Path, path: str, command: str) -> None:
    argv = [*shlex.split(command), "config", "--images"]
    done = subprocess.run(argv, cwd=checkout, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    images = done.stdout.split()
    assert images and all(re.fullmatch(r"localhost:5000/acme/svc-[a-z-]+:v7", image) for image in images), images
