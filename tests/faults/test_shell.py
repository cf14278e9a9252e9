"""Faults of the shell around a task: broken pipes, full disks, terminals without Unicode, closed streams."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys

import pytest

from tests.rig.offline import Offline


def shell(shop: Offline, script: str) -> subprocess.CompletedProcess[str]:
    """Run a line of bash in which ``invoke`` is this environment's."""
    script = f'invoke() {{ {shlex.quote(sys.executable)} -m invoke "$@"; }}\n{script}'
    argv = ["bash", "-c", script]
    return subprocess.run(argv, cwd=shop.root, env=shop.environment({}), capture_output=True, text=True)


@pytest.mark.process
@pytest.mark.fault("U32")
@pytest.mark.parametrize("words", [("config",), ("config", "--json"), ("plan", "nosuch", "--json")])
def test_a_reader_that_leaves(shop: Offline, words: tuple[str, ...]) -> None:
    """No process reads the pipe from the start, so the first write fails whenever it comes."""
    read, write = os.pipe()
    os.close(read)
    argv = [sys.executable, "-m", "invoke", *words]
    try:
        done = subprocess.run(
            argv, cwd=shop.root, env=shop.environment({}), stdout=write, stderr=subprocess.PIPE, text=True
        )
    finally:
        os.close(write)
    failed = "error: nosuch: matches no image (5 known)\nhint:  known: "
    assert done.stderr.startswith(failed) if "nosuch" in words else not done.stderr
    assert done.returncode == (2 if "nosuch" in words else 141)
    assert not (shop.root / ".slipway/bug.log").exists()


@pytest.mark.process
@pytest.mark.fault("U33")
def test_a_full_stdout(shop: Offline) -> None:
    done = shell(shop, "invoke config > /dev/full")
    assert (done.returncode, done.stderr) == (3, "error: stdout: No space left on device\n")
    assert shell(shop, "invoke plan nosuch 2> /dev/full").returncode == 2


@pytest.mark.process
def test_closed_streams(shop: Offline) -> None:
    assert shell(shop, "invoke config >&-").returncode == 0
    assert shell(shop, "invoke config <&- 2>&-").stdout.startswith("REGISTRY")


@pytest.mark.fault("U34")
def test_a_terminal_without_unicode(shop: Offline) -> None:
    """slipway's own marks have their equals in ASCII, a file's name is escaped, and JSON can be read."""
    shop.configure(GREETING="caf\N{LATIN SMALL LETTER E WITH ACUTE}")
    shop.append("apps/svc_cart/Dockerfile", "ARG GREETING\n")
    shown = shop.invoke("config", PYTHONIOENCODING="ascii").stdout
    assert r"caf\xe9" in shown
    told = json.loads(shop.invoke("config", "--json", PYTHONIOENCODING="ascii").stdout)
    assert "caf\N{LATIN SMALL LETTER E WITH ACUTE}" in [entry["value"] for entry in told]


@pytest.mark.fault("C32")
def test_an_image_that_is_called_as_a_task(shop: Offline) -> None:
    """Its name on the command line would call the task: ``invoke build push`` must not push all that there is."""
    for name in ("push", "images"):
        shop.write(f"apps/{name}/Dockerfile", "FROM scratch\n")
    for line in (("plan",), ("build", "push"), ("plan", "--", "push")):
        shop.refused(
            2,
            "error: apps/images/Dockerfile: images ",
            "error: apps/push/Dockerfile: push ",
            "hint:  rename it, or set its name in the table of images",
            task=line,
        )
    for name in ("push", "images"):
        shutil.rmtree(shop.root / "apps" / name)
    shop.write("apps/-push/Dockerfile", "FROM scratch\n")
    shop.refused(2, "error: apps/-push/Dockerfile: push ")


@pytest.mark.fault("C32")
def test_words_after_two_dashes_are_names(shop: Offline) -> None:
    shop.refused(2, "error: svc-crat: ", task=("plan", "svc-sign", "--", "svc-crat"))
    shop.refused(2, "error: push: ", task=("plan", "--", "push"))


@pytest.mark.fault("U35")
def test_remote_clean_asks_or_refuses(shop: Offline) -> None:
    """Without a terminal it refuses before it contacts the build host."""
    shop.invoke("remote-clean", "--host", "me@nowhere.invalid").failed(
        2,
        "error: remote-clean: ",
        "invoke remote-clean --yes",
    )
