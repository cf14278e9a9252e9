"""One invocation: its versions, and a record also of what failed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from slipway.errors import PushError
from slipway.pipconfig import PipConfig
from slipway.tasks.invocation import Chain, Invocation, Naming, Where


@pytest.fixture
def here(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Invocation:
    monkeypatch.chdir(repository)
    monkeypatch.delenv("BASE_VERSION", raising=False)
    monkeypatch.delenv("VERSION", raising=False)
    monkeypatch.setattr("slipway.tasks.invocation._chain", Chain())
    invocation = Invocation()
    invocation.pip = PipConfig()
    return invocation


def test_a_version_holds_for_the_tasks_after_it(here: Invocation) -> None:
    assert here.settings.version("base") != "v9"
    Invocation(naming=Naming(version="v9"))
    assert (Invocation().settings.version("base"), Invocation().settings.version("service")) == ("v9", "v9")


def test_the_versions_of_an_earlier_run_replace_those_read(here: Invocation) -> None:
    assert here.settings.version("service") != "v7"
    here.under({"BASE_VERSION": "v6", "VERSION": "v7"})
    assert (here.settings.version("base"), here.settings.version("service")) == ("v6", "v7")


def test_remote_and_its_host_hold_for_the_tasks_after_it(here: Invocation) -> None:
    assert not Invocation(where=Where()).remote
    Invocation(where=Where(True, "me@builder", "/srv/slipway"))
    after = Invocation(where=Where())
    assert after.remote
    assert (after.settings["REMOTE_HOST"], after.settings["REMOTE_PATH"]) == ("me@builder", "/srv/slipway")
    assert not Invocation().remote, "a task that works here alone"


def test_a_push_after_build_base_alone_is_about_the_bases(here: Invocation) -> None:
    assert here.meant == ()
    here.has_built("base", ["base-ml"])
    here.has_built("base", ["base-runtime", "base-ml"])
    assert Invocation().meant == ("base-ml", "base-runtime")
    here.has_built("service", ["svc-ocr"])
    assert Invocation().meant == ()


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
