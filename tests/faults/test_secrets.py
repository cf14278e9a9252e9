"""Secrets go where they are needed and stay nowhere: canaries through build, push and smoke, and what finds them."""

from __future__ import annotations

import base64
import json
import os
import secrets
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from slipway.config.root import find_root
from slipway.config.settings import load
from tests.rig.canaries import Canaries, Watch, of_build_history, of_folder, of_image, of_registry
from tests.rig.outside import docker, wait_until
from tests.rig.registries import a_login_registry
from tests.rig.traces import SMOKE

if TYPE_CHECKING:
    from tests.rig.stacks import Ran, Repository

    Stack = Callable[..., Repository]

pytestmark = pytest.mark.integration
PYTHON_IMAGE = load(find_root(Path(__file__)))["PYTHON_IMAGE"]
#: Odd characters, so that every encoding differs from the plain value.
INDEX, LOGIN, TOKEN = (f"{name}/{secrets.token_hex(20)}+&é" for name in ("index", "login", "token"))
CANARIES = Canaries({"index": INDEX, "login": LOGIN, "token": TOKEN})
SAFE = """\
ARG PYTHON_IMAGE
FROM scratch AS wheelhouse
FROM ${PYTHON_IMAGE}
ARG OWNER
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf --mount=type=secret,id=uv.toml,target=/etc/uv/uv.toml \\
    sleep 1 && grep --count ann /etc/pip.conf && grep --count ann /etc/uv/uv.toml && echo ${OWNER} > /owner
COPY pyproject.toml . /context/
RUN --mount=type=bind,target=/bound test -e /context/apps/svc_safe && \\
    ! find /context /bound -path '*/.slipway*' -o -name pip.conf -o -name uv.toml | grep .
USER 10001:10001
HEALTHCHECK --interval=1m --start-interval=100ms --start-period=9s CMD ["true"]
CMD ["sleep", "infinity"]
"""
#: Says the secret aloud in every form, one of them in two pieces with a second between them.
ALOUD = """\
import base64, re, time
from urllib.parse import quote, unquote
sent = re.search("//ann:(.*)@", open("/etc/pip.conf").read())[1]
told = unquote(sent)
for text in (sent, told, quote(told), told.encode().hex(), base64.encodebytes(b"user:" + told.encode() * 3).decode()):
    print("it is", text, flush=True)
for piece in ("cut ", told[:20], told[20:], " here"):
    print(piece, end="", flush=True)
    time.sleep(0.4)
"""
TALK = """\
ARG PYTHON_IMAGE
FROM ${PYTHON_IMAGE}
ARG OWNER
COPY apps/svc_talk/aloud.py /aloud.py
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf echo ${OWNER} && python3 /aloud.py
"""


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[str]:
    """host:port of a registry that lets in ann with the canary for a password."""
    with a_login_registry(tmp_path, LOGIN) as host:
        yield host


@pytest.fixture
def vault(stack: Stack, guarded: str) -> Repository:
    """A repository whose pip index and registry ask for a password; both are in files, as an operator keeps them."""
    made = stack("blank", REGISTRY=guarded, PYTHON_IMAGE=PYTHON_IMAGE)
    made.write("apps/svc_safe/Dockerfile", SAFE)
    made.write(".dockerignore", ".env\n.git\n")
    kept = made.root.parent
    (kept / "pip.conf").write_text(f"[global]\nindex-url = https://ann:{quote(INDEX, safe='')}@index.example/simple\n")
    (kept / "docker").mkdir()
    login = base64.b64encode(f"ann:{LOGIN}".encode()).decode()
    (kept / "docker/config.json").write_text(json.dumps({"auths": {guarded: {"auth": login}}}))
    return made


def invoke(vault: Repository, *words: str) -> Ran:
    kept = vault.root.parent
    return vault.invoke(*words, PIP_CONFIG_FILE=str(kept / "pip.conf"), DOCKER_CONFIG=str(kept / "docker"))


@SMOKE
@pytest.mark.fault("X02", "X08", "X11", "X32")
def test_canaries_through_build_release_and_smoke(vault: Repository) -> None:
    """The registry gets the image, its documents and the record."""
    vault.write("pyproject.toml", '[tool.slipway]\nattach = ["provenance"]\n')
    with Watch(CANARIES, vault.root) as watch:
        told = [invoke(vault, "build", "--json").ok()]
        recorded = dict(of_build_history("svc-safe", vault.settings["OWNER"]))
        told += [invoke(vault, "release", "--no-smoke").ok(), invoke(vault, "smoke", "svc-safe").ok()]
    said = {f"{number} {where}": text.encode() for number, ran in enumerate(told) for where, text in vars(ran).items()
            if isinstance(text, str)}  # fmt: skip
    assert any(b"buildx bake" in command for command in watch.commands), "it was watched while it built"
    assert any(b"pytest" in command for command in watch.commands), "and while it tested"
    assert watch.told == {}
    assert CANARIES.where(said) == {}
    assert CANARIES.where(of_image(vault.reference("svc-safe"), root=PYTHON_IMAGE)) == {}
    assert CANARIES.where(recorded) == {}
    assert {place.split()[1] for place in recorded} == {"record", "provenance", "log"}
    written = dict(of_folder(vault.root))
    assert {"run.json", "journal.jsonl", "svc-safe.log", "pytest.log"} <= {Path(path).name for path in written}
    assert CANARIES.where(written) == {}
    left = {path: data for path, data in of_folder(vault.root.parent / "docker") if not path.endswith("/config.json")}
    assert not left or CANARIES.where(left) == {}
    login = base64.b64encode(f"ann:{LOGIN}".encode()).decode()
    assert vault.published("svc-safe", login=login), "the password was of use"
    registry, owner = vault.settings["REGISTRY"], vault.settings["OWNER"]
    kept = dict(of_registry(registry, owner, ("svc-safe", "releases"), login))
    statements = {place.split()[0] for place in kept if place.endswith(" application/vnd.in-toto+json")}
    assert statements == {"svc-safe", "releases"}
    assert CANARIES.where(kept) == {}


@pytest.mark.fault("X03", "X08")
@pytest.mark.parametrize("fails", [False, True])
def test_a_step_that_says_a_secret_aloud(vault: Repository, fails: bool) -> None:
    vault.write("apps/svc_talk/aloud.py", ALOUD + "raise SystemExit(told)\n" * fails)
    vault.write("apps/svc_talk/Dockerfile", TALK)
    ran = invoke(vault, "build", "svc-talk", "--json")
    recorded = dict(of_build_history("svc-talk", vault.settings["OWNER"]))
    if fails:
        ran.failed(6, "build svc-talk: RUN")
    else:
        ran.ok()
    log = vault.runs()[-1] / "svc-talk.log"
    lines = log.read_text().splitlines()
    assert [line for line in lines if line.startswith("it is")][:4] == ["it is ***"] * 4
    assert any(line.startswith("it is ") and line != "it is ***" for line in lines), "base64, begun by another's bytes"
    assert any("cut ***" in line for line in lines), "cut in two"
    assert log.stat().st_mode & 0o777 == 0o600
    assert CANARIES.where({"stdout": ran.stdout.encode(), "stderr": ran.stderr.encode()}) == {}
    assert CANARIES.where(of_folder(vault.root / ".slipway")) == {}
    assert CANARIES.where(recorded), "it did say them aloud"


@pytest.mark.fault("X02", "X08")
def test_a_secret_in_env_reaches_nothing(vault: Repository) -> None:
    """As a build arg of a stage that is thrown away it would stay in the engine's build history."""
    stage = "FROM ${PYTHON_IMAGE} AS builder\nARG API_TOKEN\nRUN echo ${API_TOKEN} | sha256sum > /sum\n"
    uses = f"{stage}FROM ${{PYTHON_IMAGE}}\nCOPY --from=builder /sum /sum\n"
    vault.write("apps/svc_safe/Dockerfile", SAFE.replace("FROM ${PYTHON_IMAGE}\n", uses))
    vault.configure(API_TOKEN=f"'{TOKEN}'")
    with Watch(CANARIES) as watch:
        told = [invoke(vault, *words) for words in (("config",), ("plan", "--json"), ("build",))]
    assert [ran.code for ran in told][1:] == [10, 10]
    told[2].failed(10, "API_TOKEN", "RUN --mount=type=secret")
    assert "API_TOKEN" in told[0].stdout
    assert watch.told == {}
    assert CANARIES.where({str(number): (ran.stdout + ran.stderr).encode() for number, ran in enumerate(told)}) == {}
    assert not (vault.root / ".slipway/runs").exists(), "nothing was written"
    assert dict(of_build_history("svc-safe", vault.settings["OWNER"])) == {}, "nothing was built"


@pytest.mark.fault("X02", "X11")
def test_the_search_finds_secrets_that_leak(tmp_path: Path) -> None:
    """The control: a build arg, one of a thrown away stage, a file deleted later, a process, a file; each is found."""
    tag = f"t-canary-{secrets.token_hex(4)}"
    (tmp_path / tag).mkdir()
    (tmp_path / tag / "Dockerfile").write_text(
        "FROM t-slipway-root:1 AS builder\nARG INDEX\nRUN echo ${INDEX} | sha256sum > /sum\n"
        "FROM t-slipway-root:1\nARG LOGIN\nRUN echo ${LOGIN} | sha256sum > /other\nCOPY --from=builder /sum /sum\n"
        "RUN --mount=type=secret,id=token cat /run/secrets/token > /kept\nRUN rm /kept\n"
    )
    (tmp_path / "token").write_text(TOKEN)
    given = ("--build-arg", f"INDEX={INDEX}", "--build-arg", f"LOGIN={LOGIN}")
    folder, secret = str(tmp_path / tag), f"id=token,src={tmp_path / 'token'}"
    try:
        with Watch(CANARIES, tmp_path / tag) as watch:
            docker("buildx", "build", "--quiet", "--load", "--tag", tag, "--secret", secret, *given, folder)
            shown = subprocess.Popen(["sleep", "30"], env={**os.environ, "SHOWN": TOKEN})
            try:
                wait_until(lambda: {"token"} in watch.told.values(), "the watch sees an environment")
                (tmp_path / tag / "secret").write_text(TOKEN)
                wait_until(lambda: str(tmp_path / tag / "secret") in watch.told, "the watch sees a file")
            finally:
                shown.kill()
                shown.wait()
        found = CANARIES.where(of_image(tag))
    finally:
        docker("rmi", "--force", tag, check=False)
    assert found["history"] == {"login"}
    assert "login" in set.union(*(names for place, names in found.items() if place != "history"))
    assert any("token" in names for place, names in found.items() if place not in ("history", "config")), "a layer"
    assert not any("index" in names for names in found.values()), "not in the image, and yet:"
    recorded = CANARIES.where(of_build_history(tag, "INDEX"))
    assert {place.split()[1] for place in recorded} >= {"record", "provenance"}
    assert all({"index", "login"} <= names for place, names in recorded.items() if not place.endswith(" log"))
    assert any({"index", "login"} <= names for names in watch.told.values()), "buildx's own command line"
    wrapped = [base64.encodebytes(b"x" * lead + TOKEN.encode()).decode() for lead in range(70)]
    for text in (TOKEN, quote(TOKEN), TOKEN.encode().hex(), *wrapped):
        assert CANARIES.found(f"a {text} b".encode()) == {"token"}
