"""``[tool.slipway.smoke.NAME]`` with real containers: images as people write them who know nothing of slipway."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from slipway.config.settings import load
from tests.rig.stacks import ROOT
from tests.rig.traces import SMOKE

if TYPE_CHECKING:
    from tests.rig.stacks import Repository

    Stack = Callable[..., Repository]

pytestmark = [pytest.mark.integration, SMOKE, pytest.mark.usefixtures("python_image")]
#: The root images of the bases has Python's HTTP server; the small one of the tests has none.
PYTHON = load(ROOT)["PYTHON_IMAGE"]
SMALL = "ARG PYTHON_IMAGE\nFROM ${PYTHON_IMAGE}\n"
#: Image → the lines after FROM.
IMAGES = {
    "quiet": 'USER 10001\nCMD ["sleep", "60"]\n',
    "job": 'USER 10001\nCMD ["sh", "-c", "echo mode $MODE"]\n',
    "failing-job": 'USER 10001\nCMD ["sh", "-c", "echo no database; exit 1"]\n',
    "speaker": 'USER 10001\nCMD ["sh", "-c", "sleep 1; echo server started on :8080; sleep 60"]\n',
    "writer": (
        "COPY --chown=10001 images/writer/seed /srv/cache/seed\nUSER 10001\n"
        'CMD ["sh", "-c", "cd /srv/cache; cp seed /srv/cache/a && cp seed /srv/new/seed && echo written && sleep 60"]\n'
    ),
    "rooted": 'CMD ["sh", "-c", "cp /bin/sh /tmp/x && cat /proc/self/status && echo up && sleep 60"]\n',
    "unset": "COPY images/passwd /etc/\nUSER nobody\n",
}
TABLES = """
[tool.slipway.smoke.job]
job = true
env = { MODE = "fast" }

[tool.slipway.smoke.failing-job]
job = true

[tool.slipway.smoke.web]
ready = "http://:8080/ready.txt"
tests = "quality/web.py"

[tool.slipway.smoke.speaker]
ready = "log: server started"

[tool.slipway.smoke.writer]
writable = ["/srv/cache", "/srv/new"]
ready = "log: written"

[tool.slipway.smoke.rooted]
user = "root is needed: it gives files away"
ready = "log: up"

[tool.slipway.smoke.unset]
command = ["sh", "-c", "echo up; sleep 60"]
ready = "log: up"
user = "a name is needed: the vendor's"
"""
WEB = f"""\
FROM {PYTHON}
RUN mkdir /srv/www && echo yes > /srv/www/ready.txt
USER 10001:10001
CMD ["python3", "-m", "http.server", "8080", "--directory", "/srv/www"]
"""
TESTS = {
    "apps/quiet/smoke/test_beside.py": "def test_beside(container):\n    assert container.name == 'quiet'\n",
    "tests/images/test_job.py": "def test_mode(container):\n    assert container.logs() == 'mode fast\\n'\n",
    "quality/web.py": "def test_url(container):\n    assert container.get('/ready.txt').text == 'yes\\n'\n",
    "tests/images/writer/test_kept.py": (
        "def test_it_has_the_files_and_the_owner_of_the_image(container):\n"
        "    assert container.exec('cat', '/srv/cache/seed', '/srv/new/seed').output == 'seed\\nseed\\n'\n"
        "    assert container.exec('cp', '/srv/cache/seed', '/srv/other').exit_code != 0\n"
    ),
    "tests/images/test_rooted.py": (
        "def test_capabilities(container):\n    assert 'CapEff:\\t0000000000000000' not in container.logs()\n"
    ),
}


@pytest.fixture
def town(stack: Stack) -> Repository:
    """A repository with an image for each key of the table; no image has a HEALTHCHECK."""
    made = stack("blank")
    made.write("images/writer/seed", "seed\n")
    made.write("images/passwd", "nobody:x:65534:65534::/:/bin/sh\n")
    for name, lines in IMAGES.items():
        made.write(f"apps/{name}/Dockerfile", SMALL + lines)
    made.write("apps/web/Dockerfile", WEB)
    for path, text in TESTS.items():
        made.write(path, text)
    return made


@pytest.mark.fault("T34", "T35")
def test_every_key_of_the_table(town: Repository) -> None:
    town.write("pyproject.toml", (town.root / "pyproject.toml").read_text() + TABLES)
    town.invoke("build").ok()
    ran = town.invoke("smoke").failed(9, "smoke failing-job: 2 failed", "exit code 1; its last line: no database")
    assert "nothing tells whether quiet works: HEALTHCHECK in its Dockerfile, or ready" in ran.stderr
    assert "note: rooted: root is needed: it gives files away" in ran.stderr
    found = results(town)
    assert {name: one["health"] for name, one in found.items()} == {
        "failing-job": "",
        "job": "job: ended with 0",
        "unset": "ready: log: up",
        "quiet": "no health check: started and stayed up 3 s",
        "rooted": "ready: log: up",
        "speaker": "ready: log: server started",
        "web": "ready: http://:8080/ready.txt",
        "writer": "ready: log: written",
    }
    assert [name for name, one in found.items() if one["failed"]] == ["failing-job"]
    reasons = {name: [(why["rule"], why["reason"]) for why in one["allowed"]] for name, one in found.items()}
    assert {name: why for name, why in reasons.items() if why} == {
        "rooted": [("root", "it gives files away")],
        "unset": [("user-name", "the vendor's")],
    }
    for name, test in (("quiet", "beside"), ("job", "mode"), ("web", "url"), ("writer", "it_has_the_files")):
        report = (town.runs()[-1] / f"smoke-{name}/junit.xml").read_text()
        assert f'name="test_{test}' in report
    assert (
        'value="no health check: started and stayed up 3 s"' in (town.runs()[-1] / "smoke-quiet/junit.xml").read_text()
    )
    rows = [line.split("   ")[0].rstrip() for line in ran.stdout.splitlines()]
    assert (
        rows == sorted(found) and len({line.index(" s   ") for line in ran.stdout.splitlines() if " s   " in line}) == 1
    )


@pytest.mark.fault("T37", "U05")
def test_without_the_table_each_refusal_names_its_line(town: Repository) -> None:
    town.invoke("build").ok()
    ran = town.invoke("smoke", "writer", "rooted", "unset").failed(9, "smoke: 3 targets failed")
    for line in (
        'writable = ["/srv/cache"] in [tool.slipway.smoke.writer]',
        '[tool.slipway.allow] rooted = { root = "why" }; docs/policy.md#root',
        'user = "a name is needed: why" in [tool.slipway.smoke.unset]',
        'command = ["…"] in [tool.slipway.smoke.unset]',
    ):
        assert line in ran.closing, ran.closing


def test_a_table_of_no_image_and_tests_that_are_not_there(town: Repository) -> None:
    table = '[smoke.quite]\njob = true\n[smoke.quiet]\ntests = "gone"\n'
    (town.root / "pyproject.toml").unlink()
    town.write("slipway.toml", table)
    town.invoke("plan").failed(2, "slipway.toml:1: smoke quite: matches no image", "did you mean quiet?")
    town.write("slipway.toml", table.partition("[smoke.quiet]")[1] + table.partition("[smoke.quiet]")[2])
    town.invoke("build", "quiet").ok()
    town.invoke("smoke", "quiet").failed(2, "slipway.toml:1: the tests of quiet: no file or folder gone")


def results(repository: Repository) -> dict[str, dict[str, Any]]:
    content = json.loads(Path(repository.runs()[-1], "run.json").read_text())
    return {entry["name"]: entry for entry in content["images"]}
