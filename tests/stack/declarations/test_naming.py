"""Names of declared images, and one image of equal definitions."""

from __future__ import annotations

from dataclasses import replace

from slipway.core.errors import Problem
from slipway.stack.declarations import name_images
from slipway.stack.declarations.found import Found
from slipway.stack.definition import Definition


def service(key: str, *images: str, source: str = "compose.yaml", **values: str) -> Found:
    """Return a service with a Dockerfile of its own, unless ``values`` says otherwise."""
    values = {"dockerfile": f"{key}/Dockerfile", "context": key, "where": f"{source}:{key}", **values}
    return Found(key, source, Definition("", **values), images)  # type: ignore[arg-type]


def names(*found: Found) -> list[str]:
    return [one.name for one in name_images(found).definitions]


def test_the_repository_names_the_image_and_else_the_service() -> None:
    assert names(service("web", "ghcr.io/acme/web_ui:v1"), service("API.v2"), service("db", "acme/db@sha256:0")) == [
        "web-ui",
        "api-v2",
        "db",
    ]


def test_services_that_share_a_repository_have_their_own_names() -> None:
    assert names(service("ad", "x/demo:1-ad"), service("cart", "x/demo:1-cart"), service("web", "x/web")) == [
        "ad",
        "cart",
        "web",
    ]


def test_a_service_has_its_own_name_where_another_service_has_that_of_its_repository() -> None:
    assert names(service("web"), service("ui", "acme/web")) == ["web", "ui"]


def test_the_folder_and_the_file_tell_services_of_one_name_apart() -> None:
    found = (
        service("api"),
        service("api", source="deploy/compose.yaml", target="deploy"),
        service("api", source="deploy/compose.dev.yaml", target="dev"),
    )
    assert names(*found) == ["api", "deploy-api", "deploy-compose-dev-api"]


def test_two_images_of_one_name_are_a_problem() -> None:
    declared = name_images([service("a-b"), service("a_b"), service("a.b")])
    assert [one.name for one in declared.definitions] == ["a-b", "compose-a-b"]
    assert declared.problems == {
        "compose-a-b": (Problem("compose.yaml:a.b", "the name compose-a-b is taken by compose.yaml:a_b"),)
    }


def test_equal_services_are_one_image() -> None:
    one = service("worker", "acme/app", dockerfile="Dockerfile", context=".")
    other = replace(one, key="cron", definition=replace(one.definition, where="compose.yaml:9"))
    declared = name_images([one, other, replace(one, key="beat", images=())])
    assert [(image.name, image.where) for image in declared.definitions] == [
        ("app", "compose.yaml:worker"),
        ("beat", "compose.yaml:worker"),
    ]


def test_services_that_differ_in_one_value_are_two_images() -> None:
    one = service("app", dockerfile="Dockerfile", context=".")
    for changed in (
        {"target": "dev"},
        {"context": "src"},
        {"args": {"A": "1"}},
        {"contexts": {"lib": "libs"}},
        {"platforms": ("linux/arm64",)},
    ):
        other = replace(one, key="dev", definition=replace(one.definition, **changed))
        assert names(one, other) == ["app", "dev"]


def test_the_references_are_aliases_unless_two_images_have_them() -> None:
    declared = name_images(
        [
            service("a", "acme/a:v1", "ghcr.io/acme/a"),
            service("b", "acme/x"),
            service("c", "acme/x"),
            service("d", "/d"),
        ]
    )
    assert [one.aliases for one in declared.definitions] == [("acme/a:v1", "ghcr.io/acme/a"), (), (), ()]


def test_a_linked_context_has_the_name_of_its_image() -> None:
    found = [replace(service("web"), links={"base": "py"}), service("py", "acme/python")]
    assert name_images(found).definitions[0].contexts == {"base": "target:python"}


def test_a_link_to_a_service_without_build_is_a_problem() -> None:
    declared = name_images([replace(service("web"), links={"base": "db"})])
    assert [str(problem) for problem in declared.problems["web"]] == [
        "compose.yaml:web: web: its context base is db, which compose.yaml does not build"
    ]


def test_a_problem_stays_with_its_image() -> None:
    wrong = Problem("compose.yaml:3", "service b: no")
    declared = name_images([service("a"), replace(service("b"), problems=(wrong,)), service("c")])
    assert [one.name for one in declared.definitions] == ["a", "b", "c"]
    assert declared.problems == {"b": (wrong,)}
