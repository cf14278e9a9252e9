"""The process while a task runs and when it ends: a stream with few letters, and Python's own end."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest

from slipway.tasks.process import ours

LINE = "\N{BOX DRAWINGS LIGHT UP AND RIGHT}\N{BOX DRAWINGS LIGHT HORIZONTAL} caf\xe9 \xb7 1 \N{RIGHTWARDS ARROW} 2"


@pytest.mark.fault("U34")
@pytest.mark.parametrize(
    ("encoding", "shown"),
    [("ascii", "`- caf\\xe9 - 1 -> 2"), ("latin-1", "`- caf\xe9 \xb7 1 -> 2"), ("utf-8", LINE)],
)
def test_our_marks_have_equals_in_every_encoding(monkeypatch: pytest.MonkeyPatch, encoding: str, shown: str) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    with ours(keep=False):
        print(LINE, flush=True)
    assert raw.getvalue().decode(encoding) == shown + "\n"


#: Registered first, so it runs last: it tells whether Python will search the objects of this process.
TASKS = """
import atexit, gc
from invoke import task
atexit.register(lambda: print("frozen" if gc.get_freeze_count() else "searched"))
from slipway.tasks import namespace as ns
ns.add_task(task(lambda c: None, name="deploy"))
"""


@pytest.mark.process
def test_python_searches_for_unused_objects_only_after_tasks_of_others(repository: Path) -> None:
    """Objects of others may need the search: a file that only it closes. Slipway's own need none."""
    (repository / "tasks.py").write_text(TASKS)

    def last(*words: str) -> str:
        argv = (sys.executable, "-m", "invoke", *words)
        done = subprocess.run(argv, cwd=repository, capture_output=True, text=True, check=True)
        return done.stdout.splitlines()[-1]

    endings = [last(*words) for words in (("config",), ("config", "deploy"), ("deploy",))]
    assert endings == ["frozen", "searched", "searched"]


INTERRUPTED_INSIDE_EXEC = """\
import sys
from slipway.tasks.process import heed_no_more

try:
    exec("raise KeyboardInterrupt")
except KeyboardInterrupt:
    heed_no_more()
    sys.exit(130)
"""


@pytest.mark.process
@pytest.mark.fault("B02")
def test_an_interrupt_inside_exec_ends_with_the_exit_code(tmp_path: Path) -> None:
    (tmp_path / "interrupted.py").write_text(INTERRUPTED_INSIDE_EXEC)
    assert subprocess.run([sys.executable, "-m", "interrupted"], cwd=tmp_path).returncode == 130
