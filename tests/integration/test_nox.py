"""A nox of any environment: what a session needs is installed for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.rig.stacks import ROOT

pytestmark = pytest.mark.integration


@pytest.mark.fault("T30")
def test_a_nox_that_has_no_slipway_makes_an_environment(tmp_path: Path, root_image: str) -> None:
    """As ``uvx nox`` and ``pipx run nox`` do it."""
    clone, venv = tmp_path / "clone", tmp_path / "venv"
    tools = (".git", ".venv", ".nox", ".slipway", ".env", ".hypothesis", ".*_cache")
    shutil.copytree(
        ROOT, clone, symlinks=True, ignore=shutil.ignore_patterns(*tools, "__pycache__", "*.egg-info", "tests")
    )
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    subprocess.run([f"{venv}/bin/pip", "install", "--quiet", "nox"], check=True, capture_output=True)
    environment = {**os.environ, "PYTHON_IMAGE": root_image, "OWNER": "t-nox"}
    nox = f"{venv}/bin/nox -s build -- --dry-run svc-forms".split()
    ran = subprocess.run(nox, cwd=clone, env=environment, capture_output=True, text=True, timeout=300)
    said = ran.stdout + ran.stderr
    assert ran.returncode == 0, said
    assert "environment(smoke): success" in said
    assert "svc-forms" in said and "3 to build" in said
