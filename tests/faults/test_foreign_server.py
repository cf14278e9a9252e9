"""Something else answers where the registry should: a page, a login, a refusal. It is never taken for a registry."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from urllib3 import HTTPHeaderDict

from slipway.config.settings import load
from slipway.core.errors import RefusedError, RegistryError
from slipway.core.image import Image, content_tag
from slipway.core.reference import Reference
from slipway.plan.decide import Facts
from slipway.plan.facts import gather_facts
from slipway.plan.repository import read_repository
from slipway.push.inspect import look
from slipway.registry import Registry
from slipway.registry.greeting import read_greeting
from slipway.registry.http import RegistryHttp
from slipway.registry.transport import Reply
from slipway.stack.worktree import Worktree
from slipway.testing.fakes import HASTE, MEDIA_TYPE, FakeEngine, RegistryServer, digest_of, local_image
from tests.rig.foreign import HTML, PAGE, ForeignServer

Foreign = Callable[..., ForeignServer]
PYTHON = local_image("python", "python:3.12-slim")
BEARER, BASIC = 'Bearer realm="https://auth.example/token"', 'Basic realm="https://example/"'
V2 = {"Docker-Distribution-Api-Version": "registry/2.0"}
INPUT = digest_of(b"svc-ocr")
MANIFEST = json.dumps({"schemaVersion": 2, "config": {"digest": "sha256:1"}, "layers": []}).encode()


def looked(host: str) -> None:
    """As ``invoke push`` begins."""
    reference = Reference(host, "acme/svc-ocr", "v1")
    held = local_image("svc-ocr", str(reference.tagged(content_tag(INPUT))), name="svc-ocr", source=INPUT)
    facts = Facts({"svc-ocr": reference}, {"svc-ocr": INPUT}, local=dict.fromkeys(held.tags, held))
    image = Image("svc-ocr", "apps/svc_ocr/Dockerfile")
    look([image], facts, Registry(host, policy=HASTE))


def planned(root: Path, host: str) -> tuple[frozenset[str], tuple[str, ...]]:
    """As every plan begins: what is published, and the notes."""
    repository = read_repository(load(root, environment={"REGISTRY": host}), Worktree(root), {})
    found = gather_facts(repository, FakeEngine([PYTHON]), lambda: Registry(host, policy=HASTE))
    return frozenset(found.facts.published), found.notes


@pytest.mark.fault("P40")
@pytest.mark.parametrize(
    ("status", "headers", "body", "answer"),
    [
        pytest.param(200, HTML, PAGE, "200, text/html", id="a page for everything"),
        pytest.param(200, {}, PAGE, "200", id="a page without a type"),
        pytest.param(200, {"Content-Type": "text/html"}, b"", "200, text/html", id="an empty page"),
        pytest.param(404, HTML, PAGE, "404, text/html", id="a web server without such a page"),
        pytest.param(403, {}, b"", "403", id="AirPlay, which refuses everything"),
        pytest.param(401, HTML, PAGE, "401, text/html", id="a login without a challenge"),
        pytest.param(405, {"Content-Type": "text/plain"}, b"?", "405, text/plain", id="a server of another protocol"),
    ],
)
def test_another_server_is_not_taken_for_a_registry(
    foreign: Foreign, repository: Path, status: int, headers: Mapping[str, str], body: bytes, answer: str
) -> None:
    server = foreign(status, headers, body)
    said = f"{server.host} does not answer as a registry (GET /v2/ gives {answer})"
    with pytest.raises(RefusedError) as caught:
        looked(server.host)
    assert (caught.value.exit_code, caught.value.message, caught.value.hint) == (7, said, "invoke doctor")
    assert server.requests == ["GET /v2/"], "nothing is asked of it, and nothing sent"
    assert planned(repository, server.host) == (frozenset(), (f"{said}: slipway does not know which images it has",))


@pytest.mark.fault("P40")
def test_a_redirect_to_a_login_page_is_not_followed(foreign: Foreign, repository: Path) -> None:
    login = foreign(200, HTML, PAGE)
    server = foreign(302, {"Location": f"http://{login.host}/sign-in?state=s3cret"})
    answer = f"302, a redirect to http://{login.host}/sign-in"
    with pytest.raises(RefusedError) as caught:
        looked(server.host)
    assert caught.value.message == f"{server.host} does not answer as a registry (GET /v2/ gives {answer})"
    assert planned(repository, server.host)[0] == frozenset()
    assert login.requests == [], "slipway does not ask the page"


@pytest.mark.parametrize(
    ("location", "same"),
    [
        ("/v2/acme/x/manifests/v1", True),
        ("https://REGISTRY.example.com:443/v2/x", True),
        ("http://registry.example.com/v2/x", False),
        ("https://registry.example.com:5000/v2/x", False),
        ("//cdn.example.com/v2/x", False),
    ],
)
def test_which_redirects_stay_on_the_host(location: str, same: bool) -> None:
    """One to plain HTTP does not: the login would travel in the clear."""
    reply = Reply("https://registry.example.com/v2/", 307, HTTPHeaderDict({"Location": location}))
    http = RegistryHttp("registry.example.com", lambda host: None, HASTE, (), "")
    assert (http.elsewhere(reply) == "") is same


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_on_the_same_host_is_followed(foreign: Foreign, status: int) -> None:
    """A proxy before a registry may add a slash."""
    with RegistryServer() as server:
        digest = server.add("acme/x", "v1")
        server.fault("HEAD", status, headers={"Location": f"http://{server.host}/v2/acme/x/manifests/v1"})
        server.fault("GET /v2/$", status, headers={"Location": "/v2/"})
        registry = Registry(server.host, policy=HASTE)
        assert registry.digest(Reference(server.host, "acme/x", "v1")) == digest
        assert registry.answers()


@pytest.mark.fault("P40")
def test_redirects_without_end(foreign: Foreign, repository: Path) -> None:
    server = foreign(307, {"Location": "/v2/"})
    with pytest.raises(RefusedError, match=r"does not answer as a registry \(GET /v2/ gives redirects without end\)"):
        looked(server.host)
    with pytest.raises(RefusedError, match="redirects without end"):
        Registry(server.host, policy=HASTE).digest(Reference(server.host, "acme/x", "v1"))


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        pytest.param(200, V2, b"{}", id="distribution, zot"),
        pytest.param(401, {**V2, "WWW-Authenticate": BEARER}, b"", id="Docker Hub"),
        pytest.param(401, {**V2, "WWW-Authenticate": BASIC}, b"Not Authorized", id="ECR"),
        pytest.param(401, {"WWW-Authenticate": BEARER}, b"{}", id="Harbor before 2.0"),
        pytest.param(401, {"WWW-Authenticate": 'BASIC realm="Sonatype Nexus"'}, PAGE, id="a challenge and a page"),
        pytest.param(401, {}, b'{"errors": [{"code": "UNAUTHORIZED"}]}', id="the error body of the specification"),
        pytest.param(403, {}, b'{"errors": [{"code": "DENIED"}]}', id="a registry that admits only some addresses"),
        pytest.param(200, {"Content-Type": "application/json"}, b"{}", id="a JSON object"),
        pytest.param(200, {}, b"", id="an empty answer"),
        pytest.param(200, {**V2, "Content-Type": "text/html"}, b"true", id="the header with any body"),
    ],
)
def test_every_way_in_which_registries_answer_counts(status: int, headers: Mapping[str, str], body: bytes) -> None:
    greeting = read_greeting(status, headers, body)
    assert (greeting.proven, greeting.problem) == (True, "")


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_server_in_trouble_is_neither(status: int) -> None:
    greeting = read_greeting(status, HTML, PAGE)
    assert (greeting.is_foreign, greeting.problem) == (False, f"answers GET /v2/ with {status}")


@pytest.mark.fault("P41")
@pytest.mark.parametrize(
    ("headers", "body", "answer"),
    [
        pytest.param(HTML, PAGE, "text/html; charset=utf-8", id="a page"),
        pytest.param({"Content-Type": "text/html"}, MANIFEST, "text/html", id="a manifest's bytes as a page"),
        pytest.param({"Content-Type": MEDIA_TYPE}, PAGE, MEDIA_TYPE, id="a page under a manifest's type"),
        pytest.param({"Content-Type": MEDIA_TYPE}, b"[]", MEDIA_TYPE, id="JSON that is not an object"),
        pytest.param({"Content-Type": "application/json"}, b'{"ok": true}', "application/json", id="other JSON"),
        pytest.param({}, PAGE, "bytes without a type", id="no type"),
        pytest.param({**HTML, "Docker-Content-Digest": digest_of(PAGE)}, PAGE, HTML["Content-Type"], id="a digest"),
    ],
)
def test_no_manifest_counts_without_its_type(
    foreign: Foreign, headers: Mapping[str, str], body: bytes, answer: str
) -> None:
    server = foreign(200, headers, body)
    registry, reference = Registry(server.host, policy=HASTE), Reference(server.host, "acme/x", "v1")
    said = f"{reference}: {server.host} does not answer as a registry (GET a manifest gives {answer})"
    for ask in (registry.digest, registry.manifest, registry.config):
        with pytest.raises(RefusedError) as caught:
            ask(reference)
        assert caught.value.message == said


@pytest.mark.fault("P41")
def test_a_manifest_from_another_host_does_not_count(foreign: Foreign) -> None:
    with RegistryServer() as other:
        other.add("acme/x", "v1")
        server = foreign(307, {"Location": f"http://{other.host}/v2/acme/x/manifests/v1"})
        registry, reference = Registry(server.host, policy=HASTE), Reference(server.host, "acme/x", "v1")
        for ask in (registry.digest, registry.manifest):
            with pytest.raises(RefusedError, match=rf"a redirect to http://{other.host}/v2/acme/x/manifests/v1\)"):
                ask(reference)


@pytest.mark.fault("P41")
@pytest.mark.parametrize("told", ["", "sha256:short", "md5:0cc175b9c0f1b6a831c399e269772661", "sha512:" + "0" * 128])
def test_without_a_sound_digest_it_is_computed_from_the_bytes(foreign: Foreign, told: str) -> None:
    headers = {"Content-Type": MEDIA_TYPE, **({"Docker-Content-Digest": told} if told else {})}
    server = foreign(200, headers, MANIFEST)
    assert Registry(server.host, policy=HASTE).digest(Reference(server.host, "acme/x", "v1")) == digest_of(MANIFEST)
    assert [request.split()[0] for request in server.requests] == ["HEAD", "GET"]


@pytest.mark.fault("P41")
def test_a_manifest_with_another_digest_than_announced_is_refused(foreign: Foreign) -> None:
    server = foreign(200, {"Content-Type": MEDIA_TYPE, "Docker-Content-Digest": digest_of(b"other")}, MANIFEST)
    reference = Reference(server.host, "acme/x", "v1")
    with pytest.raises(RegistryError) as caught:
        Registry(server.host, policy=HASTE).manifest(reference)
    assert caught.value.message == f"{reference}: the registry answered {digest_of(MANIFEST)}"


@pytest.mark.parametrize("kind", ["application/json", "text/plain; charset=utf-8", "application/octet-stream", ""])
def test_a_manifest_may_name_its_own_type(foreign: Foreign, kind: str) -> None:
    """Registries on plain file storage do not know the type of what they serve."""
    body = json.dumps({"schemaVersion": 2, "mediaType": MEDIA_TYPE, "config": {"digest": "sha256:1"}}).encode()
    server = foreign(200, {"Content-Type": kind} if kind else {}, body)
    found = Registry(server.host, policy=HASTE).manifest(Reference(server.host, "acme/x", "v1"))
    assert (found.digest, found.media_type) == (digest_of(body), MEDIA_TYPE)


@pytest.mark.fault("P41")
def test_tags_that_are_a_page(foreign: Foreign) -> None:
    server = foreign(200, HTML, PAGE)
    with pytest.raises(RefusedError, match=r"acme/x: tags: 127.0.0.1:\d+ answers text/html; charset=utf-8, not JSON"):
        Registry(server.host, policy=HASTE).tags(Reference(server.host, "acme/x", "v1"))
