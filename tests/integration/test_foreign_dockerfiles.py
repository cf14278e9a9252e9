"""Dockerfiles of other people, which use slipway's names for things of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.rig.stacks import Repository

    Stack = Callable[..., Repository]

pytestmark = pytest.mark.integration
SIGN = "apps/svc_sign/Dockerfile"


@pytest.mark.fault("C44", "C45", "C46")
def test_names_of_slipways_are_the_files_own(stack: Stack, cli: Callable[..., str]) -> None:
    """A stage called wheelhouse runs, and its sources count; an ARG keeps its default; VERSION counts."""
    shop = stack("shop")
    shop.write("wheels/a.whl", "not this")
    shop.write(
        SIGN,
        "ARG PYTHON_IMAGE\nARG REGISTRY=quay.io\nFROM ${PYTHON_IMAGE} AS wheelhouse\n"
        "COPY apps/svc_sign/sign.txt /in.txt\nRUN sed s/^/made:/ /in.txt > /made.txt\n"
        "FROM scratch\nARG REGISTRY\nARG VERSION=none\nLABEL from=${REGISTRY} version=${VERSION}\n"
        "COPY --from=wheelhouse /made.txt /made.txt\n",
    )
    shop.settings.pop("REGISTRY")
    shop.configure(WHEELHOUSE=str(shop.root / "wheels"))

    def labels(tag: str) -> str:
        form = '{{index .Config.Labels "from"}} {{index .Config.Labels "version"}}'
        return cli("image", "inspect", "--format", form, f"localhost:5000/{shop.settings['OWNER']}/svc-sign:{tag}")

    shop.invoke("build", "svc-sign").ok()
    assert labels("v1") == "quay.io none"
    shop.write("apps/svc_sign/sign.txt", "another\n")
    assert shop.steps("plan", "svc-sign")["svc-sign"] == ("build", "apps/svc_sign/sign.txt changed")
    shop.invoke("build", "svc-sign", "--version", "v2").ok()
    assert labels("v2") == "quay.io v2"
    shop.invoke("build", "svc-sign", "--version", "v3").ok()
    assert (shop.status(), labels("v3")) == ({"svc-sign": "built"}, "quay.io v3")
