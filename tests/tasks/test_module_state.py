"""No module of slipway keeps state: several command lines in one process leave every global as it was."""

from __future__ import annotations

import os
from pathlib import Path
from types import ModuleType

import pytest

from tests.rig import in_process
from tests.rig.global_state import modules, snapshot


def test_runs_leave_no_global_changed(repository: Path) -> None:
    def invoke(*words: str) -> int:
        env = {**os.environ, "DOCKER_HOST": f"unix://{repository}/no.sock"}
        return in_process.invoke(*words, cwd=repository, env=env).returncode

    (repository / "tasks.py").write_text("from slipway.tasks import namespace\n")
    before = snapshot(modules())
    (repository / ".env").write_text("API_TOKEN=hunter2-token\nOWNERS=1\n")
    assert invoke("-w", "config", "--version", "v9") == 2, "config has no --version"
    assert invoke("config", "config", "--json") == 0
    assert invoke("plan", "--registry", "reg.example.com", "--owner", "acme") == 2, "OWNERS is misspelled"
    assert invoke("plan", "--allow-unused-env", "--json") == 3, "the engine does not answer"
    assert invoke("build", "svc-orc", "push", "--resume", "7f3c") == 2
    assert invoke("remote-runs", "--host", "me:hunter2-host@builder") == 2
    after = snapshot(modules())
    assert {name: (before.get(name), value) for name, value in after.items() if before.get(name) != value} == {}


@pytest.mark.parametrize(
    "state",
    [
        "from functools import cache\n@cache\ndef known(x=1):\n    return x\ndef run():\n    known()",
        "seen = []\ndef run():\n    seen.append(1)",
        "from contextlib import ExitStack\nopened = ExitStack()\ndef run():\n    opened.callback(print)",
        "last = ''\ndef run():\n    global last\n    last = 'x'",
        "class Kept:\n    names = {}\ndef run():\n    Kept.names['x'] = 1",
        "class Kept:\n    name = ''\nkept = Kept()\ndef run():\n    kept.name = 'x'",
        "def run(seen=[]):\n    seen.append(1)",
        "def made():\n    seen = {}\n    return lambda: seen.update(x=1)\nrun = made()",
    ],
)
def test_a_module_with_state_is_noticed(state: str) -> None:
    module = ModuleType("slipway.core.units")
    exec(state, vars(module))
    before = snapshot([module])
    assert snapshot([module]) == before
    module.run()
    assert snapshot([module]) != before
