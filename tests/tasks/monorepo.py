"""A repository in git, and ``invoke ci-matrix`` in it, without engine and registry."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

from slipway.config.definitions import SETTINGS
from tests.rig import in_process

TASKS = "from slipway.tasks import namespace\n"


@dataclass(frozen=True)
class Monorepo:
    """``root``: the repository that slipway works on; ``top``: the folder of ``.git``, where it is another one."""

    root: Path
    top: Path

    @classmethod
    def begin(cls, root: Path, top: Path | None = None) -> Monorepo:
        """Make the first commit of the files below ``root``."""
        made = cls(root, top or root)
        made.git("init", "-q", "-b", "main")
        made.write("tasks.py", TASKS)
        made.write(".gitignore", ".slipway/\n.env\n__pycache__/\n")
        made.commit()
        return made

    def git(self, *words: str) -> str:
        argv = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(self.top), *words]
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()

    def commit(self) -> str:
        """Commit all files. Return the commit."""
        self.git("add", "--all")
        self.git("commit", "-q", "--allow-empty", "-m", "x")
        return self.git("rev-parse", "HEAD")

    def write(self, path: str, text: str) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def edit(self, path: str, old: str, new: str) -> None:
        file = self.root / path
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new))

    def run(self, *words: str, **environment: str) -> CompletedProcess[str]:
        names = {setting.name for setting in SETTINGS}
        kept = {name: value for name, value in os.environ.items() if name not in names}
        env = {**kept, "DOCKER_HOST": "unix:///nowhere", "PIP_CONFIG_FILE": os.devnull, **environment}
        return in_process.invoke("ci-matrix", *words, cwd=self.root, env=env)

    def matrix(self, *words: str, **environment: str) -> Any:
        """Return the JSON since a commit, HEAD by default."""
        done = self.run(*(words or ("--since", "HEAD")), **environment)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def built(self, *words: str) -> dict[str, list[str]]:
        """Return the images to build, each with the reasons."""
        return {one["image"]: one["changes"] for one in self.matrix(*words)["images"] if one["build"]}

    def tested(self, *words: str) -> dict[str, list[str]]:
        """Return the images to test only, each with the reasons."""
        return {one["image"]: one["changes"] for one in self.matrix(*words)["images"] if not one["build"]}
