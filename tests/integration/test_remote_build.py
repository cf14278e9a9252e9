"""Building on a real second host: what travels, what is built there, what stays when the link is cut."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.rig.hosts import BuildHost
    from tests.rig.stacks import Repository

    Stack = Callable[..., Repository]
    Until = Callable[..., None]

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("another build host")]
SHOP = {"base-floor", "base-counter", "svc-cart", "svc-till", "svc-sign"}


@pytest.fixture
def shop(stack: Stack, build_host: BuildHost) -> Repository:
    made = stack("shop")
    made.configure(**build_host.settings)
    return made


def tags_there(host: BuildHost, repository: Repository) -> set[str]:
    listed = host.sh("docker images --format '{{.Repository}}:{{.Tag}}'").split()
    return {tag.removeprefix(f"{repository.prefix}/") for tag in listed if tag.startswith(repository.prefix)}


def runs_there(host: BuildHost) -> list[str]:
    """The folders of all runs there, newest first."""
    return host.sh("ls -td /var/tmp/slipway/builder/*/runs/* 2>/dev/null || true").split()


def test_a_remote_plan_shows_how_many_files_it_would_sync(shop: Repository, build_host: BuildHost) -> None:
    before = runs_there(build_host)
    assert re.search(r"^note: 11 files, 809 B ", shop.invoke("plan", "--remote").ok().stderr, re.M)
    dry = shop.invoke("build", "svc-sign", "--remote", "--dry-run").ok()
    assert re.search(r"^note: 2 files, \d+ B ", dry.stderr, re.MULTILINE)
    assert shop.json("plan", "svc-sign", "--remote")["needed"]["files"] == 2
    assert runs_there(build_host) == before
    shop.invoke("build", "--remote").ok()
    again = shop.invoke("plan", "--remote").ok()
    assert " files, " not in again.stderr
    assert shop.json("plan", "--remote")["needed"] == {"files": 0, "bytes": 0}


@pytest.mark.both_stores
def test_an_image_on_the_build_host_is_neither_synced_nor_built(shop: Repository, build_host: BuildHost) -> None:
    built = shop.invoke("build", "--remote").ok()
    assert re.search(r"note: synced \d+ files, [\d,]+ bytes sent", built.stderr)
    said = build_host.sh(f"docker run --rm {shop.reference('svc-till')} cat /floor.txt /shop/total.txt")
    assert said == "oak\ntea 2"
    before = runs_there(build_host)
    again = shop.invoke("build", "--remote").ok()
    assert "bytes sent" not in again.stderr and "3 to reuse" in again.stdout
    assert runs_there(build_host) == before
    assert {action for action, _ in shop.steps("plan").values()} == {"build"}, "here nothing is built yet"


def test_the_equal_files_of_an_earlier_run_are_linked(shop: Repository, build_host: BuildHost) -> None:
    shop.invoke("build", "svc-cart", "--remote").ok()
    shop.write("apps/svc_cart/cart.txt", "coffee\n")
    shop.invoke("build", "svc-cart", "--remote").ok()
    newest = runs_there(build_host)[0]
    sent = build_host.sh(f"cd {newest}/tree && find . -type f -links 1").split()
    assert sent == ["./apps/svc_cart/cart.txt"]


@pytest.mark.fault("X05")
def test_only_files_that_the_builds_read_are_sent(shop: Repository, build_host: BuildHost) -> None:
    denied = shop.write("libs/counter/.env", "TOKEN=1\n")
    shop.write("unread.txt", "nobody reads this\n")
    before = runs_there(build_host)
    shop.invoke("build", "--remote").failed(10, "libs/counter/.env")
    assert runs_there(build_host) == before, "nothing was sent"
    denied.unlink()
    shop.invoke("build", "--remote").ok()
    tree = f"{runs_there(build_host)[0]}/tree"
    everything = build_host.sh(f"cd {tree} && find . -type f | sort").split()
    assert "./libs/floor.txt" in everything
    assert not [path for path in everything if "unread" in path or ".env" in path or ".git" in path]
    shop.write("apps/svc_cart/cart.txt", "another cart\n")
    shop.invoke("build", "svc-cart", "--remote").ok()
    tree = f"{runs_there(build_host)[0]}/tree"
    assert build_host.sh(f"cd {tree} && find apps -type f | sort").split() == [
        *("apps/svc_cart/Dockerfile", "apps/svc_cart/cart.txt"),
    ]
    assert build_host.sh(f"docker run --rm {shop.reference('svc-cart')} cat /shop/cart.txt") == "another cart"


#: slipway asks rsync for its version before each build. Any other use fails.
WITHOUT_RSYNC = '#!/bin/sh\n[ "$1" = --version ] && exec /usr/bin/rsync --version\necho no >&2; exit 9\n'


#: The sign's files after the edit "two".
SIGN = ["Dockerfile", "more-two", "sign.sh", "sign.txt"]


def edit(shop: Repository, text: str) -> None:
    """Change the sign's program, and add and remove a file beside it."""
    folder = shop.root / "apps/svc_sign"
    (folder / "sign.sh").write_text(f"#!/bin/sh\necho {text}\n")
    dockerfile = folder / "Dockerfile"
    dockerfile.write_text(dockerfile.read_text().partition("# now")[0] + f"# now {text}\nCOPY apps/svc_sign /of/sign\n")
    for number, old in enumerate(folder.glob("more-*")):
        old.unlink()
        assert number == 0
    (folder / f"more-{text}").write_text(text)


def test_a_small_edit_travels_with_the_job(shop: Repository, build_host: BuildHost) -> None:
    edit(shop, "one")
    shop.invoke("build", "svc-sign", "--remote").ok()
    edit(shop, "two")
    with build_host.instead("rsync", WITHOUT_RSYNC):
        ran = shop.invoke("build", "svc-sign", "--remote").ok()
    assert re.search(r"note: synced \d+ files, [\d,]+ bytes sent", ran.stderr)
    newest = runs_there(build_host)[0]
    assert build_host.sh(f"ls {newest}/tree/apps/svc_sign").split() == SIGN
    assert build_host.sh(f"cat {newest}/tree/apps/svc_sign/sign.sh").splitlines()[-1] == "echo two"


@pytest.mark.fault("S35")
@pytest.mark.parametrize("fault", ["rm -rf {}", "echo more >> {}/apps/svc_sign/sign.sh", "touch {}/more"])
def test_an_earlier_tree_that_changed_there_is_not_used(shop: Repository, build_host: BuildHost, fault: str) -> None:
    """The comparison before the job finds the difference, and rsync sends the tree."""
    edit(shop, "one")
    shop.invoke("build", "svc-sign", "--remote").ok()
    build_host.sh(fault.format(f"{runs_there(build_host)[0]}/tree"), user="builder")
    edit(shop, "two")
    (shop.root / "apps/svc_sign/sign.sh").write_text("#!/bin/sh\necho one\n")
    with build_host.instead("rsync", WITHOUT_RSYNC):
        assert shop.invoke("build", "svc-sign", "--remote", "--json").failed(5).codes == ["sync-failed"]
    shop.invoke("build", "svc-sign", "--remote").ok()
    tree = f"{runs_there(build_host)[0]}/tree"
    assert build_host.sh(f"ls {tree}/apps/svc_sign").split() == SIGN
    assert build_host.sh(f"cat {tree}/apps/svc_sign/sign.sh").splitlines()[-1] == "echo one"
    assert build_host.sh(f"ls {tree}") == "apps"


def test_named_contexts_reach_the_build_host(shop: Repository, build_host: BuildHost) -> None:
    """A folder's read files are sent, and no others; an image of the stack is the one that is built there."""
    contexts = '{ contexts = { kit = "kits/tea", base = "target:base-floor" } }'
    shop.write("pyproject.toml", f'[tool.slipway.images]\n"apps/svc_cart/Dockerfile" = {contexts}\n')
    shop.write("apps/svc_cart/Dockerfile", "FROM base\nCOPY --from=kit leaf.txt /\nCOPY cart.txt /shop/\n")
    shop.write("kits/tea/leaf.txt", "oolong\n")
    shop.write("kits/tea/unread.txt", "nobody reads this\n")
    shop.invoke("build", "svc-cart", "--remote").ok()
    assert shop.status() == {"base-floor": "built", "svc-cart": "built"}
    sent = build_host.sh(f"cd {runs_there(build_host)[0]}/tree && find . -name '*.txt' | sort").split()
    assert "./kits/tea/leaf.txt" in sent and "./kits/tea/unread.txt" not in sent
    said = build_host.sh(f"docker run --rm {shop.reference('svc-cart')} cat /floor.txt /leaf.txt")
    assert said == "oak\noolong"
    shop.write("kits/tea/leaf.txt", "assam\n")
    assert shop.steps("plan", "svc-cart", "--remote")["svc-cart"] == ("build", "kits/tea/leaf.txt changed")


def test_a_failed_image_there(shop: Repository, build_host: BuildHost) -> None:
    dockerfile = shop.root / "infra/docker/base-counter.Dockerfile"
    dockerfile.write_text(dockerfile.read_text() + "RUN echo broken >&2 && exit 3\n")
    ran = shop.invoke("build", "--remote")
    ran.failed(6, "build base-counter: ", "exit code: 3", "1 skipped", "(invoke build base-counter --remote ")
    assert shop.status() == {
        "base-floor": "built",
        "svc-sign": "built",
        "svc-cart": "built",
        "base-counter": "failed",
        "svc-till": "skipped",
    }
    assert "svc-till:v1" not in tags_there(build_host, shop)


@pytest.mark.fault("C20")
def test_equal_size_and_time_with_other_bytes_is_built(shop: Repository, build_host: BuildHost) -> None:
    """rsync does not see it, the comparison before the job begins does."""
    cart = shop.write("apps/svc_cart/cart.txt", "one\n")
    shop.invoke("build", "--remote").ok()
    stamp = cart.stat()
    cart.write_text("two\n")
    os.utime(cart, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    shop.invoke("build", "--remote").ok()
    assert build_host.sh(f"docker run --rm {shop.reference('svc-cart')} cat /shop/cart.txt") == "two"


LONG = "RUN echo climbing && sleep {seconds} && echo there > /top\n"


def climb(shop: Repository, until: Until, seconds: int) -> subprocess.Popen[str]:
    """A build there whose cart takes so long, once it has begun to."""
    dockerfile = shop.root / "apps/svc_cart/Dockerfile"
    dockerfile.write_text(dockerfile.read_text() + LONG.format(seconds=seconds))
    process = shop.start("build", "--remote")

    def climbing() -> bool:
        logs = [run / "svc-cart.log" for run in shop.runs()[-1:]]
        return process.poll() is not None or any("climbing" in log.read_text() for log in logs if log.exists())

    until(climbing, "the long step", 60)
    return process


@pytest.mark.fault("B03")
def test_ctrl_c_ends_the_build_there(shop: Repository, build_host: BuildHost, until: Until) -> None:
    with climb(shop, until, 240) as process:
        assert "buildx bake" in build_host.processes()
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=30)
    assert process.returncode == 130, stderr
    assert "buildx bake" not in build_host.processes()
    until(lambda: "sleep 240" not in build_host.processes(), "the end of the step")
    assert build_host.sh("ls -d /var/tmp/slipway/builder/*/runs/*/secrets 2>/dev/null || true") == ""


@pytest.mark.fault("S08")
def test_a_link_that_is_cut_does_not_end_the_build(shop: Repository, build_host: BuildHost, until: Until) -> None:
    with climb(shop, until, 6) as process:
        assert build_host.cut()
        stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 0, stdout + stderr
    assert "note: connection lost" in stderr and "note: connected again" in stderr
    assert shop.status()["svc-cart"] == "built"
    assert build_host.sh(f"docker run --rm {shop.reference('svc-cart')} cat /top") == "there"


@pytest.mark.fault("B04", "S09")
def test_a_client_that_is_killed_does_not_end_the_build(shop: Repository, build_host: BuildHost, until: Until) -> None:
    with climb(shop, until, 6) as process:
        process.kill()
        process.communicate(timeout=30)
    until(
        lambda: {f"{name}:v1" for name in SHOP} <= tags_there(build_host, shop), "all images, the last wave's too", 90
    )
    secrets = "ls -d /var/tmp/slipway/builder/*/runs/*/secrets 2>/dev/null || true"
    until(lambda: build_host.sh(secrets) == "", "the end of the job, and that of its secrets")
    assert shop.invoke("build", "--remote").ok().stdout.count("reuse") > 1
    assert not [*Path(tempfile.gettempdir()).glob(f"slipway-{process.pid}-*")], "the next run sweeps"


@pytest.mark.fault("S16")
def test_a_host_of_another_architecture(shop: Repository, build_host: BuildHost) -> None:
    here = {step["image"]: step["input_digest"] for step in shop.json("plan", "--remote")["steps"]}
    arm = '/usr/bin/docker "$@" | sed -u s,amd64,arm64,g'
    with build_host.instead("docker", f"#!/bin/sh\n{arm}\n"):
        there = {step["image"]: step["input_digest"] for step in shop.json("plan", "--remote")["steps"]}
    assert here.keys() == there.keys()
    assert not set(here.values()) & set(there.values()), "the platform is part of what an image is made of"


@pytest.mark.fault("S24")
def test_output_there_that_floods_and_would_paint(shop: Repository) -> None:
    dockerfile = shop.root / "apps/svc_cart/Dockerfile"
    flood = "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i + 1)); done; printf '\\033[31mred\\007\\n'; exit 4"
    dockerfile.write_text(f"{dockerfile.read_text()}RUN {flood}\n")
    ran = shop.invoke("build", "--remote").failed(6, "exit code: 4", "\\x1b[31mred")
    assert "\x1b" not in ran.stdout + ran.stderr
    assert "line 19999" in (shop.runs()[-1] / "svc-cart.log").read_text()
