"""Recognize the errors of docker compose."""

from __future__ import annotations

import pytest

from slipway.compose.failures import compose_problem, warnings
from slipway.compose.platforms import ABSENT
from slipway.compose.variables import missing, named_in


@pytest.mark.parametrize(
    ("stderr", "code"),
    [
        ("Error response from daemon: Bind for 0.0.0.0:80 failed: port is already allocated", "port-taken"),
        ("Error response from daemon: No such image: sha256:aa", "image-missing"),
        ("Error response from daemon: pull access denied for x, repository does not exist", "image-missing"),
        ("no matching manifest for linux/arm64 in the manifest list entries", "wrong-architecture"),
        ("dependency cycle detected: a -> b -> a", "dependency-cycle"),
        (
            'Error response from daemon: invalid mount config for type "bind": bind source path does not exist: /x',
            "file-missing",
        ),
        ("open /x/.env: permission denied", "file-unreadable"),
        ("network front declared as external, but could not be found", "network-missing"),
        ("write /var/lib/x: no space left on device", "disk-full"),
        ("Cannot connect to the Docker daemon at unix:///var/run/docker.sock", "engine-lost"),
        ('Get "http://localhost:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused', "registry-unreachable"),
        ("services.a additional properties 'imag' not allowed", "compose-failed"),
        ("", "compose-failed"),
    ],
)
def test_an_error_of_compose_has_a_code(stderr: str, code: str) -> None:
    assert compose_problem(f'time=now level=warning msg="x"\n{stderr}\n', "shop", "compose.yaml").code == code


def test_a_problem_quotes_compose_without_its_preamble() -> None:
    problem = compose_problem("Error response from daemon: No such image: x:1\n", "shop", "compose.yaml")
    assert problem.what == "up shop: No such image: x:1"


def test_the_images_that_the_engine_does_not_have_are_named() -> None:
    problem = compose_problem('Get "http://x/v2/": refused', "shop", "compose.yaml", {"x/y:v1": ABSENT})
    assert problem.what.startswith("x/y:v1: not in the engine: Get") and problem.hint == "docker pull x/y:v1"


def test_an_image_of_another_platform_is_named_whatever_its_pull_leads_to() -> None:
    problem = compose_problem('Get "http://x/v2/": refused', "shop", "c.yaml", {"x:1": "the engine has it for a/b"})
    assert problem.code == "wrong-architecture" and problem.what.startswith("x:1: the engine has it for a/b: Get")
    other = compose_problem("open /x: permission denied", "shop", "c.yaml", {"x:1": "the engine has it for a/b"})
    assert other.code == "file-unreadable" and other.what == "up shop: open /x: permission denied"


def test_warnings_have_the_words_of_compose() -> None:
    stderr = 'time="2026" level=warning msg="The \\"X\\" variable is not set."\nother\n'
    assert warnings(stderr) == ['The "X" variable is not set.']


LISTED = '{"A": {"Name": "A", "Required": true}, "B": {"Required": true}, "C": {"Required": false}}'


def test_every_required_variable_without_a_value_is_named() -> None:
    found = missing(LISTED, {"B": "1", "A": ""}, "compose.yaml")
    assert [(problem.where, problem.code) for problem in found] == [("compose.yaml", "variable-missing")]
    assert "A" in found[0].what and "A=" in found[0].hint
    assert len(missing(LISTED, {}, "x")) == 2


def test_an_env_file_names_its_variables() -> None:
    assert named_in("A=1\nexport B = 2\n#C=3\nD=\n  E=x\n") == {"A", "B", "E"}
