"""Bad input on the command line: exit code 2, a line that says where; engine and registry are not contacted."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.rig.relay import Relay
    from tests.rig.stacks import Ran, Repository

    Stack = Callable[..., Repository]

pytestmark = pytest.mark.integration
PARENT = "FROM ${REGISTRY}/${OWNER}/base-floor:${BASE_VERSION}"
CART = "apps/svc_cart/Dockerfile"


@dataclass(frozen=True)
class Alone:
    """The shop where engine and registry only count who comes."""

    shop: Repository
    engine: Relay
    registry: Relay

    def invoke(self, *words: str, **environment: str) -> Ran:
        return self.shop.invoke(*words, **{"DOCKER_HOST": self.engine.address, **environment})

    def edit(self, path: str, old: str, new: str) -> None:
        text = (self.shop.root / path).read_text()
        assert old in text
        self.shop.write(path, text.replace(old, new))

    def env(self, line: str) -> int:
        """Add a line to ``.env``; its number."""
        file = self.shop.root / ".env"
        file.write_text(file.read_text() + line + "\n")
        return len(file.read_text().splitlines())

    def refused(self, *words: str, code: int = 2, command: tuple[str, ...] = ("build",), **environment: str) -> Ran:
        ran = self.invoke(*command, **environment).failed(code, *words)
        assert not [request for request in self.engine.requests if not request.startswith("GET /images/")]
        assert self.registry.connections == 0
        assert self.shop.runs() == []
        return ran


@pytest.fixture
def alone(stack: Stack, relay: Callable[..., Relay]) -> Alone:
    engine, registry = relay("unix"), relay("tcp")
    return Alone(stack("shop", REGISTRY=registry.address), engine, registry)


def test_the_counters_count(alone: Alone) -> None:
    """The other tests rely on this: a good command does reach the engine."""
    alone.invoke("build").failed(3, "error: engine ", "unset DOCKER_HOST")
    assert alone.engine.connections > 0


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("build", "svc-cat"), ("svc-cat: matches no image (5 known)", "did you mean svc-cart?")),
        (("push", "svc-tlil"), ("svc-tlil: matches no image", "did you mean svc-till?")),
        (("plan", "base-flor"), ("base-flor: matches no image", "did you mean base-floor?")),
        (("build-base", "svc-cart"), ("svc-cart: not a base", "known: base-floor, base-counter")),
        (("push", "--resume", "0000"), ("push --resume 0000: no such push here",)),
        (("build", "--version", "1.0+local"), ("1.0+local: not a tag", "1.0_local")),
        (("build", "--version", "-x"), ("",)),
        (("biuld",), ("did you mean build?",)),
        (("build", "--nope"), ("--nope",)),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else None,
)
def test_bad_words(alone: Alone, command: tuple[str, ...], words: tuple[str, ...]) -> None:
    alone.refused(*words, command=command)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("BASE_VERSION=", ("BASE_VERSION is empty", "BASE_VERSION=v0.1.0")),
        ("VERSION=.hidden", ("VERSION=.hidden: not a tag",)),
        ("VERISON=v2", ("VERISON is used by no image", "did you mean VERSION?")),
        ("REGISTRY=http://127.0.0.1:5000", ("a registry is host[:port]", "drop 'http://'")),
        ("OWNER=Acme", ("OWNER=Acme: not a repository path", "OWNER=acme")),
        ("PLATFORMS=amd64", ("PLATFORMS=amd64",)),
        ("OWNER", (".env:", "a name without '='")),
        ('VERSION="v2', (".env:",)),
    ],
)
def test_bad_settings_are_refused_with_their_line(alone: Alone, line: str, words: tuple[str, ...]) -> None:
    name = line.partition("=")[0]
    kept = {key: value for key, value in alone.shop.settings.items() if key != name}
    alone.shop.write(".env", "".join(f"{key}={value}\n" for key, value in kept.items()))
    alone.refused(f".env:{alone.env(line)}: ", *words)


def test_an_empty_setting_of_the_environment_names_the_environment(alone: Alone) -> None:
    alone.refused("environment: BASE_VERSION is empty", BASE_VERSION="")


def test_an_unknown_parent_is_reported_at_its_line_with_the_nearest_name(alone: Alone) -> None:
    alone.edit(CART, "base-floor", "base-flor")
    alone.refused(f"{CART}:4: FROM ", "base-flor matches no image", "did you mean base-floor?")


def test_a_cycle_is_reported_as_a_path(alone: Alone) -> None:
    alone.edit("infra/docker/base-floor.Dockerfile", "ARG PYTHON_IMAGE=python:3.12-slim\n", "ARG REGISTRY\nARG OWNER\n")
    alone.edit("infra/docker/base-floor.Dockerfile", "FROM ${PYTHON_IMAGE}", "FROM ${REGISTRY}/${OWNER}/base-counter")
    ran = alone.refused("cycle: ")
    assert re.search(r"cycle: (base-\w+) -> (base-\w+) -> \1", ran.closing.replace("→", "->"))


def test_a_missing_source_is_reported_at_its_line(alone: Alone) -> None:
    alone.edit(CART, "cart.txt /shop", "cat.txt /shop")
    alone.refused(f"{CART}:5: source apps/svc_cart/cat.txt does not exist")


def test_a_missing_wheelhouse_is_reported(stack: Stack, relay: Callable[..., Relay]) -> None:
    vault = Alone(stack("vault"), relay("unix"), relay("tcp"))
    vault.refused("/nowhere: no such folder", "WHEELHOUSE", WHEELHOUSE="/nowhere")


def test_env_never_enters_an_image(alone: Alone) -> None:
    alone.shop.write(".dockerignore", "")
    alone.edit(CART, "COPY apps/svc_cart/cart.txt", "COPY .env")
    alone.refused(f"{CART}:5: .env would enter the image", ".dockerignore", code=10)


def test_a_secret_in_a_build_arg_is_refused(alone: Alone) -> None:
    alone.edit(CART, PARENT, f"ARG API_TOKEN\n{PARENT}\nARG API_TOKEN")
    alone.env("API_TOKEN=hunter2-hunter2")
    ran = alone.refused(
        "the value of API_TOKEN is a secret: it would stand in the image (known-secret)", "--mount=type=secret", code=10
    )
    assert "hunter2" not in ran.stdout + ran.stderr


def test_all_problems_are_reported_together(alone: Alone) -> None:
    alone.edit(CART, "base-floor", "base-flor")
    alone.edit("apps/svc_till/Dockerfile", "base-counter", "base-conter")
    ran = alone.refused("base-flor", "base-conter")
    assert ran.closing.count("error: ") == 2


@pytest.mark.fault("U60")
def test_json_holds_the_error(alone: Alone) -> None:
    import json

    ran = alone.refused("matches no image", command=("build", "svc-cat", "--json"))
    assert json.loads(ran.stdout) == {
        "ok": False,
        "exit_code": 2,
        "code": "usage",
        "error": "svc-cat: matches no image (5 known)",
        "hint": "did you mean svc-cart?",
        "log": "",
        "problems": [
            {
                "where": "",
                "what": "svc-cat: matches no image (5 known)",
                "hint": "did you mean svc-cart?",
                "code": "usage",
            }
        ],
    }


def test_outside_a_repository(alone: Alone) -> None:
    """A folder with git and a tasks.py, and no folder of images."""
    for folder in ("apps", "infra"):
        (alone.shop.root / folder).rename(alone.shop.root / f"other-{folder}")
    alone.refused("no Dockerfile found", "hint:  invoke init")


def test_config_says_where_each_value_came_from(alone: Alone) -> None:
    alone.env("VERSION=v7")
    ran = alone.invoke("config", OWNER="from-outside").ok()
    rows = {line.split()[0]: line.split()[1:] for line in ran.stdout.splitlines()}
    assert rows["VERSION"] == ["v7", ".env:5"]
    assert rows["OWNER"] == ["from-outside", "environment"]
    assert rows["REMOTE_PATH"] == ["/var/tmp/slipway", "default"]
    assert (alone.engine.connections, alone.registry.connections) == (0, 0)


@pytest.mark.both_stores
def test_images_shows_every_image_and_its_state(stack: Stack) -> None:
    shop = stack("shop")
    shop.invoke("build", "svc-cart").ok()
    shop.write("apps/svc_cart/cart.txt", "another cart\n")
    states = {entry["image"]: entry["state"] for entry in shop.json("images")}
    assert states == {
        "base-floor": "here",
        "base-counter": "absent",
        "svc-cart": "stale",
        "svc-till": "absent",
        "svc-sign": "absent",
    }
    shown = shop.invoke("images").ok().stdout
    assert all(any(name in line and state in line for line in shown.splitlines()) for name, state in states.items())


@pytest.mark.fault("C30")
def test_invokes_dry_builds_and_pushes_nothing(stack: Stack) -> None:
    shop = stack("shop")
    shop.invoke("--dry", "build", "svc-sign").ok()
    assert (shop.tags(), shop.runs()) == (set(), [])
    assert "buildx bake" in shop.invoke("-e", "build", "svc-sign").ok().stderr
    shop.invoke("push", "svc-sign", "-R").ok()
    assert shop.published("svc-sign") == ""
    shop.invoke("-R", "smoke").failed(2, "smoke: has no dry run")


def test_images_of_a_name(stack: Stack) -> None:
    shop = stack("shop")
    assert [entry["image"] for entry in shop.json("images", "svc-cart", "svc-sign")] == ["svc-cart", "svc-sign"]
    shop.invoke("images", "svc-crat").failed(2, "svc-crat: matches no image", "did you mean svc-cart?")
    assert {entry["reference"] for entry in shop.json("images", "svc-sign", "--owner", "me", "--version", "v9")} == {
        f"{shop.settings['REGISTRY']}/me/svc-sign:v9"
    }
