"""The compose file of ocr-inference and the services agree on names and ports, and both run in the sandbox."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from svc_ocr_gateway.main import Settings

ROOT = Path(__file__).parents[3]
SERVICES: dict[str, Any] = yaml.safe_load((ROOT / "infra/compose/ocr-inference.yaml").read_text("utf-8"))["services"]


def image(service: str) -> str:
    """Return the name of a service's image: ``svc-ocr-model`` of ``…/svc-ocr-model:${VERSION}``."""
    found = re.fullmatch(r"\$\{REGISTRY:-[^}]+\}/\$\{OWNER:-[^}]+\}/([a-z-]+):\$\{VERSION:-.+\}", service)
    assert found, service
    return found[1]


def test_the_gateway_asks_the_model_service_by_its_name_and_port() -> None:
    url = urlsplit(str(Settings().kserve_url))
    assert url.hostname and image(SERVICES[url.hostname]["image"]) == "svc-ocr-model"
    assert f"{url.port}:{url.port}" in SERVICES[url.hostname]["ports"]
    assert "environment" not in SERVICES["ocr-gateway"], "the default leads to the model service"


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_is_an_image_of_this_repository_in_the_sandbox(name: str) -> None:
    service = SERVICES[name]
    assert (ROOT / "apps" / image(service["image"]).replace("-", "_") / "Dockerfile").is_file()
    assert (service["read_only"], service["cap_drop"], service["tmpfs"]) == (True, ["ALL"], ["/tmp"])
    assert "healthcheck" not in service, "its image has one"
