"""``invoke push`` against registries that refuse, stumble, lie, or may not be trusted."""

from __future__ import annotations

import json
import secrets
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.faults.proxy import Proxy, cut, lost, status
from tests.rig.registries import TlsRegistry, a_registry, a_tls_registry

if TYPE_CHECKING:
    from tests.rig.stacks import Repository

    Stack = Callable[..., Repository]

pytestmark = pytest.mark.integration
NAMES = ("base-floor", "base-counter", "svc-cart", "svc-till", "svc-sign")
UPLOADS = r"(PATCH|PUT) "


def through(stack: Stack, proxy: Proxy) -> Repository:
    """The shop, built, with the proxy before its registry."""
    shop = stack("shop", REGISTRY=proxy.address)
    shop.invoke("build").ok()
    return shop


def directly(shop: Repository, registry: str, tag: str = "v1") -> dict[str, str]:
    """Ask the registry past the proxy: image → digest, or an empty string."""
    between = shop.settings["REGISTRY"]
    shop.settings["REGISTRY"] = registry
    try:
        return {name: shop.published(name, tag) for name in NAMES}
    finally:
        shop.settings["REGISTRY"] = between


@pytest.mark.fault("P01", "P02")
@pytest.mark.parametrize(("code", "reason"), [(401, "registry-login-wanted"), (403, "registry-denied")])
def test_a_user_without_the_right_to_push_is_refused_before_any_upload(
    stack: Stack, proxy: Proxy, registry: str, code: int, reason: str
) -> None:
    shop = through(stack, proxy)
    proxy.fail("POST .*/svc-sign/blobs/uploads/", status(code))
    shop.invoke("push").failed(7, f"{shop.prefix}/svc-sign: upload: ", f"docker login {proxy.address}")
    assert shop.error_code() == reason
    assert not proxy.asked(UPLOADS)
    assert set(directly(shop, registry).values()) == {""}


@pytest.mark.fault("P03", "P04", "P06", "P07")
def test_a_push_retries_passing_errors_and_notes_a_lost_reply(stack: Stack, proxy: Proxy, registry: str) -> None:
    shop = through(stack, proxy)
    proxy.fail("HEAD .*/svc-cart/manifests/v1", status(429, {"Retry-After": "1"}))
    proxy.fail("PUT .*/svc-till/manifests/in-", status(503))
    proxy.fail("PATCH .*/base-floor/blobs/uploads/", cut())
    proxy.fail("PUT .*/svc-sign/manifests/v1", lost())
    proxy.fail("PUT .*/svc-till/manifests/v1", lost(), times=4)
    ran = shop.invoke("push").ok()
    (told,) = [line for line in ran.stdout.splitlines() if "reply to its PUT" in line]
    assert told.startswith("svc-till")
    assert set(shop.status().values()) == {"pushed"}
    assert directly(shop, registry) == {name: entry["image_digest"] for name, entry in shop.record().items()}


@pytest.mark.fault("P05")
def test_a_limit_of_a_proxy_before_the_registry_is_named(stack: Stack, proxy: Proxy, registry: str) -> None:
    shop = through(stack, proxy)
    page = b"<html><h1>413 Request Entity Too Large</h1><center>nginx</center></html>"
    fault = proxy.fail("PUT .*/base-floor/manifests/in-", status(413, body=page), times=9)
    shop.invoke("push").failed(7, "413 Request Entity Too Large", "client_max_body_size")
    assert shop.error_code() == "registry-too-large"
    assert len(fault.struck) == 1
    assert set(directly(shop, registry).values()) == {""}


def test_an_edit_sends_its_own_layer_and_little_more(stack: Stack, proxy: Proxy, registry: str) -> None:
    shop = through(stack, proxy)
    shop.invoke("push").ok()
    first = proxy.sent
    assert first > 1_000_000
    shop.write("apps/svc_cart/cart.txt", secrets.token_hex(100_000))
    shop.invoke("build").ok()
    before = proxy.sent
    shop.invoke("push", "--version", "v1", "--force").ok()
    url = f"http://{registry}/v2/{shop.settings['OWNER']}/svc-cart/manifests/v1"
    kind = "application/vnd.docker.distribution.manifest.v2+json"
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Accept": kind}), timeout=10) as reply:
        own = json.load(reply)["layers"][-1]["size"]
    assert own > 50_000
    assert own < proxy.sent - before <= own + 20_000


@pytest.fixture
def tls_registry(tmp_path: Path) -> Iterator[TlsRegistry]:
    with a_tls_registry(tmp_path) as made:
        yield made


@pytest.mark.fault("P08")
def test_neither_slipway_nor_the_engine_sends_to_an_unknown_ca(stack: Stack, tls_registry: TlsRegistry) -> None:
    host, authority = tls_registry.address, tls_registry.certificate
    shop = stack("shop", REGISTRY=host)
    shop.invoke("build", "svc-sign").ok()
    ran = shop.invoke("push", "svc-sign")
    ran.failed(7, "TLS: self-signed certificate", "CN=rig registry", "expires ", f"/etc/docker/certs.d/{host}/ca.crt")
    shop.invoke("doctor").failed(3, "TLS: self-signed certificate")
    # We trust it now; the engine does not, and says so once.
    ran = shop.invoke("push", "svc-sign", SSL_CERT_FILE=str(authority))
    ran.failed(7, "x509: certificate signed by unknown authority", f"/etc/docker/certs.d/{host}/ca.crt")
    assert "tries" not in ran.closing


@pytest.mark.fault("P09")
def test_plain_http_elsewhere_is_only_for_private_addresses_that_are_listed(
    stack: Stack, cli: Callable[..., str]
) -> None:
    with a_registry({}) as (_, container):
        host = cli("inspect", container, "--format", "{{.NetworkSettings.IPAddress}}") + ":5000"
        shop = stack("shop", REGISTRY=host)
        own = (shop.root / "pyproject.toml").read_text()
        shop.invoke("build", "svc-sign").ok()
        assert shop.invoke("push", "svc-sign", "--json").failed(7, host).codes == ["registry-tls-failed"]
        shop.write("pyproject.toml", listing(own, host))
        ran = shop.invoke("push", "svc-sign")
        ran.failed(7, "server gave HTTP response to HTTPS client", f"{host} in insecure-registries ")
        shop.write("pyproject.toml", listing(own, "registry.example.com"))
        shop.invoke("plan").failed(2, "pyproject.toml:", "registry.example.com")


def listing(own: str, host: str) -> str:
    """pyproject.toml with ``host`` among the registries that may be spoken to in plain HTTP."""
    return own.replace("[tool.slipway]\n", f'[tool.slipway]\ninsecure-registries = ["{host}"]\n')
