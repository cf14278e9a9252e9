"""Settings of Invoke's configuration: the highest source counts, and its name is shown."""

from __future__ import annotations

import pytest

from slipway.config.configured import Level, read_configured
from slipway.config.definitions import Value
from slipway.core.errors import Problem


def test_the_highest_source_of_each_setting_counts() -> None:
    low = Level("ns.configure", {"registry": "low:1", "owner": "low"})
    high = Level("invoke.yaml", {"OWNER": "high", "jobs": 4})
    assert read_configured([low, high]) == (
        {
            "REGISTRY": Value("REGISTRY", "low:1", "ns.configure"),
            "OWNER": Value("OWNER", "high", "invoke.yaml"),
            "JOBS": Value("JOBS", "4", "invoke.yaml"),
        },
        (),
    )


@pytest.mark.fault("C54")
@pytest.mark.parametrize("value", [1.1, True, None, ["v1"], {"a": "b"}], ids=repr)
def test_a_value_that_is_not_text_is_refused(value: object) -> None:
    """YAML reads an unquoted 1.10 as 1.1: slipway would build another version than the file says."""
    told = Problem("invoke.yaml", "slipway.base_version is not text", 'quotes make it text: base_version: "…"')
    assert read_configured([Level("invoke.yaml", {"base_version": value})]) == ({}, (told,))


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("base-version", "did you mean BASE_VERSION?"),
        ("qqq", "invoke config lists them"),
        (3, "invoke config lists them"),
    ],
)
def test_an_unknown_key_is_refused(key: object, hint: str) -> None:
    values, problems = read_configured([Level("invoke.yaml", {key: "x"})])
    assert (values, problems) == ({}, (Problem("invoke.yaml", f"slipway.{key} is not a setting", hint),))


def test_something_else_than_a_table() -> None:
    """The merged values come first, and repeat it."""
    levels = [Level("invoke's configuration", ["registry"]), Level("invoke.yaml", ["registry"])]
    told = Problem("invoke.yaml", "slipway is a table of settings", "slipway: {registry: reg.example.com}")
    assert read_configured(levels) == ({}, (told,))
