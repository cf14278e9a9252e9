"""The images of this repository, released to a registry with TLS and a password; ``nox -s release`` runs this.

A clone raises the version of the bases, rehearses all images and releases them. It releases an edit of one service, and
returns to the first release and to the second. The registry is asked past slipway.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from slipway.config.settings import load
from slipway.registry.artifact import fallback_tag
from tests.rig.outside import machine_docker
from tests.rig.registries import TlsRegistry, a_tls_registry
from tests.rig.stacks import MANIFESTS, ROOT

pytestmark = [pytest.mark.integration, pytest.mark.soak, pytest.mark.release]
PASSWORD = "open-sesame"
LOGIN = base64.b64encode(f"ann:{PASSWORD}".encode()).decode()
OWNER = "slipway"
FIRST, SECOND = "v0.2.0", "v0.2.1"
EDITED = "svc-kg"
#: It stands on no base, so the release tests it.
ALONE = "svc-redis"
#: The line of a release for five images that passed together before. EDITED is not among them.
TOGETHER = re.compile(r"^chain +rehearsed +5 images$", re.MULTILINE)
TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
#: The annotation of a result that is about several images together.
SYSTEM = "slipway.system"
INDEX = "application/vnd.oci.image.index.v1+json"


@contextmanager
def trusted(registry: TlsRegistry) -> Iterator[None]:
    """Let the machine's engine trust the registry's CA, as docker's documentation says."""
    folder = f"/trusted/{registry.address}"
    words = ["run", "--rm", "--network=none", "--user=0", "--entrypoint=sh", "--volume=/etc/docker/certs.d:/trusted"]
    given = f"--volume={registry.certificate}:/ca.crt:ro"
    machine_docker(*words, given, "slipway-registry", "-c", f"mkdir -p {folder} && cp /ca.crt {folder}")
    try:
        yield
    finally:
        machine_docker(*words, "slipway-registry", "-c", f"rm -r {folder}")


@dataclass(frozen=True)
class Clone:
    """Hold a clone of this repository's last commit, and the registry that it releases to."""

    root: Path
    registry: TlsRegistry
    environment: dict[str, str]

    def invoke(self, *words: str) -> str:
        command = [sys.executable, "-m", "invoke", *words]
        done = subprocess.run(command, cwd=self.root, env=self.environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def fetched(self, path: str, method: str = "GET", accept: str = MANIFESTS) -> tuple[str, bytes]:
        """Return the digest that the registry names, and the bytes."""
        headers = {"Accept": accept, "Authorization": f"Basic {LOGIN}"}
        url = f"https://{self.registry.address}/v2/{OWNER}/{path}"
        context = ssl.create_default_context(cafile=self.registry.certificate)
        asked = urllib.request.Request(url, method=method, headers=headers)
        with urllib.request.urlopen(asked, timeout=30, context=context) as reply:
            return reply.headers.get("Docker-Content-Digest", ""), reply.read()

    def digest(self, name: str, tag: str) -> str:
        return self.fetched(f"{name}/manifests/{tag}", "HEAD")[0]

    def record(self, version: str) -> Any:
        """Return the predicate of a release, whose subjects are its images."""
        (layer,) = json.loads(self.fetched(f"releases/manifests/{version}")[1])["layers"]
        content = self.fetched(f"releases/blobs/{layer['digest']}")[1]
        assert layer["digest"] == f"sha256:{hashlib.sha256(content).hexdigest()}"
        statement = json.loads(content)
        images = statement["predicate"]["images"]
        assert [one["digest"]["sha256"] for one in statement["subject"]] == [one["digest"][7:] for one in images]
        return statement["predicate"]

    def check(self, version: str, latest: bool) -> dict[str, str]:
        """Compare the record with the registry: tags, manifests and blobs. Return the digest of each image."""
        images = self.record(version)["images"]
        for image in images:
            name, digest = image["name"], image["digest"]
            assert self.digest(name, version) == digest
            assert (self.digest(name, "latest") == digest) or not latest
            body = self.fetched(f"{name}/manifests/{digest}")[1]
            assert f"sha256:{hashlib.sha256(body).hexdigest()}" == digest
            manifest = json.loads(body)
            for blob in (manifest["config"], *manifest["layers"]):
                self.fetched(f"{name}/blobs/{blob['digest']}", "HEAD")
        return {image["name"]: image["digest"] for image in images}

    def results(self, name: str, digest: str) -> int:
        """Return the number of test results beside a manifest that are about this image alone."""
        listed = json.loads(self.fetched(f"{name}/manifests/{fallback_tag(digest)}", accept=INDEX)[1])["manifests"]
        noted = [entry.get("annotations") or {} for entry in listed]
        return sum(TEST_RESULT in one.values() and SYSTEM not in one for one in noted)


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Clone]:
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(tmp_path / "clone")], check=True)
    with a_tls_registry(tmp_path, PASSWORD) as registry, trusted(registry):
        settings = {"REGISTRY": registry.address, "OWNER": OWNER, "PYTHON_IMAGE": load(ROOT)["PYTHON_IMAGE"]}
        lines = "".join(f"{name}={value}\n" for name, value in settings.items())
        (tmp_path / "clone/.env").write_text(lines)
        (tmp_path / "docker").mkdir()
        login = json.dumps({"auths": {registry.address: {"auth": LOGIN}}})
        (tmp_path / "docker/config.json").write_text(login)
        yield Clone(tmp_path / "clone", registry, os.environ | {"DOCKER_CONFIG": str(tmp_path / "docker")})
        prefix = f"reference={registry.address}/{OWNER}/*"
        names = machine_docker("images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", prefix).split()
        machine_docker("rmi", *names)


def test_the_bases_are_raised_rehearsed_and_released_and_the_release_returned_to(clone: Clone) -> None:
    rehearsed = clone.invoke("base.bump", "minor", "base.rehearse", "release", "--also", "latest")
    first = clone.check(FIRST, latest=True)
    assert len(first) > 15 and f"BASE_VERSION={FIRST}" in (clone.root / ".env").read_text()
    on_bases = first.keys() - {ALONE}
    assert {name: clone.results(name, first[name]) for name in on_bases} == dict.fromkeys(on_bases, 1)
    for name, digest in ((name, first[name]) for name in on_bases):
        assert re.search(rf"^{name} +rehearsed +{digest[:19]}", rehearsed, re.MULTILINE), rehearsed

    assert TOGETHER.search(rehearsed), "the release tested the images together again"

    main = clone.root / "apps/svc_kg/svc_kg/__init__.py"
    main.write_text(f"{main.read_text()}\n# another build\n")
    assert TOGETHER.search(clone.invoke("release", "--also", "latest", "--version", SECOND))
    second = clone.check(SECOND, latest=True)
    assert {name for name in first if first[name] != second[name]} == {EDITED}

    clone.invoke("release.rollback", FIRST, "--yes")
    assert clone.check(FIRST, latest=True) == first
    clone.invoke("release.rollback", SECOND, "--yes")
    assert clone.check(SECOND, latest=True) == second
    assert clone.check(FIRST, latest=False) == first
    clone.invoke("release.verify", FIRST)
    clone.invoke("release.verify", SECOND)
