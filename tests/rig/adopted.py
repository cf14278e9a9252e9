"""Copies of the sample repositories that slipway adopts, built by ``slipway`` and by their own commands."""

from __future__ import annotations

import secrets
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.plan.adopted import OWNER, ROOT_IMAGE, SETTINGS
from tests.rig.outside import docker
from tests.rig.stacks import STACKS, Repository
from tests.rig.traces import Traces

VERSION = "v1"
#: The command of each kind of repository that builds its images, by the file that it reads.
_COMMANDS = {
    "build.sh": ("sh", "-eu", "build.sh"),
    "compose.yaml": ("docker", "compose", "--progress", "plain", "build"),
    "docker-bake.hcl": ("docker", "buildx", "bake", "--progress", "plain", "--load"),
}


@dataclass
class Adopted(Repository):
    """A copy of a sample, in which the owner and the root image have other names. ``invoke`` runs ``slipway``."""

    owner: str = ""

    def init(self, *, alone: bool) -> None:
        """Run ``slipway init --yes``. ``alone``: without the sample's slipway.toml, so that it writes the table."""
        if alone:
            (self.root / "slipway.toml").unlink()
        self.invoke("init", "--yes").ok()

    def make(self) -> None:
        """Make the files that a CI job of this repository makes before it builds images."""
        if (self.root / "make.sh").exists():
            subprocess.run(["sh", "-eu", "make.sh"], cwd=self.root, check=True)

    def build_plainly(self) -> None:
        """Build the images by the repository's own command."""
        (command,) = [command for file, command in _COMMANDS.items() if (self.root / file).exists()]
        own = {name: value for name, value in self.environment({}).items() if name not in self.settings}
        environment = {**own, "BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
        done = subprocess.run(command, cwd=self.root, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr[-3000:]

    def named(self, reference: str) -> str:
        """Return a reference of the golden plan as this copy names it."""
        own = reference.replace(f"{SETTINGS['REGISTRY']}/", f"{self.settings['REGISTRY']}/")
        return own.replace(f"{OWNER}/", f"{self.owner}/")

    def plain(self, reference: str) -> str:
        """Return the reference that the repository's own command gives to an image of slipway's."""
        path, _, tag = reference.removeprefix(f"{self.settings['REGISTRY']}/").rpartition(":")
        return f"{path}:{tag.replace(VERSION, 'latest')}"


@pytest.fixture
def adopted(tmp_path: Path, program: Path, root_image: str, traces: Traces) -> Iterator[Callable[[str], Adopted]]:
    """Makes a copy of a sample. Afterwards the engine has none of its images."""
    owners: list[str] = []

    def run(*words: str, cwd: Path, env: Mapping[str, str]) -> CompletedProcess[str]:
        argv = [str(program), *words]
        return subprocess.run(argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True)

    def make(name: str) -> Adopted:
        owner = f"t-{secrets.token_hex(4)}"
        owners.append(owner)
        root = tmp_path / name
        shutil.copytree(STACKS / name, root, symlinks=True)
        for path in root.rglob("*"):
            if path.is_file() and not path.is_symlink():
                text = path.read_text("utf-8")
                path.write_text(text.replace(OWNER, owner).replace(ROOT_IMAGE, root_image), "utf-8")
        subprocess.run(["git", "init", "--quiet", root], check=True)
        subprocess.run(["git", "add", "--all", "--force"], cwd=root, check=True)
        # Docker's tools read no settings of slipway: the environment has them, because .env is the repository's own.
        settings = {"REGISTRY": "127.0.0.1:1", "OWNER": owner, "BASE_VERSION": VERSION}
        return Adopted(root, settings, run, {**traces.environment, **settings}, owner)

    yield make
    for owner in owners:
        docker_images = docker("images", "--format", "{{.Repository}}:{{.Tag}}").split()
        if own := [tag for tag in docker_images if owner in tag.split("/")]:
            docker("rmi", "--force", *own)
