"""Compare the platforms of images, of the engine's machine and of the compose file."""

from __future__ import annotations

from typing import Any

import pytest

from slipway.compose.platforms import ABSENT, foreign_program, unavailable
from slipway.compose.system import read_system

ARM = {"Os": "linux", "Architecture": "arm64", "Variant": "v8"}
AMD = {"Os": "linux", "Architecture": "amd64"}
ENGINE = "linux/amd64"
OTHER = "the engine has it for linux/amd64, and the compose file asks for linux/arm64"


@pytest.mark.parametrize(
    ("service", "image", "reason"),
    [
        ({}, AMD, ""),
        ({}, {}, ABSENT),
        ({"platform": "linux/arm64"}, {}, ABSENT),
        ({"platform": "linux/arm64"}, ARM, ""),
        ({"platform": "linux/x86_64"}, AMD, ""),
        (
            {"platform": "linux/arm64"},
            AMD,
            OTHER,
        ),
    ],
)
def test_an_image_that_the_engine_cannot_start_has_a_reason(
    service: dict[str, Any], image: dict[str, Any], reason: str
) -> None:
    system = read_system("shop", {"services": {"a": {"image": "x:1", **service}}}, {}, {}, "/repo")
    assert unavailable(system, {"a": image}) == ({"docker.io/library/x:1": reason} if reason else {})


def test_a_program_for_another_architecture_is_the_cause_only_where_it_did_not_start() -> None:
    cause = foreign_program("exec /program: Exec format error", ARM, ENGINE)
    assert cause == "its image is for linux/arm64, and the engine's machine is linux/amd64"
    assert foreign_program("out of paper", ARM, ENGINE) == ""
    assert foreign_program("exec /script: exec format error", AMD, ENGINE) == ""
