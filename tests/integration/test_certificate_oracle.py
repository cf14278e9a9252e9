"""Which certificates the engine accepts: the shapes of tests/rig/authorities.py, each shown to a real one.

tests/faults/test_certificates.py shows the same ones to slipway, which is to accept what the engine accepts.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.rig.authorities import ACCEPTED, REFUSED, STRICTER, names
from tests.rig.outside import machine_docker
from tests.rig.tls import served

if TYPE_CHECKING:
    from tests.rig.engines import OwnEngine

pytestmark = pytest.mark.integration


def test_the_engine_accepts_exactly_the_certificates_of_the_table(
    own_engine: Callable[..., OwnEngine], tmp_path: Path
) -> None:
    engine = own_engine()
    form = "{{range .NetworkSettings.Networks}}{{.Gateway}}{{end}}"
    here = machine_docker("inspect", "--format", form, engine.container)
    shapes = {**ACCEPTED, **{name: make for name, (make, _) in {**REFUSED, **STRICTER}.items()}}
    trusted = tmp_path / "certs.d"
    with contextlib.ExitStack() as serving:
        hosts = {}
        for number, (name, make) in enumerate(shapes.items()):
            shown = make(names(here))
            folder = tmp_path / str(number)
            folder.mkdir()
            hosts[name] = serving.enter_context(served(shown.pem, folder, address=here))
            (trusted / hosts[name]).mkdir(parents=True)
            (trusted / hosts[name] / "ca.crt").write_bytes(shown.trusted.pem)
        machine_docker("cp", str(trusted), f"{engine.container}:/etc/docker/")
        said = {name: engine.client_error("pull", f"{host}/x:v1") for name, host in hosts.items()}
    for name, text in said.items():
        assert any(words in text for words in ("manifest unknown", "x509: ", "tls: ")), f"{name}: {text}"
    accepted = {name: "manifest unknown" in text for name, text in said.items()}
    assert accepted == {name: name not in REFUSED for name in shapes}
