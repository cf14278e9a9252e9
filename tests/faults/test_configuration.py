"""Configuration and files: slipway reports each problem with its place before it contacts or writes anything."""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.rig.offline import Offline
from tests.rig.outside import LABEL
from tests.rig.stacks import Repository

CART = "apps/svc_cart/Dockerfile"
TILL = "apps/svc_till/Dockerfile"
FLOOR = "infra/docker/base-floor.Dockerfile"


@pytest.mark.fault("C01")
def test_an_unknown_key_is_refused_at_its_line(shop: Offline) -> None:
    shop.append("pyproject.toml", 'moving_tag = ["edge"]\nbudget = 3\n')
    ran = shop.refused(2, "unknown key 'moving_tag'", "did you mean moving-tags?", "unknown key 'budget'")
    lines = (shop.root / "pyproject.toml").read_text().splitlines()
    assert f"pyproject.toml:{lines.index('budget = 3') + 1}: unknown key 'budget'" in ran.closing


@pytest.mark.fault("C01")
def test_a_budget_of_an_image_that_is_not_there(shop: Offline) -> None:
    shop.append("pyproject.toml", '\n[tool.slipway.budgets]\nsvc-crat = "1 MB"\n')
    shop.refused(2, "budget of svc-crat: ", "did you mean svc-cart?")


@pytest.mark.fault("C02")
def test_a_name_in_env_that_no_image_uses(shop: Offline) -> None:
    shop.configure(BASE_VERISON="v2")
    shop.refused(2, ".env:5: BASE_VERISON ", "did you mean BASE_VERSION?")
    shop.refused(2, "BASE_VERISON", task=("build", "push"))
    allowed = shop.invoke("plan", "--allow-unused-env").failed(3, "error: engine ")
    assert "note: .env:5: BASE_VERISON " in allowed.stderr
    assert shop.engine.connections > 0


@pytest.mark.fault("C03", "C04", "C05", "C06")
def test_an_env_file_that_its_readers_read_differently(shop: Offline) -> None:
    """Lines for names that slipway uses are errors: settings, and an ARG of a Dockerfile. The others are notes."""
    lines = ["REGISTRY=127.0.0.1:1", "BASE_VERSION=", "OWNER=a # b", "JOBS=$A", "export VERSION=1", 'BUILDER="a']
    shop.write(".env", "\n".join([*lines, "REGISTRY=other:1"]) + "\n")
    ran = shop.refused(2, "BASE_VERSION", "' #'", "'$'", "'export'", "column 9", "REGISTRY", task=("plan", "--json"))
    assert sorted(where for where, _ in ran.problems) == [f".env:{line}" for line in range(2, 8)]
    foreign = ["D=a # b", "J=$A", "export F=1", 'OPEN="a']
    shop.write(".env", "\n".join(["REGISTRY=127.0.0.1:1", *foreign]) + "\n")
    floor = (shop.root / FLOOR).read_text()
    shop.append(FLOOR, "ARG J\n")
    shop.refused(2, "error: .env:3: '$' is expanded")
    shop.write(FLOOR, floor)
    noted = shop.invoke("plan").failed(3, "error: engine ")
    assert "note: .env:2: ' #' begins a comment" in noted.stderr and "note: .env:3: '$' is expanded" in noted.stderr
    assert "note: .env: other tools read 2 more lines differently; slipway uses none of these names" in noted.stderr


@pytest.mark.fault("C07", "C08")
def test_a_cycle_and_an_unknown_base_are_refused(shop: Offline) -> None:
    head = "ARG REGISTRY\nARG OWNER\nARG BASE_VERSION\nFROM ${REGISTRY}/${OWNER}/"
    floor = (shop.root / FLOOR).read_text()
    shop.write(FLOOR, f"{head}base-counter:${{BASE_VERSION}}\n")
    shop.refused(2, "base-counter -> base-floor -> base-counter")
    shop.write(FLOOR, f"{head}base-floor:${{BASE_VERSION}}\n")
    shop.refused(2, f"{FLOOR}: ", "base-floor -> base-floor")
    shop.write(FLOOR, floor)
    shop.write(CART, f"{head}base-flor:${{BASE_VERSION}}\n")
    shop.refused(2, f"{CART}:4: FROM", "did you mean base-floor?")


@pytest.mark.fault("C09")
def test_names_that_differ_only_in_how_they_are_written(shop: Offline) -> None:
    for folder in ("apps/svc-cart", "apps/SVC_CART"):
        shop.write(f"{folder}/Dockerfile", "FROM scratch\n")
    shop.write("infra/docker/svc-sign.Dockerfile", "FROM scratch\n")
    ran = shop.refused(
        2,
        "error: apps/svc_cart/Dockerfile: the name svc-cart is taken by apps/SVC_CART/Dockerfile",
        "error: apps/svc-cart/Dockerfile: the name svc-cart is taken by apps/SVC_CART/Dockerfile",
        "error: apps/svc_sign/Dockerfile: the name svc-sign is taken by infra/docker/svc-sign.Dockerfile",
    )
    assert ran.closing.count("error: ") == 3


@pytest.mark.fault("C10", "C11", "C12")
def test_settings_that_make_no_reference(shop: Offline) -> None:
    shop.configure(BASE_VERSION="1.0+local", REGISTRY="http://reg.example:5000/x", OWNER="Rel")
    shop.refused(
        2,
        ".env:3: BASE_VERSION=1.0+local: ",
        "hint:  BASE_VERSION=1.0_local",
        ".env:1: REGISTRY=http://reg.example:5000/x: ",
        "REGISTRY=reg.example:5000\n",
        ".env:2: OWNER=Rel: ",
        "hint:  OWNER=rel",
    )
    shop.configure(BASE_VERSION="v" * 129, VERSION="-v1", REGISTRY="localhost:99999", OWNER="rel")
    shop.refused(2, "BASE_VERSION=vvv", "VERSION=-v1: ", "REGISTRY=localhost:99999: ")


@pytest.mark.fault("C13")
def test_a_context_or_dockerfile_that_leaves_the_repository(shop: Offline, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    shutil.copytree(shop.root / "apps/svc_sign", outside)
    (shop.root / "apps/svc_away").symlink_to(outside)
    shop.refused(2, "error: apps/svc_away/Dockerfile: ", f": {outside}/Dockerfile")
    (shop.root / "apps/svc_away").unlink()
    (shop.root / "libs/away").symlink_to(outside / "sign.txt")
    shop.append(CART, "COPY libs/away /away\n")
    shop.refused(2, f"{CART}:6: source libs/away ", f": {outside}/sign.txt")


@pytest.mark.fault("C15")
def test_a_name_that_buildkit_cannot_be_sent(shop: Offline) -> None:
    (shop.root / "apps/svc_till" / os.fsdecode(b"bad\xff\nname")).write_text("x")
    shop.refused(2, rf"{TILL}: apps/svc_till/bad\xff\nname ")
    told = json.loads(shop.invoke("plan", "svc-till", "--json").failed(2).stdout)
    assert r"bad\xff\nname " in told["error"]


@pytest.mark.fault("C16")
def test_files_that_are_not_utf_8(shop: Offline) -> None:
    (shop.root / CART).write_bytes(b"FROM scratch\n# \xe9\n")
    (shop.root / TILL).write_bytes(b"FROM scratch\n\xff\n")
    shop.refused(2, f"{CART}: byte 15 is not UTF-8", f"{TILL}: byte 13 is not UTF-8")
    (shop.root / ".env").write_bytes(b"OWNER=\xe9\n")
    (shop.root / "pyproject.toml").write_bytes(b"# \xe9\n")
    shop.refused(2, ".env: byte 6 is not UTF-8", "pyproject.toml: byte 2 is not UTF-8")


@pytest.mark.fault("C17")
def test_a_context_that_is_too_large(shop: Offline) -> None:
    shop.append("pyproject.toml", 'context-limit = "50 kB"\n')
    shop.append(CART, "COPY libs /libs\nCOPY libs/models /again\n")
    for number in range(7):
        shop.write(f"libs/models/{number}.bin", "x" * 10_000 * number)
    ran = shop.refused(2, f"{CART}: svc-cart ", "210 kB", "50.0 kB", "context-limit")
    largest = "libs/models/6.bin 60.0 kB, libs/models/5.bin 50.0 kB, libs/models/4.bin 40.0 kB, "
    assert largest + "libs/models/3.bin 30.0 kB, libs/models/2.bin 20.0 kB;" in ran.closing
    shop.write(".dockerignore", "libs/models/[3-6].bin\n")
    shop.invoke("plan").failed(3, "error: engine ")


@pytest.fixture
def bound(shop: Offline) -> Iterator[str]:
    """A socket among the files."""
    path = "libs/sock"
    here = Path.cwd()
    os.chdir(shop.root)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        os.chdir(here)
        yield path


@pytest.mark.fault("C18")
def test_pipes_and_sockets_are_never_opened(shop: Offline, bound: str) -> None:
    """Reading a FIFO without a writer would never end."""
    cart = (shop.root / CART).read_text()
    os.mkfifo(shop.root / "libs/pipe")
    shop.append(CART, "COPY libs/pipe /pipe\n")
    shop.append(TILL, f"COPY {bound} /sock\n")
    shop.refused(2, "libs/pipe ", f"{bound} ")
    shop.write(CART, cart)
    (shop.root / TILL).unlink()
    os.mkfifo(shop.root / TILL)
    shop.refused(2, f"error: {TILL}: ")
    (shop.root / ".env").unlink()
    os.mkfifo(shop.root / ".env")
    shop.refused(2, "error: .env: ")


@pytest.mark.fault("C21")
def test_a_selection_that_matches_nothing(shop: Offline) -> None:
    shop.refused(2, "error: svc-crat: ", "did you mean svc-cart?", task=("plan", "svc-crat"))
    shop.refused(2, "error: svc-cart: ", "known: base-floor, base-counter", task=("build-base", "svc-cart"))
    for folder in ("apps", "infra/docker"):
        shutil.rmtree(shop.root / folder)
        (shop.root / folder).mkdir()
    shop.refused(2, "no Dockerfile found", task=("plan",))


@pytest.mark.fault("C22")
def test_every_value_is_shown_with_its_source(shop: Offline) -> None:
    shop.configure(API_TOKEN="geheim-123")
    ran = shop.invoke("config", "--json", OWNER="from-outside").ok()
    found = {entry["name"]: (entry["value"], entry["source"]) for entry in json.loads(ran.stdout)}
    assert found["OWNER"] == ("from-outside", "environment")
    assert found["BASE_VERSION"] == ("v1", ".env:3")
    assert found["VERSION"] == ("", "default")
    assert found["API_TOKEN"] == ("*** (10 characters)", ".env:5")
    assert found["moving-tags"] == ("latest, edge", "pyproject.toml:6")
    assert "geheim" not in ran.stdout + shop.invoke("config").ok().stdout


@pytest.mark.integration
@pytest.mark.fault("C14", "C15")
def test_links_that_lead_outside_and_names_that_are_odd(
    stack: Callable[..., Repository], cli: Callable[..., str]
) -> None:
    mill = stack("mill")
    folder = mill.root / "apps/svc_cart/odd"
    folder.mkdir()
    for name in (b"-rf", b"new\nline", b"tab\there", b"esc\x1b[31m", "ünïcode".encode()):
        (folder / os.fsdecode(name)).write_text("x")
    (folder / "passwd").symlink_to("/etc/passwd")
    (folder / "up").symlink_to("../../../../up")
    mill.write(CART, (mill.root / CART).read_text().replace("RUN sleep 2", "COPY apps/svc_cart/odd /odd"))
    built = mill.invoke("build", "svc-cart").ok()
    for link in ("passwd -> /etc/passwd", "up -> ../../../../up"):
        assert f"note: apps/svc_cart/odd/{link} " in built.stderr
    listed = cli("run", "--rm", "--label", LABEL, mill.reference("svc-cart"), "ls", "-1b", "/odd").splitlines()
    assert {"-rf", r"new\nline", r"tab\there", r"esc\033[31m", "passwd", "up"} <= set(listed)
    assert mill.steps("plan", "svc-cart")["svc-cart"][0] == "reuse"
    (folder / "new\nline").write_text("y")
    assert mill.steps("plan", "svc-cart")["svc-cart"] == ("build", r"apps/svc_cart/odd/new\nline changed")
    shown = mill.invoke("plan", "svc-cart").ok().stdout
    assert r"apps/svc_cart/odd/new\nline changed" in shown and "\x1b" not in shown
    mill.invoke("build", "svc-cart").ok()


@pytest.mark.integration
@pytest.mark.fault("C16")
def test_byte_order_marks_and_windows_line_ends(stack: Callable[..., Repository]) -> None:
    shop = stack("shop")
    for path in (".env", "pyproject.toml", FLOOR, CART):
        text = (shop.root / path).read_bytes().replace(b"\n", b"\r\n")
        (shop.root / path).write_bytes(b"\xef\xbb\xbf" + text)
    shop.invoke("build", "svc-cart").ok()
    assert shop.status() == {"base-floor": "built", "svc-cart": "built"}


@pytest.mark.integration
@pytest.mark.fault("C57")
def test_the_fault_of_one_image_stays_with_it(stack: Callable[..., Repository]) -> None:
    shop = stack("shop")
    shop.write(TILL, (shop.root / TILL).read_text() + "COPY made-by-ci.whl /\n")
    plan = shop.json("plan")
    assert {step["image"] for step in plan["steps"]} == {"base-floor", "base-counter", "svc-cart", "svc-sign"}
    assert {name: error["exit_code"] for name, error in plan["faults"].items()} == {"svc-till": 2}
    assert f"note: svc-till cannot be planned: {TILL}:" in shop.invoke("build", "svc-cart").ok().stderr
    assert shop.status()["svc-cart"] == "built"
    for line in (("build",), ("push",), ("smoke",), ("plan", "svc-till")):
        shop.invoke(*line).failed(2, f"error: {TILL}:", "made-by-ci.whl does not exist")
    assert "svc-cart" in shop.invoke("images").ok().stdout
    assert len(shop.runs()) == 1
