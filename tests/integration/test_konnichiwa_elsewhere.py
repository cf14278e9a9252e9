"""svc-konnichiwa for the other architecture, amd64 or arm64: built and run under emulation. ``nox -s soak`` runs this.

A machine that cannot emulate fails this test with the command that installs the emulator; nothing is skipped.
"""

from __future__ import annotations

import json
import os
import platform
import secrets
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from slipway.config.settings import load
from tests.rig.outside import LABEL, docker
from tests.rig.stacks import ROOT

pytestmark = [pytest.mark.integration, pytest.mark.soak]
#: This machine → the other architecture, as Docker and as the kernel call it.
OTHER = {"x86_64": ("arm64", "aarch64"), "aarch64": ("amd64", "x86_64")}
KEY = secrets.token_hex(16)


def make_root_image(architecture: str) -> str:
    """A Debian with Python for ``architecture``. It is kept, because it takes minutes to make."""
    name = f"slipway-python:3.11-bookworm-{architecture}"
    if not docker("images", "--quiet", name):
        packages = "python3,python3-venv,python3-pip,ca-certificates"
        make = ["mmdebstrap", "--quiet", f"--arch={architecture}", "--variant=minbase", f"--include={packages}"]
        link = '--customize-hook=ln -s python3 "$1/usr/bin/python"'
        made = subprocess.Popen([*make, link, "bookworm", "-"], stdout=subprocess.PIPE)
        imported = ["docker", "import", "--platform", f"linux/{architecture}", "-", name]
        subprocess.run(imported, stdin=made.stdout, check=True, timeout=1500)
        assert made.wait() == 0
    return name


@contextmanager
def running(image: str, architecture: str) -> Iterator[str]:
    """The address of a container of the image, read-only and without a tmpfs."""
    closed = ["--read-only", "--cap-drop", "ALL", "--env", f"API_KEY={KEY}", "--publish", "127.0.0.1::4000"]
    container = docker("run", "--detach", "--label", LABEL, "--platform", f"linux/{architecture}", *closed, image)
    try:
        yield f"http://{docker('port', container, '4000')}"
    finally:
        docker("rm", "--force", container)


def inspect(address: str) -> Any:
    request = urllib.request.Request(f"{address}/inspect", headers={"Authorization": f"Bearer {KEY}"})
    deadline = time.monotonic() + 120
    while True:
        try:
            with urllib.request.urlopen(request, timeout=30) as reply:
                return json.load(reply)
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.5)


def test_it_is_built_and_answers() -> None:
    architecture, machine = OTHER[platform.machine()]
    emulator = Path(f"/proc/sys/fs/binfmt_misc/qemu-{machine}")
    assert emulator.exists(), f"no emulator for {machine}: apt-get install qemu-user-static binfmt-support arch-test"
    settings = load(ROOT)
    owner = f"t-{secrets.token_hex(4)}"
    given = {"PLATFORMS": f"linux/{architecture}", "PYTHON_IMAGE": make_root_image(architecture), "OWNER": owner}
    try:
        build = [sys.executable, "-m", "invoke", "build", "svc-konnichiwa"]
        subprocess.run(build, cwd=ROOT, env=os.environ | given, check=True, timeout=1800)
        image = f"{settings['REGISTRY']}/{owner}/svc-konnichiwa:{settings.version('service')}"
        assert docker("image", "inspect", "--format", "{{.Os}}/{{.Architecture}}", image) == given["PLATFORMS"]
        with running(image, architecture) as address:
            assert inspect(address)["architecture"] == machine
    finally:
        made = docker("images", "--format", "{{.Repository}}:{{.Tag}}", f"{settings['REGISTRY']}/{owner}/*").split()
        docker("rmi", "--force", *made)
