"""Prerequisites that a build host may miss: slipway reports all of them together, before it sends anything."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.rig.hosts import BuildHost
    from tests.rig.stacks import Repository

    Stack = Callable[..., Repository]

pytestmark = pytest.mark.integration


@pytest.fixture
def repository(stack: Stack, build_host: BuildHost) -> Repository:
    made = stack("shop")
    made.configure(**build_host.settings)
    return made


@pytest.mark.fault("S14")
def test_an_old_rsync(repository: Repository, build_host: BuildHost) -> None:
    with build_host.instead("rsync", "#!/bin/sh\necho 'rsync  version 3.1.3  protocol version 31'\n"):
        repository.invoke("remote-check").failed(3, "builder rsync: ", "3.1.3", "3.2.4", "apt-get install rsync")
    repository.invoke("remote-check").ok()


@pytest.mark.fault("S14", "S15")
def test_all_missing_prerequisites_are_reported_together(repository: Repository, build_host: BuildHost) -> None:
    absent = "#!/bin/sh\nexit 127\n"
    with (
        build_host.instead("rsync", absent),
        build_host.instead("docker", absent),
        build_host.instead("/usr/local/lib/docker/cli-plugins/docker-buildx", absent),
        build_host.instead("setsid", absent),
    ):
        ran = repository.invoke("remote-check").failed(3)
    missing = set(re.findall("^error: builder ([a-z]+): ", ran.closing, re.MULTILINE))
    assert missing == {"rsync", "engine", "buildx", "setsid"}


@pytest.mark.fault("S15")
def test_a_user_without_access_to_the_engine_gets_the_group(repository: Repository, build_host: BuildHost) -> None:
    build_host.add_user("outsider", groups="")
    config = build_host.options("outsider", User="outsider")
    ran = repository.invoke("remote-check", SSH_CONFIG=config)
    ran.failed(3, "permission denied", "usermod -aG docker outsider")


@pytest.mark.fault("S15")
def test_an_engine_that_does_not_answer(repository: Repository, build_host: BuildHost) -> None:
    nowhere = '#!/bin/sh\nDOCKER_HOST=unix:///nowhere.sock exec /usr/bin/docker "$@"\n'
    with build_host.instead("docker", nowhere):
        repository.invoke("remote-check").failed(
            3, "builder engine: ", "unix:///nowhere.sock", "systemctl start docker"
        )


@pytest.mark.fault("S15")
def test_a_missing_prerequisite_is_reported_instead_of_the_error_it_caused(
    repository: Repository, build_host: BuildHost
) -> None:
    """The engine is asked while the host is looked at, and may fail first."""
    nowhere = '#!/bin/sh\nDOCKER_HOST=unix:///nowhere.sock exec /usr/bin/docker "$@"\n'
    with build_host.instead("docker", nowhere):
        repository.invoke("plan", "--remote").failed(3, "builder engine: ", "unix:///nowhere.sock")
    with build_host.instead("rsync", "#!/bin/sh\nexit 127\n"):
        repository.invoke("plan", "--remote").failed(3, "error: builder rsync: ")
    repository.invoke("plan", "--remote").ok()


@pytest.mark.fault("S15")
def test_a_folder_that_may_not_be_written(repository: Repository) -> None:
    repository.invoke("remote-check", "--path", "/proc/slipway").failed(3, "builder folder: ", "REMOTE_PATH")


def test_a_folder_that_is_somebody_elses(repository: Repository, build_host: BuildHost) -> None:
    build_host.sh("mkdir -m 1777 /var/tmp/taken && mkdir -m 777 /var/tmp/taken/builder")
    ran = repository.invoke("remote-check", "--path", "/var/tmp/taken")
    ran.failed(3, "/var/tmp/taken/builder is somebody else's")


@pytest.mark.fault("S17")
@pytest.mark.parametrize(("ahead", "code"), [(3600, 3), (-3600, 3), (30, 0)])
def test_a_clock_that_is_wrong(repository: Repository, build_host: BuildHost, ahead: int, code: int) -> None:
    with build_host.instead("date", f"#!/bin/sh\necho $(($(/usr/bin/date +%s) + {ahead}))\n"):
        ran = repository.invoke("remote-check")
    assert ran.code == code
    if code:
        ran.failed(3, "builder clock: ", " s ahead of " if ahead > 0 else " s behind ", "NTP")
    else:
        assert re.search(r"^warn +clock +\d+ s ahead of .* +NTP", ran.stdout, re.MULTILINE)


@pytest.mark.fault("S23")
def test_a_shell_that_prints_when_it_starts(repository: Repository, build_host: BuildHost) -> None:
    build_host.add_user("noisy", shell="/bin/bash")
    build_host.sh("echo 'echo welcome to the machine' > ~noisy/.bashrc && chown noisy ~noisy/.bashrc")
    config = build_host.options("noisy", User="noisy")
    repository.invoke("remote-check", SSH_CONFIG=config).failed(3, "welcome to the machine", ".bashrc")


def test_a_shell_that_runs_nothing(repository: Repository, build_host: BuildHost) -> None:
    build_host.add_user("barred", shell="/usr/sbin/nologin")
    config = build_host.options("barred", User="barred")
    repository.invoke("remote-check", SSH_CONFIG=config).failed(3, "not available", "chsh")
