"""The users of a container's processes, from what the engine tells."""

from __future__ import annotations

from typing import Any

import pytest

from slipway.smoke.containers import users


class Tops:
    """An engine whose machine has this ``ps``: columns asked for → titles and rows; None where it fails."""

    def __init__(self, user: str, **answers: tuple[list[str], list[list[str]]]) -> None:
        self.api = self
        self._user = user
        self._answers = answers

    def top(self, container: str, columns: str | None) -> dict[str, Any]:
        found = self._answers.get("numbers" if columns else "names")
        if not found:
            raise OSError('exec: "ps": executable file not found in $PATH')
        return {"Titles": found[0], "Processes": found[1]}

    def inspect_container(self, container: str) -> dict[str, Any]:
        return {"Config": {"User": self._user}}


@pytest.mark.fault("T31")
@pytest.mark.parametrize(
    ("engine", "expected"),
    [
        (Tops("1:1", numbers=(["PID", "UID"], [["7", "10001"], ["8", "0"]])), {"10001", "0"}),
        (Tops("1:1", names=(["PID", "USER", "TIME"], [["7", "root", "0:00"], ["8", "10001", "0:00"]])), {"10001", "0"}),
        (Tops("10001:10001"), {"10001"}),
        (Tops(""), {"0"}),
        (Tops("root"), {"0"}),
    ],
)
def test_the_users_of_a_container_s_processes(engine: Tops, expected: set[str]) -> None:
    """A machine of the engine's may have BusyBox's ps, or none."""
    assert users(engine, "c") == expected
