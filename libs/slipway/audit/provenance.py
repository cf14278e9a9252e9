"""Describe how slipway built an image, as a SLSA v1 provenance in an in-toto statement.

Pure. The statement claims level 1 of SLSA's build track, and nothing more: it exists, without a signature. It holds no
secret: a build arg that may be one is only named. The forms are those of https://slsa.dev/provenance/v1 and of
in-toto's Statement v1. ``docs/attachments.md`` describes ``BUILD_TYPE``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from slipway.audit.cyclonedx import Subject
from slipway.audit.locks import locks_read
from slipway.audit.source import Source
from slipway.core.image import Image
from slipway.core.reference import HUB, Reference
from slipway.plan.decide import Step
from slipway.secrets.redactor import Redactor
from slipway.smoke.image_archive import looks_secret
from slipway.stack.digest import Manifest
from slipway.stack.entries import Trees

MEDIA_TYPE = "application/vnd.in-toto+json"
PREDICATE_TYPE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "https://slipway.dev/build/v1"
_STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
_BUILDER = "https://slipway.dev/builder"


@dataclass(frozen=True)
class Base:
    """Hold an image of the stack on which another stands: its reference, and the digest of its manifest."""

    reference: Reference
    digest: str


@dataclass(frozen=True)
class Build:
    """Hold the facts of one image's build.

    - ``step``: the image's step of the plan. ``image`` and ``manifest``: the image's definition and its inputs.
    - ``trees``: the listings of the trees in the manifest. ``platforms``: the target platforms.
    - ``bases``: a parent's name → the image that was used.
    - ``source``: the commit of the repository.
    - ``run``: the id of the run that built the image; empty when slipway does not know it.
    - ``remote``: it was built on a build host. ``versions``: program → its version.
    """

    step: Step
    image: Image
    manifest: Manifest
    trees: Trees = field(default_factory=dict)
    platforms: Sequence[str] = ()
    bases: Mapping[str, Base] = field(default_factory=dict)
    source: Source = field(default_factory=Source)
    run: str = ""
    remote: bool = False
    versions: Mapping[str, str] = field(default_factory=dict)


def provenance(subject: Subject, build: Build, redact: Redactor) -> dict[str, Any]:
    """Return the statement about ``subject``. ``redact`` knows the secrets of the project."""
    image, (args, withheld) = build.image, _split(build.image.args, redact)
    external: dict[str, Any] = {
        "image": image.name,
        "dockerfile": image.dockerfile,
        "context": image.context,
        "target": image.target,
        "platforms": list(build.platforms),
        "args": args,
        "withheldArgs": withheld,
    }
    definition = {
        "buildType": BUILD_TYPE,
        "externalParameters": _filled(external),
        "internalParameters": {"inputDigest": build.step.input_digest},
        "resolvedDependencies": list(_dependencies(build)),
    }
    details = {
        "builder": {"id": f"{_BUILDER}/{'remote' if build.remote else 'local'}/v1", "version": dict(build.versions)},
        "metadata": _filled({"invocationId": build.run}),
    }
    said = {"buildDefinition": definition, "runDetails": details}
    return {
        "_type": _STATEMENT_TYPE,
        "subject": [{"name": subject.name, "digest": _digest(subject.digest)}],
        "predicateType": PREDICATE_TYPE,
        "predicate": redact.all(said),
    }


def run_that_built(records: Iterable[Mapping[str, Any]], image: str, input_digest: str) -> str:
    """Return the id of the last run that built an image of these inputs; empty when no record names one.

    ``records``: the run.json of each run, oldest first.
    """
    found = ""
    for record in records:
        for entry in record.get("images") or ():
            if (entry.get("image"), entry.get("status"), entry.get("input_digest")) == (image, "built", input_digest):
                found = str(record.get("run", ""))
    return found


def _split(args: Mapping[str, str], redact: Redactor) -> tuple[dict[str, str], list[str]]:
    """Return the args without secrets, and the names of the others."""
    withheld = sorted(name for name, value in args.items() if looks_secret(name, value) or redact(value) != value)
    return {name: args[name] for name in sorted(args) if name not in withheld}, withheld


def _dependencies(build: Build) -> Iterator[dict[str, Any]]:
    """Yield a descriptor of each root image, of the frontend, of each base, of the commit, and of each lock."""
    for root, identity in sorted(build.manifest.roots.items()):
        yield _of_image(Reference.read(root).full, identity, root)
    if build.image.frontend:
        frontend = Reference.read(build.image.frontend)
        yield _of_image(frontend, frontend.digest, build.image.frontend)
    for name, input_digest in sorted(build.manifest.parents.items()):
        base = build.bases.get(name)
        found = _of_image(base.reference, base.digest, name) if base else {"name": name}
        yield {**found, "annotations": {"inputDigest": input_digest}}
    if build.source.commit:
        uri = f"git+{build.source.url}" if build.source.url else ""
        found = {"name": "source", "uri": uri, "digest": {"gitCommit": build.source.commit}}
        yield {**_filled(found), "annotations": {"dirty": build.source.dirty}}
    for path, content in sorted(locks_read(build.image, build.manifest, build.trees).items()):
        yield {"name": path, "digest": {"sha256": content}}


def _of_image(reference: Reference, digest: str, name: str) -> dict[str, Any]:
    return _filled({"name": name, "uri": _docker_purl(reference), "digest": _digest(digest)})


def _docker_purl(reference: Reference) -> str:
    """Return the package URL of an image, by the purl specification for ``docker``."""
    version = quote(reference.digest or reference.tag, safe=":")
    where = "" if reference.registry == HUB else f"?repository_url={quote(reference.registry, safe=':')}"
    return f"pkg:docker/{quote(reference.path)}{f'@{version}' if version else ''}{where}"


def _digest(text: str) -> dict[str, str]:
    algorithm, _, value = text.partition(":")
    return {algorithm: value} if value else {}


def _filled(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``content`` without its empty values."""
    return {key: value for key, value in content.items() if value or value is False}
