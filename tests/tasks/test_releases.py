"""``invoke release-list``, ``-show``, ``-verify`` and ``-rollback`` from the command line, without an engine."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from slipway.config.definitions import SETTINGS
from slipway.hosts.runner import run
from slipway.release.signing import Signing
from slipway.release.ssh_signature import SshSignatures
from slipway.testing.fakes import RegistryServer
from tests.release.keys import allowed, fingerprint, key
from tests.release.shop import NAMES, Shop, released_twice
from tests.rig import in_process

Invoke = Callable[..., CompletedProcess[str]]


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    with RegistryServer() as server:
        yield server


@pytest.fixture
def shop(server: RegistryServer, tmp_path: Path) -> Shop:
    """Return a shop that has released v1, and then v2 of other content, both also as latest."""
    return released_twice(server, tmp_path)


@pytest.fixture
def invoke(repository: Path, server: RegistryServer, tmp_path: Path) -> Invoke:
    (repository / "tasks.py").write_text("from slipway.tasks import namespace\n")
    (repository / ".env").write_text(f"REGISTRY={server.host}\nOWNER=acme\nBASE_VERSION=v2\n")
    kept = {name: value for name, value in os.environ.items() if name not in {setting.name for setting in SETTINGS}}
    env = {**kept, "DOCKER_HOST": f"unix://{tmp_path}/nowhere"}
    return lambda *words: in_process.invoke(*words, cwd=repository, env=env)


def configure(repository: Path, **settings: str) -> None:
    with (repository / ".env").open("a") as file:
        file.writelines(f"{name}={value}\n" for name, value in settings.items())


def test_the_list_has_the_newest_version_first(shop: Shop, invoke: Invoke) -> None:
    done = invoke("release.list")
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["v2", "v1"]
    found = json.loads(invoke("release-list", "--json").stdout)
    assert [(one["version"], one["images"]) for one in found] == [("v2", 4), ("v1", 4)]
    assert (found[0]["previous"], found[1]["previous"]) == (found[1]["digest"], "")


def test_a_registry_without_a_release_says_so(invoke: Invoke, server: RegistryServer) -> None:
    done = invoke("release.list")
    assert (done.returncode, done.stdout) == (0, "")
    assert f"{server.host}/acme/releases has no record of a release" in done.stderr


def test_a_record_is_shown_as_a_table_and_as_its_statement(shop: Shop, invoke: Invoke) -> None:
    lines = invoke("release.show", "v1").stdout.splitlines()
    assert [line.split()[0] for line in lines[:4]] == list(NAMES)
    assert lines[0].endswith("linux/amd64   v1, latest")
    assert "git c0ffee" in lines[4] and lines[5] == "docker 28.5.2 · the first release"
    statement = json.loads(invoke("release.show", "v1", "--json").stdout)["statement"]
    record = shop.record()
    assert record and statement == record.as_json()


def test_an_unknown_version_is_named_with_the_nearest(shop: Shop, invoke: Invoke) -> None:
    done = invoke("release.show", "v11", "--json")
    assert done.returncode == 2
    found = json.loads(done.stdout)
    assert (found["code"], found["hint"]) == ("release-unknown", "did you mean v1?")
    assert invoke("release.show", "../v1").returncode == 2


def test_the_version_of_the_settings_is_verified(shop: Shop, invoke: Invoke, server: RegistryServer) -> None:
    assert invoke("release.verify").stdout.count("as released") == 8
    server.tags["acme/svc-till", "v2"] = shop.contents["svc-till"]
    done = invoke("release.verify")
    assert done.returncode == 7
    assert "error: release v2: 1 of 8 tags are not as its record says" in done.stderr
    assert "hint:  invoke release-rollback v2" in done.stderr
    tags = json.loads(invoke("release.verify", "--json").stdout)["tags"]
    assert [one["state"] for one in tags if one["image"] == "svc-till"] == ["differs", "as released"]
    assert invoke("release.verify", "v1").stdout.count("moved on") == 4


def test_a_rollback_asks_first_and_a_dry_run_moves_nothing(shop: Shop, invoke: Invoke) -> None:
    before = shop.stands("latest")
    done = invoke("release.rollback", "v1")
    assert done.returncode == 2 and "needs your consent" in done.stderr
    assert invoke("release.rollback", "v1", "--dry-run").stdout.count("-> sha256:") == 4
    assert shop.stands("latest") == before


def test_a_rollback_moves_the_tags_there_and_back(shop: Shop, invoke: Invoke) -> None:
    before = shop.stands("latest")
    done = invoke("release.rollback", "v1", "--yes")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("v1: moved 4 of 8 tags\n")
    assert shop.stands("latest") == shop.contents
    assert invoke("release.verify", "v1").stdout.count("as released") == 8
    found = json.loads(invoke("release.rollback", "--yes", "--json").stdout)
    assert [one["reference"].rpartition("/")[2] for one in found["tags"]] == [f"{name}:latest" for name in NAMES]
    assert shop.stands("latest") == before
    assert invoke("release.rollback", "--yes").stdout == "v2: moved 0 of 8 tags\n"


def test_a_release_is_finished_from_the_journal_of_its_run(
    invoke: Invoke, repository: Path, server: RegistryServer, tmp_path: Path
) -> None:
    """The engine does not answer, and the run needs none."""
    shop = Shop(server, tmp_path)
    shop.home = repository / ".slipway"
    fault = server.fault("PUT .*/releases/manifests/v1", 403, times=9)
    code, said = shop.release(shop.planned())
    run = shop.runs[-1].id
    assert code == 8 and f"invoke release-resume {run}" in said and fault.struck
    server.faults.clear()
    other = invoke("release.resume", run, "--owner", "others")
    assert other.returncode == 2 and "not to" in other.stderr and shop.record() is None
    done = invoke("release.resume", run)
    assert done.returncode == 0, done.stderr
    digest = server.tags["acme/releases", "v1"]
    assert done.stdout.endswith(f"released v1: {server.host}/acme/releases:v1 is {digest}\n")
    record = shop.record()
    assert record and (repository / ".slipway/releases/v1.json").read_bytes() == record.content
    assert invoke("release.verify", "v1").stdout.count("as released") == 8
    assert json.loads(invoke("release.resume", run, "--json").stdout)["record"] == digest


def test_only_a_tag_that_the_project_declares_as_moving_is_moved(invoke: Invoke) -> None:
    done = invoke("release", "--also", "latest", "--also", "best")
    assert done.returncode == 2
    assert done.stderr == (
        "error: --also best: is not among moving-tags\nhint:  add it to moving-tags in [tool.slipway]\n"
    )


def test_no_image_may_have_the_name_of_the_records(invoke: Invoke, repository: Path) -> None:
    (repository / "apps/releases").mkdir()
    (repository / "apps/releases/Dockerfile").write_text("FROM scratch\nCOPY libs/kit /kit\n")
    done = invoke("release")
    assert done.returncode == 2
    assert "apps/releases/Dockerfile: " in done.stderr and "acme/releases holds the records" in done.stderr


def test_a_run_that_released_nothing_cannot_be_resumed(invoke: Invoke) -> None:
    done = invoke("release.resume", "7f3c")
    assert done.returncode == 2 and "release-resume 7f3c: this checkout keeps no such release" in done.stderr


@pytest.mark.process
@pytest.mark.fault("P66")
def test_a_list_of_signers_in_the_repository_demands_a_signature(
    invoke: Invoke, repository: Path, server: RegistryServer, tmp_path: Path
) -> None:
    alice, mallory = key(tmp_path, "alice"), key(tmp_path, "mallory")
    shop, later = Shop(server, tmp_path), Shop(server, tmp_path, "two")
    shop.signing = Signing.tried(SshSignatures(run, alice))
    assert shop.release(shop.planned()) == later.release(later.planned("v2")) == (0, "")
    assert invoke("release.verify", "v1").stdout.startswith("signature   unlisted   ED25519 key SHA256:")

    (repository / "allowed_signers").write_text(f"alice@example.com {Path(f'{alice}.pub').read_text()}")
    signed = f"alice@example.com, ED25519 key {fingerprint(alice)}"
    assert invoke("release.verify", "v1").stdout.startswith(f"signature   good   {signed}\n")
    (found,) = json.loads(invoke("release.verify", "v1", "--json").stdout)["signatures"]
    assert (found["state"], found["principal"]) == ("good", "alice@example.com")
    unsigned = invoke("release.verify", "v2")
    assert unsigned.returncode == 10 and "error: release v2: its record has no signature" in unsigned.stderr

    before = shop.stands("latest")
    for words in (("release.rollback", "v2", "--yes"), ("release.rollback", "v2", "--dry-run")):
        assert invoke(*words).returncode == 10
    assert shop.stands("latest") == before
    assert invoke("release.rollback", "v1", "--yes").returncode == 0 and shop.stands("latest") == shop.contents

    configure(repository, ALLOWED_SIGNERS=allowed(tmp_path, "mallory", mallory))
    refused = json.loads(invoke("release.verify", "v1", "--json").stdout)
    assert (refused["exit_code"], refused["code"]) == (10, "signature-refused")
    assert f"foreign: ED25519 key {fingerprint(alice)} may not sign: No principal matched." in refused["error"]


@pytest.mark.process
@pytest.mark.fault("P65")
def test_a_key_that_cannot_sign_ends_a_release_before_anything_else(
    invoke: Invoke, repository: Path, tmp_path: Path
) -> None:
    locked = key(tmp_path, "locked", passphrase="not for logs")
    configure(repository, SIGN_KEY=locked)
    done = invoke("release")
    assert done.returncode == 3 and "the key needs a passphrase" in done.stderr
    assert not (repository / ".slipway/runs").exists()
    configure(repository, ALLOWED_SIGNERS=f"{tmp_path}/nowhere")
    missing = invoke("release")
    assert missing.returncode == 2 and f"ALLOWED_SIGNERS={tmp_path}/nowhere: no such file" in missing.stderr


def test_a_setting_that_holds_the_key_itself_is_not_shown(invoke: Invoke, repository: Path) -> None:
    configure(repository, SIGN_KEY="b3BlbnNzaC1rZXktdjEAAAAABG5vbmU")
    done = invoke("release")
    assert done.returncode == 2 and "SIGN_KEY: not an absolute path" in done.stderr
    assert "b3BlbnNzaC1r" not in done.stdout + done.stderr
