"""The service of each platform, asked in its container."""

from __future__ import annotations

from slipway.testing.container import Executed
from slipway.testing.plugin import BuiltImage, Container

#: Docker's name of an architecture → the kernel's.
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}


def test_it_was_built_and_runs_on_the_machine_of_its_platform(container: Container, image: BuiltImage) -> None:
    built_on = container.exec("wget", "-q", "-O-", "http://127.0.0.1:8080/machine")
    runs_on = container.exec("uname", "-m")
    told = Executed(0, f"{MACHINES[image.architecture]}\n")
    assert (built_on, runs_on) == (told, told)
