"""A system until all its services are healthy: slipway's ``up`` beside ``docker compose up --wait``."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from slipway.compose.files import find_systems
from slipway.config.settings import load
from tests.bench import targets
from tests.bench.measure import Place, measure
from tests.bench.peers import PEERS, SLIPWAY, slipway
from tests.bench.rounds import Field
from tests.bench.samples import Sample, Series
from tests.bench.stacks import Tree, service
from tests.rig.outside import docker
from tests.rig.stacks import ROOT

_SERVICES = 8
FILE = "infra/compose/bench.yaml"
#: Each service needs half a second. Its health check runs every five seconds, as many files have it.
COMMAND = ["sh", "-c", "sleep 0.5; : > /ready; trap 'exit 0' TERM; while :; do sleep 0.1; done"]
CHECK = {"test": ["CMD", "test", "-f", "/ready"], "interval": "5s", "start_period": "60s"}
_DOWN = ("down", "--remove-orphans", "--timeout", "2")
#: A system of this repository takes half a minute.
_MOST_ROUNDS = 3


def up(field: Field) -> Iterator[Series]:
    """The images are built and current, so that only starting and waiting is measured."""
    field.say(f"{_SERVICES} services brought up, {field.rounds} rounds")
    tree = field.tree("up", _SERVICES)
    PEERS[0].prepare(tree)
    tree.write(
        FILE, json.dumps({"services": {service(number): described(tree, number) for number in range(_SERVICES)}})
    )
    place = field.place(tree)
    measure(slipway("build"), place)
    compose = ("docker", "compose", "--project-name", f"{tree.owner}-compose", "--file", FILE)
    ways = {
        SLIPWAY: _round(slipway("up", "bench"), slipway("down", "bench"), place),
        targets.COMPOSE_UP: _round((*compose, "up", "--wait"), (*compose, *_DOWN), place),
    }
    for name, samples in field.in_turn(ways, field.rounds).items():
        yield Series("up", targets.UP, _SERVICES, name, samples)


def described(tree: Tree, number: int, **check: str) -> dict[str, object]:
    """A service for a compose file: it is healthy soon after its start."""
    command = [word.replace("$", "$$") for word in COMMAND]
    return {"image": tree.reference(service(number)), "command": command, "healthcheck": {**CHECK, **check}}


def own_systems(field: Field) -> Iterator[Series]:
    """The systems of this repository, each with new volumes. For compose the engine chooses the published ports, as
    slipway chooses free ones."""
    place = Place(ROOT, field.folder / "systems.log", inherit_pip=True)
    rounds = min(field.rounds, _MOST_ROUNDS)
    field.say("the systems of this repository: their images are built")
    measure(slipway("build"), place)
    variables = _variables()
    given = ("env", *(f"{name}={value}" for name, value in variables.items()))
    for name in targets.SYSTEMS:
        field.say(f"{name} brought up, {rounds} rounds")
        project = f"bench-{field.run}-{name}"
        files = _files(field, name, variables)
        compose = (*given, "docker", "compose", "--project-name", f"{project}-compose", *files)
        own = ("--project", f"{project}-slipway")
        ways = {
            SLIPWAY: _round(
                (*given, *slipway("up", name, *own)), slipway("down", name, *own, "--volumes", "--yes"), place
            ),
            targets.COMPOSE_UP: _round((*compose, "up", "--wait"), (*compose, *_DOWN, "--volumes"), place),
        }
        ways[targets.COMPOSE_UP](0)  # the first start reads the images from the disk
        for peer, samples in field.in_turn(ways, rounds).items():
            yield Series("systems", targets.up(name), 0, peer, samples)


def _variables() -> Mapping[str, str]:
    """The variables of the systems' files."""
    settings = load(ROOT)
    named = {name: settings[name] for name in ("REGISTRY", "OWNER", "BASE_VERSION")}
    return {**named, "VERSION": settings.version("service"), "API_KEY": secrets.token_hex(32)}


def _files(field: Field, system: str, variables: Mapping[str, str]) -> tuple[str, ...]:
    """Compose's words for the system's file, and for one that leaves the published ports to the engine."""
    file = str(ROOT / find_systems(ROOT)[system].files[0])
    told = docker("compose", "--file", file, "config", "--format", "json", env={**os.environ, **variables})
    lines = ["services:"]
    for name, content in json.loads(told)["services"].items():
        if ports := [str(port["target"]) for port in content.get("ports") or ()]:
            lines += [f"  {name}:", f"    ports: !override {json.dumps(ports)}"]
    free = Path(field.folder, f"{system}-ports.yaml")
    free.write_text("\n".join(lines) + "\n", "utf-8")
    return ("--file", file, "--file", str(free))


def _round(start: tuple[str, ...], end: tuple[str, ...], place: Place) -> Callable[[int], Sample]:
    def run(turn: int) -> Sample:
        try:
            return measure(start, place)
        finally:
            measure(end, place)

    return run
