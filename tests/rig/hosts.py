"""A build host of the tests' own: sshd, rsync and an engine in a container, to be paused, cut and changed."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.rig.engines import STORES, make_engine_image, make_image
from tests.rig.outside import LABEL, free_port, machine_docker, machine_environment

HOST_IMAGE = "slipway-remote-host"
KIND = "ssh-ed25519"


@dataclass(frozen=True)
class BuildHost:
    """A host as ``builder`` of the ssh configuration in ``folder``, where its key and known_hosts lie, too."""

    container: str
    port: int
    folder: Path

    @property
    def config(self) -> str:
        return str(self.folder / "config")

    @property
    def key(self) -> Path:
        return self.folder / "id_ed25519"

    @property
    def settings(self) -> dict[str, str]:
        """Return the settings that name it in ``.env``."""
        return {"REMOTE_HOST": "builder", "SSH_CONFIG": f"'{self.config}'"}

    def options(self, name: str, **options: str) -> str:
        """Another configuration of ssh: ``builder`` with these options instead of its own."""
        lines = {**self._options(), **options}
        file = self.folder / name
        said = [
            f'  {key} "{value}"\n' if " " in value and key != "ProxyCommand" else f"  {key} {value}\n"
            for key, value in lines.items()
        ]
        file.write_text("".join(["Host builder\n", *said]))
        return str(file)

    def _options(self) -> dict[str, str]:
        return {
            "HostName": "127.0.0.1",
            "Port": str(self.port),
            "User": "builder",
            "IdentityFile": str(self.key),
            "IdentityAgent": "none",
            "UserKnownHostsFile": str(self.folder / "known_hosts"),
        }

    def sh(self, script: str, *, user: str = "root") -> str:
        """Return the output of a shell in the host, run by the engine and not over ssh."""
        return machine_docker("exec", "--user", user, self.container, "sh", "-c", script)

    def processes(self) -> str:
        """The command lines of all that runs there."""
        return self.sh("ps -eo args")

    def cut(self) -> bool:
        """End every connection of ``builder`` together, as a lost network does; return whether there was any."""
        return self.sh("pkill -KILL -f '^sshd(-session)?: builder' && echo cut || true") == "cut"

    def load(self, image: str) -> None:
        """Copy an image of the outer engine."""
        with subprocess.Popen(["docker", "save", image], stdout=subprocess.PIPE, env=machine_environment()) as saved:
            argv = ["docker", "exec", "-i", self.container, "docker", "load", "--quiet"]
            subprocess.run(
                argv, stdin=saved.stdout, capture_output=True, check=True, timeout=120, env=machine_environment()
            )

    def host_key(self) -> str:
        """``ssh-ed25519 AAAA…``."""
        return " ".join(self.sh("cat /etc/ssh/ssh_host_ed25519_key.pub").split()[:2])

    def add_user(self, name: str, *, shell: str = "/bin/sh", groups: str = "docker") -> None:
        """Somebody who logs in with the same key."""
        self.sh(f"useradd --create-home --shell {shell} --groups '{groups}' {name} && usermod --password '*' {name}")
        self.let_in(name)

    def let_in(self, user: str) -> None:
        keys = f"/home/{user}/.ssh/authorized_keys"
        self.write(keys, self.key.with_suffix(".pub").read_text())
        self.sh(f"chown -R {user} /home/{user}/.ssh")

    def write(self, path: str, text: str) -> None:
        script = 'mkdir -p "$(dirname "$0")" && cat > "$0"'
        machine_docker("exec", "-i", self.container, "sh", "-c", script, path, stdin=text)

    @contextmanager
    def instead(self, program: str, script: str) -> Iterator[None]:
        """While this holds, ``program`` there is ``script``; its last line may call the true one by its path.

        A program that is not found by ``PATH`` is named by the path that counts before its own.
        """
        path = program if "/" in program else f"/usr/local/bin/{program}"
        self.write(path, script)
        self.sh(f"chmod 755 {path}")
        try:
            yield
        finally:
            self.sh(f"rm {path}")

    @contextmanager
    def few_sessions(self, number: int) -> Iterator[None]:
        """While this holds, sshd allows so many sessions on a new connection."""
        config = "/etc/ssh/sshd_config"
        self.sh(f"echo MaxSessions {number} >> {config} && pkill -HUP -o -x sshd")
        try:
            yield
        finally:
            self.sh(f"sed -i '/^MaxSessions/d' {config} && pkill -HUP -o -x sshd")

    def crash(self) -> None:
        """As a power cut; it is up again, with its disk, when this returns."""
        machine_docker("kill", self.container)
        machine_docker("start", self.container)
        self.wait()

    def wait(self) -> None:
        """Until its engine answers."""
        self.sh("until docker version > /dev/null 2>&1; do sleep 0.1; done")

    @contextmanager
    def paused(self) -> Iterator[None]:
        """A black hole: connections stay, nothing is answered."""
        machine_docker("pause", self.container)
        try:
            yield
        finally:
            machine_docker("unpause", self.container)


def make_host_image() -> str:
    """The rig's build host as an image; its build is cached, so the tag stays."""
    make_image(HOST_IMAGE, "remote-host.Dockerfile", f"ENGINE_IMAGE={make_engine_image()}")
    return HOST_IMAGE


@contextmanager
def a_build_host(folder: Path, *flags: str) -> Iterator[BuildHost]:
    """A host that runs while this holds; ``folder`` gets what ssh needs to reach it, ``flags`` are for its engine."""
    port = free_port()
    where = ["--init", "--privileged", "--tmpfs", "/run", "--volume", "/var/lib/docker"]
    published = ["--publish", f"127.0.0.1:{port}:22"]
    container = machine_docker("run", "--detach", "--label", LABEL, *where, *published, make_host_image(), *flags)
    try:
        yield _furnished(BuildHost(container, port, folder))
    finally:
        machine_docker("rm", "--force", "--volumes", container)


@pytest.fixture(scope="session")
def build_host(tmp_path_factory: pytest.TempPathFactory, store: str) -> Iterator[BuildHost]:
    """One host for all tests, with the engine's image store; what a test changes there it changes back."""
    with a_build_host(tmp_path_factory.mktemp("build host"), *STORES[store]) as host:
        yield host


def _furnished(host: BuildHost) -> BuildHost:
    keygen = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "the tests' key", "-f", str(host.key)]
    subprocess.run(keygen, check=True, timeout=30)
    host.wait()
    host.let_in("builder")
    (host.folder / "known_hosts").write_text(f"[127.0.0.1]:{host.port} {host.host_key()}\n")
    host.options("config")
    return host
