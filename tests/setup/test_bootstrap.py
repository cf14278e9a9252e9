"""Setup decides from facts: a machine goes in, actions come out; nothing here runs a command for real."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from slipway.core.command import Command, Result
from slipway.core.errors import PrerequisiteError, RefusedError, UsageError
from slipway.registry import NO_ANSWER, Greeting
from slipway.setup import debian
from slipway.setup.actions import SetEnvValue, SetupAction, Together, WaitFor, Write, describe
from slipway.setup.blockers import Requirements, blockers
from slipway.setup.bootstrap import plan_setup, setup
from slipway.setup.debian import AptSource
from slipway.setup.emulation import Emulation
from slipway.setup.probe import EngineFound, Machine, Ping, RegistryContainer

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
MIRROR = "http://mirror.example/debian"
SOURCES = (
    AptSource((MIRROR,), ("bookworm", "bookworm-updates"), ("main",), KEYRING),
    AptSource((f"{MIRROR}-security",), ("bookworm-security",), ("main",), KEYRING),
)
OURS = "slipway-python:3.11-bookworm"

BARE = Machine(
    system="debian",
    release=12,
    codename="bookworm",
    root=True,
    sources=SOURCES,
    silence="docker: not found",
    client=False,
)
ANSWERS, ASKS_FOR_A_LOGIN = Greeting(200, proven=True), Greeting(401, proven=True)
FOREIGN = Greeting(403, answer="403, text/html")
READY = replace(
    BARE,
    engine=EngineFound("28.5.2", "1.51", "overlay2", "/var/lib/docker"),
    silence="",
    client=True,
    buildx="0.29.1",
    compose="2.40.3",
    rsync="3.2.7",
    images=frozenset({"python:3.12-slim"}),
    registry=ANSWERS,
)
CUT_OFF = replace(BARE, unreachable="its registry does not answer")
IMAGELESS = replace(READY, images=frozenset(), unreachable="no such host")
MAC = replace(READY, system="darwin", release=0, codename="", root=False, sources=())
WANTED = Requirements(Path("/repo"))


def titles(machine: Machine, wanted: Requirements = WANTED) -> list[str]:
    return [action.title for action in plan_setup(machine, wanted)]


def argv(action: SetupAction, program: str) -> list[str]:
    """The first command of ``action`` that runs ``program``."""
    return next(list(step.argv) for step in action.steps if isinstance(step, Command) and step.argv[0] == program)


@pytest.mark.parametrize(
    ("machine", "wanted", "expected"),
    [
        pytest.param(READY, WANTED, [], id="nothing missing"),
        pytest.param(
            BARE,
            WANTED,
            [
                "install docker.io docker-cli iptables ca-certificates docker-buildx docker-compose rsync",
                "start the engine",
                "pull python:3.12-slim",
                "run the registry slipway-registry on port 5000",
            ],
            id="nothing there",
        ),
        pytest.param(replace(READY, buildx=""), WANTED, ["install docker-buildx"], id="a client without buildx"),
        pytest.param(replace(READY, buildx="0.12.1"), WANTED, ["install docker-buildx"], id="old buildx"),
        pytest.param(replace(READY, rsync="3.2.3"), WANTED, ["install rsync"], id="old rsync"),
        pytest.param(replace(READY, ssh=False), WANTED, ["install openssh-client"], id="no ssh"),
        pytest.param(replace(READY, compose=""), WANTED, ["install docker-compose"], id="no compose"),
        pytest.param(replace(READY, compose=""), replace(WANTED, compose=False), [], id="compose not wanted"),
        pytest.param(replace(MAC, compose=""), WANTED, [], id="no compose elsewhere"),
        pytest.param(
            replace(READY, engine=EngineFound("20.10.24", "1.41")),
            WANTED,
            ["install docker.io docker-cli"],
            id="old engine",
        ),
        pytest.param(
            replace(READY, engine=None, dockerd="28.5.2"), WANTED, ["start the engine"], id="engine not started"
        ),
        pytest.param(
            replace(READY, engine=None, dockerd="28.5.2", client=False),
            WANTED,
            ["install docker-cli", "start the engine"],
            id="engine without client",
        ),
        pytest.param(replace(READY, images=frozenset()), WANTED, ["pull python:3.12-slim"], id="no root image"),
        pytest.param(IMAGELESS, WANTED, [f"make the root image {OURS}"], id="its registry out of reach"),
        pytest.param(
            replace(IMAGELESS, images=frozenset({OURS})), WANTED, [f"use the root image {OURS}"], id="made before"
        ),
        pytest.param(
            replace(IMAGELESS, unreachable=""),
            replace(WANTED, python_image=OURS),
            [f"make the root image {OURS}"],
            id="our own image is never pulled",
        ),
        pytest.param(
            replace(READY, registry=NO_ANSWER),
            WANTED,
            ["run the registry slipway-registry on port 5000"],
            id="no registry",
        ),
        pytest.param(
            replace(READY, registry=NO_ANSWER, container=RegistryContainer("exited", 5000)),
            WANTED,
            ["start the container slipway-registry"],
            id="registry stopped",
        ),
        pytest.param(
            replace(READY, registry=NO_ANSWER),
            replace(WANTED, registry="registry.example.com"),
            [],
            id="not our registry",
        ),
        pytest.param(replace(READY, registry=ASKS_FOR_A_LOGIN), WANTED, [], id="a registry that asks for a login"),
    ],
)
def test_setup_plans_only_the_missing_parts(machine: Machine, wanted: Requirements, expected: list[str]) -> None:
    assert titles(machine, wanted) == expected
    assert blockers(machine, wanted) == ()


@pytest.mark.parametrize(("release", "codename"), [(12, "bookworm"), (13, "trixie")])
def test_an_old_debian_installs_the_engine_from_a_newer_suite_of_its_mirror(release: int, codename: str) -> None:
    sources = tuple(replace(one, suites=(codename,)) for one in BARE.sources)
    install, start, *_ = plan_setup(replace(BARE, release=release, codename=codename, sources=sources), WANTED)
    writes = {step.path: step.text for step in install.steps if isinstance(step, Write)}
    assert writes == {
        "/etc/apt/sources.list.d/slipway.sources": (
            f"Types: deb\nURIs: {MIRROR}\nSuites: forky\nComponents: main\nSigned-By: {KEYRING}\n"
        ),
        "/etc/apt/preferences.d/slipway": (
            "Package: *\nPin: release n=forky\nPin-Priority: -10\n\n"
            "Package: docker.io docker-cli docker-buildx docker-compose tini-static\n"
            "Pin: release n=forky\nPin-Priority: 900\n"
        ),
    }
    assert {"--no-install-recommends", "--no-remove", "--yes"} <= set(install.steps[-1].argv)  # type: ignore[union-attr]
    assert f"Debian {release} has no engine" in install.note and "stay in /etc/apt" in install.note
    assert start.reason == "no engine answers at unix:///var/run/docker.sock"


@pytest.mark.parametrize(
    "machine",
    [
        pytest.param(replace(READY, rsync=""), id="rsync is Debian 12's own"),
        pytest.param(replace(READY, buildx="", release=14, codename="forky"), id="Debian 14 has buildx"),
    ],
)
def test_no_other_suite_without_need(machine: Machine) -> None:
    (install,) = plan_setup(machine, WANTED)
    assert not [step for step in install.steps if isinstance(step, Write)]


def test_the_engine_starts_by_systemd_where_there_is_one() -> None:
    stopped = replace(READY, engine=None, dockerd="28.5.2")
    (start,) = plan_setup(replace(stopped, systemd=True), WANTED)
    assert argv(start, "systemctl") == ["systemctl", "start", "docker"]
    (start,) = plan_setup(replace(stopped, stale=("/run/docker.pid",)), WANTED)
    assert argv(start, "rm") == ["rm", "-f", "/run/docker.pid"]
    assert argv(start, "start-stop-daemon")[-2:] == ["--exec", "/usr/sbin/dockerd"]
    wait = start.steps[-1]
    assert isinstance(wait, WaitFor) and (wait.seconds, wait.log) == (300, "/var/log/slipway-dockerd.log")
    assert wait.alive and wait.alive.argv == ("start-stop-daemon", "--status", "--pidfile", "/run/docker.pid")


def test_the_made_image_comes_from_this_machines_sources_and_env_names_it() -> None:
    (make,) = plan_setup(replace(IMAGELESS, mmdebstrap=True), WANTED)
    assert argv(make, "mmdebstrap")[-5:] == [
        "bookworm",
        "/repo/.slipway/setup/root-image.tar",
        f"deb [signed-by={KEYRING}] {MIRROR} bookworm main",
        f"deb [signed-by={KEYRING}] {MIRROR} bookworm-updates main",
        f"deb [signed-by={KEYRING}] {MIRROR}-security bookworm-security main",
    ]
    assert argv(make, "docker")[-1] == OURS
    assert make.steps[-1] == SetEnvValue("/repo/.env", "PYTHON_IMAGE", OURS)
    assert "no such host" in make.reason and OURS in make.note


def test_the_root_image_is_the_same_on_a_newer_debian() -> None:
    source = AptSource((MIRROR,), ("trixie", "trixie-updates"), ("main",), KEYRING)
    newer = replace(IMAGELESS, mmdebstrap=True, release=13, codename="trixie", sources=(source,))
    (make,) = plan_setup(newer, WANTED)
    release, _, *mirrors = argv(make, "mmdebstrap")[-4:]
    assert release == "bookworm"
    assert mirrors == [f"deb [signed-by={KEYRING}] {MIRROR} {suite} main" for suite in ("bookworm", "bookworm-updates")]
    assert argv(make, "docker")[-1] == OURS


def test_mmdebstrap_is_installed_only_when_an_image_is_made() -> None:
    (make,) = plan_setup(IMAGELESS, WANTED)
    assert debian.install(("mmdebstrap",)) in make.steps
    assert not [line for line in describe(plan_setup(BARE, WANTED)) if "mmdebstrap" in line]


ENGINE = "install docker.io docker-cli iptables ca-certificates docker-buildx docker-compose rsync, start the engine"


def test_the_root_file_system_is_made_while_apt_installs_the_engine() -> None:
    both, registry = plan_setup(CUT_OFF, WANTED)
    assert both.title == f"{ENGINE}, make the root image {OURS}"
    assert both.reason.endswith("python:3.12-slim cannot be pulled: its registry does not answer")
    assert registry.title == "run the registry slipway-registry on port 5000"
    assert f"ROOT_IMAGE={OURS}" in argv(registry, "docker")
    lists, mmdebstrap, together, imported, removed, chosen = both.steps
    assert (lists, mmdebstrap) == (debian.update_lists(), debian.install(("mmdebstrap",)))
    assert isinstance(together, Together)
    (install, start), (make,) = together.rows
    assert (install, start) == plan_setup(BARE, WANTED)[:2]
    (separate,) = plan_setup(replace(IMAGELESS, mmdebstrap=True), WANTED)
    assert (*make.steps, imported, removed, chosen) == separate.steps


def test_every_step_of_rows_is_shown() -> None:
    shown = "\n".join(describe(plan_setup(CUT_OFF, WANTED)))
    for action in plan_setup(BARE, WANTED)[:2]:
        for step in action.steps:
            assert all(line.strip() in shown for line in str(step).splitlines())
    assert "$ mmdebstrap --quiet" in shown and "   - at the same time:\n     - write /etc/apt" in shown
    assert "\n   - and:\n     $ mkdir -p /repo/.slipway/setup\n" in shown


@pytest.mark.parametrize(
    "machine",
    [
        pytest.param(replace(CUT_OFF, dockerd="28.5.2"), id="an engine that is not started"),
        pytest.param(replace(CUT_OFF, engine_settings=True), id="settings of an earlier engine"),
        pytest.param(replace(IMAGELESS, rsync=""), id="an engine that answers"),
    ],
)
def test_one_after_another_where_an_engine_is_known(machine: Machine) -> None:
    steps = [step for action in plan_setup(machine, WANTED) for step in action.steps]
    assert not [step for step in steps if isinstance(step, Together)]


@pytest.mark.parametrize(
    ("address", "published"),
    [
        ("127.0.0.1:5007", "127.0.0.1:5007:5000"),
        ("Localhost:5007", "127.0.0.1:5007:5000"),
        ("localhost", "127.0.0.1:80:5000"),
        ("127.0.0.2:5007", "127.0.0.2:5007:5000"),
        ("[::1]:5007", "[::1]:5007:5000"),
    ],
)
def test_the_registry_listens_on_loopback_only_and_keeps_its_volume(address: str, published: str) -> None:
    wanted = replace(WANTED, registry=address, ca_bundle="/ca.pem")
    (registry,) = plan_setup(replace(READY, registry=NO_ANSWER), wanted)
    commands = [step.argv for step in registry.steps if isinstance(step, Command)]
    assert "ROOT_IMAGE=python:3.12-slim" in commands[0] and "id=ca,src=/ca.pem" in commands[0]
    assert published in commands[1] and "slipway-registry:/var/lib/registry" in commands[1]
    assert registry.steps[-1] == WaitFor("registry", 30)


# problems that setup cannot fix


@pytest.mark.parametrize(
    ("machine", "wanted", "expected"),
    [
        pytest.param(
            replace(BARE, root=False),
            WANTED,
            [
                ("engine", "sudo $(command -v invoke) setup"),
                ("buildx", "sudo $(command -v invoke) setup"),
                ("rsync", "sudo apt-get install rsync"),
            ],
            id="Debian, not root",
        ),
        pytest.param(replace(MAC, rsync="2.6.9"), WANTED, [("rsync", "brew install rsync")], id="macOS's rsync"),
        pytest.param(
            replace(READY, release=11, codename="bullseye", buildx=""),
            WANTED,
            [("buildx", "sudo $(command -v invoke) setup")],
            id="Debian 11",
        ),
        pytest.param(
            replace(MAC, system="plan9", engine=None, dockerd=""),
            WANTED,
            [("engine", "install Docker Engine 25 or newer")],
            id="an unknown system",
        ),
        pytest.param(
            replace(READY, root=False, engine=None, dockerd="28.5.2"),
            WANTED,
            [("engine", "sudo systemctl start docker")],
            id="not started, not root",
        ),
        pytest.param(
            replace(READY, root=False, engine=None, silence="permission denied while trying to connect"),
            WANTED,
            [("engine", 'sudo usermod -aG docker "$USER", then log in again')],
            id="not in the docker group",
        ),
        pytest.param(
            replace(READY, engine=None, address="tcp://build.example:2376", silence="no answer within 20 s"),
            WANTED,
            [("engine", "start that one, or unset DOCKER_HOST")],
            id="an engine elsewhere",
        ),
        pytest.param(
            replace(IMAGELESS, root=False),
            WANTED,
            [("python:3.12-slim", "PYTHON_IMAGE=<an image this engine can pull> in .env")],
            id="image out of reach, not root",
        ),
        pytest.param(
            IMAGELESS,
            replace(WANTED, image_source="environment"),
            [("python:3.12-slim", f"unset PYTHON_IMAGE, or make it {OURS}")],
            id="image named by the environment",
        ),
        pytest.param(
            MAC,
            replace(WANTED, python_image=OURS),
            [(OURS, "PYTHON_IMAGE=python:3.12-slim in .env")],
            id="Debian's image on macOS",
        ),
        pytest.param(
            replace(READY, registry=FOREIGN),
            WANTED,
            [("localhost:5000", "REGISTRY=localhost:<a free port> in .env")],
            id="the port is taken",
        ),
        pytest.param(
            replace(READY, registry=NO_ANSWER, container=RegistryContainer("running", 5001)),
            WANTED,
            [("localhost:5000", "docker rm --force slipway-registry && invoke setup (its volume stays)")],
            id="made for another port",
        ),
        pytest.param(
            replace(READY, registry=NO_ANSWER, container=RegistryContainer("restarting", 5000)),
            WANTED,
            [("localhost:5000", "docker logs --tail 20 slipway-registry")],
            id="the registry keeps falling",
        ),
    ],
)
def test_a_problem_that_setup_cannot_fix_gets_a_hint(
    machine: Machine, wanted: Requirements, expected: list[tuple[str, str]]
) -> None:
    assert [(problem.where, problem.hint) for problem in blockers(machine, wanted)] == expected


def test_all_missing_prerequisites_are_reported_together() -> None:
    error = PrerequisiteError.of(blockers(replace(MAC, rsync="", buildx=""), WANTED))
    assert error.exit_code == 3
    assert str(error) == (
        "error: buildx: docker has no buildx\nhint:  brew install docker-buildx\n"
        "error: rsync: rsync is missing\nhint:  brew install rsync"
    )


# doing it


Answer = Callable[[Command], Result]


def answering(answer: Answer, ran: list[str]) -> Any:
    def run(command: Command, on_line: object = None, timeout: float | None = None) -> Result:
        ran.append(command.argv[0])
        return answer(command)

    return run


def nothing_runs(command: Command) -> Result:
    return Result(127, stderr=f"{command.argv[0]}: not found")


def nobody_home() -> Greeting:
    return NO_ANSWER


def test_a_dry_run_asks_questions_of_the_machine_only() -> None:
    ran: list[str] = []
    wanted = replace(WANTED, docker_host="tcp://192.0.2.1:2376")
    with pytest.raises(PrerequisiteError, match=r"tcp://192\.0\.2\.1:2376"):
        setup(answering(nothing_runs, ran), wanted, print, dry_run=True, ping=nobody_home, root_ping=nobody_home)
    assert {Path(program).name for program in ran} <= {"docker", "dockerd", "rsync", "ssh"}


def refused() -> Greeting:
    raise RefusedError("registry-1.docker.io: certificate refused")


@pytest.mark.parametrize(
    ("machine", "root_ping", "expected"),
    [
        pytest.param(BARE, nobody_home, f"{ENGINE}, make the root image {OURS}", id="out of reach"),
        pytest.param(BARE, lambda: ASKS_FOR_A_LOGIN, "pull python:3.12-slim", id="it answers"),
        pytest.param(BARE, refused, "pull python:3.12-slim", id="docker may trust its certificate"),
        pytest.param(replace(BARE, dockerd="28.5.2"), nobody_home, "pull python:3.12-slim", id="an engine tries"),
        pytest.param(replace(BARE, engine_settings=True), nobody_home, "pull python:3.12-slim", id="a mirror, perhaps"),
    ],
)
def test_a_bare_machine_asks_the_registry_of_the_root_image(
    machine: Machine, root_ping: Ping, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slipway.setup.bootstrap.look", lambda *args: machine)
    said: list[str] = []
    run = answering(nothing_runs, [])
    setup(run, WANTED, said.append, dry_run=True, ping=nobody_home, root_ping=root_ping)
    assert expected in [line.partition(". ")[2] for line in said]


def ready(command: Command) -> Result:
    """A machine where only the registry's container is missing."""
    answers = {
        ("docker", "version"): '{"Server": {"Version": "28.5.2", "ApiVersion": "1.51"}}',
        ("docker", "info"): (
            '{"Driver": "overlay2", "DockerRootDir": "/var/lib/docker", "ClientInfo": {"Context": "default", '
            '"Plugins": [{"Name": "buildx", "Version": "v0.29.1"}, {"Name": "compose", "Version": "2.40.3"}]}}'
        ),
        ("docker", "image"): "sha256:1f3c",
        ("docker", "container"): "[]",
        ("rsync", "--version"): "rsync  version 3.2.7  protocol version 31",
    }
    return Result(0, stdout=answers.get((command.argv[0], command.argv[1]), ""))


def test_without_a_terminal_and_without_yes_nothing_happens() -> None:
    ran: list[str] = []
    said: list[str] = []
    with pytest.raises(UsageError, match="not a terminal"):
        setup(answering(ready, ran), WANTED, said.append, ping=nobody_home, root_ping=nobody_home)
    with pytest.raises(UsageError, match="nothing was changed"):
        setup(
            answering(ready, ran),
            WANTED,
            said.append,
            ask=lambda question: False,
            ping=nobody_home,
            root_ping=nobody_home,
        )
    assert said[0] == "1. run the registry slipway-registry on port 5000"
    assert set(ran) <= {"docker", "rsync", "ssh"} and len(ran) == 12


def test_an_action_is_proved_by_the_next_look_and_a_second_run_does_nothing() -> None:
    answers = iter([NO_ANSWER, *[ANSWERS] * 3])
    said: list[str] = []
    done = setup(answering(ready, []), WANTED, said.append, yes=True, ping=lambda: next(answers), root_ping=nobody_home)
    assert [each.action.title for each in done] == ["run the registry slipway-registry on port 5000"]
    assert setup(answering(ready, []), WANTED, said.append, ping=lambda: next(answers), root_ping=nobody_home) == ()
    assert said[-1] == (
        "nothing to do: engine 28.5.2 · buildx 0.29.1 · rsync 3.2.7 · python:3.12-slim · registry localhost:5000"
    )


def test_an_action_without_effect_is_an_error_and_not_a_loop() -> None:
    answers = iter([NO_ANSWER, ANSWERS, NO_ANSWER])
    with pytest.raises(PrerequisiteError, match="done, yet nothing answers at localhost:5000"):
        setup(answering(ready, []), WANTED, print, yes=True, ping=lambda: next(answers), root_ping=nobody_home)


def test_emulators_are_installed_and_registered() -> None:
    missing = Emulation(("linux/arm64", "linux/386"), installed=False, mounted=False)
    (action,) = plan_setup(replace(READY, emulation=missing), WANTED)
    assert action.title == "emulate linux/arm64, linux/386"
    assert [step.label for step in action.steps if isinstance(step, Command)] == [
        "mount binfmt_misc",
        "apt-get update",
        "apt-get install binfmt-support qemu-user-static",
        "update-binfmts --enable qemu-aarch64",
        "update-binfmts --enable qemu-i386",
    ]
    (registered,) = plan_setup(replace(READY, emulation=replace(missing, installed=True, mounted=True)), WANTED)
    assert [step.label for step in registered.steps if isinstance(step, Command)] == [
        "update-binfmts --enable qemu-aarch64",
        "update-binfmts --enable qemu-i386",
    ]


@pytest.mark.parametrize(
    ("machine", "hint"), [(MAC, "open -a Docker"), (replace(READY, root=False), "setup --platforms")]
)
def test_where_setup_installs_nothing_a_hint_names_the_emulation(machine: Machine, hint: str) -> None:
    (problem,) = blockers(replace(machine, emulation=Emulation(("linux/arm64",))), WANTED)
    assert problem.where == "linux/arm64" and hint in problem.hint
