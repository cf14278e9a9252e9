"""Images of compose and bake files together with those of the repository's table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from slipway.config.images import ImageRule, Pattern
from slipway.core.errors import Problem
from slipway.stack.declared import Declared, Ruled, combined
from slipway.stack.definition import Definition
from slipway.stack.patterns import definitions_of


def ruled(path: str, *rules: ImageRule) -> Mapping[str, Sequence[Ruled]]:
    return {path: [Ruled(rule, next(iter(definitions_of(path, [rule], {}, lambda file: {})), None)) for rule in rules]}


def rule(pattern: str, **values: Any) -> ImageRule:
    return ImageRule(Pattern(pattern), **values)


WEB = Definition("web", "web/Dockerfile", "compose.yaml:2", context="web", args={"A": "1", "B": "1"})
DEV = Definition("web-dev", "web/Dockerfile", "compose.yaml:9", context="web", target="dev")
API = Definition("api", "api/Dockerfile", "compose.yaml:5", contexts={"web": "target:web", "lib": "libs"})


def test_a_declared_image_replaces_that_of_a_pattern() -> None:
    rules = {**ruled("web/Dockerfile", rule("{name}/Dockerfile")), **ruled("db/Dockerfile", rule("{name}/Dockerfile"))}
    found = combined(Declared((WEB,)), rules).definitions
    assert [one.name for one in found] == ["db", "web"]
    assert found[1] == WEB


def test_a_rule_for_the_dockerfile_gives_the_image_its_values() -> None:
    rules = ruled("web/Dockerfile", rule("web/Dockerfile", target="app", args={"B": "2", "C": "3"}))
    (found,) = combined(Declared((WEB,)), rules).definitions
    assert (found.name, found.context, found.target) == ("web", "web", "app")
    assert (found.args, found.where) == ({"A": "1", "B": "2", "C": "3"}, "compose.yaml:2")


def test_a_rule_renames_an_image_its_problems_and_the_contexts_that_name_it() -> None:
    wrong = {"web": (Problem("compose.yaml:3", "no"),)}
    rules = ruled("web/Dockerfile", rule("web/Dockerfile", name="site"))
    declared = combined(Declared((WEB, API), wrong), rules)
    assert [one.name for one in declared.definitions] == ["site", "api"]
    assert declared.problems == {"site": wrong["web"]}
    assert declared.definitions[1].contexts == {"web": "target:site", "lib": "libs"}


def test_of_several_images_of_a_dockerfile_a_rule_with_a_name_means_one() -> None:
    rules = ruled("web/Dockerfile", rule("web/Dockerfile", name="web-dev", args={"D": "1"}))
    first, second = combined(Declared((WEB, DEV)), rules).definitions
    assert (first, second.args) == (WEB, {"D": "1"})
    rules = ruled("web/Dockerfile", rule("web/Dockerfile", args={"D": "1"}))
    assert all(one.args["D"] == "1" for one in combined(Declared((WEB, DEV)), rules).definitions)


def test_a_rule_with_a_new_name_adds_an_image() -> None:
    rules = ruled("web/Dockerfile", rule("web/Dockerfile", name="web"), rule("web/Dockerfile", name="lint", target="l"))
    found = combined(Declared((WEB,)), rules).definitions
    assert [(one.name, one.target) for one in found] == [("web", ""), ("lint", "l")]


def test_a_rule_excludes_a_declared_image_and_its_problems() -> None:
    declared = Declared((WEB, API), {"web": (Problem("compose.yaml:3", "no"),)})
    for pattern in ("web/Dockerfile", "{name}/Dockerfile"):
        found = combined(declared, ruled("web/Dockerfile", rule(pattern, excluded=True)))
        assert ([one.name for one in found.definitions], found.problems) == (["api"], {})
