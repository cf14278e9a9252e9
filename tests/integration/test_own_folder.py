"""slipway's own folder enters no image, whatever part of the repository is sent, and makes none refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.rig.canaries import Canaries, of_image

if TYPE_CHECKING:
    from tests.rig.hosts import BuildHost
    from tests.rig.stacks import Repository

    Stack = Callable[..., Repository]

pytestmark = pytest.mark.integration
CANARY = "canary-8d1f6a0c"
FROM = "ARG PYTHON_IMAGE=python:3.12-slim\nFROM ${PYTHON_IMAGE}\n"
BASE = "ARG REGISTRY\nARG OWNER\nARG BASE_VERSION\nFROM ${REGISTRY}/${OWNER}/base-on:${BASE_VERSION}\n"
NAMED = FROM.replace("FROM", "FROM scratch AS wheelhouse\nFROM")
#: A source that only the root has makes the root the context.
ROOT = "COPY pyproject.toml /p\n"
DOCKERFILES = {
    "infra/docker/base-on.Dockerfile": f"{FROM}ONBUILD COPY pyproject.toml /p\nONBUILD COPY . /on\n",
    "apps/svc_child/Dockerfile": f"{BASE}RUN ls -aR /on > /seen\n",
    "apps/svc_copy/Dockerfile": f"{FROM}{ROOT}COPY . /src\nRUN ls -aR /src > /seen\n",
    "apps/svc_add/Dockerfile": f"{FROM}{ROOT}ADD . /src\n",
    "apps/svc_glob/Dockerfile": f"{FROM}{ROOT}COPY .s* * /src/\n",
    "apps/svc_mount/Dockerfile": f"{FROM}{ROOT}RUN --mount=type=bind,target=/m ls -aR /m > /seen && cp -r /m /all\n",
    "apps/svc_named/Dockerfile": f"{NAMED}{ROOT}COPY --from=wheelhouse . /w\n",
    "apps/svc_own/Dockerfile": f"{FROM}COPY own.txt /\nCOPY . /src\n",
    "apps/svc_rules/Dockerfile": f"{FROM}{ROOT}COPY . /src\n",
}
FILES = {
    "apps/svc_own/own.txt": "its context is its own folder\n",
    "apps/svc_rules/Dockerfile.dockerignore": "*\n!pyproject.toml\n!.slipway\n!**/.slipway/**",
    "kept.txt": "kept\n",
}
#: Where each image has what it was sent.
FOLDERS = {"svc-child": "/on", "svc-mount": "/all", "svc-named": "/w"}
EXPECTED = {"svc-own": "own.txt", "svc-rules": "pyproject.toml", "svc-between": "shared.txt"}
#: Where state may lie: slipway's own, a neighbour's below it, one that a task left in a service's folder.
PLACES = (".slipway/runs/1/x.log", "libs/kit/.slipway/cache/stat.json", "apps/svc_own/.slipway/inputs/x")


#: A Dockerfile that is a link, and whose context lies between its folder and the root.
LINKED = {"images/between": f"{FROM}COPY shared.txt svc_between /src/\n", "apps/shared.txt": "of all services\n"}


@pytest.fixture
def everything(stack: Stack) -> Repository:
    """Images that read all they can, in a repository without an ignore file."""
    made = stack("blank")
    for path, text in {**DOCKERFILES, **FILES, **LINKED, **dict.fromkeys(PLACES, CANARY)}.items():
        made.write(path, text)
    made.write("apps/svc_between/between.txt", "").with_name("Dockerfile").symlink_to("../../images/between")
    made.write(".dockerignore", ".git\n.env\n")
    return made


@pytest.mark.fault("B50", "B51")
def test_slipways_own_folder_enters_no_image(everything: Repository, cli: Callable[..., str]) -> None:
    names = set(everything.steps("plan")) - {"base-on"}
    everything.configure(WHEELHOUSE=str(everything.root))
    everything.invoke("build").ok()
    assert everything.status() == dict.fromkeys({"base-on", *names}, "built")
    for name in names:
        reference = everything.reference(name)
        assert Canaries({"own": CANARY}).where(of_image(reference)) == {}, name
        held = cli("run", "--rm", reference, "ls", "-aR", FOLDERS.get(name, "/src"))
        assert ".slipway" not in held, name
        assert EXPECTED.get(name, "kept.txt") in held, name
        if name in ("svc-child", "svc-copy", "svc-mount"):
            assert ".slipway" not in cli("run", "--rm", reference, "cat", "/seen")
    assert {action for action, _ in everything.steps("plan").values()} == {"reuse"}, "what a run writes does not count"


@pytest.mark.fault("B50", "B51")
def test_slipways_own_folder_does_not_reach_a_build_host(everything: Repository, build_host: BuildHost) -> None:
    everything.configure(WHEELHOUSE=str(everything.root), **build_host.settings)
    names = ("svc-copy", "svc-mount", "svc-named", "svc-child", "svc-between")
    everything.invoke("build", "--remote", "base-on", *names).ok()
    for name in names:
        held = build_host.sh(f"docker run --rm {everything.reference(name)} ls -aR {FOLDERS.get(name, '/src')}")
        assert ".slipway" not in held and EXPECTED.get(name, "kept.txt") in held, name
    found = build_host.sh("grep -rl canary-8d1f6a0c /var/tmp/slipway || true")
    assert found == ""
