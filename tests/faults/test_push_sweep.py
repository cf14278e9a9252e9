"""Every request of a push of four images and two tags each, failed in turn.

``slipway.push`` runs in this process, with the real engine and the real registry, through the fault proxy; the content
is new in each round, or the engine would skip what it knows to be there. Two of the version tags stand for older
content before, two are new. After each round the registry is asked directly what it holds.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import secrets
import tarfile
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import pytest

from slipway.config.environment import surroundings
from slipway.core.errors import SlipwayError
from slipway.core.image import INPUT_LABEL, TITLE_LABEL, Image, content_tag
from slipway.core.reference import Reference
from slipway.core.retry import RetryPolicy
from slipway.core.threads import map_concurrently
from slipway.engine import Engine
from slipway.plan.decide import Facts
from slipway.push.inspect import Push, look, refuse_moves
from slipway.push.release import release
from slipway.push.upload import PushRun
from slipway.registry import Registry
from slipway.runs.run import Run
from tests.faults import proxy as faults
from tests.faults.proxy import Proxy, Trouble

pytestmark = pytest.mark.integration

STACK = (
    Image("base-floor", "infra/docker/base-floor.Dockerfile"),
    *(
        Image(f"svc-{name}", f"apps/svc_{name}/Dockerfile", parents=("base-floor",))
        for name in ("cart", "sign", "till")
    ),
)
OLDER = ("base-floor", "svc-sign")
#: As many tries as ever, but short waits.
SOON = RetryPolicy(pauses=(0.1, 0.2, 0.3), answer=2.5, connect=2.5)
SILENCE = 5.0
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
TROUBLES: dict[str, Callable[[], Trouble]] = {
    "not sent": faults.not_sent,
    "reply lost": faults.lost,
    "429": lambda: faults.status(429, {"Retry-After": "1"}),
    "500": lambda: faults.status(500),
    "503": lambda: faults.status(503),
    "cut": lambda: faults.cut(2000),
    "hang": faults.hang,
}


@dataclass(frozen=True)
class Case:
    """The ``position``-th request that matches ``pattern`` gets ``trouble``."""

    pattern: str
    position: int
    trouble: str


class Round:
    """Four images of new content in the engine, and a registry of their own path behind a proxy."""

    def __init__(self, registry: str, folder: Path) -> None:
        self.registry = registry
        self.proxy = Proxy(registry)
        self.owner = f"t-{secrets.token_hex(4)}"
        self.run = Run(folder / self.owner)
        self.engine = Engine(surroundings().engine, SILENCE)
        self.inputs = {image.name: f"sha256:{secrets.token_hex(32)}" for image in STACK}
        self.references = {
            image.name: Reference(self.proxy.address, f"{self.owner}/{image.name}", "v1") for image in STACK
        }
        self.contents = {name: self.references[name].tagged(content_tag(self.inputs[name])) for name in self.inputs}

    def push(self) -> tuple[int, str]:
        """Push as ``invoke push`` does, and return the exit code and the text of the error."""
        registry = Registry(self.proxy.address, policy=SOON)
        local = {tag: image for image in self.engine.images() for tag in image.tags}
        facts = Facts(self.references, self.inputs, local=local)
        try:
            pushes: Sequence[Push] = look(STACK, facts, registry)
            refuse_moves(pushes, registry, (), force=False)
            release(pushes, PushRun(self.engine, registry, self.run, policy=SOON))
        except SlipwayError as error:
            return error.exit_code, str(error)
        return 0, ""

    def load(self) -> None:
        """A layer that all share, and one of its own for each service."""
        shared = _layer()
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            entries = [self._image(tar, image, shared) for image in STACK]
            _add(tar, "manifest.json", json.dumps(entries).encode())
        self.engine.client.images.load(archive.getvalue())

    def _image(self, tar: tarfile.TarFile, image: Image, shared: bytes) -> dict[str, object]:
        layers = [shared] if not image.parents else [shared, _layer()]
        labels = {INPUT_LABEL: self.inputs[image.name], TITLE_LABEL: image.name, "slipway.test": "sweep"}
        diffs = [f"sha256:{hashlib.sha256(layer).hexdigest()}" for layer in layers]
        config = json.dumps(
            {
                "architecture": "amd64",
                "os": "linux",
                "config": {"Labels": labels},
                "rootfs": {"type": "layers", "diff_ids": diffs},
            }
        ).encode()
        name = f"{hashlib.sha256(config).hexdigest()}.json"
        _add(tar, name, config)
        files = [f"{diff[7:]}.tar" for diff in diffs]
        for file, layer in zip(files, layers, strict=True):
            if file not in tar.getnames():
                _add(tar, file, layer)
        return {"Config": name, "RepoTags": [str(self.contents[image.name])], "Layers": files}

    def publish_older(self) -> dict[str, str]:
        """v1 of some images stands for another build of the same inputs; name → digest."""
        return {name: self._older(name) for name in OLDER}

    def _older(self, name: str) -> str:
        config = json.dumps({"config": {"Labels": {INPUT_LABEL: self.inputs[name]}}, "salt": self.owner}).encode()
        digest = f"sha256:{hashlib.sha256(config).hexdigest()}"
        path = f"{self.owner}/{name}"
        upload = _ask(f"http://{self.registry}/v2/{path}/blobs/uploads/", "POST")["Location"]
        _ask(f"{upload}&digest={digest}", "PUT", config, "application/octet-stream")
        described = {"mediaType": "application/vnd.docker.container.image.v1+json", "size": len(config)}
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": {**described, "digest": digest}, "layers": []}
        url = f"http://{self.registry}/v2/{path}/manifests/v1"
        return _ask(url, "PUT", json.dumps(manifest).encode(), MANIFEST)["Docker-Content-Digest"]

    def published(self, name: str, tag: str) -> str:
        """Ask the registry directly: a digest, or an empty string."""
        try:
            return _ask(f"http://{self.registry}/v2/{self.owner}/{name}/manifests/{tag}", "HEAD")[
                "Docker-Content-Digest"
            ]
        except urllib.error.HTTPError as error:
            assert error.code == 404, error
            return ""

    def close(self) -> None:
        self.proxy.close()
        self.run.close()
        for content in self.contents.values():
            with suppress(SlipwayError):
                self.engine.untag(content)
        self.engine.client.close()


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    tar.addfile(entry, io.BytesIO(data))


def _layer() -> bytes:
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        _add(tar, secrets.token_hex(4), secrets.token_bytes(20_000))
    return layer.getvalue()


def _ask(url: str, method: str, body: bytes = b"", kind: str = "") -> dict[str, str]:
    headers = {"Accept": MANIFEST} | ({"Content-Type": kind} if kind else {})
    with urllib.request.urlopen(urllib.request.Request(url, body, headers, method=method), timeout=10) as reply:
        return dict(reply.headers)


@contextmanager
def a_round(registry: str, folder: Path) -> Iterator[Round]:
    made = Round(registry, folder)
    try:
        made.load()
        yield made
    finally:
        made.close()


def pattern(request: str) -> str:
    """A regular expression for the request of the same kind in any round."""
    path = request.partition("?")[0]
    for found, any_ in (
        (r"t-[0-9a-f]{8}", r"[^/]+"),
        (r"sha256:[0-9a-f]{64}", r"sha256:\\w+"),
        (r"in-[0-9a-f]{12}", r"in-\\w+"),
        (r"uploads/[0-9a-f-]{36}", r"uploads/[0-9a-f-]+"),
    ):
        path = re.sub(found, any_, path)
    return rf"^{path}(\?|$)"


def enumerated(registry: str, folder: Path) -> list[tuple[str, int]]:
    """The requests of an undisturbed push: pattern and how many of it came before."""
    with a_round(registry, folder) as bench:
        bench.publish_older()
        assert bench.push() == (0, "")
        seen: Counter[str] = Counter()
        found = []
        for request in bench.proxy.asked():
            found.append((pattern(request), seen[pattern(request)]))
            seen[pattern(request)] += 1
    return found


def fail(registry: str, folder: Path, case: Case) -> tuple[Case, int, str]:
    """A push with one fault; the exit code is held against what the registry says directly."""
    with a_round(registry, folder) as bench:
        older = bench.publish_older()
        fault = bench.proxy.fail(case.pattern, TROUBLES[case.trouble](), after=case.position)
        code, told = bench.push()
        assert len(fault.struck) == 1, f"{case} never fired: {bench.proxy.asked()}"
        stands = {name: bench.published(name, "v1") for name in bench.inputs}
        content = {name: bench.published(name, content_tag(bench.inputs[name])) for name in bench.inputs}
        if code == 0:
            assert stands == content and "" not in stands.values(), (case, stands, content)
        else:
            assert code == 7, (case, code, told)
            assert stands == {name: older.get(name, "") for name in bench.inputs}, (case, stands, told)
    return case, code, told


def tell(results: Sequence[tuple[Case, int, str]]) -> None:
    """Check the result: slipway gets over every fault but a request that hangs inside the engine."""
    print(f"{len(results)} faults, {sum(code == 0 for _, code, _ in results)} pushes went through all the same")
    stopped = [(case, told) for case, code, told in results if code != 0 and case.trouble != "hang"]
    assert stopped == []


@pytest.mark.fault("P03", "P04", "P06", "P07")
def test_each_kind_of_request_is_failed_once(registry: str, tmp_path: Path) -> None:
    requests = enumerated(registry, tmp_path)
    assert len(requests) > 90 and len({pattern for pattern, _ in requests}) > 40
    kinds: dict[str, list[tuple[str, int]]] = {}
    for request in requests:
        kinds.setdefault(re.sub("/(base-floor|svc-[a-z]+)/", "/*/", request[0]), []).append(request)
    # The first request of one kind, the last of the next.
    chosen = [found[-(number % 2)] for number, found in enumerate(kinds.values())]
    cases = [Case(*request, trouble) for request, trouble in zip(chosen, cycle(TROUBLES), strict=False)]
    assert {case.trouble for case in cases} == set(TROUBLES), cases
    tell(map_concurrently(lambda case: fail(registry, tmp_path, case), cases, at_once=6))


@pytest.mark.soak
def test_each_request_is_failed_in_every_way(registry: str, tmp_path: Path) -> None:
    requests = enumerated(registry, tmp_path)
    cases = [Case(*request, trouble) for request in requests for trouble in TROUBLES]
    tell(map_concurrently(lambda case: fail(registry, tmp_path, case), cases, at_once=6))
