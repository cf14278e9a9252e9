"""``invoke build`` against the real engine: what is built, what is reused, and what stays when it goes wrong."""

from __future__ import annotations

import gzip
import json
import os
import secrets
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.rig.relay import Relay
    from tests.rig.stacks import Repository

    Stack = Callable[..., Repository]
    Processes = Callable[[Path], Sequence[str]]

pytestmark = pytest.mark.integration
SHOP = {"base-floor", "base-counter", "svc-cart", "svc-till", "svc-sign"}


@pytest.fixture
def shop(stack: Stack) -> Repository:
    """The shop, built."""
    made = stack("shop")
    made.invoke("build").ok()
    return made


@pytest.mark.both_stores
def test_from_nothing_a_bake_per_wave_builds_all(stack: Stack, cli: Callable[..., str]) -> None:
    shop = stack("shop")
    ran = shop.invoke("build").ok()
    assert shop.status() == dict.fromkeys(SHOP, "built")
    assert shop.bakes() == [["base-floor", "svc-sign"], ["base-counter", "svc-cart"], ["svc-till"]]
    assert "5 built" in ran.stdout
    for name, entry in shop.record().items():
        assert entry["image_digest"] == shop.image_id(shop.reference(name))
        assert {f"{name}:v1", f"{name}:in-{entry['input_digest'][7:19]}"} <= shop.tags()
        label = cli("image", "inspect", "--format", '{{index .Config.Labels "slipway.input"}}', entry["reference"])
        assert label == entry["input_digest"]
    assert cli("run", "--rm", shop.reference("svc-till"), "cat", "/floor.txt", "/shop/total.txt") == "oak\ntea 2"


@pytest.mark.both_stores
def test_again_asks_the_engine_once_and_bakes_nothing(
    shop: Repository, relay: Callable[..., Relay], engine_address: str
) -> None:
    runs = shop.runs()
    between = relay("unix", to=engine_address)
    ran = shop.invoke("build", DOCKER_HOST=between.address).ok()
    root = f"GET /images/{shop.settings['PYTHON_IMAGE']}/json?manifests=1"
    assert between.requests == ["GET /images/json?manifests=1", root], "its images, and what its root image triggers"
    assert "3 to reuse" in ran.stdout
    assert shop.runs() == runs


@pytest.mark.parametrize(("sampler", "traced"), [("", False), ("always_on", True)])
def test_buildkit_traces_a_build_only_when_the_user_wants_it(
    shop: Repository, cli: Callable[..., str], tmp_path: Path, sampler: str, traced: bool
) -> None:
    shop.write("apps/svc_till/till.txt", f"a till, sampled {sampler}\n")
    shop.invoke("build", **({"OTEL_TRACES_SAMPLER": sampler} if sampler else {})).ok()
    bundle = tmp_path / "record.tar.gz"
    cli("buildx", "history", "export", "--finalize", "--output", str(bundle), built_as(shop, "svc-till", cli))
    exported = gzip.decompress(bundle.read_bytes())
    assert b"apps/svc_till" in exported, "the bundle holds the record of this build"
    assert (b"application/vnd.buildkit.otlp.json" in exported) is traced


def built_as(shop: Repository, name: str, cli: Callable[..., str]) -> str:
    """The reference of the record that BuildKit keeps of the build of an image."""
    digest = shop.record()[name]["input_digest"]
    for line in cli("buildx", "history", "ls", "--format", "json").splitlines():
        reference = json.loads(line)["ref"].rpartition("/")[2]
        labels = json.loads(cli("buildx", "history", "inspect", "--format", "json", reference)).get("Labels") or ()
        if digest in {label["Value"] for label in labels}:
            return str(reference)
    raise AssertionError(f"BuildKit has no record of {name}")


def test_a_source_edit_rebuilds_its_image_alone(shop: Repository) -> None:
    before = {name: shop.image_id(shop.reference(name)) for name in SHOP}
    shop.write("apps/svc_till/till.txt", "a new till\n")
    assert shop.steps()["svc-till"] == ("build", "apps/svc_till/till.txt changed")
    shop.invoke("build").ok()
    assert shop.bakes() == [["svc-till"]]
    after = {name: shop.image_id(shop.reference(name)) for name in SHOP}
    assert {name for name in SHOP if before[name] != after[name]} == {"svc-till"}


def test_a_build_sends_changed_bytes_of_the_same_size_and_mtime(shop: Repository, cli: Callable[..., str]) -> None:
    """BuildKit takes such a file for unchanged."""
    file = shop.root / "apps/svc_cart/cart.txt"
    for text in ("ca01", "ca02", "ca03"):
        status = file.stat()
        shop.write("apps/svc_cart/cart.txt", f"{text}\n")
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
        assert (file.stat().st_size, file.stat().st_mtime_ns) == (status.st_size, status.st_mtime_ns)
        shop.invoke("build").ok()
        assert shop.status()["svc-cart"] == "built"
        assert cli("run", "--rm", shop.reference("svc-cart"), "cat", "/shop/cart.txt") == text


@pytest.mark.parametrize("ignore", [".dockerignore", "apps/svc_till/Dockerfile.dockerignore"])
def test_an_ignored_file_is_neither_sent_nor_counted(shop: Repository, cli: Callable[..., str], ignore: str) -> None:
    shop.write(ignore, "apps/*/draft.txt\n")
    shop.write("apps/svc_till/more.txt", "more")
    shop.write("apps/svc_till/draft.txt", "draft")
    shop.invoke("build").ok()
    sent = set(cli("run", "--rm", shop.reference("svc-till"), "ls", "/shop/till").split())
    assert sent - {"Dockerfile.dockerignore"} == {"Dockerfile", "more.txt", "till.txt"}
    shop.write("apps/svc_till/draft.txt", "another draft")
    assert shop.steps()["svc-till"][0] == "reuse"


@pytest.mark.fault("C19")
def test_an_image_whose_files_change_during_its_build_is_untagged(shop: Repository) -> None:
    dockerfile = shop.root / "apps/svc_till/Dockerfile"
    dockerfile.write_text(dockerfile.read_text() + f"RUN sleep 2 && echo {secrets.token_hex(4)}\n")
    content = shop.content("svc-till").rpartition(":")[2]
    with shop.start("build") as process:
        assert process.stderr
        assert any("step  RUN sleep" in line for line in process.stderr)
        shop.write("apps/svc_till/late.txt", "late")
        stderr = process.stderr.read()
    assert process.returncode == 6
    assert "error: build svc-till: apps/svc_till/late.txt added while it was built" in stderr
    assert not {f"svc-till:{content}", "svc-till:v1"} & shop.tags()
    assert shop.status() == {**dict.fromkeys(SHOP - {"svc-till", "base-floor"}, "reused"), "svc-till": "failed"}
    shop.invoke("build").ok()
    assert shop.status()["svc-till"] == "built"


@pytest.mark.both_stores
def test_a_base_edit_rebuilds_the_base_and_its_children(shop: Repository) -> None:
    shop.write("libs/counter/prices.txt", "tea 3\n")
    expected = {
        "base-floor": "reuse",
        "base-counter": "build",
        "svc-cart": "reuse",
        "svc-till": "build",
        "svc-sign": "reuse",
    }
    steps = shop.steps("build", "--dry-run")
    assert {name: action for name, (action, _) in steps.items()} == expected
    assert steps["base-counter"] == ("build", "libs/counter/prices.txt changed")
    assert steps["svc-till"] == ("build", "base-counter is built")
    shop.invoke("build").ok()
    assert shop.bakes() == [["base-counter"], ["svc-till"]]


@pytest.mark.both_stores
def test_a_new_version_of_the_same_content_only_tags(shop: Repository) -> None:
    shop.invoke("build", "--version", "v2").ok()
    assert shop.status() == {"svc-cart": "tagged", "svc-till": "tagged", "svc-sign": "tagged"}
    assert shop.bakes() == []
    for name in shop.status():
        assert shop.image_id(shop.reference(name, "v2")) == shop.image_id(shop.reference(name)) != ""


@pytest.mark.both_stores
def test_an_image_that_only_the_registry_has_is_pulled(
    shop: Repository, cli: Callable[..., str], processes: Processes
) -> None:
    """The buildx that waited for a file ends, and nothing reports it."""
    shop.invoke("push").ok()
    content, was = shop.content("svc-till"), shop.image_id(shop.reference("svc-till"))
    cli("rmi", "--force", shop.reference("svc-till"), content)
    assert shop.steps()["svc-till"] == ("pull", f"{content.rpartition(':')[2]} is in the registry")
    ran = shop.invoke("-e", "build", "svc-till").ok()
    assert "buildx" not in ran.stderr and "ERROR" not in ran.stderr and processes(shop.root) == []
    assert shop.status() == {"svc-till": "pulled"}
    assert shop.image_id(shop.reference("svc-till")) == was


def test_each_bake_is_echoed_once(shop: Repository) -> None:
    """The one that starts while the registry is asked, and those that start later."""
    shop.write("apps/svc_cart/cart.txt", "another cart\n")
    echoed = shop.invoke("-e", "build").ok().stderr
    assert echoed.count("bake --builder") == 1 == len(shop.bakes())
    shop.write("apps/svc_cart/cart.txt", "a third cart\n")
    assert "bake --builder" not in shop.invoke("-e", "build", "--dry-run").ok().stderr


@pytest.mark.both_stores
def test_an_edit_undone_is_reused(shop: Repository) -> None:
    was = shop.image_id(shop.reference("svc-cart"))
    shop.write("apps/svc_cart/cart.txt", "another cart\n")
    shop.invoke("build").ok()
    assert shop.image_id(shop.reference("svc-cart")) != was
    shop.write("apps/svc_cart/cart.txt", "cart\n")
    shop.invoke("build").ok()
    assert shop.bakes() == []
    assert shop.image_id(shop.reference("svc-cart")) == was


def test_a_dry_run_says_the_plan_and_builds_nothing(stack: Stack) -> None:
    shop = stack("shop")
    shown = shop.invoke("build", "--dry-run").ok().stdout
    planned = shop.json("build", "--dry-run")
    assert {step["image"] for step in planned["steps"]} == SHOP
    assert planned["steps"] == shop.json("plan")["steps"]
    for step in planned["steps"]:
        line = next(line for line in shown.splitlines() if f" {step['image']} " in line)
        assert line.split(f" {step['image']} ")[1].split(maxsplit=2) == ["v1", step["action"], step["reason"]]
    assert shop.tags() == set() and shop.runs() == []
    built = {entry["image"]: entry["input_digest"] for entry in shop.json("build")["images"]}
    assert built == {step["image"]: step["input_digest"] for step in planned["steps"]}


@pytest.mark.both_stores
@pytest.mark.fault("B01")
def test_a_failure_keeps_finished_images_and_the_next_build_the_rest(stack: Stack) -> None:
    mill = stack("mill")
    mill.write("libs/wheel.txt", secrets.token_hex(8))
    ran = mill.invoke("build").failed(6, "build base-stone: RUN cat /stone.txt && grep whole", "1 more failed; 1 skip")
    assert mill.status() == {
        "base-stone": "failed",
        "base-wheel": "built",
        "svc-cart": "built",
        "svc-grind": "skipped",
        "svc-sack": "failed",
    }
    assert mill.record()["svc-grind"]["detail"] == "base-stone failed"
    for name, status in mill.status().items():
        assert any(line.split()[:2] == [name, status] for line in ran.stdout.splitlines())
        assert (f"{name}:v1" in mill.tags()) is (status == "built")
    log = ran.closing.partition("log:   ")[2].strip()
    assert "the stone is cracked" in (mill.root / log).read_text()
    assert "a torn sack" in mill.runs()[-1].joinpath("svc-sack.log").read_text()
    kept = {name: mill.image_id(mill.reference(name)) for name in ("base-wheel", "svc-cart")}

    mill.write("libs/stone.txt", "a whole stone\n")
    mill.write("apps/svc_sack/sack.txt", "well sewn\n")
    mill.invoke("build").ok()
    assert mill.bakes() == [["base-stone", "svc-sack"], ["svc-grind"]]
    assert {name: mill.image_id(mill.reference(name)) for name in kept} == kept


@pytest.fixture
def climbing(stack: Stack) -> Repository:
    """The tower, with a step of its own that lasts for two minutes."""
    tower = stack("tower")
    tower.write("libs/wait.sh", f"sleep 120.{secrets.randbelow(10**9)}\n")
    return tower


def began(tower: Repository, until: Callable[..., None]) -> None:
    """Wait until the long step runs and the quick image is there."""

    def says(word: str) -> bool:
        return any(word in log.read_text() for log in tower.root.glob(".slipway/runs/*/svc-tower.log"))

    until(lambda: says("climbing"), "the long step")
    until(lambda: "svc-step:v1" in tower.tags(), "the quick image")


def sleeping(tower: Repository) -> list[str]:
    """The long step's process: its argument is its own."""
    wanted = (tower.root / "libs/wait.sh").read_text().split()[1].encode()
    lines = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(process.read_bytes())
        except OSError:
            continue
    return [line.decode() for line in lines if wanted in line]


@pytest.mark.parametrize(
    ("signum", "code", "word"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "ended by SIGTERM")]
)
def test_a_signal_ends_the_build_within_five_seconds(
    climbing: Repository, until: Callable[..., None], processes: Processes, signum: int, code: int, word: str
) -> None:
    with climbing.start("build") as process:
        began(climbing, until)
        assert processes(climbing.root)
        sent = time.monotonic()
        process.send_signal(signum)
        stdout, stderr = process.communicate(timeout=20)
    assert time.monotonic() - sent < 5
    assert process.returncode == code, stderr
    assert "Traceback" not in stdout + stderr
    assert any(line.startswith("error: ") and word in line for line in stderr.splitlines()[-2:])
    until(lambda: not processes(climbing.root), "no child process left", 3)
    until(lambda: not sleeping(climbing), "the step ended", 5)
    assert "svc-step:v1" in climbing.tags() and "svc-tower:v1" not in climbing.tags()
    assert not climbing.secret_files()

    climbing.write("libs/wait.sh", "echo short\n")
    climbing.invoke("build").ok()
    assert climbing.status() == {"svc-step": "reused", "svc-tower": "built"}


def test_after_a_kill_the_next_run_goes_on_and_sweeps_only_its_own(
    climbing: Repository, until: Callable[..., None], processes: Processes, cli: Callable[..., str], root_image: str
) -> None:
    other = f"t-{secrets.token_hex(4)}"
    bystander = cli("run", "--detach", "--label", f"slipway.run={other}", root_image, "sleep", "300")
    try:
        with climbing.start("build") as process:
            began(climbing, until)
            os.kill(process.pid, signal.SIGKILL)
        killed = climbing.runs()[-1]
        until(lambda: not processes(climbing.root), "no child process left", 5)
        step = climbing.image_id(climbing.reference("svc-step"))
        climbing.write("libs/wait.sh", "echo short\n")
        climbing.invoke("build").ok()
        assert climbing.status() == {"svc-step": "reused", "svc-tower": "built"}
        assert climbing.image_id(climbing.reference("svc-step")) == step != ""
        assert cli("inspect", "--format", "{{.State.Running}}", bystander) == "true"
        assert (killed / "svc-tower.log").is_file()
        assert not climbing.secret_files()
    finally:
        cli("rm", "--force", bystander)
