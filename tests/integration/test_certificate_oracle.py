"""Which certificates the engine accepts: the shapes of tests/rig/authorities.py, each shown to a real one.

tests/faults/test_certificates.py shows the same ones to slipway, which is to accept what the engine accepts.
"""

from __future__ import annotations

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
    accepted = {}
    for number, (name, make) in enumerate(shapes.items()):
        shown = make(names(here))
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "ca.crt").write_bytes(shown.trusted.pem)
        with served(shown.pem, folder, address=here) as host:
            machine_docker("exec", engine.container, "mkdir", "-p", f"/etc/docker/certs.d/{host}")
            machine_docker("cp", str(folder / "ca.crt"), f"{engine.container}:/etc/docker/certs.d/{host}/ca.crt")
            said = engine.client_error("pull", f"{host}/x:v1")
        accepted[name] = "manifest unknown" in said
        assert accepted[name] or "x509: " in said or "tls: " in said, f"{name}: {said}"
    assert accepted == {name: name not in REFUSED for name in shapes}
