"""Four built images, a registry on loopback, and the runs that release them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from slipway.core.errors import SlipwayError
from slipway.core.image import INPUT_LABEL, Image, content_tag
from slipway.core.retry import RetryPolicy
from slipway.plan.decide import Facts
from slipway.push.inspect import look
from slipway.push.upload import PushRun
from slipway.registry import Registry
from slipway.release.claim import Claims
from slipway.release.planned import Planned, PlannedImage
from slipway.release.publish import Release, as_it_stands, release
from slipway.release.record import MovedTag, Record, Source, read_record
from slipway.release.records import Records
from slipway.release.resume import read_release
from slipway.release.signature import SSH_TYPE, SignatureState, Verdict
from slipway.release.signing import Signing
from slipway.runs.run import Run
from slipway.testing.clock import FakeClock
from slipway.testing.fakes import HASTE, FakeEngine, RegistryServer, digest_of, local_image

STACK = (
    Image("base-floor", "infra/docker/base-floor.Dockerfile"),
    *(
        Image(f"svc-{name}", f"apps/svc_{name}/Dockerfile", parents=("base-floor",), foundation="base-floor")
        for name in ("cart", "sign", "till")
    ),
)
NAMES = tuple(image.name for image in STACK)
OWNER = "acme"


class Watched(Run):
    """A run that calls ``before_line`` with each entry of its journal, before the entry is written."""

    before_line: Callable[[dict[str, object]], None] = staticmethod(lambda entry: None)

    def journal(self, **entry: object) -> None:
        self.before_line(entry)
        super().journal(**entry)


class PlainSignatures:
    """Make signatures without a program: the digest of the content, under a name."""

    type, key, allowed = SSH_TYPE, "plain", "plain"

    def sign(self, content: bytes) -> bytes:
        return digest_of(content).encode()

    def judge(self, content: bytes, signature: bytes) -> Verdict:
        return Verdict(SignatureState.GOOD if signature == self.sign(content) else SignatureState.BAD, "plain key")


class Shop:
    """``content`` makes the images: another content, other inputs. ``policy``: how the client asks the registry."""

    def __init__(self, server: RegistryServer, folder: Path, content: str = "one", policy: RetryPolicy = HASTE) -> None:
        self.server, self.home = server, folder / content / ".slipway"
        self.registry = Registry(server.host, policy=policy)
        self.records = Records(self.registry, server.host, OWNER)
        self.inputs = {name: digest_of(f"{name} {content}".encode()) for name in NAMES}
        held = [
            local_image(f"{name} {content}", self._content(name), name=name, source=self.inputs[name], size=7)
            for name in NAMES
        ]
        self.engine = FakeEngine(held, server)
        self.runs: list[Watched] = []
        self.signing: Signing | None = None
        self.before_line: Callable[[dict[str, object]], None] = lambda entry: None

    def _content(self, name: str) -> str:
        return f"{self.server.host}/{OWNER}/{name}:{content_tag(self.inputs[name])}"

    def planned(self, version: str = "v1") -> Planned:
        """Return the release of all images under ``version`` and ``latest``."""
        references = {name: self.server.reference(f"{OWNER}/{name}", version) for name in NAMES}
        local = {tag: image for image in self.engine.held for tag in image.tags}
        facts = Facts(references, self.inputs, local=local)
        pushes = look(STACK, facts, self.registry, Registry.fetched_digest)
        images = []
        for push, image in zip(pushes, STACK, strict=True):
            latest = self.registry.digest(push.reference.tagged("latest"))
            tags = (MovedTag(version, push.version_digest), MovedTag("latest", latest, moves=True))
            images.append(PlannedImage(push, image.foundation, ("linux/amd64",), tags))
        return Planned(version, tuple(images), Source("c0ffee"), {"docker": "28.5.2"}, self.records.newest())

    def release(self, planned: Planned, *, began: bool = False) -> tuple[int, str]:
        """Release, and return the exit code and the error's text."""
        run = Watched(self.home)
        run.before_line = self.before_line
        self.runs.append(run)
        work = PushRun(self.engine, self.registry, run, policy=HASTE)
        try:
            release(Release(planned, work, Claims(self.records, FakeClock().clock), began, signing=self.signing))
        except SlipwayError as error:
            return error.exit_code, str(error)
        finally:
            run.close()
        return 0, ""

    def release_anew(self) -> tuple[int, str]:
        """Release as a checkout does that knows no earlier run."""
        planned = self.planned()
        return self.release(planned.taken_over(), began=planned.is_begun)

    def resume(self) -> tuple[int, str]:
        """Finish the newest run as ``release-resume`` does."""
        earlier = read_release(self.home, self.runs[-1].id)
        try:
            planned = earlier.planned if earlier.began else as_it_stands(earlier.planned, self.registry)
        except SlipwayError as error:
            return error.exit_code, str(error)
        return self.release(planned, began=earlier.began)

    def publish_older(self) -> dict[str, str]:
        """Publish older content under v1 and latest of all images. Return image → digest."""
        found = {}
        for name in NAMES:
            labels = {INPUT_LABEL: self.inputs[name], "of": name}
            found[name] = self.server.add(f"{OWNER}/{name}", "v1", labels=labels)
            self.server.tags[f"{OWNER}/{name}", "latest"] = found[name]
        return found

    def stands(self, tag: str) -> dict[str, str]:
        """Return the digest for which ``tag`` of each image stands, as the server keeps it."""
        return {name: self.server.tags.get((f"{OWNER}/{name}", tag), "") for name in NAMES}

    @property
    def contents(self) -> dict[str, str]:
        """Return the digest of each image's content tag."""
        tags = self.server.tags
        return {name: tags.get((f"{OWNER}/{name}", content_tag(self.inputs[name])), "") for name in NAMES}

    def record(self, version: str = "v1") -> Record | None:
        """Return the record that the server keeps."""
        digest = self.server.tags.get((f"{OWNER}/releases", version))
        if digest is None:
            return None
        manifest = json.loads(self.server.manifests[f"{OWNER}/releases", digest])
        return read_record(self.server.blobs[f"{OWNER}/releases", manifest["layers"][0]["digest"]], version)

    def journal(self) -> list[dict[str, object]]:
        """Return the journal of the newest run, without the times."""
        lines = (self.runs[-1].directory / "journal.jsonl").read_text("utf-8").splitlines()
        return [{key: value for key, value in json.loads(line).items() if key != "at"} for line in lines]


def without_tags(planned: Planned) -> Planned:
    """Return the plan without the tags that later releases may move."""
    return replace(
        planned,
        images=tuple(
            replace(image, tags=tuple(tag for tag in image.tags if not tag.moves)) for image in planned.images
        ),
    )


def released_twice(server: RegistryServer, folder: Path) -> Shop:
    """Return a shop that has released v1, and then v2 of other content, both also as latest."""
    shop, later = Shop(server, folder), Shop(server, folder, "two")
    assert shop.release(shop.planned()) == later.release(later.planned("v2")) == (0, "")
    return shop
