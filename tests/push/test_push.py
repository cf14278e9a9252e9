"""A release moves whole or not at all: against a registry on loopback, with every request failed in turn."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from slipway.build.result import ImageResult
from slipway.core.errors import MixedReleaseError, PolicyError, RefusedError, RegistryError, UsageError
from slipway.core.image import FRESH_LABEL, Image, content_tag
from slipway.core.reference import Reference
from slipway.engine import OnTransfer
from slipway.plan.decide import Facts
from slipway.push.events import Uploaded, UploadEvent, Uploading
from slipway.push.inspect import Push, look, other_builds, refuse_moves
from slipway.push.release import release
from slipway.push.upload import PushRun, upload
from slipway.registry import Registry
from slipway.runs.run import Run
from slipway.testing.fakes import HASTE, FakeEngine, RegistryServer, digest_of, local_image

IMAGES = (
    Image("base-ml", "infra/docker/base-ml.Dockerfile"),
    Image("svc-forms", "apps/svc_forms/Dockerfile", parents=("base-ml",)),
    Image("svc-ocr", "apps/svc_ocr/Dockerfile", parents=("base-ml",)),
)
#: The promise of exit code 7, at the end of a message.
UNMOVED = "; no version tag moved"
NAMES = [image.name for image in IMAGES]
INPUTS = {name: digest_of(name.encode()) for name in NAMES}


class Bench:
    """Three built images, a registry, and the run that pushes them as v1."""

    def __init__(self, server: RegistryServer, folder: Path) -> None:
        self.server = server
        self.run = Run(folder)
        self.registry = Registry(server.host, policy=HASTE)
        self.references = {name: server.reference(f"acme/{name}", "v1") for name in NAMES}
        contents = {name: self.references[name].tagged(content_tag(INPUTS[name])) for name in NAMES}
        held = [local_image(name, str(contents[name]), name=name, source=INPUTS[name], size=7) for name in NAMES]
        self.engine = FakeEngine(held, server)
        self.facts = Facts(self.references, INPUTS, local={tag: image for image in held for tag in image.tags})
        self.said: list[UploadEvent] = []

    def look(self) -> tuple[Push, ...]:
        return look(IMAGES, self.facts, self.registry)

    def upload(self, pushes: tuple[Push, ...]) -> tuple[Push, ...]:
        return upload(pushes, self.work)

    @property
    def work(self) -> PushRun:
        return PushRun(self.engine, self.registry, self.run, self.said.append, HASTE)

    def release(self, pushes: Sequence[Push]) -> tuple[ImageResult, ...]:
        return release(pushes, self.work)

    def push(self) -> list[tuple[str, str]]:
        return [(outcome.image, outcome.status) for outcome in self.release(self.look())]

    def older(self, *names: str) -> None:
        """``names`` already have a v1 of other content."""
        for name in names:
            self.server.add(f"acme/{name}", "v1", labels={"slipway.input": "sha256:older"})

    def released(self) -> dict[str, str]:
        """Return the state of each image's v1: new, old, or nothing."""
        new = {name: self.server.tags.get((f"acme/{name}", content_tag(INPUTS[name])), "-") for name in NAMES}
        now = {name: self.server.tags.get((f"acme/{name}", "v1"), "") for name in NAMES}
        return {name: "new" if now[name] == new[name] else "old" if now[name] else "" for name in NAMES}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with RegistryServer() as server:
        bench = Bench(server, tmp_path)
        yield bench
        bench.run.close()


@pytest.mark.fault("P12")
def test_content_first_then_the_tags(bench: Bench) -> None:
    assert bench.push() == [(name, "pushed") for name in NAMES]
    assert bench.released() == dict.fromkeys(NAMES, "new")
    assert bench.engine.calls[0] == ("push", str(bench.references["base-ml"].tagged(content_tag(INPUTS["base-ml"]))))
    for name in NAMES:
        assert [upload for upload in bench.said if upload.image == name] == [
            Uploading(name, 1, 2),
            Uploaded(name),
        ]
    puts = [request for request in bench.server.requests if request.startswith("PUT")]
    assert puts == [f"PUT /v2/acme/{name}/manifests/v1" for name in NAMES]


def test_a_second_push_moves_nothing(bench: Bench) -> None:
    bench.push()
    again = bench.look()
    assert [push.action for push in again] == ["reuse"] * 3
    assert [push.reason for push in again] == [f"v1 is {push.content_digest[7:19]} already" for push in again]
    del bench.server.requests[:], bench.engine.calls[:]
    assert bench.push() == [(name, "present") for name in NAMES]
    assert bench.engine.calls == []
    assert {request.partition(" ")[0] for request in bench.server.requests} == {"HEAD"}


def test_content_that_is_published_needs_only_its_tag(bench: Bench) -> None:
    bench.push()
    moved = [Push(p.image, p.reference.tagged("v2"), p.content, p.input_digest, p.content_digest) for p in bench.look()]
    assert [push.action for push in moved] == ["tag"] * 3
    assert moved[0].reason == f"{content_tag(INPUTS['base-ml'])} is in the registry, v2 is new"
    assert [outcome.status for outcome in bench.release(moved)] == ["tagged"] * 3


@pytest.mark.fault("B56")
@pytest.mark.parametrize(
    ("kind", "code"),
    [("docker.image.rootfs.diff.tar.zstd", "compression-mixed"), ("oci.image.layer.v1.tar+zstd", "")],
)
def test_a_zstd_layer_of_docker_s_media_types_moves_no_version_tag(bench: Bench, kind: str, code: str) -> None:
    bench.push()
    (push, *_) = bench.look()
    layer = {"digest": digest_of(b"layer"), "mediaType": f"application/vnd.{kind}", "size": 5}
    path = push.content.path
    manifest = json.loads(bench.server.manifests[path, push.content_digest]) | {"layers": [layer]}
    body = json.dumps(manifest).encode()
    bench.server.blobs[path, digest_of(b"layer")] = b"layer"
    bench.server.manifests[path, digest_of(body)] = body
    moved = replace(push, content_digest=digest_of(body), version_digest="", reference=push.reference.tagged("v2"))
    if not code:
        assert [outcome.status for outcome in bench.release([moved])] == ["tagged"]
        return
    with pytest.raises(RegistryError, match="is compressed with zstd") as caught:
        bench.release([moved])
    assert (caught.value.exit_code, caught.value.code) == (7, code)
    assert caught.value.hint == f"COMPRESSION=zstd invoke build --no-cache {push.image}"
    assert (path, "v2") not in bench.server.tags


def test_images_neither_built_nor_published_are_refused(bench: Bench) -> None:
    bench.facts = Facts(bench.references, INPUTS)
    with pytest.raises(UsageError) as caught:
        bench.look()
    assert (caught.value.message, caught.value.hint) == (
        "push base-ml and 2 more: not built with the inputs as they are now",
        "invoke build push",
    )


@pytest.mark.fault("P10")
def test_a_version_is_written_once(bench: Bench) -> None:
    bench.older("svc-forms", "svc-ocr")
    pushes = bench.look()
    with pytest.raises(PolicyError) as caught:
        refuse_moves(pushes, bench.registry, ["latest"], force=False)
    assert caught.value.exit_code == 10
    for name in ("svc-forms", "svc-ocr"):
        old = bench.server.tags[f"acme/{name}", "v1"]
        assert f"{bench.references[name]} is {old[:19]}, not {content_tag(INPUTS[name])}" in caught.value.message
    assert "base-ml" not in caught.value.message
    refuse_moves(pushes, bench.registry, ["v1"], force=False)
    refuse_moves(pushes, bench.registry, [], force=True)


@pytest.mark.fault("B52")
def test_a_refusal_says_where_only_modes_differ(bench: Bench) -> None:
    bench.older("svc-forms", "svc-ocr")
    pushes = bench.look()

    def explain(image: str, labels: Mapping[str, str]) -> str:
        assert labels["slipway.input"] != INPUTS[image]
        return "only modes differ: a.py 0664" if image == "svc-ocr" else ""

    with pytest.raises(PolicyError) as caught:
        refuse_moves(pushes, bench.registry, [], False, explain)
    assert f"not {content_tag(INPUTS['svc-ocr'])}: only modes differ: a.py 0664" in caught.value.message
    assert f"not {content_tag(INPUTS['svc-forms'])}\n" in caught.value.message
    assert "umask" not in caught.value.hint
    with pytest.raises(PolicyError) as caught:
        refuse_moves([push for push in pushes if push.image == "svc-ocr"], bench.registry, [], False, explain)
    assert caught.value.hint.startswith("a checkout under umask 022")


def test_the_same_inputs_under_another_digest_may_move(bench: Bench) -> None:
    """Built twice, on two hosts: other bytes, the same content as far as a version promises."""
    bench.server.add("acme/svc-ocr", "v1", labels={"slipway.input": INPUTS["svc-ocr"]}, salt="elsewhere")
    refuse_moves(bench.look(), bench.registry, [], force=False)


def test_another_build_of_the_same_inputs_in_the_registry_is_found(bench: Bench) -> None:
    bench.push()
    content = bench.facts.content_reference("svc-ocr")
    theirs = bench.server.add(content.path, content.tag, labels={"slipway.input": INPUTS["svc-ocr"]}, salt="theirs")
    assert [(one.image, one.content_digest) for one in other_builds(bench.look(), bench.registry)] == [
        ("svc-ocr", theirs)
    ]


def rebuilt(bench: Bench, name: str) -> Reference:
    """All is released; then ``name`` is built without cache. Its content tag."""
    bench.push()
    content = bench.references[name].tagged(content_tag(INPUTS[name]))
    image = local_image("drawn anew", str(content), name=name, source=INPUTS[name])
    image = replace(image, labels={**image.labels, FRESH_LABEL: INPUTS[name]})
    bench.engine.load(image)
    bench.facts = replace(bench.facts, local={**bench.facts.local, str(content): image})
    return content


@pytest.mark.fault("B08")
def test_an_image_built_without_cache_replaces_the_same_inputs(bench: Bench) -> None:
    content = rebuilt(bench, "svc-ocr")
    before = bench.server.tags[content.path, content.tag]
    pushes = bench.look()
    assert [(push.image, push.action, push.replaces) for push in pushes] == [
        ("base-ml", "reuse", ""),
        ("svc-forms", "reuse", ""),
        ("svc-ocr", "push", before),
    ]
    assert pushes[-1].reason == f"built without cache: another {content.tag} than the registry's"
    assert [status for _, status in bench.push()] == ["present", "present", "pushed"]
    after = bench.server.tags[content.path, content.tag]
    assert after != before and bench.released()["svc-ocr"] == "new"
    assert [push.action for push in bench.look()] == ["reuse"] * 3


@pytest.mark.fault("P10")
def test_a_version_does_not_move_to_an_image_built_without_cache(bench: Bench) -> None:
    content = rebuilt(bench, "svc-ocr")
    with pytest.raises(PolicyError, match=f"not {content.tag} as built without cache"):
        refuse_moves(bench.look(), bench.registry, [], force=False)


def test_a_lost_reply_is_not_mistaken_for_the_old_content(bench: Bench) -> None:
    content = rebuilt(bench, "svc-ocr")
    bench.engine.refused[str(content)] = "connection reset"
    with pytest.raises(RegistryError, match="connection reset after 4 tries"):
        bench.push()


class OneAtATime(FakeEngine):
    """Notes the pushes that begin while another one of the same repository, or any, goes on."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.going_on: list[str] = []
        self.overlaps, self.beside = 0, 0

    def push(self, reference: Reference, on_transfer: OnTransfer | None = None) -> str:
        self.overlaps += reference.repository in self.going_on
        self.beside += bool(self.going_on)
        self.going_on.append(reference.repository)
        time.sleep(0.02)
        self.going_on.remove(reference.repository)
        return super().push(reference, on_transfer)


@pytest.mark.fault("P04")
@pytest.mark.parametrize(("shares", "beside"), [(True, 0), (False, 1)])
def test_images_of_one_repository_are_uploaded_one_after_another(bench: Bench, shares: bool, beside: int) -> None:
    """Gitea answers 500, "package version already exists", to manifests that arrive at the same time."""
    engine = bench.engine = OneAtATime(bench.engine.held, bench.server)
    services = [replace(push, parents=()) for push in bench.look()[1:]]
    if shares:
        services[1] = replace(services[1], content=services[0].content.tagged(services[1].content.tag))
        engine.held[2] = replace(engine.held[2], tags=(str(services[1].content),))
    bench.upload(tuple(services))
    assert len(engine.calls) == 2
    assert (engine.overlaps, engine.beside) == (0, beside)


def test_an_upload_that_fails_moves_no_tag(bench: Bench) -> None:
    content = bench.references["svc-ocr"].tagged(content_tag(INPUTS["svc-ocr"]))
    bench.engine.refused[str(content)] = "denied: requested access to the resource is denied"
    with pytest.raises(RegistryError, match="denied"):
        bench.push()
    assert bench.released() == dict.fromkeys(NAMES, "")


@pytest.mark.fault("P11")
def test_a_push_fails_when_another_digest_arrived(bench: Bench) -> None:
    class Liar(FakeEngine):
        def push(self, reference: Reference, on_transfer: object = None) -> str:
            super().push(reference)
            return "sha256:" + "0" * 64

    bench.engine = Liar(bench.engine.held, bench.server)
    with pytest.raises(RegistryError, match=r"the engine says sha256:0+, the registry sha256:[0-9a-f]{64}; no version"):
        bench.push()
    assert bench.released() == dict.fromkeys(NAMES, "")


@pytest.mark.fault("P07")
def test_a_lost_reply_is_a_success_when_the_tag_reads_back_right(bench: Bench) -> None:
    fault = bench.server.fault("PUT .*svc-forms", lost=True, times=4)
    said = {outcome.image: outcome.reason for outcome in bench.release(bench.look())}
    assert (fault.struck, bench.released()) == (4, dict.fromkeys(NAMES, "new"))
    assert [name for name, reason in said.items() if "; the reply to its PUT was lost, read back" in reason] == [
        "svc-forms"
    ]


@pytest.mark.fault("P04")
def test_a_move_that_fails_is_undone(bench: Bench) -> None:
    bench.older(*NAMES)
    fault = bench.server.fault("PUT .*svc-ocr/manifests/v1", 503, times=4)
    with pytest.raises(RegistryError) as caught:
        bench.push()
    assert caught.value.message == (f"{bench.references['svc-ocr']}: manifest PUT 503 after 4 tries{UNMOVED}")
    assert caught.value.hint == f"invoke push --resume {bench.run.id}"
    assert caught.value.code == "registry-unavailable"
    assert (fault.struck, bench.released()) == (4, dict.fromkeys(NAMES, "old"))


def test_a_move_that_arrived_and_was_denied_is_undone_as_well(bench: Bench) -> None:
    """The PUT is done, its reply and the look at the tag are lost: what happened is found out, not assumed."""
    bench.older(*NAMES)
    lost = bench.server.fault("PUT .*svc-ocr/manifests/v1", lost=True, times=4)
    away = bench.server.fault("HEAD .*svc-ocr/manifests/v1", 503, after=1, times=4)
    with pytest.raises(RegistryError, match=UNMOVED):
        bench.push()
    assert (lost.struck, away.struck) == (4, 4)
    assert bench.released() == dict.fromkeys(NAMES, "old")


@pytest.mark.fault("P14")
def test_the_older_manifests_are_kept_before_a_tag_moves(bench: Bench) -> None:
    """Gitea removes a manifest with its last tag. slipway PUTs it by its digest, and moves nothing where that fails."""
    bench.older(*NAMES)
    fault = bench.server.fault("PUT .*/svc-ocr/manifests/sha256:", 403)
    with pytest.raises(RegistryError, match=UNMOVED):
        bench.push()
    puts = [request for request in bench.server.requests if request.startswith("PUT")]
    assert fault.struck == 1 and puts and all("/manifests/sha256:" in put for put in puts)
    assert bench.released() == dict.fromkeys(NAMES, "old")
    bench.push()
    assert bench.released() == dict.fromkeys(NAMES, "new")


@pytest.mark.fault("P13")
def test_new_tags_cannot_be_taken_back(bench: Bench) -> None:
    bench.older("svc-ocr")
    bench.server.fault("PUT .*svc-ocr/manifests/v1", 403)
    with pytest.raises(MixedReleaseError) as caught:
        bench.push()
    assert caught.value.exit_code == 8
    old = bench.server.tags["acme/svc-ocr", "v1"]
    new = {name: bench.server.tags[f"acme/{name}", "v1"] for name in ("base-ml", "svc-forms")}
    assert caught.value.message == (
        f"{bench.references['svc-ocr']}: manifest PUT: denied without a login; 2 of 3 version tags moved\n"
        f"  {bench.references['base-ml']}: none -> {new['base-ml'][:19]}\n"
        f"  {bench.references['svc-forms']}: none -> {new['svc-forms'][:19]}\n"
        f"  {bench.references['svc-ocr']}: {old[:19]} stays"
    )
    assert caught.value.hint.startswith("docker login ")
    assert caught.value.hint.endswith(f", as a user who may push, then invoke push --resume {bench.run.id}")
    assert bench.released() == {"base-ml": "new", "svc-forms": "new", "svc-ocr": "old"}


def test_tags_of_a_silent_registry_are_reported_as_unknown(bench: Bench) -> None:
    bench.older(*NAMES)
    pushes = bench.upload(bench.look())
    bench.server.fault("(PUT|HEAD) .*svc-ocr/manifests/v1", 503, times=99)
    bench.server.fault("PUT .*(base-ml|svc-forms)/manifests/v1", 503, after=2, times=99)
    with pytest.raises(MixedReleaseError) as caught:
        bench.release(pushes)
    lines = caught.value.message.splitlines()
    assert lines[0].endswith("2 of 3 version tags moved, 1 unknown")
    assert lines[3].endswith(f"-> {pushes[2].content_digest[:19]}, or unchanged: the registry does not answer")


@pytest.mark.fault("P12")
def test_a_move_that_reads_back_wrong_is_an_error(bench: Bench) -> None:
    """The registry says "created" and does nothing."""
    fault = bench.server.fault("PUT", 201)
    with pytest.raises(RegistryError, match=rf"base-ml:v1: stands for nothing after the move, not .*{UNMOVED}"):
        bench.push()
    assert (fault.struck, bench.released()) == (1, dict.fromkeys(NAMES, ""))


def test_a_tag_that_the_registry_keeps_in_lower_case_is_reported(tmp_path: Path) -> None:
    """The registry says "created". The tag is under another name, and cannot be taken back."""
    with RegistryServer(folds=True) as server:
        bench = Bench(server, tmp_path)
        bench.references = {name: server.reference(f"acme/{name}", "V1") for name in NAMES}
        bench.facts = replace(bench.facts, references=bench.references)
        with pytest.raises(MixedReleaseError) as caught:
            bench.push()
    new = server.tags["acme/base-ml", "v1"]
    said = f"push {bench.references['base-ml']}: the registry made the tag v1 instead: it stands for {new[:19]}"
    assert (caught.value.exit_code, caught.value.message) == (8, said)
    assert caught.value.hint == "this registry keeps tags in lower case: --version v1"
    assert bench.released() == {"base-ml": "new", "svc-forms": "", "svc-ocr": ""}


@pytest.mark.parametrize("status", [500, 403])
@pytest.mark.parametrize("position", range(21))
def test_one_fault_at_any_request_never_mixes_a_release(bench: Bench, position: int, status: int) -> None:
    """A version that moves (all tags are old before): after any one failure all are new or all are old."""
    bench.older(*NAMES)
    pushes = bench.upload(bench.look())
    fault = bench.server.fault(".", status, after=position)
    try:
        bench.release(pushes)
    except RegistryError as error:
        assert UNMOVED in error.message
        assert bench.released() == dict.fromkeys(NAMES, "old")
    else:
        assert bench.released() == dict.fromkeys(NAMES, "new")
    assert fault.struck == 1


def test_no_upload_begins_where_the_login_fails(bench: Bench) -> None:
    fault = bench.server.fault("POST .*svc-ocr/blobs/uploads/", 401)
    with pytest.raises(RegistryError) as caught:
        bench.push()
    assert (caught.value.exit_code, caught.value.hint) == (7, f"docker login {bench.server.host}")
    assert caught.value.code == "registry-login-wanted"
    assert f"acme/svc-ocr: upload: the registry wants a login{UNMOVED}" in caught.value.message
    assert (fault.struck, bench.engine.calls, bench.server.tags) == (1, [], {})


@pytest.mark.fault("P02")
def test_no_upload_begins_where_it_is_denied(bench: Bench) -> None:
    """For example a package of another owner: the error comes first, also when only a tag would move."""
    fault = bench.server.fault("POST .*svc-ocr/blobs/uploads/", 403, times=9)
    with pytest.raises(RefusedError) as caught:
        bench.push()
    assert (caught.value.exit_code, caught.value.code) == (7, "registry-denied")
    assert caught.value.message == (f"{bench.server.host}/acme/svc-ocr: upload: denied without a login{UNMOVED}")
    assert caught.value.hint == f"docker login {bench.server.host}, as a user who may push"
    assert (fault.struck, bench.engine.calls, bench.server.tags) == (1, [], {})


class Moody(FakeEngine):
    """Fails ``times`` pushes of svc-ocr with ``error``, after the upload arrived or before."""

    def __init__(self, bench: Bench, error: RegistryError, times: int, arrives: bool = False) -> None:
        super().__init__(bench.engine.held, bench.server)
        self.error, self.times, self.arrives = error, times, arrives

    def push(self, reference: Reference, on_transfer: OnTransfer | None = None) -> str:
        if "svc-ocr" not in reference.path or not self.times:
            return super().push(reference, on_transfer)
        self.times -= 1
        if self.arrives:
            super().push(reference, on_transfer)
        else:
            self._do("push", str(reference))
        raise self.error

    def tries(self) -> int:
        return sum("svc-ocr" in call[1] for call in self.calls)


def test_an_upload_that_fails_is_tried_again(bench: Bench) -> None:
    bench.engine = engine = Moody(bench, RegistryError("received unexpected HTTP status: 503"), 3)
    assert bench.push() == [(name, "pushed") for name in NAMES]
    assert (engine.tries(), bench.released()) == (4, dict.fromkeys(NAMES, "new"))


def test_four_tries_are_enough(bench: Bench) -> None:
    bench.engine = engine = Moody(bench, RegistryError("push x: EOF"), 9)
    with pytest.raises(RegistryError) as caught:
        bench.push()
    assert caught.value.message == f"push x: EOF after 4 tries{UNMOVED}"
    assert caught.value.hint == f"invoke push --resume {bench.run.id}"
    assert (engine.tries(), bench.released()["svc-ocr"]) == (4, "")


def test_a_definitive_answer_is_not_asked_for_again(bench: Bench) -> None:
    bench.engine = engine = Moody(bench, RefusedError("push x: denied", hint="docker login x"), 9)
    with pytest.raises(RefusedError) as caught:
        bench.push()
    assert (caught.value.message, caught.value.hint) == (f"push x: denied{UNMOVED}", "docker login x")
    assert (engine.tries(), bench.released()) == (1, dict.fromkeys(NAMES, ""))


@pytest.mark.fault("P07")
def test_an_upload_that_arrived_is_not_sent_again(bench: Bench) -> None:
    bench.engine = engine = Moody(bench, RegistryError("push x: EOF"), 1, arrives=True)
    said = {outcome.image: (outcome.status, outcome.reason) for outcome in bench.release(bench.look())}
    assert said["svc-ocr"][0] == "pushed" and said["svc-ocr"][1].endswith(
        "; the reply to its upload was lost, it is there"
    )
    assert (engine.tries(), bench.released()) == (1, dict.fromkeys(NAMES, "new"))


@pytest.mark.fault("P11")
def test_a_push_fails_when_another_push_overwrote_its_content(bench: Bench) -> None:
    """Another push writes the same content tag just then, from another build of the same inputs."""

    class Overtaken(FakeEngine):
        def push(self, reference: Reference, on_transfer: OnTransfer | None = None) -> str:
            super().push(reference)
            return bench.server.add(reference.path, reference.tag, salt="theirs")

    bench.engine = Overtaken(bench.engine.held, bench.server)
    with pytest.raises(RegistryError) as caught:
        bench.push()
    built = bench.facts.local[str(bench.facts.content_reference("base-ml"))].id
    assert f"{built} was built, sha256:" in caught.value.message
    assert caught.value.message.endswith(f" arrived{UNMOVED}")
    assert bench.released() == dict.fromkeys(NAMES, "")


@pytest.mark.fault("P44")
def test_an_arrived_image_of_containerd_is_known_by_its_digest(bench: Bench) -> None:
    """With containerd's image store. Elsewhere the manifest is read to see which configuration it names."""

    class Containerd(FakeEngine):
        def push(self, reference: Reference, on_transfer: OnTransfer | None = None) -> str:
            held = next(held for held in self.held if str(reference) in held.tags)
            return bench.server.add(reference.path, reference.tag, labels=held.labels)

    def reads() -> list[str]:
        return [request for request in bench.server.requests if request.startswith("GET /v2/acme/svc-ocr/manifests/")]

    classic = bench.facts
    held = [replace(image, id=bench.server.add("ids", "x", labels=image.labels)) for image in bench.engine.held]
    bench.facts = replace(classic, local={tag: image for image in held for tag in image.tags})
    bench.engine = Containerd(held, bench.server)
    assert bench.push() == [(name, "pushed") for name in NAMES]
    assert (
        bench.server.tags["acme/svc-ocr", "v1"] == bench.facts.local[str(bench.facts.content_reference("svc-ocr"))].id
    )
    assert len(reads()) == 1, "to copy it to the version tag, and not before"


@pytest.mark.fault("P17")
def test_a_blob_that_the_registry_lost_is_uploaded_again(bench: Bench) -> None:
    """A garbage collection between two pushes: the tag is there, a blob is not."""
    pushes = bench.upload(bench.look())
    (lost,) = [blob for path, blob in bench.server.blobs if path == "acme/svc-ocr"]
    del bench.server.blobs["acme/svc-ocr", lost]
    del bench.engine.calls[:]
    assert [outcome.status for outcome in bench.release(pushes)] == ["pushed"] * 3
    assert [call[1] for call in bench.engine.calls] == [str(bench.facts.content_reference("svc-ocr"))]
    assert ("acme/svc-ocr", lost) in bench.server.blobs and bench.released() == dict.fromkeys(NAMES, "new")


@pytest.mark.fault("P17")
def test_a_blob_that_the_registry_loses_meanwhile_is_uploaded_again(bench: Bench) -> None:
    """The check comes right before the tags: after the documents, whose making may take minutes."""

    def collect(pushes: Sequence[Push]) -> None:
        bench.server.blobs.clear()

    release(bench.look(), bench.work, collect)
    assert {path for path, _ in bench.server.blobs} == {f"acme/{name}" for name in NAMES}
    assert len(bench.engine.calls) == 2 * len(NAMES) and bench.released() == dict.fromkeys(NAMES, "new")


@pytest.mark.fault("P17")
def test_a_push_moves_no_tag_when_the_registry_lost_a_blob(bench: Bench) -> None:
    pushes = bench.upload(bench.look())
    fault = bench.server.fault("HEAD .*svc-ocr/blobs/", 404, times=2)
    with pytest.raises(RegistryError) as caught:
        bench.release(pushes)
    (lost,) = [blob for path, blob in bench.server.blobs if path == "acme/svc-ocr"]
    assert caught.value.message == f"push svc-ocr: the registry has lost {lost[:19]} of it{UNMOVED}"
    assert caught.value.hint == "invoke push svc-ocr, where it was built: that uploads it again"
    assert (fault.struck, bench.released()) == (2, dict.fromkeys(NAMES, ""))


def test_a_blob_that_images_share_is_asked_for_once(bench: Bench) -> None:
    """All three have the same configuration here."""
    for name in NAMES:
        bench.server.add(f"acme/{name}", content_tag(INPUTS[name]), labels={"slipway.input": "one"})
    bench.release(bench.look())
    assert len([request for request in bench.server.requests if re.match(r"HEAD .*/blobs/", request)]) == 1


def test_documents_are_attached_after_the_content_and_before_the_tags(bench: Bench) -> None:
    states: list[tuple[list[str], dict[str, str]]] = []

    def attach(pushes: Sequence[Push]) -> None:
        states.append(([push.content_digest for push in pushes], bench.released()))

    release(bench.look(), bench.work, attach)
    contents = [bench.server.tags[f"acme/{name}", content_tag(INPUTS[name])] for name in NAMES]
    assert states == [(contents, dict.fromkeys(NAMES, ""))]
    assert bench.released() == dict.fromkeys(NAMES, "new")


@pytest.mark.fault("P50")
def test_no_tag_moves_when_a_document_cannot_be_attached(bench: Bench) -> None:
    def attach(pushes: Sequence[Push]) -> None:
        raise RegistryError("acme/base-ml: the registry does not list the document")

    with pytest.raises(RegistryError, match=f"does not list the document{UNMOVED}"):
        release(bench.look(), bench.work, attach)
    assert bench.released() == dict.fromkeys(NAMES, "")
