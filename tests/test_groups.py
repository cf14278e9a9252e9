"""Tests of one ``xdist_group`` share what one worker makes: a build host, a wheel, this checkout."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TESTS = """
import pytest

@pytest.mark.xdist_group("one worker")
@pytest.mark.parametrize("number", range(12))
def test_a_worker(number, worker_id):
    with open("workers", "a") as file:
        file.write(worker_id + "\\n")
"""


@pytest.mark.process
def test_one_worker_runs_the_tests_of_a_group(tmp_path: Path) -> None:
    (tmp_path / "test_group.py").write_text(TESTS, "utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\n", "utf-8")
    argv = (sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "loadgroup", "-p", "no:cacheprovider")
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout
    workers = (tmp_path / "workers").read_text("utf-8").split()
    assert (len(workers), len(set(workers))) == (12, 1)
