"""Golden plans: given this stack and these facts, exactly these steps for these reasons.

A case in ``plans/*.json``: ``stack`` (name → parents), optional ``version`` (of the services), ``now`` (image → its
inputs), ``engine`` (what was built from which inputs, under which tags), ``known`` (inputs kept from earlier builds),
``published``, ``selected``; and the ``plan`` as ``name action reason`` lines.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from slipway.core.image import INPUT_LABEL, MODELESS_LABEL, TITLE_LABEL, Image, LocalImage, Stack, content_tag
from slipway.core.reference import Reference
from slipway.plan.decide import Facts, Step, as_json, missing_from_engine, plan_build
from slipway.plan.reasons import InputsChanged, ModesChanged, Reason, WithoutCache
from slipway.stack.changes import Change, How, Part
from slipway.stack.digest import Manifest, input_digest
from slipway.stack.entries import decode

CASES = {
    path.stem: json.loads(path.read_text("utf-8")) for path in sorted(Path(__file__).parents[1].glob("plans/*.json"))
}


def stack_of(case: dict[str, Any]) -> Stack:
    def image(name: str, parents: list[str]) -> Image:
        kind = "base" if name.startswith("base") else "service"
        return Image(
            name,
            f"apps/{name}/Dockerfile",
            kind=kind,
            parents=tuple(parents),
            roots=() if parents else ("python:3.12-slim",),
        )

    return Stack(tuple(image(name, parents) for name, parents in case["stack"].items()))


def manifests_of(stack: Stack, inputs: dict[str, Any]) -> dict[str, Manifest]:
    """Inputs by image (``{"Dockerfile": text, "files": {…}}``) → manifests, each holding its parents' digests."""
    found: dict[str, Manifest] = {}
    for image in stack:
        given = inputs.get(image.name, {})
        parents = {parent: input_digest(found[parent]) for parent in image.parents}
        files = {path: decode(text) for path, text in ({"main.py": "100644 1"} | given.get("files", {})).items()}
        found[image.name] = Manifest(given.get("Dockerfile", "FROM x"), files, parents=parents)
    return found


def facts_of(case: dict[str, Any], stack: Stack) -> Facts:
    now = manifests_of(stack, case.get("now", {}))
    digests = {name: input_digest(manifest) for name, manifest in now.items()}
    prefix = "localhost:5000/acme"
    versions = {image.name: "v1" if image.kind == "base" else case.get("version", "v1") for image in stack}
    references = {name: Reference("localhost:5000", f"acme/{name}", tag) for name, tag in versions.items()}
    local: dict[str, LocalImage] = {}
    newest: dict[str, LocalImage] = {}
    earlier: dict[str, Manifest] = {}
    for entry in case.get("engine", []):
        name = entry["image"]
        manifest = manifests_of(stack, entry.get("inputs", {}))[name]
        digest = input_digest(manifest)
        tags = tuple(f"{prefix}/{name}:{tag.replace('CONTENT', content_tag(digest))}" for tag in entry["tags"])
        held = LocalImage(f"id of {name}", tags, labels={INPUT_LABEL: digest, TITLE_LABEL: name})
        local |= dict.fromkeys(tags, held)
        newest[name] = held
        if entry.get("known", True) and digest != digests[name]:
            earlier[digest] = manifest
    return Facts(
        references,
        digests,
        {**now},
        local=local,
        newest=newest,
        published=frozenset(case.get("published", [])),
        earlier=earlier,
        roots={"python:3.12-slim": "sha256:aa"},
    )


def told(step: Step) -> str:
    reason = str(step.reason).replace(content_tag(step.input_digest), "CONTENT")
    return f"{step.image} {step.action} " + re.sub(r"in-[0-9a-f]{12}", "in-EARLIER", reason)


@pytest.mark.parametrize("name", CASES)
def test_golden(name: str) -> None:
    case = CASES[name]
    stack = stack_of(case)
    facts = facts_of(case, stack)
    plan = plan_build(stack, case.get("selected", list(case["stack"])), facts)
    assert [told(step) for step in plan.steps] == case["plan"]
    names = [step.image for step in plan.steps]
    for step in plan.steps:
        if step.action == "build":
            assert set(stack[step.image].parents) <= set(names[: names.index(step.image)])


def test_there_are_golden_plans() -> None:
    assert len(CASES) >= 12


def test_the_registry_is_asked_for_images_missing_from_the_engine() -> None:
    case = CASES["all-here"]
    stack = stack_of(case)
    assert missing_from_engine(stack, ["svc-ocr"], facts_of(case, stack)) == ()
    bare = facts_of({**case, "engine": []}, stack)
    assert missing_from_engine(stack, ["svc-forms"], bare) == ("base-runtime", "svc-forms")


def test_a_plan_for_machines() -> None:
    case = CASES["version-moves"]
    stack = stack_of(case)
    facts = facts_of(case, stack)
    plan = plan_build(stack, ["svc-forms"], facts)
    step = plan.steps[0]
    assert as_json(plan) == {
        "steps": [
            {
                "image": "svc-forms",
                "action": "tag",
                "reason": f"{content_tag(facts.digests['svc-forms'])} is here, v2 is new",
                "cause": "new-version",
                "reference": "localhost:5000/acme/svc-forms:v2",
                "content": f"localhost:5000/acme/svc-forms:{content_tag(facts.digests['svc-forms'])}",
                "input_digest": step.input_digest,
            }
        ],
        "roots": {},
        "frontends": {},
        "counts": {"tag": 1},
    }


def test_no_cache_builds_only_the_named_images() -> None:
    case = CASES["all-here"]
    stack = stack_of(case)
    plan = plan_build(stack, ["svc-ocr"], facts_of(case, stack), no_cache=["svc-ocr"])
    assert [(step.image, step.action) for step in plan.steps if step.no_cache] == [("svc-ocr", "build")]
    assert {step.action for step in plan.steps if not step.no_cache} == {"reuse"}
    assert [step.reason for step in plan.steps if step.no_cache] == [WithoutCache()]
    assert str(WithoutCache()) == "asked for without cache"
    assert plan.by_image["svc-ocr"].no_cache


def built_from(was: Manifest, now: Manifest, **labels: str) -> Facts:
    """Facts in which the engine's newest svc-forms was built from ``was``."""
    reference = Reference("localhost:5000", "acme/svc-forms", "v1")
    held = {INPUT_LABEL: input_digest(was), TITLE_LABEL: "svc-forms", **labels}
    newest = LocalImage("id", (str(reference.tagged("v0")),), labels=held)
    return Facts(
        {"svc-forms": reference},
        {"svc-forms": input_digest(now)},
        {"svc-forms": now},
        newest={"svc-forms": newest},
        earlier={newest.input_digest: was},
    )


LONE = Stack((Image("svc-forms", "apps/svc_forms/Dockerfile", parents=()),))


def test_a_file_named_like_a_parent_is_a_file() -> None:
    stack = stack_of({"stack": {"base-runtime": [], "svc-forms": ["base-runtime"]}})
    was = Manifest("FROM x", {"parent base-runtime": decode("100644 1")}, parents={"base-runtime": "sha256:1"})
    now = Manifest("FROM x", {"parent base-runtime": decode("100644 2")}, parents={"base-runtime": "sha256:2"})
    facts = built_from(was, now)
    base = facts.references["svc-forms"]
    facts = replace(
        facts,
        references={**facts.references, "base-runtime": base},
        digests={**facts.digests, "base-runtime": "sha256:2"},
        published=frozenset({"base-runtime"}),
    )
    step = plan_build(stack, ["svc-forms"], facts).by_image["svc-forms"]
    assert step.reason == InputsChanged((Change(Part.FILE, "parent base-runtime", How.CHANGED),))


def test_modes_of_a_named_context_are_a_reason_without_files() -> None:
    was = Manifest("FROM x", contexts={"wheelhouse": decode("40755 tree:1")})
    now = Manifest("FROM x", contexts={"wheelhouse": decode("40700 tree:1")})
    facts = built_from(was, now)
    facts = built_from(was, now, **{MODELESS_LABEL: facts.modeless["svc-forms"]})
    (step,) = plan_build(LONE, ["svc-forms"], facts).steps
    assert step.reason == ModesChanged(content_tag(input_digest(was)))
    assert str(step.reason) == f"only modes of files differ from {content_tag(input_digest(was))}"


def test_a_parent_that_replaces_another_is_a_change_of_the_inputs() -> None:
    was, now = Manifest("FROM x", parents={"base-ml": "sha256:1"}), Manifest("FROM x", parents={"base-gpu": "sha256:1"})
    (step,) = plan_build(LONE, ["svc-forms"], built_from(was, now)).steps
    assert step.reason == InputsChanged((Change(Part.PARENT, "base-gpu", How.ADDED),))
    assert str(step.reason) == "parent base-gpu added"


def test_an_image_of_the_engine_is_present_stale_or_absent() -> None:
    was, now = Manifest("FROM x"), Manifest("FROM y")
    stale = built_from(was, now)
    held = LocalImage("id", labels={INPUT_LABEL: input_digest(now)})
    here = replace(stale, local={str(stale.content_reference("svc-forms")): held})
    assert [facts.presence("svc-forms") for facts in (here, stale, replace(stale, newest={}))] == [
        "here",
        "stale",
        "absent",
    ]


@pytest.mark.fault("B52")
def test_only_modes_differ_when_the_files_or_the_label_say_so() -> None:
    was = Manifest("FROM x", {"a.py": decode("100644 aa")}, parents={"base": "sha256:1"})
    now = replace(was, files={"a.py": decode("100664 aa")})
    facts = built_from(was, now)
    assert facts.modes_alone("svc-forms") and facts.modes_since("svc-forms") == ("a.py 0644 → 0664",)
    assert not built_from(was, replace(now, parents={"base": "sha256:2"})).modes_alone("svc-forms")
    unknown = replace(facts, earlier={})
    assert not unknown.modes_alone("svc-forms") and unknown.modes_since("svc-forms") == ()
    never_built = replace(facts, newest={})
    assert not never_built.modes_alone("svc-forms") and never_built.modes_since("svc-forms") == ()


def test_every_cause_is_documented() -> None:
    table = (Path(__file__).parents[2] / "docs/internals.md").read_text("utf-8")
    documented = re.findall(r"^\| `([a-z-]+)` \| (?:build|pull|tag|reuse) \|", table, re.MULTILINE)
    assert documented == [reason.cause for reason in Reason.__subclasses__()]
