"""Logins: slipway finds them where docker's CLI keeps them, and quotes a helper that fails."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from slipway.core.command import Command, Result
from slipway.core.errors import RefusedError
from slipway.engine import Credentials, Logins
from slipway.hosts.runner import run
from slipway.secrets.secret import Secret
from slipway.testing.fakes import FakeRun

HUB = "https://index.docker.io/v1/"


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


ANN = {"auth": encoded("ann:open:sesame")}
BOB = {"auth": encoded("bob:b")}
LOGIN = Credentials("ann", Secret("open:sesame"))


def logins(folder: Path, config: object = None, given: object = "", run: FakeRun | None = None) -> Logins:
    if config is not None:
        (folder / "config.json").write_text(config if isinstance(config, str) else json.dumps(config))
    text = given if isinstance(given, str) else json.dumps(given)
    return Logins(folder, run or FakeRun({}), given=text)


@pytest.mark.fault("P33")
@pytest.mark.parametrize(
    ("registry", "key"),
    [
        ("docker.io", HUB),
        ("docker.io", "https://index.docker.io/v1"),
        ("docker.io", "index.docker.io"),
        ("docker.io", "docker.io"),
        ("ghcr.io", "ghcr.io"),
        ("reg.example:5000", "reg.example:5000"),
        ("reg.example:5000", "https://reg.example:5000/v1/"),
        ("reg.example:5000", "http://reg.example:5000"),
        ("registry-1.docker.io", "registry-1.docker.io"),
        ("[::1]:5000", "[::1]:5000"),
    ],
)
def test_a_login_is_found_under_the_key_where_docker_keeps_it(tmp_path: Path, registry: str, key: str) -> None:
    held = {"auths": {"elsewhere.example": BOB, key: ANN}}
    assert logins(tmp_path, held).find(registry) == LOGIN
    assert logins(tmp_path, {}, given=held).find(registry) == LOGIN


@pytest.mark.parametrize(
    ("registry", "key"),
    [
        ("docker.io", "registry-1.docker.io"),
        ("registry-1.docker.io", HUB),
        ("reg.example", "reg.example:5000"),
        ("reg.example:5000", "reg.example"),
        ("Reg.example", "reg.example"),
    ],
)
def test_another_registry_s_login_is_not_taken(tmp_path: Path, registry: str, key: str) -> None:
    assert logins(tmp_path, {"auths": {key: ANN}}).find(registry) is None


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        ({}, None),
        ("ann", None),
        ({"auth": encoded(":")}, None),
        ({"auth": encoded("ann:pad\0\0")}, Credentials("ann", Secret("pad"))),
        ({"username": "ann", "password": "open:sesame"}, LOGIN),
        ({"auth": encoded("ann:"), "identitytoken": "t"}, Credentials("ann", identity_token=Secret("t"))),
        ({"identitytoken": "t"}, Credentials(identity_token=Secret("t"))),
    ],
)
def test_an_entry_gives_its_login(tmp_path: Path, entry: object, found: Credentials | None) -> None:
    assert logins(tmp_path, {"auths": {"reg.example": entry}}).find("reg.example") == found


@pytest.mark.parametrize("config", [None, "", "{", "[]", {"auths": []}, {"auths": {}}, {"credHelpers": []}])
def test_a_configuration_that_holds_nothing(tmp_path: Path, config: object) -> None:
    assert logins(tmp_path, config).find("reg.example") is None


@pytest.mark.parametrize("auth", ["not base64!", encoded("no colon"), "w7w="])
def test_an_entry_that_cannot_be_decoded_is_refused(tmp_path: Path, auth: str) -> None:
    with pytest.raises(RefusedError) as caught:
        logins(tmp_path, {"auths": {"reg.example": {"auth": auth}}}).find("reg.example")
    cause = f"login to reg.example: the entry in {tmp_path}/config.json is not the base64 of name:password"
    assert (caught.value.message, caught.value.hint) == (cause, "docker login reg.example")


def answer(user: str, secret: str) -> Result:
    return Result(0, json.dumps({"ServerURL": "any", "Username": user, "Secret": secret}))


ODD, SHARED = ("docker-credential-odd", "get"), ("docker-credential-shared", "get")


@pytest.mark.fault("P33")
@pytest.mark.parametrize(("registry", "key"), [("docker.io", HUB), ("reg.example:5000", "reg.example:5000")])
@pytest.mark.parametrize("config", [{"credHelpers": {HUB: "odd", "reg.example:5000": "odd"}}, {"credsStore": "odd"}])
def test_a_helper_is_asked_for_the_key(tmp_path: Path, config: object, registry: str, key: str) -> None:
    helper = FakeRun({ODD: answer("ann", "open:sesame")})
    assert logins(tmp_path, config, run=helper).find(registry) == LOGIN
    assert helper.commands == [Command(ODD, stdin=key.encode(), label="docker-credential-odd")]


def test_the_order_in_which_docker_looks(tmp_path: Path) -> None:
    """DOCKER_AUTH_CONFIG, the registry's own helper, the store of all; ``auths`` where there is no such program."""
    helpers = FakeRun({ODD: answer("odd", "1"), SHARED: answer("shared", "2")})
    auths = dict.fromkeys(("given", "own", "other", "docker.io"), ANN)
    config = {"auths": auths, "credHelpers": {"given": "odd", "own": "odd", "docker.io": "odd"}, "credsStore": "shared"}
    found = logins(tmp_path, config, given={"auths": {"given": BOB}}, run=helpers)
    users = [login.username if (login := found.find(name)) else "" for name in ("given", "own", "other", "docker.io")]
    assert users == ["bob", "odd", "shared", "shared"]


@pytest.mark.fault("P34")
def test_a_helper_may_answer_with_an_identity_token(tmp_path: Path) -> None:
    found = logins(tmp_path, {"credsStore": "odd"}, run=FakeRun({ODD: answer("<token>", "t")})).find("reg.example")
    assert found == Credentials(identity_token=Secret("t"))
    assert found.as_auth_config() == {"identitytoken": "t"}


@pytest.mark.parametrize("said", [answer("", ""), Result(1, "credentials not found in native keychain\n")])
def test_a_helper_without_a_login_ends_the_search(tmp_path: Path, said: Result) -> None:
    config = {"credsStore": "odd", "auths": {"reg.example": ANN}}
    assert logins(tmp_path, config, run=FakeRun({ODD: said})).find("reg.example") is None


GET = "printf %s reg.example | docker-credential-odd get shows its error"
FAILURES = [
    (Result(127, "", "docker-credential-odd: not found"), "cannot be run: not found", "install"),
    (Result(126, "", "docker-credential-odd: Permission denied"), "cannot be run: Permission denied", GET),
    (Result(124, "", ""), "did not answer within 60 s", GET),
    (Result(0, "a word"), "printed no login: no JSON with Username and Secret", GET),
    (Result(0, '{"Username": "ann"}'), "printed no login: no JSON with Username and Secret", GET),
    (Result(0, '["ann"]'), "printed no login: no JSON with Username and Secret", GET),
    (Result(1, "the store is locked\n", "ignored"), "failed: the store is locked", GET),
    (Result(1, "", "a\x1b[1m line\nand another"), "failed: a\\x1b[1m line and another", GET),
    (Result(127, "", "line 2: pass: not found"), "failed: line 2: pass: not found", GET),
    (Result(2, "", ""), "failed: exit code 2", GET),
    (Result(1, "x" * 300, ""), f"failed: {'x' * 200}", GET),
]


@pytest.mark.fault("P35")
@pytest.mark.parametrize(("result", "cause", "hint"), FAILURES)
def test_a_helper_that_fails_is_reported_with_its_cause(tmp_path: Path, result: Result, cause: str, hint: str) -> None:
    helper = FakeRun({ODD: result})
    found = logins(tmp_path, {"credHelpers": {"reg.example": "odd"}}, run=helper)
    if hint == "install":
        hint = f"install docker-credential-odd, or take it out of credHelpers in {tmp_path}/config.json"
    for _ in range(2):
        with pytest.raises(RefusedError) as caught:
            found.find("reg.example")
        assert caught.value.message == f"login to reg.example: docker-credential-odd {cause}"
        assert (caught.value.hint, caught.value.exit_code) == (hint, 7)
    assert len(helper.commands) == 1, "one question for each registry"


@pytest.mark.process
@pytest.mark.fault("P35")
@pytest.mark.parametrize(
    ("script", "cause"),
    [
        (None, "cannot be run: not found"),
        ("#!/bin/sh\necho the store is locked; exit 1\n", "failed: the store is locked"),
        ("#!/bin/sh\necho a word\n", "printed no login"),
        ("#!/bin/sh\nexec sleep 60\n", "did not answer within 1 s"),
        ("#!/nowhere/sh\n", "cannot be run: not found"),
        ("no script", "cannot be run: Exec format error"),
    ],
)
def test_helpers_that_are_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str | None, cause: str) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    if script is not None:
        program = tmp_path / "docker-credential-odd"
        program.write_text(script)
        program.chmod(0o755)
    (tmp_path / "config.json").write_text('{"credsStore": "odd"}')
    with pytest.raises(RefusedError, match=f"login to docker.io: docker-credential-odd {cause}"):
        Logins(tmp_path, run, patience=1).find("docker.io")


def test_each_secret_is_learnt(tmp_path: Path) -> None:
    learnt: list[str] = []

    def learn(secrets: Iterable[Secret]) -> None:
        learnt.extend(secret.reveal() for secret in secrets if secret)

    (tmp_path / "config.json").write_text(
        json.dumps({"auths": {"a.example": ANN, "b.example": {"identitytoken": "t"}}})
    )
    found = Logins(tmp_path, FakeRun({}), learn=learn)
    for registry in ("a.example", "b.example", "c.example", "a.example"):
        found.find(registry)
    assert learnt == ["open:sesame", "t"]
