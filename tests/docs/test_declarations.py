"""docs/declarations.md: its example, and its table."""

from __future__ import annotations

import re
from pathlib import Path

from slipway.config.project import parse_project
from slipway.stack.declarations import built_services, read_compose, unread_keys

PAGE = (Path(__file__).parents[2] / "docs/declarations.md").read_text("utf-8")


def test_the_example_is_a_list_of_declarations() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    project, problems = parse_project(example.encode())
    assert problems == ()
    assert [str(one) for one in project.declarations] == [
        "compose.yaml",
        "{name}/compose.yaml",
        "compose.yaml + compose.prod.yaml",
        "docker-bake.hcl + release.hcl (release)",
    ]


def test_the_page_names_the_keys_of_build_that_slipway_does_not_read() -> None:
    (named,) = re.findall(r"slipway notes (.*?), and does not read them", PAGE)
    keys = re.findall(r"`(\w+)`", named)
    text = f"services: {{api: {{build: {{context: ., {', '.join(f'{key}: x' for key in keys)}}}}}}}"
    (note,) = unread_keys(read_compose(["compose.yaml"], {"compose.yaml": text}.get, {}))
    assert all(key in note.what for key in keys) and len(keys) == note.what.count(",") + 1


def test_an_empty_default_gives_an_empty_arg() -> None:
    assert "`${X:-}`" in PAGE
    text = "services: {api: {build: {args: {A: '${X:-}', B: '$X'}}}}"
    (api,) = built_services(read_compose(["compose.yaml"], {"compose.yaml": text}.get, {}), "compose.yaml", "/repo")
    assert api.definition.args == {"A": ""}
