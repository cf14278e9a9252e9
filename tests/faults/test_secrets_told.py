"""A login in a setting is never shown: not in the error, its hint, the JSON, nor a record."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from slipway.config.definitions import SETTINGS, Value
from slipway.config.environment import surroundings
from slipway.config.settings import load
from slipway.core.errors import UsageError
from slipway.core.reference import Reference, check_registry
from tests.rig.in_process import invoke

PASSWORD = "hunter2-canary"
NO_ENGINE = {"DOCKER_HOST": f"unix://{tempfile.gettempdir()}/none"}
#: As people paste them; each holds the password.
FORMS = (
    f"https://bob:{PASSWORD}@reg.example.com",
    f"https://bob:{PASSWORD}@reg.example.com/acme",
    f"bob:{PASSWORD}@reg.example.com",
    f"https://{PASSWORD}@reg.example.com",
    f"bob:p@{PASSWORD}@reg.example.com:5000/acme",
)


@pytest.mark.fault("X31")
@pytest.mark.parametrize("value", FORMS)
@pytest.mark.parametrize("source", ["flag", "environment", ".env"])
def test_no_error_about_a_setting_shows_a_login(repository: Path, source: str, value: str) -> None:
    given = {setting.name: value for setting in SETTINGS}
    learned: list[str] = []
    if source == ".env":
        (repository / ".env").write_text("".join(f"{name}='{value}'\n" for name in given) + f"NOT {value}\n")
    environment = given if source == "environment" else {}
    flags = {name: Value(name, value, f"--{name}") for name in given} if source == "flag" else {}
    with pytest.raises(UsageError) as caught:
        load(repository, flags, environment, lambda secrets: learned.extend(each.reveal() for each in secrets))
    told = repr((str(caught.value), caught.value.as_json(), caught.value.args))
    assert told.count(": holds a login") >= 2 * len(SETTINGS)
    assert PASSWORD not in told
    assert any(PASSWORD in secret for secret in learned), "the redactor knows it before any output"


@pytest.mark.fault("X31")
@pytest.mark.parametrize("value", FORMS)
def test_no_error_about_a_reference_shows_a_login(value: str) -> None:
    for refuses in (check_registry, Reference.parse):
        with pytest.raises(UsageError) as caught:
            refuses(value)
        assert PASSWORD not in str(caught.value)


@pytest.mark.fault("X31")
def test_logins_of_the_surroundings_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {
        "HTTPS_PROXY": "http://ann:proxy-canary@proxy:3128",
        "DOCKER_HOST": "tcp://ann:host-canary@engine:2376",
        "PIP_EXTRA_INDEX_URL": "https://one.example https://ann:index-canary@two.example",
    }
    for name, text in given.items():
        monkeypatch.setenv(name, text)
    known = {secret.reveal() for secret in surroundings().secrets}
    assert {"proxy-canary", "host-canary", "index-canary"} <= known


@pytest.mark.fault("X31")
@pytest.mark.parametrize(
    ("words", "environment"),
    [
        (("config",), {"REGISTRY": FORMS[0]}),
        (("plan", "--json"), {"PYTHON_IMAGE": FORMS[1]}),
        (("build", "--json"), {"REMOTE_HOST": f"me:{PASSWORD}@builder"}),
        (("remote-check", "--json", "--host", f"me:{PASSWORD}@builder"), {}),
        (("push", "--version", FORMS[0]), {}),
        (("build", FORMS[0]), {}),
        (("smoke", "--json", "--image", f"bob:{PASSWORD}@reg.example.com/acme/x:1"), NO_ENGINE),
        (("plan", "--json"), {"DOCKER_HOST": f"tcp://bob:{PASSWORD}@127.0.0.1:9"}),
    ],
    ids=lambda given: " ".join(given)[:30],
)
def test_no_task_shows_a_login(repository: Path, words: tuple[str, ...], environment: Mapping[str, str]) -> None:
    (repository / "tasks.py").write_text("from slipway.tasks import *\nfrom slipway.tasks import namespace\n")
    kept = {name: value for name, value in os.environ.items() if name not in {setting.name for setting in SETTINGS}}
    ran = invoke(*words, cwd=repository, env={**kept, **environment})
    assert ran.returncode in (2, 3)
    assert ran.stderr.startswith("error: ")
    if "--json" in words:
        assert json.loads(ran.stdout)["exit_code"] == ran.returncode
    written = [path.read_text() for path in repository.glob(".slipway/**/*") if path.is_file()]
    assert PASSWORD not in "".join((ran.stdout, ran.stderr, *written))
