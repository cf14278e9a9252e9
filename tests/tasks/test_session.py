"""The session of a task: its settings, its place in a chain of tasks, and the record of a run that failed."""

from __future__ import annotations

import io
import json
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

import pytest
from invoke.collection import Collection
from invoke.config import Config
from invoke.context import Context
from invoke.program import Program

from slipway.build.executor import failure
from slipway.build.result import ImageResult, Status
from slipway.config.pip import PipConfig
from slipway.core.command import Command
from slipway.core.errors import BuildError, RegistryError, UsageError
from slipway.core.image import LocalImage
from slipway.core.reference import full_name
from slipway.hosts.local import LocalHost
from slipway.registry import Registry
from slipway.secrets.secret import Secret
from slipway.stack.worktree import StatCache, Worktree
from slipway.tasks.options import BuildHostOptions, HostOptions, ImageOptions, PushOptions
from slipway.tasks.output import Output
from slipway.tasks.results import tell
from slipway.tasks.selection import stack_names
from slipway.tasks.session import Session
from slipway.tasks.wrapper import task
from slipway.testing.fakes import HASTE, FakeEngine


@pytest.fixture
def c(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Context:
    """The context of every task on one command line: they share its configuration."""
    monkeypatch.chdir(repository)
    for name in ("REGISTRY", "OWNER", "BASE_VERSION", "VERSION", "REMOTE_HOST"):
        monkeypatch.delenv(name, raising=False)
    return Context()


@pytest.fixture
def session(c: Context) -> Session:
    session = Session(c)
    session.pip = PipConfig()
    return session


@dataclass(frozen=True)
class Late(LocalHost):
    """A host that tells its platform once slipway has hashed a file."""

    hashed: Event = field(default_factory=Event)

    @property
    def platform(self) -> str:
        assert self.hashed.wait(60), "slipway reads no file before it knows the platform"
        return super().platform


class Hashing(StatCache):
    def __init__(self, hashed: Event) -> None:
        super().__init__()
        self._hashed = hashed

    def sha256(self, path: str, status: os.stat_result) -> str:
        self._hashed.set()
        return super().sha256(path, status)


def test_the_files_are_hashed_before_the_host_answers(session: Session) -> None:
    near = session.local_host
    host = Late(near.settings, near.around, near.run, near.logins, near.say, near.bakes)
    host.__dict__["engine"] = FakeEngine([LocalImage("sha256:python", (full_name("python:3.12-slim"),))])
    host.__dict__["registry"] = Registry("127.0.0.1:1", policy=HASTE)
    session.local_host = host
    session.worktree = Worktree(session.settings.root, Hashing(host.hashed))
    assert session.snapshot().stack.by_name.keys() >= {"base-runtime", "svc-forms"}


def test_flags_that_name_images_hold_for_the_tasks_after_it(c: Context) -> None:
    assert Session(c).settings.version("base") != "v9"
    Session(c, [ImageOptions(version="v9", registry="reg.example.com", owner="acme")])
    after = Session(c).settings
    assert (after.version("base"), after.version("service")) == ("v9", "v9")
    assert str(after.reference("svc-ocr", "service")) == "reg.example.com/acme/svc-ocr:v9"
    assert after.values["OWNER"].source == "--owner"


def test_the_tasks_of_one_command_line_share_the_flags(c: Context) -> None:
    """Through Invoke's own executor, which reads its configuration for each task."""
    found: list[tuple[str, str]] = []

    def config(session: Session, images: ImageOptions) -> None:
        """Show."""
        found.append((session.settings["OWNER"], session.settings["BASE_VERSION"]))

    program = Program(namespace=Collection(task(config)))
    program.run(["invoke", "config", "--owner", "acme", "config", "--version", "v9", "config"], exit=False)
    program.run(["invoke", "config"], exit=False)
    assert found == [("acme", "v0.1.0"), ("acme", "v9"), ("acme", "v9"), ("slipway", "v0.1.0")]


def test_flags_hold_for_one_command_line_alone(c: Context) -> None:
    Session(c, [ImageOptions(version="v9", allow_unused_env=True), HostOptions(remote=True)])
    another = Session(Context(), [HostOptions()])
    assert another.settings.version("base") != "v9"
    assert another.host.flag == ""
    assert not another.chain.lenient


def test_misspelled_names_in_env_are_allowed_for_the_tasks_after_it(c: Context) -> None:
    Path(".env").write_text("OWNERS=1\n")
    with pytest.raises(UsageError):
        assert Session(c).repository
    assert Session(c, [ImageOptions(allow_unused_env=True)]).repository.unused
    assert Session(c).repository.unused


def test_a_resumed_push_has_the_versions_of_its_run(c: Context) -> None:
    run = Path(".slipway/runs/7f3c")
    run.mkdir(parents=True)
    (run / "plan.json").write_text('{"push": ["svc-ocr"], "versions": {"BASE_VERSION": "v6", "VERSION": "v7"}}')
    for session in (Session(c, [PushOptions(resume="7f3c")]), Session(c)):
        assert (session.settings.version("base"), session.settings.version("service")) == ("v6", "v7")
        assert session.settings.values["VERSION"].source == "--resume"
    with pytest.raises(UsageError, match="no such push here"):
        Session(c, [PushOptions(resume="0000")])


def test_remote_and_its_host_hold_for_the_tasks_after_it(c: Context) -> None:
    assert Session(c, [HostOptions()]).host.flag == ""
    Session(c, [HostOptions("me@builder", "/srv/slipway", remote=True)])
    after = Session(c, [HostOptions()])
    assert after.host.flag == " --remote"
    assert (after.settings["REMOTE_HOST"], after.settings["REMOTE_PATH"]) == ("me@builder", "/srv/slipway")
    assert Session(c).host.flag == "", "a task that works on this machine alone"


def test_a_task_of_the_build_host_alone_is_remote_and_no_task_after_it(c: Context) -> None:
    assert Session(c, [BuildHostOptions("me@builder")]).host.flag == " --remote"
    after = Session(c, [HostOptions()])
    assert (after.host.flag, after.settings["REMOTE_HOST"]) == ("", "me@builder")
    assert Session(c, [HostOptions(remote=True)]).host.flag == " --remote"


def test_a_push_after_build_base_alone_is_about_the_bases(c: Context, session: Session) -> None:
    assert session.chain.bases == ()
    session.has_built("base", ["base-ml"])
    session.has_built("base", ["base-runtime", "base-ml"])
    assert Session(c).chain.bases == ("base-ml", "base-runtime")
    session.has_built("service", ["svc-ocr"])
    assert Session(c).chain.bases == ()


def test_a_failed_task_leaves_a_record(session: Session) -> None:
    with pytest.raises(RegistryError), session.record() as record:
        raise RegistryError("push svc-ocr: connection lost", hint="invoke doctor")
    assert json.loads((record.directory / "run.json").read_text()) == {
        "run": record.id,
        "ok": False,
        "exit_code": 7,
        "code": "registry-failed",
        "error": "push svc-ocr: connection lost",
        "hint": "invoke doctor",
        "log": "",
        "problems": [
            {"where": "", "what": "push svc-ocr: connection lost", "hint": "invoke doctor", "code": "registry-failed"}
        ],
    }


def test_a_failed_build_answers_with_its_images_and_its_error(c: Context, capsys: pytest.CaptureFixture[str]) -> None:
    session = Session(c, output=Output(json=True))
    session.pip = PipConfig()
    results = [ImageResult("svc-ocr", Status.FAILED, "", detail="write /x: no space left on device")]
    with pytest.raises(BuildError) as caught, session.record() as record:
        tell(session, record, results, "build", error=failure(results, record))
    for text in (capsys.readouterr().out, (record.directory / "run.json").read_text()):
        answer = json.loads(text)
        assert (answer["ok"], answer["exit_code"], answer["code"]) == (False, 6, "disk-full")
        assert (answer["error"], answer["images"][0]["status"]) == (caught.value.message, "failed")


def test_a_record_written_before_the_failure_stays(session: Session) -> None:
    with pytest.raises(RegistryError), session.record() as record:
        record.write("run.json", {"images": []})
        raise RegistryError("later")
    assert json.loads((record.directory / "run.json").read_text()) == {"images": []}


@pytest.mark.fault("C33")
def test_build_of_a_stack_of_bases_builds_them(session: Session) -> None:
    shutil.rmtree(session.settings.root / "apps")
    assert stack_names(session, "service", ()) == ("base-runtime", "base-ml")


@pytest.mark.fault("C33")
def test_build_base_without_bases_is_refused_with_a_hint(session: Session) -> None:
    shutil.rmtree(session.settings.root / "infra")
    for name in ("svc_forms", "svc_ocr"):
        (session.settings.root / f"apps/{name}/Dockerfile").write_text("FROM scratch\n")
    with pytest.raises(UsageError) as caught:
        stack_names(session, "base", ())
    assert str(caught.value).startswith("error: this repository has no base\nhint:  add infra/docker/<name>")


@pytest.mark.parametrize(
    ("said", "agreed"), [("y\n", True), ("Yes\n", True), ("n\n", False), ("\n", False), ("", False)]
)
def test_only_a_yes_is_one(
    session: Session, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], said: str, agreed: bool
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(said))
    assert Session().agreed("Remove them?") is agreed
    assert "Remove them? [y/N]" in capsys.readouterr().err


def configured(**run: object) -> Context:
    return Context(Config(overrides=run))


def test_invokes_time_limit_is_an_images(session: Session) -> None:
    c = configured(timeouts={"command": 90})
    assert Session(c).settings.build_seconds == 90
    assert Session(c).settings.values["BUILD_TIMEOUT"].source == "-T"


def test_the_tasks_files_folder_comes_before_the_current_one(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = session.settings.root
    monkeypatch.chdir(tmp_path)
    assert Session(Context(Config(project_location=root / "apps"))).settings.root == root
    monkeypatch.chdir(root)
    assert Session(Context(Config(project_location=tmp_path))).settings.root == root


@pytest.mark.process
def test_echo_shows_commands_without_secrets(session: Session, capsys: pytest.CaptureFixture[str]) -> None:
    loud = Session(configured(run={"echo": True}))
    loud.redactor.learn([Secret("hunter2-echo")])
    assert loud.run(Command(("true", "it is", "hunter2-echo"), env={"A": "b"})).ok
    assert capsys.readouterr().err == "$ A=b true 'it is' ***\n"
