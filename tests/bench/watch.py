"""An edit until the new container is healthy: ``invoke watch`` beside ``docker compose watch``, which rebuilds."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from slipway.compose.running_file import project_name
from tests.bench import targets
from tests.bench.measure import FailedError, end, measure
from tests.bench.peers import PEERS, SLIPWAY, slipway
from tests.bench.rounds import Field
from tests.bench.samples import Sample, Series
from tests.bench.stacks import Tree, dockerfile, service
from tests.bench.systems import FILE, described
from tests.rig.outside import docker

_SECONDS = 120.0
_PAUSE = 0.02
_SERVICE = service(0)
_SOURCE = "apps/svc_000/svc_000"
#: Words that each peer writes once it watches.
_WATCHES = {SLIPWAY: "watching", targets.COMPOSE_WATCH: "Watch enabled"}


@dataclass(frozen=True)
class Watched:
    """A tree that a peer watches, the project of its containers, and a client of the engine."""

    tree: Tree
    project: str
    client: Any

    def edit(self, turn: int) -> Sample:
        """Edit a module, and wait until another container than before is healthy. It must have the edited module."""
        before = self.containers()
        began = time.perf_counter()
        self.tree.edit_one_service(turn)
        _wait(lambda: self.healthy(before), "the new container is healthy")
        seconds = time.perf_counter() - began
        found = docker("exec", self.healthy(before)[0], "cat", "/app/svc_000/main.py")
        if found != (self.tree.root / _SOURCE / "main.py").read_text("utf-8").strip():
            raise FailedError(f"{self.project}: the new container does not have the edit")
        return Sample(round(seconds, 4))

    def healthy(self, before: Mapping[str, str]) -> list[str]:
        return [id for id, status in self.containers().items() if id not in before and "(healthy)" in status]

    def containers(self) -> dict[str, str]:
        """Id → status of the running containers."""
        found = self.client.api.containers(filters={"label": f"com.docker.compose.project={self.project}"})
        return {one["Id"]: one["Status"] for one in found}


def edits(field: Field) -> Iterator[Series]:
    """One service of a tree for each peer; both watch all the time, and the edits come in turn.

    With the file's own ``start_interval`` both probe as often as slipway makes the engine probe without.
    """
    import docker as sdk

    checks: Mapping[str, dict[str, str]] = {targets.EDIT: {}, targets.EDIT_PROBED: {"start_interval": "1s"}}
    for number, (scenario, check) in enumerate(checks.items()):
        field.say(f"{scenario}, {field.rounds} rounds")
        with contextlib.ExitStack() as opened:
            client = opened.enter_context(contextlib.closing(sdk.from_env()))
            ways: dict[str, Callable[[int], Sample]] = {}
            for name in _WATCHES:
                tree = field.tree(f"watch-{name.replace(' ', '-')}-{number}", 1)
                ways[name] = opened.enter_context(_watching(field, name, tree, check, client)).edit
            for name, samples in field.in_turn(ways, field.rounds).items():
                yield Series("watch", scenario, 1, name, samples)


@contextlib.contextmanager
def _watching(field: Field, name: str, tree: Tree, check: Mapping[str, str], client: Any) -> Iterator[Watched]:
    """Start a peer's watch of a tree. In the end its containers are removed."""
    PEERS[0].prepare(tree)
    tree.write(FILE, json.dumps({"services": {_SERVICE: _rebuilt(tree, check)}}))
    place, own = field.place(tree), f"{tree.owner}-own"
    measure(slipway("build"), place)
    project = project_name(str(tree.root.resolve()), "bench") if name == SLIPWAY else own
    compose = ("docker", "compose", "--project-name", project)
    argv = slipway("watch", "bench") if name == SLIPWAY else (*compose, "--file", FILE, "watch")
    with place.log.open("wb") as log, subprocess.Popen(
        argv, cwd=tree.root, env=place.environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        start_new_session=True,
    ) as process:  # fmt: skip
        try:
            _wait(lambda: _WATCHES[name] in place.log.read_text("utf-8", "replace"), f"{name} watches")
            yield Watched(tree, project, client)
        finally:
            end(process)
            docker(*compose[1:], "down", "--remove-orphans", "--timeout", "2")


def _rebuilt(tree: Tree, check: Mapping[str, str]) -> dict[str, object]:
    """The service, with the words by which compose builds it again after an edit."""
    build = {"context": "../..", "dockerfile": dockerfile(_SERVICE), "args": dict(tree.args)}
    rebuild = {"action": "rebuild", "path": f"../../{_SOURCE}"}
    return {**described(tree, 0, **check), "build": build, "develop": {"watch": [rebuild]}}


def _wait(holds: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + _SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise FailedError(f"not within {_SECONDS:.0f} s: {what}")
        time.sleep(_PAUSE)
