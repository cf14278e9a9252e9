"""Runs, locks and jobs on a build host, read from the output of its scripts."""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Callable
from typing import cast

import pytest

from slipway.build.attach import Baked, RemoteRun, bakes, choose, clean, list_runs
from slipway.build.bake_file import BakeTarget, bake_file
from slipway.core.command import Command, Result
from slipway.core.errors import LockedError, SshError, UsageError
from slipway.core.image import INPUT_LABEL
from slipway.hosts.host import BakeInputs
from slipway.hosts.remote.job_builder import JobBuilder, context_name, earlier_trees
from slipway.hosts.remote.jobs import DiffersError, Job, JobInput, packed
from slipway.hosts.remote.locks import held
from slipway.hosts.remote.preflight import HostFacts
from slipway.hosts.ssh.connection import to_shell
from slipway.hosts.ssh.reconnecting import ReconnectingConnection


class Answers:
    """A link whose host answers by rule."""

    config = "me@builder:22"

    def __init__(self, answer: Callable[[Command], Result]) -> None:
        self.answer = answer
        self.asked: list[Command] = []

    def run(self, command: Command, timeout: float | None = None, patience: float = 0.0) -> Result:
        self.asked.append(command)
        return self.answer(command)

    def listen(self, command: Command, on_line: object, should_stop: object) -> Result:
        return self.run(command)


def link(answer: Callable[[Command], Result] | str) -> ReconnectingConnection:
    said = answer
    return cast(ReconnectingConnection, Answers((lambda command: Result(0, said)) if isinstance(said, str) else said))


LISTED = "aa 1000 yes 1 3 0 - -\nbb 900 no 2 2 0 0\ncc 800 no 1 2 0 1\ndd 700 no 1 1 -\n"


def test_runs_and_their_states() -> None:
    found = list_runs(link(LISTED), "/p")
    assert found[0] == RemoteRun("aa", 1000, True, 1, (0, None, None))
    assert [run.state for run in found] == ["running", "done", "failed", "ended"]
    assert list_runs(link(""), "/p") == ()


def test_which_run_is_meant() -> None:
    found = list_runs(link(LISTED), "/p")
    assert choose(found, "").id == "aa"
    assert choose(found[1:], "").id == "bb", "the newest, when none runs"
    assert choose(found, "cc").id == "cc"
    with pytest.raises(UsageError, match="ee: the build host has no run with this id"):
        choose(found, "ee")
    with pytest.raises(UsageError, match="the build host keeps no run"):
        choose((), "")


def test_the_bake_files_give_the_images_of_a_run() -> None:
    def file(*names: str) -> str:
        labels = {INPUT_LABEL: "sha256:abc"}
        return bake_file(
            [BakeTarget(name, ".", "D", (f"r/{name}:v1", f"r/{name}:in-abc"), labels=labels) for name in names]
        ).decode()

    run = RemoteRun("aa", 0, True, 1, (None, None))
    first, second = bakes(link(f"{file('a', 'b')}\n{file('c')}\n"), "/p/runs/aa", run)
    assert first[1] == Baked("b", "r/b:v1", "r/b:in-abc", "sha256:abc")
    assert [image.name for image in (*first, *second)] == ["a", "b", "c"]
    assert [image.ssh for image in (*first, *second)] == [(), (), ()]
    with pytest.raises(SshError, match="cannot be read"):
        bakes(link("{}\n"), "/p/runs/aa", run)


@pytest.mark.fault("C62")
def test_which_agents_a_run_mounts() -> None:
    """That of an image which is only built upon counts, too."""
    labels = {INPUT_LABEL: "sha256:abc"}
    upper = BakeTarget("upper", ".", "D", ("r/u:v1", "r/u:in-abc"), labels=labels, ssh=("git=agent", "default=agent"))
    lower = BakeTarget("lower", ".", "D", (), ssh=("default=agent", "other=agent"))
    run = RemoteRun("aa", 0, True, 1, ())
    ((image,),) = bakes(link(f"{bake_file([upper], [lower]).decode()}\n"), "/p/runs/aa", run)
    assert sorted(image.ssh) == ["default", "git", "other"]


def test_clean_reports_runs_and_bytes() -> None:
    gone = clean(link("2 1 5\n"), "/p", look=False)
    assert (gone.runs, gone.living, gone.bytes, gone.size) == (2, 1, 5120, "5.12 kB")
    with pytest.raises(SshError, match="/p"):
        clean(link("nonsense"), "/p", look=True)


@pytest.mark.parametrize(
    ("said", "words", "hint"),
    [
        ("held 5 bob@x since 10:00", "held by bob@x since 10:00, last renewed 5 s ago", "wait"),
        ("held 121 bob@x since 10:00", "121 s ago", "--break-lock"),
        ("no lock can be made in /p/locks", "no lock can be made", "remote-check"),
        ("", "no answer", "remote-check"),
    ],
)
def test_a_lock_that_is_not_ours(said: str, words: str, hint: str) -> None:
    with pytest.raises(LockedError, match=words) as caught, held(link(said), "/p/locks/push-x", "me", print):
        raise AssertionError("it is held")
    assert hint in caught.value.hint and caught.value.message.startswith("push-x: ")


def test_a_lock_that_is_ours_is_given_back() -> None:
    there = link("ours\n")
    with held(there, "/p/locks/push-x", "me", print):
        pass
    taken, given = cast(Answers, there).asked
    word = taken.argv[6]
    assert given.argv[-2:] == ("/p/locks/push-x", word) and "rm -rf" in given.argv[2]


INPUTS = BakeInputs("/run", str, lambda image: image.dockerfile, {}, {})
GIVEN = JobInput({}, 60, "a\nb")
COMMANDS = tuple(Command(("bake", str(number)), cwd="/run", stdin=b"{}") for number in range(3))


def test_a_job_is_all_that_it_needs() -> None:
    job = Job("/run", 2, COMMANDS[:2])
    with tarfile.open(fileobj=io.BytesIO(packed(job, {"ca": b"pem"}))) as archive:
        names = archive.getnames()
        assert {member.mode for member in archive.getmembers()} == {0o600}
        line = archive.extractfile("jobs/2/command-1")
        assert line and line.read() == b'echo "$$" >step-1\ncd -- /run && exec bake 0\n'
    assert names == [
        *("jobs/2/job.sh", "jobs/2/command-1", "jobs/2/input-1", "jobs/2/command-2", "jobs/2/input-2", "secrets/ca"),
    ]


def test_announced_commands_are_started_once() -> None:
    failing = {"2"}

    def answer(command: Command) -> Result:
        return Result(0, "1\n" if command.label == "follow" and command.argv[5] in failing else "0\n")

    there = link(answer)
    builder = JobBuilder(INPUTS, there, "/run", GIVEN, lambda: None)
    builder.announce(COMMANDS)

    def labels() -> list[str]:
        return [command.label.split()[0] for command in cast(Answers, there).asked]

    assert builder.run(COMMANDS[0], should_stop=lambda: False).ok
    assert not builder.run(COMMANDS[1], should_stop=lambda: False).ok
    assert labels() == ["start", "follow"], "the first is listened to as soon as it is begun"
    failing.clear()
    assert builder.run(COMMANDS[2], should_stop=lambda: False).ok
    builder.end()
    assert labels()[2:] == ["start"], "what failed ended the job: a new one"


def test_a_job_that_cannot_be_begun() -> None:
    there = link(lambda command: Result(2, "", "tar: short read\nsh: 3: cannot create job: Disk quota exceeded"))
    with pytest.raises(SshError, match="the build cannot start: sh: 3: cannot create job: Disk quota exceeded"):
        JobBuilder(INPUTS, there, "/run", GIVEN, lambda: None).run(COMMANDS[0], should_stop=lambda: False)


def test_a_job_that_ended_without_a_word() -> None:
    said: list[str] = []
    result = JobBuilder(INPUTS, link("gone\n"), "/run", GIVEN, lambda: None).run(
        COMMANDS[0], said.append, should_stop=lambda: False
    )
    assert result.exit_code == 137
    assert said == [
        "ERROR: the build ended without an exit status on the build host: killed, or out of time (BUILD_TIMEOUT)"
    ]


def test_a_tree_that_differs_is_synced_again_before_the_job_starts() -> None:
    synced: list[str] = []
    there = link(lambda command: Result(0, "0\n" if synced else "differs\n"))
    assert (
        JobBuilder(INPUTS, there, "/run", GIVEN, lambda: synced.append("once"))
        .run(COMMANDS[0], should_stop=lambda: False)
        .ok
    )
    assert synced == ["once"] and [command.argv[8] for command in cast(Answers, there).asked] == ["a\nb", "a\nb"]
    with pytest.raises(DiffersError, match="/run/tree differs"):
        JobBuilder(INPUTS, link("differs\n"), "/run", GIVEN, lambda: None).run(COMMANDS[0], should_stop=lambda: False)


def test_an_unneeded_job_is_stopped_once() -> None:
    there = link("0\n")
    builder = JobBuilder(INPUTS, there, "/run", GIVEN, lambda: None)
    builder.announce(COMMANDS)
    assert builder.run(COMMANDS[0], should_stop=lambda: False).ok
    builder.end()
    builder.end()
    assert [command.label.split()[0] for command in cast(Answers, there).asked] == ["start", "stop"]


def test_a_command_as_a_line() -> None:
    command = Command(("a b", "$x"), cwd="-d", env={"N": "'v'"})
    assert to_shell(command) == b"""cd -- -d && exec env 'N='"'"'v'"'"'' 'a b' '$x'"""
    assert to_shell(Command(("a\udcff",))) == b"exec 'a\xff'", "a name need not be text"


def test_rsync_gets_the_earlier_trees_that_there_may_be() -> None:
    facts = HostFacts("me", "debian", "linux/amd64", "/p", compared=("shop-1", "cellar-2", "shop-1"))
    assert earlier_trees(facts, "/p/me/shop-1", 0) == ("earlier/1", "earlier/2")
    assert earlier_trees(facts, "/p/me/shop-3", 0) == ()
    assert earlier_trees(facts, "/p/me/shop-3", 1) == ("earlier/1",)
    assert len(earlier_trees(facts, "/p/me/shop-1", 7)) == 3, "the number of older runs that prepare.sh keeps"


def test_the_names_contexts_are_sent_under() -> None:
    assert context_name(".", "ab12") == "tree-ab12"
    assert context_name("apps/svc_ocr", "ab12") == "apps-svc_ocr-tree-ab12"
    for odd in ("apps/svc_ü", "apps/svc_\udcff", "apps/a\nb"):
        assert re.fullmatch(r"[0-9a-f]{16}-tree-ab12", context_name(odd, "ab12"))
