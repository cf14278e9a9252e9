"""Read a project's containers: again and again, with few requests."""

from __future__ import annotations

from typing import Any

from slipway.compose.containers import looking
from slipway.core.clock import Clock


class Containers:
    """An engine's answers: a container per name, and the names of the containers that it was asked to inspect."""

    def __init__(self, **states: tuple[str, str]) -> None:
        self.states, self.inspected = states, list[str]()

    def get(self, path: str) -> Any:
        _, _, _, name, *_ = path.partition("?")[0].split("/")
        if name == "json":
            return [{"Id": one, "State": state, "Status": status} for one, (state, status) in self.states.items()]
        self.inspected.append(name)
        if name == "gone":
            return None
        state = {"Status": self.states[name][0], "ExitCode": 0, "OOMKilled": False, "Error": ""}
        labels = {"com.docker.compose.service": name}
        return {"Id": name, "Name": name, "Image": "", "RestartCount": 0, "State": state, "Config": {"Labels": labels}}


def test_a_running_container_is_inspected_once_a_second_or_when_its_health_changes() -> None:
    starting = ("running", "Up 1 second (health: starting)")
    engine = Containers(web=starting, job=("created", "Created"), gone=("running", "Up"))
    seconds = [0.0]
    look = looking(engine.get, "p", Clock(lambda: seconds[0], lambda _: None))
    assert [one.service for one in look()] == ["job", "web"]
    engine.states.pop("gone")

    def asked_after(pause: float) -> list[str]:
        seconds[0] += pause
        engine.inspected.clear()
        assert [one.service for one in look()] == ["job", "web"]
        return engine.inspected

    engine.states["web"] = ("running", "Up 2 seconds (health: starting)")
    assert asked_after(0.5) == ["job"], "the engine's list does not show why a container did not start"
    assert asked_after(0.5) == ["web", "job"]
    engine.states["web"] = ("running", "Up 2 seconds (healthy)")
    assert asked_after(0.1) == ["web", "job"]
