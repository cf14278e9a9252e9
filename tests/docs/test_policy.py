"""The page of the rules of policy: it lists every rule, and each example breaks its rule."""

from __future__ import annotations

import pytest

from slipway.core.rules import EXPLANATIONS, Rule
from slipway.dockerfile import parse, read
from tests.docs import policy

#: Rules that look at the text of a Dockerfile.
OF_TEXT = [rule for rule in Rule if rule not in (Rule.CONTEXT_FILE, Rule.ROOT, Rule.SETUID, Rule.VULNERABILITY)]


def test_the_page_is_current() -> None:
    said = "python -m tests.docs.policy > docs/policy.md"
    assert policy.DOCUMENT.read_text("utf-8") == policy.document(), said


def test_every_rule_is_explained_under_the_name_that_errors_quote() -> None:
    assert list(EXPLANATIONS) == list(Rule)
    lines = policy.document().splitlines()
    for rule in Rule:
        assert f"## {rule}" in lines and rule.page == f"docs/policy.md#{rule}"


@pytest.mark.parametrize("rule", OF_TEXT)
def test_the_example_breaks_its_rule(rule: Rule) -> None:
    example = EXPLANATIONS[rule].example
    text = f"{example}\nFROM scratch\n" if example.startswith("#") else f"FROM scratch\n{example}\n"
    (hazard,) = read(parse(text), secrets=["geheim12"]).hazards
    assert (hazard.rule, hazard.refused) == (rule, bool(EXPLANATIONS[rule].refuses))
