"""A system until all its services are healthy: slipway's ``up`` beside ``docker compose up --wait``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from tests.bench import targets
from tests.bench.measure import Place, measure
from tests.bench.peers import PEERS, SLIPWAY, slipway
from tests.bench.rounds import Field
from tests.bench.samples import Sample, Series
from tests.bench.stacks import Tree, service

_SERVICES = 8
_FILE = "infra/compose/bench.yaml"
#: Each service needs half a second. Its health check runs every five seconds, as many files have it.
_COMMAND = ["sh", "-c", "sleep 0.5; : > /ready; trap 'exit 0' TERM; while :; do sleep 0.1; done"]
_CHECK = {"test": ["CMD", "test", "-f", "/ready"], "interval": "5s", "start_period": "60s"}
_DOWN = ("down", "--remove-orphans", "--timeout", "2")


def up(field: Field) -> Iterator[Series]:
    """The images are built and current, so that only starting and waiting is measured."""
    field.say(f"{_SERVICES} services brought up, {field.rounds} rounds")
    tree = field.tree("up", _SERVICES)
    PEERS[0].prepare(tree)
    tree.write(
        _FILE, json.dumps({"services": {service(number): _service(tree, number) for number in range(_SERVICES)}})
    )
    place = field.place(tree)
    measure(slipway("build"), place)
    compose = ("docker", "compose", "--project-name", f"{tree.owner}-compose", "--file", _FILE)
    ways = {
        SLIPWAY: _round(slipway("up", "bench"), slipway("down", "bench"), place),
        targets.COMPOSE_UP: _round((*compose, "up", "--wait"), (*compose, *_DOWN), place),
    }
    for name, samples in field.in_turn(ways, field.rounds).items():
        yield Series("systems", targets.UP, _SERVICES, name, samples)


def _service(tree: Tree, number: int) -> dict[str, object]:
    command = [word.replace("$", "$$") for word in _COMMAND]
    return {"image": tree.reference(service(number)), "command": command, "healthcheck": _CHECK}


def _round(start: tuple[str, ...], end: tuple[str, ...], place: Place) -> Callable[[int], Sample]:
    def run(turn: int) -> Sample:
        try:
            return measure(start, place)
        finally:
            measure(end, place)

    return run
