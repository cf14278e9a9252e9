"""slipway as a user installs it: the wheel of this checkout in an environment that has nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.rig.stacks import ROOT


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return ``slipway`` of an environment that has the wheel, its requirements, and nothing else.

    Tests that use it carry ``xdist_group("wheel")``, so that one worker makes it.
    """
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    shutil.copytree(ROOT / "libs/slipway", source / "libs/slipway", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    uv("build", "--wheel", "--out-dir", str(folder), str(source))
    uv("venv", "--python", sys.executable, str(folder / "environment"))
    (wheel,) = folder.glob("*.whl")
    uv("pip", "install", "--python", str(folder / "environment"), str(wheel))
    return folder / "environment/bin/slipway"


def uv(*words: str) -> None:
    """Run uv. It trusts the certificates that the system trusts."""
    argv = [sys.executable, "-m", "uv", "--quiet", *words]
    subprocess.run(argv, check=True, env={**os.environ, "UV_SYSTEM_CERTS": "1"})
