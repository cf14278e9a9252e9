"""One invocation: its versions, and a record also of what failed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from slipway.errors import PushError
from slipway.pipconfig import PipConfig
from slipway.tasks.invocation import Invocation, _given


@pytest.fixture
def here(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Invocation]:
    monkeypatch.chdir(repository)
    monkeypatch.delenv("BASE_VERSION", raising=False)
    monkeypatch.delenv("VERSION", raising=False)
    _given.clear()
    invocation = Invocation()
    invocation.pip = PipConfig()
    yield invocation
    _given.clear()


def test_a_version_holds_for_the_tasks_after_it(here: Invocation) -> None:
    assert here.settings.version("base") != "v9"
    Invocation(version="v9")
    assert (Invocation().settings.version("base"), Invocation().settings.version("service")) == ("v9", "v9")


def test_the_versions_of_an_earlier_run_replace_those_read(here: Invocation) -> None:
    assert here.settings.version("service") != "v7"
    here.under({"BASE_VERSION": "v6", "VERSION": "v7"})
    assert (here.settings.version("base"), here.settings.version("service")) == ("v6", "v7")


def test_what_failed_leaves_a_record(here: Invocation) -> None:
    with pytest.raises(PushError), here.record() as record:
        raise PushError("push svc-ocr: connection lost", hint="invoke doctor")
    assert json.loads((record.directory / "run.json").read_text()) == {
        "run": record.id,
        "ok": False,
        "exit_code": 7,
        "error": "push svc-ocr: connection lost",
        "hint": "invoke doctor",
        "log": "",
        "problems": [{"where": "", "what": "push svc-ocr: connection lost", "hint": "invoke doctor"}],
    }


def test_what_was_told_before_it_failed_stays_told(here: Invocation) -> None:
    with pytest.raises(PushError), here.record() as record:
        record.write("run.json", {"images": []})
        raise PushError("later")
    assert json.loads((record.directory / "run.json").read_text()) == {"images": []}
