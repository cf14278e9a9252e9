"""``slipway init`` shows the images that a repository describes, and writes its table when asked."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.adopt.adopting import write
from tests.rig.in_process import slipway

pytestmark = pytest.mark.process

BASE = "FROM python:3.12-slim\n"
FILES = {
    "images/base/Dockerfile": BASE,
    "images/api/Dockerfile": "FROM acme/base\nCOPY main.py /\n",
    "images/api/main.py": "",
    "docs/Dockerfile": BASE,
    "Makefile": "all:\n\tdocker build -t acme/base images/base\n",
}


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """A git repository that knows nothing of slipway."""
    root = write(tmp_path / "shop", FILES)
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    return root


def ended(*words: str, cwd: Path) -> tuple[int, str, str]:
    done = slipway(*words, cwd=cwd, env=os.environ)
    return done.returncode, done.stdout, done.stderr


def test_it_shows_the_tree_and_the_table_and_writes_nothing(foreign: Path) -> None:
    code, out, err = ended("init", cwd=foreign)
    assert (code, err) == (0, "")
    assert (
        out
        == """\
python:3.12-slim
└─ base     images/base/Dockerfile   context .               images/{name}/Dockerfile, Makefile:2
   └─ api   images/api/Dockerfile    context images/api      images/{name}/Dockerfile

--- /dev/null
+++ slipway.toml
@@ -0,0 +1,5 @@
+# Written by `slipway init`. Keys are Dockerfiles; `slipway init` again proposes what is new.
+
+[images]
+"images/{name}/Dockerfile" = { repository = "acme/{name}" }  # Makefile:2
+"docs/Dockerfile" = false  # explains or tests something

5 files that git lists · 3 Dockerfiles · 2 images · 1 set aside
nothing was written: slipway init --yes writes slipway.toml
"""
    )
    assert not (foreign / "slipway.toml").exists()


def test_a_plan_follows_and_the_second_time_there_is_nothing_new(foreign: Path) -> None:
    code, out, _ = ended("init", "--yes", "--tasks", cwd=foreign)
    assert code == 0 and out.endswith("wrote slipway.toml and tasks.py; next: slipway plan\n")
    assert (foreign / "tasks.py").read_text().count("\n") == 3
    config = json.loads(ended("config", "--json", cwd=foreign)[1])
    assert "images.images/{name}/Dockerfile" in [one["name"] for one in config]
    code, out, _ = ended("init", cwd=foreign)
    assert code == 0 and out.endswith("nothing new: the table names every Dockerfile\n")


def test_new_rows_join_the_rows_of_the_user(foreign: Path) -> None:
    own = '[images]\n"images/{name}/Dockerfile" = {}  # ours\n'
    write(foreign, {"slipway.toml": own, "ui/Dockerfile": BASE})
    code, out, _ = ended("init", "--yes", cwd=foreign / "images")
    assert code == 0 and "+++ slipway.toml" in out and "-[" not in out
    text = (foreign / "slipway.toml").read_text()
    assert text.startswith(own) and text.count("\n") == 4 and '"ui/Dockerfile" = {}\n' in text


def test_a_dockerfile_that_the_table_names_by_a_link_is_not_new(foreign: Path) -> None:
    write(foreign, {"docker/Dockerfile.web": BASE, "slipway.toml": '[images]\n"links/{name}/Dockerfile" = {}\n'})
    (foreign / "links/web").mkdir(parents=True)
    (foreign / "links/web/Dockerfile").symlink_to("../../docker/Dockerfile.web")
    code, out, _ = ended("init", cwd=foreign)
    assert code == 0 and "images/{name}/Dockerfile" in out and "docker/" not in out


def test_the_table_goes_into_pyproject_where_there_is_one(foreign: Path) -> None:
    write(foreign, {"pyproject.toml": '[project]\nname = "shop"\n'})
    assert ended("init", "--yes", cwd=foreign)[0] == 0
    assert "[tool.slipway.images]\n" in (foreign / "pyproject.toml").read_text()
    assert not (foreign / "slipway.toml").exists()


def test_a_file_of_the_user_s_choice(foreign: Path) -> None:
    write(foreign, {"pyproject.toml": '[project]\nname = "shop"\n'})
    assert ended("init", "--yes", "--file", "slipway.toml", cwd=foreign)[0] == 0
    assert (foreign / "slipway.toml").exists()
    code, _, err = ended("init", "--file", "pyproject.toml", cwd=foreign)
    assert (code, err) == (
        2,
        "error: --file pyproject.toml: slipway.toml has the table already\nhint:  --file slipway.toml\n",
    )
    assert ended("init", "--file", "setup.toml", cwd=foreign)[0] == 2


def test_a_tasks_file_of_the_user_s_own_stays(foreign: Path) -> None:
    write(foreign, {"tasks.py": "# mine\n"})
    code, _, err = ended("init", "--yes", "--tasks", cwd=foreign)
    assert code == 0 and "tasks.py exists" in err
    assert (foreign / "tasks.py").read_text() == "# mine\n"


def test_a_table_in_an_unusual_form_is_left_to_the_user(foreign: Path) -> None:
    own = 'images = { "images/{name}/Dockerfile" = {} }\n'
    write(foreign, {"slipway.toml": own})
    code, out, _ = ended("init", "--yes", cwd=foreign)
    assert code == 0 and '\n"docs/Dockerfile" = false' in out
    assert (foreign / "slipway.toml").read_text() == own


def test_the_name_and_the_owner_are_those_of_the_remote(foreign: Path) -> None:
    write(foreign, {"Dockerfile": "FROM acme/shop-base:latest\n", "Makefile": ""})
    subprocess.run(["git", "remote", "add", "origin", "git@git.example.com:acme/shop.git"], cwd=foreign, check=True)
    images = {one["image"]: one["parents"] for one in json.loads(ended("init", "--json", cwd=foreign)[1])["images"]}
    assert images == {"shop": ["base"], "base": [], "api": ["base"]}


def test_its_json(foreign: Path) -> None:
    code, out, _ = ended("init", "--json", cwd=foreign)
    said = json.loads(out)
    assert code == 0 and said["listed"] == "git" and said["files"] == 5 and said["written"] == []
    assert {one["image"]: (one["parents"], one["context"]) for one in said["images"]} == {
        "base": ([], "."),
        "api": (["base"], "images/api"),
    }
    assert said["table"]["images"]["docs/Dockerfile"] is False and said["edits"][0]["new"]


def test_compose_files_that_were_not_chosen_are_not_proposed_again(foreign: Path) -> None:
    compose = "services:\n  base:\n    build: images/base\n"
    write(foreign, {"compose.yaml": compose, "compose.dev.yaml": compose, ".env": "PROMETHEUS_HOST=x\nA_TOOL=1\n"})
    assert "compose.dev.yaml: builds" in ended("init", "--yes", cwd=foreign)[1]
    assert 'declarations = ["compose.yaml"]\n' in (foreign / "slipway.toml").read_text()
    code, out, _ = ended("init", cwd=foreign)
    assert code == 0 and "declarations" not in out and out.endswith("the table names every Dockerfile\n")


@pytest.mark.parametrize("files", [{}, {"Dockerfile": "notes\n"}])
def test_without_a_dockerfile(tmp_path: Path, files: dict[str, str]) -> None:
    code, out, err = ended("init", cwd=write(tmp_path, files))
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {tmp_path}: no Dockerfile among {len(files)} files\n")
