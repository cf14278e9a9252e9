"""One invocation: its versions, and a record also of what failed."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import pytest

from slipway.config.pip import PipConfig
from slipway.core.command import Command
from slipway.core.errors import PushError, UsageError
from slipway.secrets.secret import Secret
from slipway.tasks.core import Core
from slipway.tasks.door import redactor
from slipway.tasks.images import stack_names
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


@pytest.mark.fault("C33")
def test_build_of_a_stack_of_bases_builds_them(here: Invocation) -> None:
    shutil.rmtree(here.settings.root / "apps")
    assert stack_names(here, "service", ()) == ("base-runtime", "base-ml")


@pytest.mark.fault("C33")
def test_build_base_without_bases_says_what_to_run(here: Invocation) -> None:
    shutil.rmtree(here.settings.root / "infra")
    for name in ("svc_forms", "svc_ocr"):
        (here.settings.root / f"apps/{name}/Dockerfile").write_text("FROM scratch\n")
    with pytest.raises(UsageError) as caught:
        stack_names(here, "base", ())
    assert str(caught.value).startswith("error: there is no base here\nhint:  invoke build builds what is there")


@pytest.mark.parametrize(
    ("said", "agreed"), [("y\n", True), ("Yes\n", True), ("n\n", False), ("\n", False), ("", False)]
)
def test_only_a_yes_is_one(
    here: Invocation, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], said: str, agreed: bool
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(said))
    assert Invocation().agreed("Remove them?") is agreed
    assert "Remove them? [y/N]" in capsys.readouterr().err


def test_names_of_a_flag_hold_for_the_tasks_after_it(here: Invocation) -> None:
    Invocation(naming=Naming(registry="reg.example.com", owner="acme"))
    assert str(Invocation().settings.reference("svc-ocr", "service")).startswith("reg.example.com/acme/svc-ocr:")
    assert Invocation().settings.values["OWNER"].source == "--owner"


def test_invokes_time_limit_is_an_images(here: Invocation) -> None:
    assert Invocation(Core(timeout=90)).settings.build_seconds == 90
    assert Invocation().settings.values["BUILD_TIMEOUT"].source == "-T"


def test_the_tasks_files_folder_comes_before_the_current_one(
    here: Invocation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = here.settings.root
    monkeypatch.chdir(tmp_path)
    assert Invocation(Core(folder=root / "apps")).settings.root == root
    monkeypatch.chdir(root)
    assert Invocation(Core(folder=tmp_path)).settings.root == root


@pytest.mark.process
def test_echo_shows_what_is_run_without_secrets(here: Invocation, capsys: pytest.CaptureFixture[str]) -> None:
    redactor().learn([Secret("hunter2-echo")])
    loud = Invocation(Core(echo=True))
    assert loud.run(Command(("true", "it is", "hunter2-echo"), env={"A": "b"})).ok
    assert capsys.readouterr().err == "$ A=b true 'it is' ***\n"
