"""Everything that README, CONTRIBUTING and docs/ name exists: tasks, flags, nox sessions, files."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

from slipway.compose.files import find_systems
from slipway.core.reference import check_tag
from slipway.release.versions import raised
from slipway.tasks import namespace

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("tests/**/README.md")])
TEXT = "\n".join(path.read_text("utf-8") for path in DOCUMENTS)
CODE = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL) + re.findall(r"`([^`\n]+)`", TEXT)


def tasks() -> dict[str, inspect.Signature]:
    known = {name: inspect.signature(namespace[name].body) for name in namespace.task_names}
    return known | {alias: known[name] for name, aliases in namespace.task_names.items() for alias in aliases}


def sessions() -> set[str]:
    tree = ast.parse((ROOT / "noxfile.py").read_text("utf-8"))
    own = {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.decorator_list}
    return own | set(re.findall(r"name=f['\"]([a-z]+)\(", ast.unparse(tree)))


def invocations() -> list[str]:
    found = [line.strip() for code in CODE for part in code.split("&&") for line in part.splitlines()]
    return sorted({line for line in found if line.startswith(("invoke ", "slipway ")) and " -" not in line[:10]})


def test_the_documents_show_how_slipway_is_used() -> None:
    assert len(invocations()) > 8


@pytest.mark.parametrize("line", invocations())
def test_every_invoke_command_is_made_of_tasks_flags_images_and_systems(line: str) -> None:
    images = {path.parent.name.replace("_", "-") for path in ROOT.glob("apps/*/Dockerfile")}
    images |= {path.name.removesuffix(".Dockerfile") for path in ROOT.glob("infra/docker/*.Dockerfile")}
    for system, one in find_systems(ROOT).items():
        images |= {system, *re.findall(r"^  ([a-z-]+):$", (ROOT / one.files[0]).read_text("utf-8"), re.MULTILINE)}
    known, current, value_follows = tasks(), "", False
    for word in line.split()[1:]:
        if value_follows:
            value_follows = False
        elif word.startswith("--"):
            name = word.removeprefix("--").replace("-", "_")
            assert name in known[current].parameters, f"{word} is not a flag of {current}"
            value_follows = type(known[current].parameters[name].default) in (str, int, list)
        elif word in known:
            current = word
        elif current and "to" in known[current].parameters:
            raised("v0.1.0", word)
        elif current and "release" in known[current].parameters:
            check_tag(word, "release")
        elif current and "run" in known[current].parameters:
            assert word == "RUN", f"{word} is not a run"
        else:
            assert word in images | {"svc-name"}, f"{word} is not a task, an image, a system or a service"


@pytest.mark.parametrize("name", sorted(set(re.findall(r"nox -s \"?([a-z]+)", TEXT))))
def test_every_nox_session_exists(name: str) -> None:
    assert name in sessions()


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#:]+)\)", TEXT))))
def test_every_link_leads_to_a_file(link: str) -> None:
    assert any((path.parent / link).is_file() for path in DOCUMENTS)


def test_ci_runs_the_readme_s_test_command() -> None:
    command = next(line for line in (ROOT / "README.md").read_text("utf-8").splitlines() if line.endswith("&& nox"))
    assert command in (ROOT / ".ci/run").read_text("utf-8").splitlines()


def test_every_task_has_one_line_of_help() -> None:
    for name in namespace.task_names:
        text = inspect.getdoc(namespace[name].body) or ""
        assert text.partition("\n")[0].endswith("."), name
