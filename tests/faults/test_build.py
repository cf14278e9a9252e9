"""Faults of a build, against the real engine: the error, the kept images, the removed ones."""

from __future__ import annotations

import json
import re
import secrets
import shlex
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from slipway.config.environment import surroundings

if TYPE_CHECKING:
    from tests.rig.stacks import Repository

    Stack = Callable[..., Repository]
    Processes = Callable[[Path], Sequence[str]]
    Cli = Callable[..., str]

pytestmark = pytest.mark.integration


def extend(repository: Repository, path: str, more: str) -> None:
    repository.write(path, (repository.root / path).read_text() + more)


def journal(repository: Repository, field: str) -> list[object]:
    """The values of ``field`` in the newest run's journal."""
    lines = (repository.runs()[-1] / "journal.jsonl").read_text().splitlines()
    return [entry[field] for entry in map(json.loads, lines) if field in entry]


@pytest.mark.fault("B01")
def test_fail_fast_ends_at_the_first_failure(stack: Stack) -> None:
    mill = stack("mill")
    mill.write("libs/wheel.txt", secrets.token_hex(8))
    ran = mill.invoke("build", "--fail-fast").failed(6, "build base-stone: RUN cat /stone.txt && grep whole")
    assert len(mill.bakes()) == 1
    assert mill.status()["base-stone"] == "failed"
    assert mill.status()["svc-grind"] == "skipped"
    assert mill.record()["svc-cart"]["detail"] in ("not started: base-stone failed", "base-wheel failed")
    skipped = {name for name, status in mill.status().items() if status == "skipped"}
    assert not {f"{name}:v1" for name in (*skipped, "base-stone")} & mill.tags()
    assert re.search(r"svc-cart +skipped +not started: base-stone failed", ran.stdout)


@pytest.mark.fault("B07")
def test_a_version_tag_that_was_moved_is_not_built_on(stack: Stack, cli: Cli, root_image: str) -> None:
    shop = stack("shop")
    shop.invoke("build").ok()
    right = shop.image_id(shop.reference("base-floor"))
    cli("tag", root_image, shop.reference("base-floor"))
    assert shop.image_id(shop.reference("base-floor")) != right
    shop.write("apps/svc_cart/cart.txt", "another cart\n")
    assert shop.steps("plan", "svc-cart")["base-floor"][0] == "tag"
    shop.invoke("build", "svc-cart").ok()
    assert cli("run", "--rm", shop.reference("svc-cart"), "cat", "/floor.txt", "/shop/cart.txt") == "oak\nanother cart"
    assert shop.image_id(shop.reference("base-floor")) == right


@pytest.fixture
def own_root(cli: Cli, root_image: str) -> Iterator[str]:
    """A root image of the test's own: its tag may move."""
    name = f"t-slipway-moving-{secrets.token_hex(4)}:1"
    cli("tag", root_image, name)
    yield name
    cli("rmi", "--force", name)


@pytest.mark.fault("B07")
def test_a_build_fails_when_its_root_image_moves_meanwhile(
    stack: Stack, cli: Cli, own_root: str, root_image: str
) -> None:
    tower = stack("tower", PYTHON_IMAGE=own_root)
    tower.write("libs/wait.sh", f"sleep 2 && echo {secrets.token_hex(4)}\n")
    shown = tower.json("plan")["roots"][own_root]
    assert shown == cli("image", "inspect", "--format", "{{.Id}}", own_root)
    other = f"FROM {root_image}\nLABEL slipway.test=moved\n"
    with tower.start("build") as process:
        assert process.stderr
        assert any("step  RUN" in line for line in process.stderr)
        cli("buildx", "build", "--quiet", "--load", "--tag", own_root, "-", stdin=other)
        stderr = process.stderr.read()
    assert process.returncode == 6
    assert f"error: build svc-step: root image {own_root} changed while it was built" in stderr
    assert set(tower.status().values()) == {"failed"}
    assert tower.tags() == set()
    assert json.loads((tower.runs()[-1] / "run.json").read_text())["roots"] == {own_root: shown}
    tower.write("libs/wait.sh", "echo short\n")
    tower.invoke("build").ok()
    assert set(tower.status().values()) == {"built"}


@pytest.mark.fault("B08")
def test_no_cache_builds_a_stale_layer_again(stack: Stack, cli: Cli) -> None:
    shop = stack("shop")
    extend(shop, "apps/svc_till/Dockerfile", "RUN cat /proc/sys/kernel/random/uuid > /drawn.txt\n")
    shop.invoke("build").ok()
    content = shop.content("svc-till")

    def drawn() -> str:
        return cli("run", "--rm", shop.reference("svc-till"), "cat", "/drawn.txt")

    first, base = drawn(), shop.image_id(shop.reference("base-counter"))
    shop.invoke("build", "svc-till").ok()
    assert drawn() == first
    ran = shop.invoke("build", "svc-till", "--no-cache").ok()
    assert re.search(r"svc-till +v1 +build +asked for without cache", ran.stdout)
    assert shop.bakes() == [["svc-till"]]
    assert drawn() != first
    label = cli("image", "inspect", "--format", '{{index .Config.Labels "slipway.input"}}', shop.reference("svc-till"))
    assert label.removeprefix("sha256:").startswith(content.rpartition(":in-")[2])
    assert shop.image_id(content) == shop.image_id(shop.reference("svc-till"))
    assert shop.image_id(shop.reference("base-counter")) == base


@pytest.mark.fault("B10")
def test_a_step_that_hangs_ends_its_image_and_no_other(
    stack: Stack, until: Callable[..., None], processes: Processes
) -> None:
    seconds = f"120.{secrets.randbelow(10**9)}"
    lines = "\n".join(f"echo said {number}" for number in range(30))
    tower = stack("tower", BUILD_TIMEOUT="8s")
    tower.write("libs/wait.sh", f"{lines}\nsleep {seconds}\n")
    ran = tower.invoke("build").failed(6, "build svc-tower: RUN", "8s (BUILD_TIMEOUT)", "said 29")
    assert tower.error_code() == "build-timeout"
    told = ran.stderr[: ran.stderr.index("error: ")]
    assert re.findall(r"^  said (\d+)$", told, re.MULTILINE) == [str(number) for number in range(10, 30)]
    assert tower.status() == {"svc-step": "built", "svc-tower": "failed"}
    assert tower.record()["svc-tower"]["seconds"] > 8
    assert "svc-step:v1" in tower.tags() and "svc-tower:v1" not in tower.tags()
    until(lambda: not sleeping(seconds), "the step ended", 5)
    assert not processes(tower.root)
    assert not tower.secret_files()
    tower.write("libs/wait.sh", "echo short\n")
    tower.invoke("build").ok()
    assert tower.status() == {"svc-step": "reused", "svc-tower": "built"}


def sleeping(seconds: str) -> list[str]:
    """Processes with this argument, which is the test's own."""
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(process.read_bytes().decode(errors="replace"))
        except OSError:
            continue
    return [line for line in found if seconds in line]


def failing_once(repository: Repository, path: str) -> None:
    """A step that fails the first time: only its cache mount, the test's own, knows that it ran.

    The step's words are its own, too: the mount is not a part of BuildKit's key.
    """
    own = f"t-{secrets.token_hex(8)}"
    place = f"--mount=type=cache,id={own},target=/seen"
    extend(repository, path, f"RUN {place} if ! test -e /seen/{own}; then echo seen > /seen/{own}; exit 7; fi\n")


@pytest.mark.fault("B11")
def test_a_failed_step_is_run_again_only_when_asked(stack: Stack) -> None:
    shop = stack("shop")
    failing_once(shop, "apps/svc_cart/Dockerfile")
    shop.invoke("build", "svc-cart").failed(6, "build svc-cart: RUN if ! test", "exit code: 7")
    assert journal(shop, "retry") == []
    shop.invoke("build", "svc-cart").ok()
    failing_once(shop, "apps/svc_cart/Dockerfile")
    ran = shop.invoke("build", "svc-cart", "--retries", "1").ok()
    assert "svc-cart is tried again" in ran.stderr
    assert shop.status()["svc-cart"] == "built"
    assert (journal(shop, "retry"), journal(shop, "left")) == (["svc-cart"], [0])
    assert len(shop.bakes()) == 2


@pytest.mark.fault("B11")
@pytest.mark.parametrize("count", ["-1", "once"])
def test_a_bad_number_of_retries_is_refused(stack: Stack, count: str) -> None:
    shop = stack("shop")
    shop.invoke("build", f"--retries={count}").failed(2, "retries")
    assert shop.tags() == set() and shop.runs() == []


@pytest.mark.fault("B15")
def test_a_warning_of_buildkit_is_shown_and_fails_with_strict(stack: Stack) -> None:
    shop = stack("shop")
    extend(shop, "apps/svc_cart/Dockerfile", "CMD cat /shop/cart.txt\n")
    extend(shop, "apps/svc_till/Dockerfile", "CMD cat /shop/total.txt\n")
    ran = shop.invoke("build").ok()
    assert re.search(r"^warning +svc-cart:6, svc-till:7 +JSONArgsRecommended: ", ran.stdout, re.MULTILINE)
    (warned,) = shop.record()["svc-till"]["warnings"]
    assert warned.startswith("JSONArgsRecommended: ") and warned.endswith(" (line 7)")
    assert shop.record()["svc-sign"]["warnings"] == []
    shop.write("apps/svc_cart/cart.txt", "another cart\n")
    content = shop.content("svc-cart").rpartition(":")[2]
    shop.invoke("build", "svc-cart", "--strict").failed(6, "build svc-cart: JSONArgsRecommended: ", "(line 6)")
    assert f"svc-cart:{content}" not in shop.tags()
    shop.invoke("build", "svc-cart").ok()
    assert shop.status()["svc-cart"] == "built"


@pytest.mark.fault("B15")
def test_a_secret_in_the_environment_is_refused_before_buildkit_sees_it(stack: Stack) -> None:
    shop = stack("shop")
    extend(shop, "apps/svc_cart/Dockerfile", "ENV DB_PASSWORD=swordfish\n")
    shop.invoke("build").failed(10, "apps/svc_cart/Dockerfile:6", "DB_PASSWORD", "--mount=type=secret")
    assert shop.tags() == set() and shop.runs() == []


@pytest.mark.fault("B15")
def test_an_arg_in_from_without_a_value_is_refused_before_any_build(stack: Stack) -> None:
    shop = stack("shop")
    shop.write("apps/svc_sign/Dockerfile", "ARG FLAVOUR\nFROM reg.example.com/a/sign:${FLAVOUR}\n")
    shop.invoke("build").failed(2, "apps/svc_sign/Dockerfile:2", "FLAVOUR")
    assert shop.tags() == set() and shop.runs() == []


@pytest.mark.fault("B15")
def test_an_arg_in_from_that_slipway_gives_needs_no_default(stack: Stack) -> None:
    shop = stack("shop")
    text = (shop.root / "apps/svc_cart/Dockerfile").read_text()
    shop.write("apps/svc_cart/Dockerfile", re.sub(r"^(ARG \w+)=.*$", r"\1", text, flags=re.MULTILINE))
    shop.invoke("build", "svc-cart").ok()
    rules = [text.partition(":")[0] for text in shop.record()["svc-cart"]["warnings"]]
    assert rules == ["InvalidDefaultArgInFrom"]


@pytest.mark.fault("B16")
def test_jobs_limits_the_images_of_one_bake(stack: Stack) -> None:
    shop = stack("shop", JOBS="1")
    shop.invoke("build").ok()
    assert [len(baked) for baked in shop.bakes()] == [1] * 5
    assert set(shop.status().values()) == {"built"} and len(shop.status()) == 5
    shop.configure(JOBS="none")
    shop.invoke("build").failed(2, "JOBS=none: ")


#: A builder that lies: what it is fed or what it made is altered between slipway and the engine.
LIES = {
    "label": ("", "tag {other} {content}", " label slipway.input is missing, "),
    "tag": ("", "tag {other} {version}", " v1 "),
    "gone": ("", "rmi {content} {version}", " in-"),
    "platform": ("s|linux/amd64|linux/riscv64|", "version", " linux/riscv64, not linux/amd64"),
}


@pytest.mark.fault("B17")
@pytest.mark.parametrize("lie", LIES)
def test_an_image_that_differs_from_the_plan_is_untagged(
    stack: Stack, tmp_path: Path, cli: Cli, root_image: str, lie: str
) -> None:
    fed, afterwards, told = LIES[lie]
    shop = stack("shop", PLATFORMS="linux/amd64")
    content, version = shop.content("svc-sign"), shop.reference("svc-sign")
    buildx, struck = shlex.join(surroundings().buildx), tmp_path / "struck"
    after = afterwards.format(other=root_image, content=content, version=version)
    script = f"#!/bin/sh\nsed '{fed}' | {buildx} \"$@\" || exit; docker {after} && echo struck >> {struck}\n"
    shop.write("docker/cli-plugins/docker-buildx", script).chmod(0o755)
    ran = shop.invoke("build", "svc-sign", DOCKER_CONFIG=str(shop.root / "docker"))
    ran.failed(6, "build svc-sign: ", told)
    assert struck.read_text() == "struck\n"
    assert "hint:  " in ran.closing and "run the same command" in ran.closing
    assert shop.record()["svc-sign"]["status"] == "failed"
    assert content.rpartition("/")[2] not in shop.tags()
    assert shop.image_id(root_image)
    if lie == "tag":
        assert shop.image_id(version) == shop.image_id(root_image)
    shop.invoke("build", "svc-sign").ok()
    assert shop.image_id(version) == shop.image_id(content) not in ("", shop.image_id(root_image))
