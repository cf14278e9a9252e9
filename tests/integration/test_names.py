"""The meaning of names: slipway must read each as the engine and BuildKit do."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator

import pytest

from slipway.core.reference import Reference, full_name
from slipway.engine import Engine
from tests.rig.outside import docker

pytestmark = pytest.mark.integration

#: In front of a name of the test's own.
PREFIXES = [
    "",
    "library/",
    "docker.io/",
    "docker.io/library/",
    "index.docker.io/",
    "index.docker.io/library/",
    "me/",
    "me/a/",
    "docker.io/me/",
    "index.docker.io/me/",
    "library/a/",
    "registry-1.docker.io/",
    "registry-1.docker.io/me/",
    "docker.io:443/me/",
    "DOCKER.IO/me/",
    "localhost/",
    "localhost:5000/",
    "LOCALHOST:5000/me/",
    "[::1]:5000/me/",
    "[2001:DB8::1]/",
    "Reg/",
    "reg:5000/",
    "Registry.Example.com/me/",
]
TAGS = ["", ":latest", ":v1"]


@pytest.fixture
def names() -> Iterator[list[str]]:
    """Every form of name, none of which the engine has; gone afterwards."""
    own = f"t-{secrets.token_hex(4)}"
    made = [f"{prefix}{own}{tag}" for prefix in PREFIXES for tag in TAGS]
    yield made
    if held := [tag for image in Engine().images() for tag in image.tags if f"/{own}:" in tag]:
        docker("rmi", *held)


@pytest.mark.fault("P30")
def test_the_engine_lists_an_image_by_the_name_that_slipway_gives_it(names: list[str], root_image: str) -> None:
    engine = Engine()
    for name in names:
        engine.client.api.tag(root_image, name)
        held = engine.inspect(name)
        assert held and full_name(name) in held.tags
    listed = [tag for image in engine.images() for tag in image.tags]
    assert {full_name(name) for name in names} <= set(listed)
    assert len([tag for tag in listed if f"/{names[0]}:" in tag]) == len({full_name(name) for name in names})
    for name in {full_name(name) for name in names}:
        engine.untag(Reference.read(name))
    assert [engine.inspect(name) for name in names] == [None] * len(names)
    engine.client.close()


@pytest.mark.fault("P30")
def test_buildkit_takes_the_image_that_stands_in_for_a_name(names: list[str], root_image: str) -> None:
    """No such image is anywhere: BuildKit would ask a registry for one whose named context it does not find."""
    targets = {
        f"n{number}": {
            "dockerfile-inline": f"FROM {name}\nCOPY --from={name} /bin/sh /copied\n",
            "contexts": {Reference.read(name).context: f"docker-image://{root_image}"},
            "output": ["type=cacheonly"],
        }
        for number, name in enumerate(names)
    }
    group = {"default": {"targets": list(targets)}}
    docker("buildx", "bake", "--file", "-", stdin=json.dumps({"group": group, "target": targets}))
