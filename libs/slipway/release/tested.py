"""Describe the smoke tests that an image or a system passed, as an in-toto test result, and judge a document. Pure.

The form is that of https://in-toto.io/attestation/test-result/v0.1. Equal results have equal bytes: they name no time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from slipway.audit import provenance
from slipway.audit.attach import PREDICATE, Form
from slipway.core.reference import Reference
from slipway.registry.artifact import Descriptor
from slipway.release.reading import Part, UnreadableError

PREDICATE_TYPE = "https://in-toto.io/attestation/test-result/v0.1"
FORM = Form(provenance.MEDIA_TYPE, {PREDICATE: PREDICATE_TYPE})
#: The annotation with the name of the system, of a result that is about several images together.
SYSTEM = "slipway.system"
#: A test result is some kilobytes. slipway keeps and reads none that is larger than this number of bytes.
LARGEST = 2**20
_STATEMENT = "https://in-toto.io/Statement/v1"
_PASSED = "PASSED"
_INPUTS, _RULES = "inputs", "rules"


@dataclass(frozen=True)
class Setup:
    """Hold everything that decides the result of the smoke tests of an image, or of a system.

    - ``input_digest``: the image's inputs; empty for a system. ``platform``: that of the containers, ``linux/amd64``.
    - ``slipway``: its version. ``rules``: what the project says about the container and its checks, as text.
    - ``files``: the path of each file of the tests, from the repository's root → its sha256.
    - ``images``: each other image that the tests name, and may start → its input digest. For a system, its members.
    - ``system``: the name of the system; empty for an image.
    """

    input_digest: str
    platform: str
    slipway: str
    rules: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    images: Mapping[str, str] = field(default_factory=dict)
    system: str = ""

    @property
    def form(self) -> Form:
        """Return the form of the result."""
        return replace(FORM, annotations={**FORM.annotations, SYSTEM: self.system}) if self.system else FORM

    def is_met_by(self, found: Descriptor) -> bool:
        """Tell whether a descriptor in a list of referrers may be such a result: of this system, or of an image."""
        return FORM.has(found) and found.annotations.get(SYSTEM, "") == self.system

    @property
    def descriptors(self) -> list[dict[str, Any]]:
        """Return the setup as in-toto's resource descriptors."""
        subject = {"uri": f"slipway:system/{self.system}"} if self.system else {"digest": _sha256(self.input_digest)}
        return [
            {"name": _INPUTS, **subject, "annotations": {"platform": self.platform}},
            {"name": _RULES, "digest": {"sha256": hashlib.sha256(self.rules.encode()).hexdigest()}},
            {"name": "slipway", "uri": f"pkg:pypi/slipway@{self.slipway}"},
            *({"name": f"image {name}", "digest": _sha256(inputs)} for name, inputs in sorted(self.images.items())),
            *({"name": path, "digest": _sha256(content)} for path, content in sorted(self.files.items())),
        ]


def statement(manifests: Sequence[Reference], setup: Setup, passed: Sequence[str]) -> dict[str, Any]:
    """Return the statement that the manifests passed their smoke tests. ``passed``: the names of the tests.

    ``manifests``: references with digests. That of an image, or those of a system's members in the order of their
    names.
    """
    return {
        "_type": _STATEMENT,
        "subject": [{"name": one.repository, "digest": _sha256(one.digest)} for one in manifests],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "result": _PASSED,
            "configuration": setup.descriptors,
            "passedTests": sorted(passed),
            "warnedTests": [],
            "failedTests": [],
        },
    }


def _sha256(digest: str) -> dict[str, str]:
    return {"sha256": digest.removeprefix("sha256:")}


def refusal(content: bytes, digests: Sequence[str], setup: Setup) -> str:
    """Return the reason why a document does not prove that ``digests`` passed the tests of ``setup``.

    ``digests``: that of an image, or those of a system's members in the order of their names. Return an empty text when
    the document proves it.
    """
    try:
        return _refusal(Part(json.loads(content)), digests, setup)
    except (ValueError, RecursionError):
        return "it is not JSON"
    except UnreadableError as error:
        return str(error)


def _refusal(said: Part, digests: Sequence[str], setup: Setup) -> str:
    said.at("_type").is_text(_STATEMENT)
    said.at("predicateType").is_text(PREDICATE_TYPE)
    subjects = [one.at("digest").at("sha256").text for one in said.at("subject").each()]
    if subjects != [digest.removeprefix("sha256:") for digest in digests]:
        return "it is about another manifest"
    predicate = said.at("predicate")
    if (result := predicate.at("result").text) != _PASSED:
        return f"its result is {result}"
    listed = {key: [one.text for one in predicate.at(key).each()] for key in ("passedTests", "failedTests")}
    if listed["failedTests"] or not listed["passedTests"]:
        return "it names a failed test, or no test that passed"
    return _difference([one.value for one in predicate.at("configuration").each()], setup)


def _difference(found: Sequence[Any], setup: Setup) -> str:
    """Return the first way in which a configuration differs from the setup; empty when they are equal."""
    wanted = setup.descriptors
    if found == wanted:
        return ""
    named = {one["name"]: one for one in found if isinstance(one, dict) and isinstance(one.get("name"), str)}
    for one in wanted:
        there = named.get(one["name"])
        if there is None:
            return f"it was tested without {one['name']}"
        if there != one:
            return _told(one, there)
    return "it was tested with files that are not among the tests now"


def _told(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    name = str(wanted["name"])
    if name == _INPUTS and all(found.get(key) == wanted.get(key) for key in ("digest", "uri")):
        annotations = found.get("annotations")
        platform = annotations.get("platform") if isinstance(annotations, dict) else ""
        return f"it was tested as {platform or 'nothing'}, not as {wanted['annotations']['platform']}"
    if name == _INPUTS:
        return "it was built of other inputs"
    if name == _RULES:
        return "its tables in the project's settings changed"
    return f"{name} is another than when it was tested"
