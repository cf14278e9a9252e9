"""The doctor's checks: facts in, a check per fact out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from slipway.config.pip import PipConfig
from slipway.core.command import Command, Result
from slipway.core.errors import RefusedError
from slipway.hosts.requirements import Check, CheckState
from slipway.registry import NO_ANSWER, Greeting
from slipway.secrets.secret import Secret
from slipway.setup.blockers import Requirements
from slipway.setup.doctor import doctor, examine, healthy
from slipway.setup.probe import EngineFound, Machine, RegistryContainer, free_bytes
from slipway.testing.fakes import FakeRun

WANTED = Requirements(Path("/repo"))
ANSWERS, ASKS_FOR_A_LOGIN = Greeting(200, proven=True), Greeting(401, proven=True)
FOREIGN = Greeting(403, answer="403, text/html")
READY = Machine(
    system="fedora",
    release=42,
    engine=EngineFound("28.5.2", "1.51", "overlay2", "/var/lib/docker"),
    buildx="0.29.1",
    rsync="3.4.1",
    images=frozenset({"python:3.12-slim"}),
    registry=ANSWERS,
)
PLENTY = 200_000_000_000


def checks(
    machine: Machine = READY,
    wanted: Requirements = WANTED,
    pip: PipConfig = PipConfig(),  # noqa: B008
    proxies: Mapping[str, str] | None = None,
    free: int | None = PLENTY,
) -> tuple[Check, ...]:
    return examine(machine, wanted, pip, proxies or {}, free)


def test_a_healthy_machine() -> None:
    found = checks()
    assert found == (
        Check("engine", CheckState.OK, "28.5.2, API 1.51, classic image store on overlay2"),
        Check("buildx", CheckState.OK, "0.29.1, builder default, the engine's own"),
        Check("rsync", CheckState.OK, "3.4.1"),
        Check("ssh", CheckState.OK, "is here"),
        Check("disk", CheckState.OK, "200.0 GB free in /var/lib/docker"),
        Check("root image", CheckState.OK, "python:3.12-slim (default)"),
        Check("registry", CheckState.OK, "localhost:5000 answers without a login"),
        Check("proxies", CheckState.OK, "none"),
        Check("pip", CheckState.OK, "nothing configured: builds use PyPI"),
    )
    assert healthy(found)


@pytest.mark.parametrize(
    ("machine", "name", "state", "hint"),
    [
        (replace(READY, engine=None, silence="refused"), "engine", CheckState.MISSING, "sudo dnf install moby-engine"),
        (replace(READY, engine=None, dockerd="28.0"), "engine", CheckState.MISSING, "sudo systemctl start docker"),
        (
            replace(READY, engine=None, address="tcp://b.example:2376", silence="i/o timeout"),
            "engine",
            CheckState.MISSING,
            "start that one, or unset DOCKER_HOST",
        ),
        (
            replace(READY, engine=EngineFound("20.10.24", "1.41")),
            "engine",
            CheckState.MISSING,
            "sudo dnf install moby-engine",
        ),
        (
            replace(READY, engine=EngineFound("28.5.2", "1.51", "vfs", "/v")),
            "engine",
            CheckState.WARN,
            "vfs copies every layer whole: put the engine's folder on ext4 or xfs",
        ),
        (replace(READY, buildx=""), "buildx", CheckState.MISSING, "sudo dnf install docker-buildx"),
        (replace(READY, buildx="0.12.9"), "buildx", CheckState.MISSING, "sudo dnf install docker-buildx"),
        (
            replace(READY, buildx="0.13.1"),
            "buildx",
            CheckState.WARN,
            "0.15 or newer tells shared steps and failures more exactly",
        ),
        (replace(READY, rsync="3.2.3"), "rsync", CheckState.MISSING, "sudo dnf install rsync"),
        (replace(READY, ssh=False), "ssh", CheckState.MISSING, "sudo dnf install openssh-clients"),
        (replace(READY, images=frozenset()), "root image", CheckState.MISSING, "invoke setup"),
        (replace(READY, registry=ASKS_FOR_A_LOGIN), "registry", "ok", ""),
        (replace(READY, registry=NO_ANSWER), "registry", CheckState.MISSING, "invoke setup"),
        (
            replace(READY, registry=FOREIGN),
            "registry",
            CheckState.MISSING,
            "REGISTRY=localhost:<a free port> in .env",
        ),
        (
            replace(READY, registry=NO_ANSWER, container=RegistryContainer("running", 5000)),
            "registry",
            CheckState.MISSING,
            "docker logs --tail 20 slipway-registry",
        ),
    ],
)
def test_each_problem_of_a_machine_is_found_with_its_hint(
    machine: Machine, name: str, state: CheckState, hint: str
) -> None:
    found = checks(machine)
    (check,) = [check for check in found if check.name == name]
    assert (check.state, check.hint) == (state, hint)
    assert healthy(found) is (state is not CheckState.MISSING)


@pytest.mark.fault("C41")
def test_the_builder_is_named() -> None:
    assert checks(replace(READY, context="far"))[1].detail == "0.29.1, builder far, the engine's own"
    assert checks(READY, replace(WANTED, builder="team"))[1].detail == "0.29.1, builder team"


@pytest.mark.parametrize(
    ("greeting", "found"),
    [
        (NO_ANSWER, "does not answer"),
        (Greeting(503), "answers GET /v2/ with 503"),
        (Greeting(200, answer="200, text/html"), "does not answer as a registry (GET /v2/ gives 200, text/html)"),
    ],
)
def test_a_registry_elsewhere_is_not_ours_to_start(greeting: Greeting, found: str) -> None:
    wanted = replace(WANTED, registry="registry.example.com")
    assert checks(replace(READY, registry=greeting), wanted)[6] == Check(
        "registry", CheckState.MISSING, f"registry.example.com {found}", "curl -i https://registry.example.com/v2/"
    )


@pytest.mark.parametrize(
    ("free", "state", "detail"),
    [
        (10_000_000_000, "ok", "10.0 GB free in /var/lib/docker"),
        (9_900_000_000, CheckState.WARN, "9.9 GB free in /var/lib/docker; two bases and their cache need 10 GB"),
        (None, CheckState.WARN, "/var/lib/docker cannot be seen from here"),
    ],
)
def test_disk(free: int | None, state: CheckState, detail: str) -> None:
    check = checks(free=free)[4]
    assert (check.state, check.detail) == (state, detail)


@pytest.mark.fault("P19")
def test_proxies_are_shown_without_their_password() -> None:
    proxies = {"HTTPS_PROXY": "http://ann:s3cret@proxy.example:3128"}
    ours, own = "here HTTPS_PROXY=http://***@proxy.example:3128", "engine http://p.example:3128"
    assert checks(proxies=proxies)[7] == Check("proxies", CheckState.OK, f"{ours}; to localhost:5000 directly")
    away = replace(WANTED, registry="r.example:5000")
    through = "to r.example:5000 through http://***@proxy.example:3128"
    hint = "the engine uploads without it: proxies in its daemon.json, as this environment has them"
    assert checks(wanted=away, proxies=proxies)[7] == Check("proxies", CheckState.WARN, f"{ours}; {through}", hint)
    both = replace(READY, engine=EngineFound("28.5.2", "1.51", "overlay2", "/v", ("http://p.example:3128",)))
    assert checks(both, away, proxies=proxies)[7] == Check("proxies", CheckState.OK, f"{ours}; {own}; {through}")
    assert checks(both)[7] == Check("proxies", CheckState.OK, f"{own}; to localhost:5000 directly")
    exempt = proxies | {"no_proxy": ".example,localhost"}
    assert checks(wanted=away, proxies=exempt)[7].detail.endswith("to r.example:5000 directly")


@pytest.mark.fault("P08")
def test_a_refused_certificate_is_reported() -> None:
    def refuse() -> Greeting:
        raise RefusedError("r.example: TLS: certificate has expired", hint="renew it")

    found = doctor(FakeRun({(): Result(1)}), replace(WANTED, registry="r.example"), PipConfig(), {}, ping=refuse)
    (check,) = [check for check in found if check.name == "registry"]
    assert check == Check("registry", CheckState.MISSING, "r.example: TLS: certificate has expired", "renew it")


def test_the_configuration_that_builds_inherit_from_pip_is_shown() -> None:
    pip = PipConfig(
        index_url=Secret("https://ann:s3cret@pypi.example/simple"),
        folders=(Path("/opt/wheels"),),
        left=("extra-index-url file:///opt/pypi: not over http(s), a build does not see it",),
    )
    assert checks(pip=pip)[8:] == (
        Check("pip", CheckState.OK, "into builds: index-url https://***@pypi.example/simple; find-links /opt/wheels"),
        Check("pip", CheckState.WARN, "extra-index-url file:///opt/pypi: not over http(s), a build does not see it"),
    )


@pytest.mark.parametrize(
    ("stdout", "free"),
    [
        (
            "Filesystem     1024-blocks     Used Available Capacity Mounted on\n"
            "/dev/vda         263174212 29934592  76000000      29% /\n",
            77_824_000_000,
        ),
        ("", None),
    ],
)
def test_free_bytes(stdout: str, free: int | None) -> None:
    def run(command: Command, on_line: object = None, timeout: float | None = None) -> Result:
        assert command.argv == ("df", "-Pk", "/var/lib/docker")
        return Result(0 if stdout else 1, stdout)

    assert free_bytes(run, "/var/lib/docker") == free
