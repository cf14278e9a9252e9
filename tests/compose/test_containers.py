"""Read a project's containers: again and again, with few requests."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from slipway.compose.containers import looking
from slipway.core.clock import Clock


class Api:
    """An engine with one container per name, which notes the containers that it is asked to inspect."""

    def __init__(self, **states: tuple[str, str]) -> None:
        self.states, self.inspected = states, list[str]()

    def containers(self, **_: object) -> list[dict[str, str]]:
        return [{"Id": name, "State": state, "Status": status} for name, (state, status) in self.states.items()]

    def inspect_container(self, name: str) -> dict[str, Any]:
        self.inspected.append(name)
        if name == "gone":
            raise Removed
        state = {"Status": self.states[name][0], "ExitCode": 0, "OOMKilled": False, "Error": ""}
        labels = {"com.docker.compose.service": name}
        return {"Id": name, "Name": name, "Image": "", "RestartCount": 0, "State": state, "Config": {"Labels": labels}}


class Removed(OSError):
    response = SimpleNamespace(status_code=404)


def test_a_running_container_is_inspected_once_a_second_or_when_its_line_in_the_list_changes() -> None:
    api = Api(web=("running", "Up 1 second (health: starting)"), job=("created", "Created"), gone=("running", "Up"))
    seconds = [0.0]
    look = looking(SimpleNamespace(api=api), "p", Clock(lambda: seconds[0], lambda _: None))
    assert [one.service for one in look()] == ["job", "web"]
    api.states.pop("gone")

    def asked_after(pause: float) -> list[str]:
        seconds[0] += pause
        api.inspected.clear()
        assert [one.service for one in look()] == ["job", "web"]
        return api.inspected

    assert asked_after(0.5) == ["job"], "the engine's list does not show why a container did not start"
    assert asked_after(0.5) == ["web", "job"]
    api.states["web"] = ("running", "Up 1 second (healthy)")
    assert asked_after(0.1) == ["web", "job"]
