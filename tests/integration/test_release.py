"""``invoke release`` with the real engine and registry, and the registry asked directly over plain HTTP."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from slipway.audit.attach import find_attached
from slipway.config.attach import Attachment
from slipway.core.reference import Reference
from slipway.registry import Registry
from tests.faults.proxy import Proxy, status
from tests.faults.test_smoke import GOOD
from tests.release.keys import key
from tests.rig.stacks import ROOT
from tests.rig.traces import SMOKE

if TYPE_CHECKING:
    from tests.rig.stacks import Repository

    Stack = Callable[..., Repository]

pytestmark = pytest.mark.integration
NAMES = ("base-floor", "base-counter", "svc-cart", "svc-till", "svc-sign")
ARTIFACT = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFESTS = f"{ARTIFACT}, {INDEX}, application/vnd.docker.distribution.manifest.v2+json"
RELEASE = ("release", "--no-smoke", "--also", "latest")


def digests(shop: Repository, tag: str) -> dict[str, str]:
    return {name: shop.published(name, tag) for name in NAMES}


def fetched(registry: str, path: str) -> bytes:
    request = urllib.request.Request(f"http://{registry}/v2/{path}", headers={"Accept": MANIFESTS})
    with urllib.request.urlopen(request, timeout=10) as reply:
        content: bytes = reply.read()
        return content


def statement(shop: Repository, version: str, registry: str) -> Any:
    """Return the statement of a record, as any OCI client reads it."""
    home = f"{shop.settings['OWNER']}/releases"
    manifest = json.loads(fetched(registry, f"{home}/manifests/{version}"))
    (layer,) = manifest["layers"]
    content = fetched(registry, f"{home}/blobs/{layer['digest']}")
    assert manifest["artifactType"] == "application/vnd.slipway.release.v1+json"
    assert layer["digest"] == f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert content == (shop.root / f".slipway/releases/{version}.json").read_bytes()
    return json.loads(content)


def test_a_release_is_verified_followed_and_returned_to(stack: Stack, registry: str) -> None:
    shop = stack("shop")
    shop.write("pyproject.toml", (shop.root / "pyproject.toml").read_text() + 'attach = ["sbom", "provenance"]\n')
    shop.invoke(*RELEASE).ok()
    one = digests(shop, "v1")
    exact = [Reference(registry, f"{shop.settings['OWNER']}/{name}", digest=digest) for name, digest in one.items()]
    assert {find_attached(Registry(registry), image) for image in exact} == {frozenset(Attachment)}
    assert digests(shop, "latest") == one and "" not in one.values()
    found = statement(shop, "v1", registry)
    assert {
        entry["name"].rpartition("/")[2]: f"sha256:{entry['digest']['sha256']}" for entry in found["subject"]
    } == one
    images = {image["name"]: image for image in found["predicate"]["images"]}
    assert images["svc-till"]["baseDigest"] == one["base-counter"] and images["svc-till"]["size"] > 0
    assert images["svc-sign"]["baseDigest"] == "" and images["svc-sign"]["platforms"]
    assert set(found["predicate"]["tools"]) == {"slipway", "docker", "buildx"}
    assert "" not in found["predicate"]["tools"].values()
    assert "v1 is released already" in shop.invoke(*RELEASE).ok().stdout

    shop.write("apps/svc_cart/cart.txt", "another cart\n")
    first = shop.published("releases", "v1")
    runs = shop.runs()
    shop.invoke(*RELEASE).failed(11, f"releases:v1: was written before, as {first}", "--version")
    assert shop.runs() == runs and digests(shop, "v1") == digests(shop, "latest") == one
    shop.invoke(*RELEASE, "--version", "v2").ok()
    two = digests(shop, "v2")
    assert {name for name in NAMES if one[name] != two[name]} == {"svc-cart"} and digests(shop, "latest") == two
    assert statement(shop, "v2", registry)["predicate"]["previous"] == first

    (moved,) = re.findall(r"/([^/\s]+) +moved on", shop.invoke("release.verify", "v1").ok().stdout)
    assert moved == "svc-cart:latest"
    shop.invoke("release.rollback", "v1", "--yes").ok()
    assert (digests(shop, "v1"), digests(shop, "v2"), digests(shop, "latest")) == (one, two, one)
    assert "moved on" not in shop.invoke("release.verify", "v1").ok().stdout
    shop.invoke("release.rollback", "v2", "--yes").ok()
    assert digests(shop, "latest") == two
    shop.invoke("release.verify", "v2").ok()


def test_a_release_that_ended_early_is_finished_without_a_build(stack: Stack, proxy: Proxy, registry: str) -> None:
    shop = stack("shop", REGISTRY=proxy.address)
    fault = proxy.fail("PUT .*/releases/manifests/v1", status(403), times=9)
    ran = shop.invoke(*RELEASE).failed(8, "10 of 10 version tags moved", "invoke release-resume ")
    assert fault.struck
    fault.times = 0
    (run,) = {path.name for path in shop.runs()} & set(ran.closing.split())
    shop.write("apps/svc_cart/cart.txt", "an edit meanwhile\n")
    assert json.loads(shop.invoke("release.resume", run, "--json").ok().stdout)["ok"]
    assert shop.bakes() == []
    assert digests(shop, "v1") == digests(shop, "latest") and "" not in digests(shop, "v1").values()
    assert len(statement(shop, "v1", registry)["subject"]) == len(NAMES)


@pytest.mark.fault("P45")
def test_of_two_releases_from_one_checkout_one_ends_with_the_name_of_the_other(stack: Stack) -> None:
    shop = stack("shop")
    till = "apps/svc_till/Dockerfile"
    shop.write(till, (shop.root / till).read_text() + "RUN sleep 3\n")
    both = [shop.start(*RELEASE) for _ in range(2)]
    said = [process.communicate(timeout=120)[1] for process in both]
    codes = [process.returncode for process in both]
    assert sorted(codes) == [0, 11], said
    winner = both[codes.index(0)].pid
    assert f"held by process {winner} since " in said[codes.index(11)]
    shop.invoke("release.verify").ok()


def replace_content(shop: Repository, registry: str, name: str) -> str:
    """Put another build of the same inputs under the content tag, as another machine does. Return its digest."""
    path, tag = f"{shop.settings['OWNER']}/{name}", shop.content(name).rpartition(":")[2]
    manifest = json.loads(fetched(registry, f"{path}/manifests/{tag}"))
    config = json.loads(fetched(registry, f"{path}/blobs/{manifest['config']['digest']}"))
    content = json.dumps({**config, "created": "2001-01-01T00:00:00Z"}).encode()
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    upload = sent(f"http://{registry}/v2/{path}/blobs/uploads/", "POST")["Location"]
    sent(f"{upload}&digest={digest}", "PUT", content, "application/octet-stream")
    manifest["config"] |= {"digest": digest, "size": len(content)}
    url = f"http://{registry}/v2/{path}/manifests/{tag}"
    return sent(url, "PUT", json.dumps(manifest).encode(), manifest["mediaType"])["Docker-Content-Digest"]


def sent(url: str, method: str, body: bytes = b"", kind: str = "") -> dict[str, str]:
    request = urllib.request.Request(url, body, {"Content-Type": kind} if kind else {}, method=method)
    with urllib.request.urlopen(request, timeout=10) as reply:
        return dict(reply.headers)


@pytest.mark.fault("P65", "P66")
def test_a_release_is_signed_and_verified_from_outside(
    stack: Stack, registry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    alice, locked = key(tmp_path, "alice"), key(tmp_path, "locked", passphrase="not for logs")
    shop = stack("shop", SIGN_KEY=locked)
    shop.write("allowed_signers", f"alice@example.com {Path(f'{alice}.pub').read_text()}")
    shop.invoke(*RELEASE).failed(3, f"SIGN_KEY={locked}", "passphrase", f"ssh-add {locked}")
    assert shop.runs() == [] and shop.published("releases", "v1") == ""
    shop.configure(SIGN_KEY=alice)
    assert "signed: alice@example.com, ED25519 key" in shop.invoke(*RELEASE).ok().stdout
    one = shop.published("releases", "v1")

    home = f"{shop.settings['OWNER']}/releases"
    (listed,) = json.loads(fetched(registry, f"{home}/manifests/{one.replace(':', '-')}"))["manifests"]
    manifest = json.loads(fetched(registry, f"{home}/manifests/{listed['digest']}"))
    assert listed["artifactType"] == "application/vnd.slipway.signature.ssh"
    assert manifest["subject"]["digest"] == one
    signature = fetched(registry, f"{home}/blobs/{manifest['layers'][0]['digest']}")
    assert signature == (shop.root / ".slipway/releases/v1.json.sig").read_bytes()
    command = re.findall("^ssh-keygen -Y verify .*", (ROOT / "docs/releases.md").read_text(), re.MULTILINE)[0]
    checked = subprocess.run(command, shell=True, cwd=shop.root, capture_output=True, text=True)
    assert checked.stdout.startswith('Good "slipway-release" signature for alice@example.com'), checked.stderr

    shop.configure(SIGN_KEY="")
    assert "signed: alice" in shop.invoke(*RELEASE).ok().stdout
    shop.write("apps/svc_cart/cart.txt", "another cart\n")
    runs = shop.runs()
    shop.invoke(*RELEASE, "--version", "v2").failed(10, "release v2: its record has no signature")
    assert shop.published("releases", "v2") == "" and shop.runs() == runs
    shop.write("allowed_signers", f"alice@example.com {Path(f'{locked}.pub').read_text()}")
    shop.invoke("release.verify").failed(10, "release v1: its record has no valid signature", "No principal matched")
    kept = [path.read_text() for path in (shop.root / ".slipway").rglob("*") if path.is_file()]
    assert not any("not for logs" in text or "OPENSSH PRIVATE KEY" in text for text in kept)


@SMOKE
def test_an_image_is_released_as_it_was_tested(stack: Stack, registry: str) -> None:
    harbour = stack("blank")
    harbour.write_programs("libs/bin")
    harbour.write("apps/svc_good/Dockerfile", GOOD)
    harbour.invoke("release").ok()
    assert harbour.published("svc-good") == harbour.published(
        "svc-good", harbour.content("svc-good").rpartition(":")[2]
    )

    theirs = replace_content(harbour, registry, "svc-good")
    ran = harbour.invoke("release", "--version", "v1.1").ok()
    assert "svc-good: another build of the same inputs is in the registry" in ran.stderr
    assert harbour.published("svc-good", "v1.1") == theirs
    tested = json.loads((harbour.runs()[-2] / "run.json").read_text())["images"][0]["image"]
    assert tested == harbour.image_id(harbour.content("svc-good"))

    harbour.write("apps/svc_good/Dockerfile", GOOD + 'CMD ["false"]\n')
    content = harbour.content("svc-good").rpartition(":")[2]
    harbour.invoke("release", "--version", "v2").failed(9, "smoke svc-good")
    assert harbour.published("svc-good", "v2") == harbour.published("svc-good", content) == ""
    assert harbour.published("releases", "v2") == ""


def test_a_release_without_tests_takes_the_published_build_and_asks_for_content_once(
    stack: Stack, proxy: Proxy, registry: str
) -> None:
    shop = stack("shop", REGISTRY=proxy.address)
    shop.invoke(*RELEASE).ok()
    asked = len(proxy.requests)
    shop.invoke(*RELEASE, "--version", "v2").ok()
    looked = [str(request) for request in proxy.requests[asked:] if re.search("/manifests/in-", str(request))]
    assert sorted(request.partition(" ")[0] for request in looked) == ["GET"] * len(NAMES)
    assert len({*looked}) == len(NAMES)

    theirs = replace_content(shop, registry, "svc-cart")
    ran = shop.invoke(*RELEASE, "--version", "v3").ok()
    assert "svc-cart: another build of the same inputs is in the registry" in ran.stderr
    assert shop.published("svc-cart", "v3") == theirs
    manifest = json.loads(fetched(registry, f"{shop.settings['OWNER']}/svc-cart/manifests/{theirs}"))
    assert shop.image_id(shop.content("svc-cart")) == manifest["config"]["digest"]
