"""The wheel alone, in an empty environment: ``slipway`` works in a repository that has no tasks.py and no pyproject."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.rig.stacks import ROOT
from tests.rig.traces import SMOKE

if TYPE_CHECKING:
    from tests.rig.stacks import Repository

    Stack = Callable[..., Repository]

pytestmark = [pytest.mark.integration, SMOKE, pytest.mark.xdist_group("wheel")]
LIGHT = """\
ARG PYTHON_IMAGE
FROM ${PYTHON_IMAGE}
COPY libs/bin /bin/
USER 10001:10001
HEALTHCHECK --interval=1m --start-interval=100ms --start-period=9s CMD ["test", "-d", "/"]
CMD ["sleep", "infinity"]
"""
#: Somebody else's image, of any place: it declares no HEALTHCHECK and writes to its root.
LANTERN = """\
ARG PYTHON_IMAGE
FROM ${PYTHON_IMAGE}
USER 10001:10001
CMD ["sh", "-c", "echo lit > /var/lantern/state; echo the lantern is lit; sleep 60"]
"""
TABLES = """\
[images]
"images/{name}/Dockerfile" = {}

[smoke.lantern]
ready = "log: the lantern is lit"
writable = ["/var/lantern"]
"""
SHINES = """\
def test_it_shines(container):
    assert container.exec("cat", "/var/lantern/state").output == "lit\\n"
"""
LIT = 'def test_it_is_lit(container):\n    assert container.name == "svc-lamp"\n'


@pytest.fixture
def lamp(stack: Stack) -> Repository:
    made = stack("blank")
    for name in ("tasks.py", "pyproject.toml"):
        (made.root / name).unlink()
    made.write("slipway.toml", '[budgets]\nsvc-lamp = "20 MB"\n')
    made.write_programs("libs/bin")
    made.write("apps/svc_lamp/Dockerfile", LIGHT)
    made.write("apps/svc_lamp/smoke/test_lit.py", LIT)
    return made


@pytest.fixture
def run(program: Path, lamp: Repository) -> Callable[..., str]:
    """Runs a command in a folder of the repository, where the environment is activated."""
    environment = lamp.environment({"PATH": f"{program.parent}:{os.environ['PATH']}"})

    def done(*argv: str, folder: str = "") -> str:
        ended = subprocess.run(
            argv, cwd=lamp.root / folder, env=environment, capture_output=True, text=True, timeout=120
        )
        assert (ended.returncode, "Traceback" in ended.stderr) == (0, False), ended.stdout + ended.stderr
        return ended.stdout

    return done


def readme(language: str) -> str:
    """Return the block of code in the README's section about repositories without a tasks.py."""
    section = (ROOT / "README.md").read_text("utf-8").partition("\n## Without tasks.py\n")[2].partition("\n## ")[0]
    (code,) = re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)
    return str(code)


def test_the_commands_of_the_readme(run: Callable[..., str], lamp: Repository) -> None:
    shutil.copytree(lamp.root, lamp.root.parent / "another")
    said = run("bash", "-euo", "pipefail", "-c", f"{readme('sh')}\ncomplete -p slipway")
    assert "1 to build · plan " in said and said.splitlines()[-1].startswith("complete ")
    assert lamp.runs() == [], "a dry run"


def test_the_wheel_plans_builds_and_tests(run: Callable[..., str], lamp: Repository) -> None:
    """From any folder of the repository, with the pytest plugin of the wheel and the README's noxfile."""
    assert run("slipway", "--version").startswith("slipway ")
    shown = {entry["name"]: entry["source"] for entry in json.loads(run("slipway", "config", "--json", folder="apps"))}
    assert shown["budgets.svc-lamp"] == "slipway.toml:2"
    (step,) = json.loads(run("slipway", "plan", "--json", folder="apps"))["steps"]
    assert (step["image"], step["action"]) == ("svc-lamp", "build")
    lamp.write("noxfile.py", readme("python"))
    run("nox", "-s", "smoke", "--", "svc-lamp")
    assert lamp.image_id(lamp.reference("svc-lamp"))
    assert "test_it_is_lit" in (lamp.runs()[-1] / "smoke-svc-lamp/junit.xml").read_text()


def test_the_wheel_tests_an_image_that_knows_nothing_of_slipway(run: Callable[..., str], lamp: Repository) -> None:
    """With the README's noxfile; then with pytest and the plugin alone, in a folder without settings of pytest."""
    lamp.write("slipway.toml", TABLES)
    lamp.write("images/lantern/Dockerfile", LANTERN)
    lamp.write("tests/images/test_lantern.py", SHINES)
    lamp.write("noxfile.py", readme("python"))
    run("nox", "-s", "smoke", "--", "lantern")
    (tested,) = json.loads((lamp.runs()[-1] / "run.json").read_text())["images"]
    assert (tested["health"], tested["failed"]) == ("ready: log: the lantern is lit", 0)
    assert "test_it_shines" in (lamp.runs()[-1] / "smoke-lantern/junit.xml").read_text()
    said = run("pytest", "-p", "no:cacheprovider", "--slipway-image", lamp.reference("lantern"), folder="tests/images")
    assert "1 passed" in said
    assert not (lamp.root / "tests/images/.slipway").exists(), "logs are kept where runs keep them"
