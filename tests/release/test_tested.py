"""Test results as in-toto statements: equal ones have equal bytes, and only one of the very tests and image counts."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from slipway.audit.cyclonedx import encoded
from slipway.core.reference import Reference
from slipway.registry.artifact import Descriptor
from slipway.release.tested import FORM, SYSTEM, Setup, refusal, statement

DIGEST, INPUTS = f"sha256:{'d' * 64}", f"sha256:{'1' * 64}"
SETUP = Setup(INPUTS, "linux/amd64", "0.1.0", "budget", {"smoke/test_b.py": "b" * 64, "smoke/test_a.py": "a" * 64})
NAMES = ("test_b::test_two", "test_a::test_one")
IMAGE = Reference("registry.example", "acme/svc-x", digest=DIGEST)
#: Two images that are tested together.
MEMBERS = (IMAGE, Reference("registry.example", "acme/svc-y", digest=f"sha256:{'e' * 64}"))
INPUTS_OF_MEMBERS = {"svc-x": INPUTS, "svc-y": INPUTS}
TOGETHER = Setup("", "linux/amd64", "0.1.0", "tables", {"apps/smoke/test_pair.py": "a" * 64}, INPUTS_OF_MEMBERS, "pair")


def said(**changes: Any) -> dict[str, Any]:
    """Return the statement of a passed test, with a changed predicate."""
    found = statement([IMAGE], SETUP, NAMES)
    return {**found, "predicate": {**found["predicate"], **changes}}


def judged(document: Any, setup: Setup = SETUP, digest: str = DIGEST) -> str:
    return refusal(encoded(document), [digest], setup)


def test_a_statement_names_the_manifest_the_setup_and_the_tests() -> None:
    found = said()
    assert found["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
    assert found["subject"] == [{"name": "registry.example/acme/svc-x", "digest": {"sha256": "d" * 64}}]
    predicate = found["predicate"]
    assert (predicate["result"], predicate["passedTests"]) == ("PASSED", sorted(NAMES))
    assert predicate["warnedTests"] == predicate["failedTests"] == []
    inputs, rules, slipway, *files = predicate["configuration"]
    assert inputs == {"name": "inputs", "digest": {"sha256": "1" * 64}, "annotations": {"platform": "linux/amd64"}}
    assert rules["name"] == "rules" and "budget" not in json.dumps(rules)
    assert slipway["uri"] == "pkg:pypi/slipway@0.1.0"
    assert [(one["name"], one["digest"]["sha256"][0]) for one in files] == [
        ("smoke/test_a.py", "a"),
        ("smoke/test_b.py", "b"),
    ]


def test_a_resource_descriptor_has_a_uri_or_a_digest() -> None:
    assert all("uri" in one or "digest" in one for one in SETUP.descriptors)


def test_the_result_of_the_same_tests_counts() -> None:
    assert judged(said()) == ""
    shuffled = replace(SETUP, files=dict(sorted(SETUP.files.items())))
    assert encoded(statement([IMAGE], shuffled, NAMES[::-1])) == encoded(statement([IMAGE], SETUP, NAMES))


@pytest.mark.fault("P62")
@pytest.mark.parametrize(
    ("setup", "reason"),
    [
        (replace(SETUP, files={**SETUP.files, "smoke/test_a.py": "c" * 64}), "smoke/test_a.py is another than"),
        (replace(SETUP, files={**SETUP.files, "conftest.py": "c" * 64}), "it was tested without conftest.py"),
        (replace(SETUP, images={"svc-y": INPUTS}), "it was tested without image svc-y"),
        (replace(SETUP, files={}), "files that are not among the tests now"),
        (replace(SETUP, platform="linux/arm64"), "it was tested as linux/amd64, not as linux/arm64"),
        (replace(SETUP, input_digest=f"sha256:{'2' * 64}"), "it was built of other inputs"),
        (replace(SETUP, rules="no budget"), "its tables in the project's settings changed"),
        (replace(SETUP, slipway="0.2.0"), "slipway is another than"),
    ],
)
def test_the_result_of_other_tests_does_not_count(setup: Setup, reason: str) -> None:
    assert reason in judged(said(), setup)


@pytest.mark.fault("P61")
@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ([], "the statement is not an object"),
        ({}, "_type is missing"),
        ({**said(), "_type": "x"}, "_type is not https://in-toto.io/Statement/v1"),
        ({**said(), "predicateType": "https://slsa.dev/provenance/v1"}, "predicateType is not "),
        ({**said(), "subject": []}, "it is about another manifest"),
        ({**said(), "subject": [{"digest": {"sha256": "e" * 64}}]}, "it is about another manifest"),
        ({**said(), "subject": [{"digest": {"sha1": ""}}]}, "subject[0].digest.sha256 is missing"),
        (said(result="FAILED"), "its result is FAILED"),
        (said(result="WARNED"), "its result is WARNED"),
        (said(result=None), "predicate.result is not a text"),
        (said(failedTests=["test_a::test_one"]), "it names a failed test"),
        (said(passedTests=[]), "no test that passed"),
        (said(passedTests=[{}]), "predicate.passedTests[0] is not a text"),
        (said(configuration={}), "predicate.configuration is not a list"),
        (said(configuration=[]), "it was tested without inputs"),
        (said(configuration=[3, None, {"name": []}]), "it was tested without inputs"),
        (said(configuration=[{**SETUP.descriptors[0], "annotations": 3}]), "it was tested as nothing"),
        (said(configuration=[*SETUP.descriptors, {"name": "smoke/more.py"}]), "not among the tests now"),
    ],
)
def test_a_document_that_proves_nothing_does_not_count(document: Any, reason: str) -> None:
    assert reason in judged(document)


@pytest.mark.fault("P61")
@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe{", b"[" * 100_000, b'"' + b"x" * 1000])
def test_bytes_that_are_not_json_do_not_count(content: bytes) -> None:
    assert refusal(content, [DIGEST], SETUP) == "it is not JSON"


def test_a_result_about_another_manifest_does_not_count() -> None:
    assert judged(said(), digest=INPUTS) == "it is about another manifest"


def test_a_statement_about_a_system_names_all_members() -> None:
    found = statement(MEMBERS, TOGETHER, NAMES)
    assert [(one["name"], one["digest"]["sha256"][0]) for one in found["subject"]] == [
        ("registry.example/acme/svc-x", "d"),
        ("registry.example/acme/svc-y", "e"),
    ]
    first, *others = found["predicate"]["configuration"]
    assert first == {"name": "inputs", "uri": "slipway:system/pair", "annotations": {"platform": "linux/amd64"}}
    assert {"image svc-x", "image svc-y", "apps/smoke/test_pair.py"} <= {one["name"] for one in others}


@pytest.mark.fault("P62")
@pytest.mark.parametrize(
    ("setup", "reason"),
    [
        (TOGETHER, ""),
        (replace(TOGETHER, images={**INPUTS_OF_MEMBERS, "svc-y": DIGEST}), "image svc-y is another than"),
        (replace(TOGETHER, images={**INPUTS_OF_MEMBERS, "svc-z": DIGEST}), "it was tested without image svc-z"),
        (replace(TOGETHER, images={"svc-x": INPUTS}), "not among the tests now"),
        (replace(TOGETHER, files={"apps/smoke/test_pair.py": "b" * 64}), "test_pair.py is another than"),
        (replace(TOGETHER, files={**TOGETHER.files, "infra/compose/pair.yaml": ""}), "without infra/compose/pair.yaml"),
        (replace(TOGETHER, rules="other tables"), "its tables in the project's settings changed"),
        (replace(TOGETHER, slipway="0.2.0"), "slipway is another than"),
        (replace(TOGETHER, platform="linux/arm64"), "it was tested as linux/amd64, not as linux/arm64"),
        (replace(TOGETHER, system="trio"), "it was built of other inputs"),
        (SETUP, "it was built of other inputs"),
    ],
)
def test_the_result_of_another_system_does_not_count(setup: Setup, reason: str) -> None:
    document = encoded(statement(MEMBERS, TOGETHER, NAMES))
    said = refusal(document, [one.digest for one in MEMBERS], setup)
    assert reason in said and bool(reason) == bool(said)


OTHERS = {
    "one is missing": [DIGEST],
    "the first differs": [INPUTS, MEMBERS[1].digest],
    "the second differs": [DIGEST, INPUTS],
    "another order": [MEMBERS[1].digest, DIGEST],
    "one more": [DIGEST, MEMBERS[1].digest, INPUTS],
}


@pytest.mark.fault("P62")
@pytest.mark.parametrize("digests", OTHERS.values(), ids=[*OTHERS])
def test_the_result_of_other_members_does_not_count(digests: list[str]) -> None:
    document = encoded(statement(MEMBERS, TOGETHER, NAMES))
    assert refusal(document, digests, TOGETHER) == "it is about another manifest"


def test_the_results_of_an_image_and_of_each_system_differ_in_a_list() -> None:
    """A list of referrers has the annotations, so the other results are not read."""
    of_image = Descriptor("m", DIGEST, 1, FORM.type, SETUP.form.annotations)
    of_system = Descriptor("m", DIGEST, 1, FORM.type, TOGETHER.form.annotations)
    other = replace(TOGETHER, system="trio")
    assert of_system.annotations[SYSTEM] == "pair"
    assert [SETUP.is_met_by(one) for one in (of_image, of_system)] == [True, False]
    assert [TOGETHER.is_met_by(one) for one in (of_image, of_system)] == [False, True]
    assert not other.is_met_by(of_image) and not other.is_met_by(of_system)
