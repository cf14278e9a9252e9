"""The images on which an image builds: FROM lines, named contexts, and the notes about near misses."""

from __future__ import annotations

from typing import Any

from slipway.core.errors import UsageError
from slipway.core.image import Image
from slipway.dockerfile import parse, read
from slipway.stack.built_on import BuiltOn, built_on
from slipway.stack.definition import Definition
from slipway.stack.discovery import Assembly, assemble
from slipway.stack.parents import Naming, OwnImages

NAMING = Naming("reg:5000", "acme", "v1", "v2", ("latest",))
BASE, KIT = Definition("base", "base/Dockerfile"), Definition("kit", "kit/Dockerfile")


def below(text: str, **more: Any) -> BuiltOn:
    one = Definition("svc", "svc/Dockerfile", "slipway.toml:3", **more)
    return built_on(one, read(parse(text), contexts=tuple(one.contexts)), OwnImages((BASE, KIT, one), NAMING))


def test_a_named_context_may_be_an_image_of_the_stack() -> None:
    found = below(
        "FROM floor\nCOPY --from=tools /a /a\n", contexts={"floor": "target:base", "tools": "docker-image://acme/kit"}
    )
    assert (found.parents, found.roots) == (("base", "kit"), ())
    assert found.contexts == {"floor": "target:base", "tools": "target:kit"}


def test_a_named_context_may_be_a_root_image_or_a_folder() -> None:
    text = "FROM floor\nCOPY --from=lib /a /a\n"
    found = below(text, contexts={"floor": "docker-image://debian:12", "lib": "libs", "unused": "target:gone"})
    assert (found.parents, found.roots) == ((), ("debian:12",))
    assert found.contexts == {"floor": "docker-image://debian:12", "lib": "libs"}
    assert found.problems == ()


def test_a_named_context_of_an_unknown_image_is_a_problem_at_its_definition() -> None:
    (problem,) = below("FROM floor\n", contexts={"floor": "target:bsae"}).problems
    assert str(problem) == "slipway.toml:3: the context floor: bsae matches no image"
    assert problem.hint == "did you mean base?"


def test_the_final_stage_stands_on_the_content_of_its_context() -> None:
    reading = read(parse("FROM floor AS one\nFROM one\n"), contexts=["floor"])
    for content, foundation in (("target:base", "base"), ("docker-image://debian:12", "debian:12"), ("libs", "")):
        found = below("FROM floor AS one\nFROM one\n", contexts={"floor": content})
        assert found.foundation(reading) == foundation
        assert found.stood_on(reading) == ({"base"} if foundation == "base" else set())


def test_every_stage_stands_on_the_image_of_its_context() -> None:
    text = "FROM floor AS one\nFROM scratch\nCOPY --from=one /a /a\nCOPY --from=tools /b /b\n"
    found = below(text, contexts={"floor": "target:base", "tools": "target:kit"})
    assert found.parents == ("base", "kit")
    assert found.stood_on(read(parse(text), contexts=["floor", "tools"])) == {"base"}


def test_an_image_does_not_stand_on_one_from_which_it_only_copies() -> None:
    text = "FROM acme/base AS one\nCOPY --from=acme/kit /a /a\n"
    found = below(text)
    assert found.parents == ("base", "kit")
    assert found.stood_on(read(parse(text))) == {"base"}


def test_another_tag_of_an_own_image_and_an_unknown_name_are_root_images_with_a_remark() -> None:
    found = below("FROM acme/base:2024\nCOPY --from=reg:5000/acme/gone:9 /a /a\n")
    assert found.roots == ("acme/base:2024", "reg:5000/acme/gone:9")
    assert found.remarks == (
        "svc/Dockerfile:1: acme/base:2024 is a root image: this stack builds base under another tag; "
        'moving-tags = ["2024"] makes it the parent',
        "svc/Dockerfile:2: reg:5000/acme/gone:9 is a root image: no image here has the name gone",
    )


TEXTS = {
    "base/Dockerfile": "FROM debian:12\nONBUILD COPY base.txt /\n",
    "kit/Dockerfile": "FROM scratch AS a\nONBUILD COPY a.txt /\nFROM scratch AS b\nONBUILD COPY b.txt /\n",
    "svc/Dockerfile": "ARG WHO=me\nFROM floor AS dev\nARG WHO\nCOPY $WHO.txt /\nFROM dev AS prod\nCOPY prod.txt /\n",
}


def assembled(*definitions: Definition, **more: Any) -> Assembly:
    return assemble(definitions, TEXTS, naming=NAMING, **{"args": {}, **more})


def image(**more: Any) -> tuple[Image, Assembly]:
    one = Definition("svc", "svc/Dockerfile", "slipway.toml:3", contexts={"floor": "target:base"}, **more)
    found = assembled(BASE, KIT, one)
    return found.stack["svc"], found


def sources(assembly: Assembly, name: str = "svc") -> list[str]:
    return [path for source in assembly.readings[name].sources for path in source.paths]


def test_a_target_reads_only_its_stages() -> None:
    assert sources(image()[1]) == ["base.txt", "me.txt", "prod.txt"]
    dev, assembly = image(target="dev")
    assert (dev.target, sources(assembly)) == ("dev", ["base.txt", "me.txt"])


def test_an_unknown_target_is_a_fault_of_that_image_alone() -> None:
    _, assembly = image(target="prod")
    assert not assembly.stack.faults
    found = assembled(BASE, KIT, Definition("svc", "svc/Dockerfile", target="prdo", contexts={"floor": "target:base"}))
    assert set(found.stack.faults) == {"svc"} and "prdo" in found.stack.faults["svc"].error.message


def test_a_parent_has_the_triggers_of_its_target() -> None:
    for target, path in (("a", "a.txt"), ("A", "a.txt"), ("", "b.txt")):
        kit = Definition("kit", "kit/Dockerfile", target=target)
        found = assembled(kit, Definition("svc", "svc/Dockerfile", contexts={"floor": "target:kit"}))
        assert sources(found)[0] == path


def test_args_of_a_definition_come_before_those_of_the_settings() -> None:
    one = Definition("svc", "svc/Dockerfile", args={"WHO": "you"}, contexts={"floor": "target:base"})
    found = assembled(BASE, one, args={"WHO": "all"})
    assert (found.stack["svc"].args, sources(found)[1]) == ({"WHO": "you"}, "you.txt")


def test_images_that_share_a_dockerfile() -> None:
    dev = Definition("svc-dev", "svc/Dockerfile", target="dev", contexts={"floor": "target:base"})
    prod = Definition("svc", "svc/Dockerfile", contexts={"floor": "target:kit"}, platforms=("linux/arm64",))
    stack = assembled(BASE, KIT, dev, prod).stack
    assert [(one.name, one.target, one.parents, one.platforms, one.kind) for one in stack] == [
        ("base", "", (), (), "base"),
        ("kit", "", (), (), "base"),
        ("svc-dev", "dev", ("base",), (), "service"),
        ("svc", "", ("kit",), ("linux/arm64",), "service"),
    ]


def test_a_declared_context_is_taken_as_it_is() -> None:
    assert image(context="svc/../svc")[0].context == "svc"


def test_a_base_has_the_version_of_bases_wherever_it_lies() -> None:
    stack = image()[1].stack
    assert [str(stack[name].reference) for name in ("base", "kit", "svc")] == [
        "reg:5000/acme/base:v1",
        "reg:5000/acme/kit:v2",
        "reg:5000/acme/svc:v2",
    ]


def refusal(*definitions: Definition) -> list[str]:
    faults = assembled(*definitions).stack.faults
    return [f"{problem}; {problem.hint}" for fault in faults.values() for problem in fault.error.problems]


def test_a_repository_and_a_tag_make_the_reference() -> None:
    one = Definition("kit", "kit/Dockerfile", repository="tools/kit", tag="{version}-b")
    assert str(assembled(one).stack["kit"].reference) == "reg:5000/tools/kit:v2-b"
    one = Definition("kit", "kit/Dockerfile", repository="reg:5000/tools/kit")
    assert str(assembled(one).stack["kit"].reference) == "reg:5000/tools/kit:v2"


def test_a_repository_in_another_registry_is_refused() -> None:
    one = Definition("kit", "kit/Dockerfile", "slipway.toml:9", repository="ghcr.io/acme/kit")
    assert refusal(one) == [
        "slipway.toml:9: the repository ghcr.io/acme/kit is not in reg:5000; "
        "REGISTRY=ghcr.io, or a path without a registry"
    ]


def test_a_reference_that_docker_cannot_accept_is_refused() -> None:
    (said,) = refusal(Definition("kit", "kit/Dockerfile", "slipway.toml:9", tag="{version}+b"))
    assert said.startswith("slipway.toml:9: tag=v2+b: not a tag")


def test_two_images_of_one_reference_are_refused() -> None:
    one = Definition("one", "kit/Dockerfile", "t:1", repository="acme/kit")
    two = Definition("two", "kit/Dockerfile", "t:2", repository="acme/kit")
    assert refusal(one, two) == [
        "t:2: one has the reference reg:5000/acme/kit:v2, too; give one of them another repository or tag"
    ]


def test_an_unreadable_dockerfile_is_a_fault_of_all_its_images() -> None:
    error = UsageError("svc/Dockerfile: byte 5 is not UTF-8")
    one, two = Definition("one", "svc/Dockerfile"), Definition("two", "svc/Dockerfile")
    found = assemble(
        (one, two, KIT),
        {"kit/Dockerfile": "FROM scratch\n"},
        naming=NAMING,
        args={},
        unreadable={"svc/Dockerfile": error},
    )
    assert set(found.stack.faults) == {"one", "two"}
