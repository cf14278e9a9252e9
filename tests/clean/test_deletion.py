"""The registry's client deletes manifests, and lists tags on several pages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from slipway.core.errors import RefusedError, RegistryError
from slipway.engine import Credentials
from slipway.registry import Registry
from slipway.secrets.secret import Secret
from slipway.testing.fakes import HASTE
from tests.clean.deleting import DeletingServer


@pytest.fixture
def server() -> Iterator[DeletingServer]:
    server = DeletingServer()
    with server:
        yield server


def test_all_pages_of_tags_are_read(server: DeletingServer) -> None:
    for number in range(5):
        server.add("acme/svc", f"v{number}", salt=str(number))
    registry = Registry(server.host, policy=HASTE)
    assert registry.tags(server.reference("acme/svc", "")) == ("v0", "v1", "v2", "v3", "v4")
    assert len([request for request in server.requests if "tags/list" in request]) == 3


def test_a_list_whose_pages_follow_each_other_in_a_circle_ends(server: DeletingServer) -> None:
    server.add("acme/svc", "v1")
    server.tags_after = lambda name, last: (["v1"], True)  # type: ignore[method-assign]
    registry = Registry(server.host, policy=HASTE)
    assert registry.tags(server.reference("acme/svc", "")) == ("v1",)


def test_a_manifest_is_deleted_with_all_its_tags(server: DeletingServer) -> None:
    digest = server.add("acme/svc", "in-1")
    server.tags["acme/svc", "in-2"] = digest
    registry, exact = Registry(server.host, policy=HASTE), replace(server.reference("acme/svc", ""), digest=digest)
    assert (registry.delete(exact), registry.delete(exact)) == (True, False)
    assert server.tags == {}


def test_a_registry_that_keeps_a_manifest_after_its_deletion_is_an_error(server: DeletingServer) -> None:
    exact = replace(server.reference("acme/svc", ""), digest=server.add("acme/svc", "in-1"))
    fault = server.fault("DELETE", 202)
    with pytest.raises(RegistryError, match="is in the registry after its deletion"):
        Registry(server.host, policy=HASTE).delete(exact)
    assert fault.struck
    server.deletes = False
    with pytest.raises(RefusedError, match="manifest DELETE: 405"):
        Registry(server.host, policy=HASTE).delete(exact)


def test_a_token_to_delete_is_asked_for(server: DeletingServer) -> None:
    exact = replace(server.reference("acme/svc", ""), digest=server.add("acme/svc", "in-1"))
    server.login = ("bearer", "ann", "open-sesame")
    login = Credentials("ann", Secret("open-sesame"))
    assert Registry(server.host, lambda host: login, policy=HASTE).delete(exact)
    scopes = [request.partition("scope=")[2] for request in server.requests if "scope=" in request]
    assert scopes[0] == "repository%3Aacme%2Fsvc%3Adelete"
