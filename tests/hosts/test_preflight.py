"""The answers of a build host, and the checks on them."""

from __future__ import annotations

import getpass
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from slipway.core.command import Command, Result
from slipway.core.errors import PrerequisiteError
from slipway.hosts.remote.preflight import (
    HostFacts,
    examine,
    look,
    preflight_command,
    read_facts,
    refuse_little_room,
    refuse_missing,
)

ANSWER = """\
ready\tword
clock\t1000
machine\tx86_64
system\tdebian
user\tme
rsync\trsync  version 3.5.0  protocol version 32
setsid\tyes
timeout\tyes
sha256sum\tyes
tar\tyes
find\tyes
folder\t/var/tmp/slipway
refused\t
compared\t shop-1 shop-1 cellar-2
free\t20000000
usual\t30000000
buildx\tgithub.com/docker/buildx 0.29.1 0.29.1+ds1
docker\tDocker version 28.5.2, build e6534b4
engine\t28.5.2+dfsg4 1.51 linux/arm64
context\tteam
"""
STATUS = [["driver-type", "io.containerd.snapshotter.v1"]]
INFO = {"Driver": "overlayfs", "DriverStatus": STATUS, "DockerRootDir": "/var/lib/docker"}
ELSEWHERE = {**INFO, "DockerRootDir": "/data/docker"}
FREE = "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/sda 50000000 20000000 40000000 40% /\n"


def seen(answer: str = ANSWER, info: Mapping[str, Any] = INFO, free: str = FREE) -> HostFacts:
    """Return the facts of a host with these answers."""

    def ask(command: Command) -> Result:
        if command.argv[0] == "df":
            assert command.argv[1:] == ("-Pk", "--", "/data/docker")
            return Result(0, free)
        return Result(0, answer.replace("word", command.argv[4]))

    return look(ask, "/x", lambda: info)


FACTS = replace(seen(), skew=0.0)


def states(facts: HostFacts, local: str = "3.5.0") -> dict[str, str]:
    return {check.name: check.state for check in examine(facts, local)}


def told(facts: HostFacts, name: str, local: str = "3.5.0") -> tuple[str, str, str]:
    check = next(check for check in examine(facts, local) if check.name == name)
    return check.state, check.detail, check.hint


def test_the_facts() -> None:
    assert (FACTS.user, FACTS.own, FACTS.platform) == ("me", "/var/tmp/slipway/me", "linux/arm64")
    assert (FACTS.engine, FACTS.api, FACTS.buildx, FACTS.rsync) == ("28.5.2+dfsg4", "1.51", "0.29.1", "3.5.0")
    assert FACTS.context == "team"
    assert FACTS.compared == ("shop-1", "shop-1", "cellar-2")
    assert (FACTS.driver, FACTS.store) == ("overlayfs", "containerd's image store")
    assert seen(info={**INFO, "DriverStatus": None}).store == "classic image store"
    assert (FACTS.free, FACTS.disk, FACTS.disk_folder) == (20_480_000_000, 30_720_000_000, "/var/lib/docker")
    assert (FACTS.skew, FACTS.noise, FACTS.refused, FACTS.silence) == (0, "", "", "")


def test_a_host_with_all() -> None:
    assert set(states(FACTS).values()) == {"ok"}
    refuse_missing(examine(FACTS, "3.5.0"), "builder")
    assert told(FACTS, "disk") == ("ok", "20.5 GB free in /var/tmp/slipway, 30.7 GB in /var/lib/docker", "")


def test_the_platform_of_a_host_without_engine() -> None:
    silent = ANSWER.replace("engine\t28.5.2+dfsg4 1.51 linux/arm64\n", "")
    assert read_facts(Result(0, silent), "word", now=1000).platform == "linux/amd64"
    other = silent.replace("x86_64", "riscv64")
    assert read_facts(Result(0, other), "word", now=1000).platform == "linux/riscv64"


def test_text_of_the_login_shell_is_refused() -> None:
    facts = read_facts(Result(0, "welcome\nto b\n" + ANSWER), "word", now=1000)
    assert told(facts, "shell")[:2] == (
        "missing",
        "the login shell prints text in sessions without a terminal: welcome",
    )


def test_a_shell_that_is_none() -> None:
    with pytest.raises(PrerequisiteError, match="does not run sh: This account is not available"):
        read_facts(Result(1, "This account is not available.\n"), "word", now=0)
    with pytest.raises(PrerequisiteError, match="does not run sh: exit code 3"):
        read_facts(Result(3), "word", now=0)


def test_all_missing_prerequisites_are_reported_together() -> None:
    bare = replace(FACTS, engine="", client="", buildx="", rsync="", tools=frozenset({"find"}), refused="mkdir: denied")
    with pytest.raises(PrerequisiteError) as caught:
        refuse_missing(examine(bare, "3.5.0"), "builder")
    assert [problem.where for problem in caught.value.problems] == [
        *("builder setsid", "builder timeout", "builder sha256sum", "builder tar", "builder engine"),
        *("builder buildx", "builder rsync", "builder folder"),
    ]


@pytest.mark.parametrize(
    ("changes", "name", "expected"),
    [
        ({"engine": "", "silence": "permission denied at /x"}, "engine", "usermod -aG docker me"),
        ({"engine": "", "silence": "no such file"}, "engine", "systemctl start docker"),
        ({"api": "1.41"}, "engine", "Docker Engine 25"),
        ({"buildx": "0.12.1"}, "buildx", "buildx plugin 0.13"),
        ({"rsync": "3.2.3"}, "rsync", "apt-get install rsync"),
        ({"refused": "no"}, "folder", "REMOTE_PATH"),
        ({"skew": 121.0}, "clock", "NTP"),
    ],
)
def test_a_missing_prerequisite_gets_its_fix(changes: dict[str, str], name: str, expected: str) -> None:
    state, _, hint = told(replace(FACTS, **changes), name)  # type: ignore[arg-type]
    assert state == "missing" and expected in hint


def test_rsync_here_counts_too() -> None:
    assert told(FACTS, "rsync", "3.1.0")[:2] == (
        "missing",
        "rsync 3.1.0 on this machine is too old: slipway needs 3.2.4 or newer",
    )
    assert told(FACTS, "rsync", "")[:2] == ("missing", "rsync is missing on this machine")


@pytest.mark.parametrize(
    ("changes", "name", "detail"),
    [
        ({"rsync": "3.2.7"}, "rsync", "3.2.7 on the host, 3.5.0 on this machine"),
        ({"skew": -6.0}, "clock", "6 s behind this machine's"),
        ({"free": 9_000_000_000}, "disk", "9.0 GB free in /var/tmp/slipway, 30.7 GB in /var/lib/docker; two bases"),
        ({"disk": 1}, "disk", "20.5 GB free"),
        ({"free": None}, "disk", "free space of"),
    ],
)
def test_a_lesser_problem_is_a_warning(changes: dict[str, object], name: str, detail: str) -> None:
    state, said, _ = told(replace(FACTS, **changes), name)  # type: ignore[arg-type]
    assert state == "warn" and detail in said


def test_too_little_disk_space_for_the_plan_is_refused() -> None:
    refuse_little_room(FACTS, 20_480_000_000, [15_000_000_000])
    refuse_little_room(replace(FACTS, free=None, disk=None), 10**15, [10**15])
    with pytest.raises(PrerequisiteError) as caught:
        refuse_little_room(FACTS, 20_480_000_001, [10_000_000_000, 6_000_000_000])
    assert [str(problem) for problem in caught.value.problems] == [
        "disk: 20.5 GB needed in /var/tmp/slipway, 20.5 GB free",
        "disk: 32.0 GB needed in /var/lib/docker, 30.7 GB free",
    ]


def test_the_question() -> None:
    command = preflight_command("~/a b", "word")
    assert command.argv[:2] == ("sh", "-c") and command.argv[3:] == ("sh", "word", "~/a b")
    asked: list[str] = []

    def ask(command: Command) -> Result:
        asked.append(command.argv[4])
        return Result(0, ANSWER.replace("word", asked[-1]))

    assert look(ask, "/x", dict).user == "me" and look(ask, "/x", dict).user == "me"
    assert len(set(asked)) == 2, "a new word each time"


@pytest.mark.process
def test_the_probe_finds_each_run_whose_files_were_compared(tmp_path: Path) -> None:
    own = tmp_path / getpass.getuser()
    for run in ("shop-1/runs/a", "shop-1/runs/b", "cellar-2/runs/a", "shop-1/runs/c", "empty-3/runs/d"):
        (own / run).mkdir(parents=True)
    for run in ("shop-1/runs/a", "shop-1/runs/c", "cellar-2/runs/a"):
        (own / run / "whole").touch()
    done = subprocess.run(preflight_command(str(tmp_path), "word").argv, capture_output=True, text=True, timeout=60)
    facts = read_facts(Result(done.returncode, done.stdout), "word", now=0)
    assert sorted(facts.compared) == ["cellar-2", "shop-1", "shop-1"]


def test_an_engine_in_another_folder_is_asked_for_its_disk() -> None:
    facts = seen(info=ELSEWHERE)
    assert (facts.disk, facts.disk_folder) == (40_960_000_000, "/data/docker")


def test_an_engine_whose_disk_is_unknown() -> None:
    missing = "df: /data/docker: No such file or directory\n"
    usual = ANSWER.replace("usual\t30000000", "usual\t")
    for facts in (seen(info={}), seen(info=ELSEWHERE, free=""), seen(info=ELSEWHERE, free=missing), seen(usual)):
        assert (facts.engine, facts.disk) == ("28.5.2+dfsg4", None)


def test_an_engine_that_is_silent_or_gone_has_no_disk() -> None:
    def refuse() -> Mapping[str, Any]:
        raise PrerequisiteError("engine: none answers")

    silent = ANSWER.replace("engine\t28.5.2+dfsg4 1.51 linux/arm64", "silence\tnone answers")
    for answer, inform in ((silent, lambda: INFO), (ANSWER, refuse)):
        facts = look(partial(_answer, answer), "/x", inform)
        assert (facts.disk, facts.disk_folder) == (None, "")


def _answer(answer: str, command: Command) -> Result:
    return Result(0, answer.replace("word", command.argv[4]))
