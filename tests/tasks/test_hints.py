"""Every command in a hint is one that the user can type: with ``invoke``, with composed tasks, with ``slipway``."""

from __future__ import annotations

import ast
import contextvars
import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from invoke.collection import Collection
from invoke.context import Context
from invoke.parser.context import ParserContext
from invoke.parser.parser import Parser

import slipway
from slipway.core.errors import Problem, UsageError
from slipway.tasks import namespace
from slipway.tasks.command_line import INVOKE, SLIPWAY, CommandLine, command_line
from slipway.tasks.session import Session
from tests.rig import in_process

PACKAGE = Path(slipway.__file__).parent
COMMAND = re.compile(r"\b(?:invoke|slipway)\b\)? (?=[a-z-])[^,;()`]*")
COMPOSED = """\
from invoke import Collection, task
from slipway.tasks import namespace

@task
def build(c):
    print("theirs")

ns = Collection(build)
ns.add_collection(namespace, "images")
"""


@dataclass(frozen=True)
class Way:
    """How slipway's tasks are called."""

    program: str
    collection: Collection
    prefix: str = ""

    @cached_property
    def contexts(self) -> dict[str, ParserContext]:
        return {str(context.name): context for context in self.collection.to_contexts()}

    @cached_property
    def line(self) -> CommandLine:
        return self.parse(f"{self.prefix}build")

    def parse(self, *words: str) -> CommandLine:
        """Return the command line as the parser understands it. Raises Refused for words that it refuses."""

        def parsed() -> CommandLine:
            command_line.set(CommandLine(self.program))
            Parser(contexts=list(self.contexts.values())).parse_argv(list(words))
            return command_line.get()

        return contextvars.copy_context().run(parsed)


def composed() -> Collection:
    outer = Collection()
    outer.add_collection(Collection.from_module(slipway.tasks), "images")
    return outer


WAYS = (Way(INVOKE, namespace), Way(INVOKE, composed(), "images."), Way(SLIPWAY, namespace))


@dataclass(frozen=True)
class Said:
    """A text of the code that holds a command, with samples for its placeholders."""

    place: str
    text: str
    #: The calls that the text is an argument of, innermost first: the function's name, the argument's position.
    calls: tuple[tuple[str, int], ...]


def texts() -> Iterator[Said]:
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        yield from below(tree, f"{path.relative_to(PACKAGE)}", (), docstrings)


def below(node: ast.AST, place: str, calls: tuple[tuple[str, int], ...], skipped: set[int]) -> Iterator[Said]:
    if id(node) in skipped and not isinstance(node, ast.Call):
        return
    if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str)):
        text = sample(node)
        if re.search(r"\binvoke\b\)? ", text):
            yield Said(f"{place}:{node.lineno}", text, calls)
        return
    for field, child in ast.iter_fields(node):
        children = child if isinstance(child, list) else [child]
        for position, one in enumerate(children):
            if isinstance(one, ast.AST):
                name = ast.unparse(node.func).rpartition(".")[2] if isinstance(node, ast.Call) else ""
                around = ((name, position if field == "args" else -1), *calls) if name and field != "func" else calls
                yield from below(one, place, around, skipped)


def sample(node: ast.JoinedStr | ast.Constant) -> str:
    """Return a text with a task, a flag or a name for each placeholder."""
    text = "".join(map(part_of, node.values if isinstance(node, ast.JoinedStr) else [node]))
    return re.sub(r"\{[^{}]*\}", "svc-x", text.replace("{flag}", " --remote").replace("{task}", "up"))


def part_of(part: ast.expr) -> str:
    if isinstance(part, ast.FormattedValue):
        return f"{{{ast.unparse(part.value).rpartition('.')[2]}}}"
    return str(part.value) if isinstance(part, ast.Constant) else ""


@pytest.fixture(scope="module")
def said() -> list[Said]:
    found = list(texts())
    assert len(found) > 60
    assert {"engine/client.py", "hosts/requirements.py", "push/tags.py"} <= {one.place.split(":")[0] for one in found}
    return found


@pytest.mark.parametrize("way", WAYS, ids=["invoke", "composed", "slipway"])
def test_a_command_is_as_the_user_types_it(way: Way, said: list[Said]) -> None:
    """Its program and its task are right, and the task has its flags."""
    for one in said:
        commands = COMMAND.findall(way.line.typed(one.text))
        assert len(commands) == len(COMMAND.findall(one.text)) > 0, one
        for command in commands:
            program, task, *words = command.replace(")", "").split()
            assert program == way.program, one
            if not task.startswith("-"):
                assert task in way.contexts and task.startswith(way.prefix), one
                way.parse(task, *flags(task, words, way))


def flags(task: str, words: list[str], way: Way) -> list[str]:
    """Return the flags, each with its value."""
    known = way.contexts[task].flags
    return [
        word
        for before, word in zip(["", *words], words, strict=False)
        if word.startswith("--") or (before in known and known[before].takes_value)
    ]


def test_a_command_stands_in_a_hint(said: list[Said]) -> None:
    """Only hints become commands of this command line: the cause of an error may quote any program's words."""
    for one in said:
        if any(name == "typed" for name, _ in one.calls):
            continue
        for name, position in one.calls:
            assert not (name.endswith("Error") and position == 0), f"{one}: in the cause of an error"
            assert not (name == "Problem" and position in (0, 1)), f"{one}: in the cause of a problem"
            assert name not in ("note", "line", "print", "emit", "say"), f"{one}: printed as it is"


def test_a_hint_of_the_pytest_plugin_names_the_program_that_every_installation_has(said: list[Said]) -> None:
    """pytest may run without Invoke and without a tasks.py."""
    assert [one for one in said if one.place.startswith("testing/")] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("invoke build", ("invoke images.build", "slipway build")),
        ("invoke build push", ("invoke images.build images.push", "slipway build push")),
        ("invoke build svc-x --remote, then invoke push", None),
        (
            "sudo $(command -v invoke) setup",
            ("sudo $(command -v invoke) images.setup", "sudo $(command -v slipway) setup"),
        ),
        ("invoke --list", ("invoke --list", "slipway --list")),
        ("invoke's configuration", ("invoke's configuration", "invoke's configuration")),
        ("docker build .", ("docker build .", "docker build .")),
        ("did you mean invoke?", ("did you mean invoke?", "did you mean invoke?")),
    ],
)
def test_the_words_of_a_command(text: str, expected: tuple[str, str] | None) -> None:
    wanted = expected or (
        "invoke images.build svc-x --remote, then invoke images.push",
        "slipway build svc-x --remote, then slipway push",
    )
    plain, inside, alone = (way.line.typed(text) for way in WAYS)
    assert (plain, inside, alone) == (text, *wanted)
    assert tuple(way.line.typed(typed) for way, typed in zip(WAYS[1:], wanted, strict=True)) == wanted


def test_a_task_that_a_tasks_file_left_out_is_one_of_the_program() -> None:
    some = Way(INVOKE, Collection(namespace["build"], namespace["push"]))
    assert some.line.typed("invoke doctor, then invoke build") == "slipway doctor, then invoke build"


def test_the_cause_of_an_error_keeps_its_words() -> None:
    error = UsageError.of([Problem("compose", "its container said: invoke build", "invoke build")], log="invoke build")
    changed = error.with_hints(WAYS[2].line.typed)
    assert (changed.problems, changed.log) == (
        (Problem("compose", "its container said: invoke build", "slipway build"),),
        "invoke build",
    )
    assert type(changed) is UsageError


Ran = Callable[..., CompletedProcess[str]]


@pytest.mark.process
@pytest.mark.parametrize(
    ("run", "prefix", "called"),
    [
        (in_process.invoke, "", "invoke "),
        (in_process.invoke, "images.", "invoke images."),
        (in_process.slipway, "", "slipway "),
    ],
    ids=["invoke", "composed", "slipway"],
)
def test_hints_of_tasks(repository: Path, run: Ran, prefix: str, called: str) -> None:
    """An error's lines, its JSON, a refusal before any task runs, and the table and the JSON of ``doctor``."""
    tasks = COMPOSED if prefix else "from slipway.tasks import namespace\n"
    (repository / "tasks.py").write_text(tasks)
    env = {**os.environ, "DOCKER_HOST": f"unix://{repository}/none.sock"}

    def ended(*words: str) -> CompletedProcess[str]:
        return run(*words, cwd=repository, env=env)

    done = ended(f"{prefix}push", "--resume", "0000", "--json")
    assert done.stderr.splitlines()[-1] == f"hint:  {called}push"
    assert json.loads(done.stdout)["hint"] == json.loads(done.stdout)["problems"][0]["hint"] == f"{called}push"
    told = ended(f"{prefix}remote-clean", "--host", "me@nowhere.invalid").stderr
    assert f"hint:  {called}remote-clean --yes; --dry-run shows the runs\n" in told
    assert f"hint:  {called.split()[0]} --help {prefix}config\n" in ended(f"{prefix}config", "--", "x").stderr
    dry = ended("-R", f"{prefix}config").stderr
    assert f"hint:  {prefix}build-base, {prefix}build, {prefix}push, " in dry
    hints = {check["name"]: check["hint"] for check in json.loads(ended(f"{prefix}doctor", "--json").stdout)}
    table = ended(f"{prefix}doctor")
    assert all(hint in table.stdout for hint in hints.values())
    wrong = [hint for hint in hints.values() if re.search(r"\binvoke\b|\bslipway\b", hint) and called not in hint]
    assert wrong == []


def test_a_run_keeps_the_hint_as_the_user_types_it(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository)
    reset = command_line.set(WAYS[1].line)
    try:
        with pytest.raises(UsageError), Session(Context()) as session:
            session.prepare_workspace()
            with session.record():
                raise UsageError("x", hint="invoke build")
    finally:
        command_line.reset(reset)
    (kept,) = repository.glob(".slipway/runs/*/run.json")
    assert json.loads(kept.read_text())["hint"] == "invoke images.build"


def test_an_image_may_have_the_name_of_no_task_in_any_way(repository: Path) -> None:
    """The same repository works with each program, so a name is refused in each."""
    folder = repository / "apps/push"
    folder.mkdir()
    (folder / "Dockerfile").write_text("FROM scratch\n")
    (repository / "tasks.py").write_text(COMPOSED)
    said = (
        "error: apps/push/Dockerfile: push is also the name of a task, so no argument can name it\n"
        "hint:  rename it, or set its name in the table of images: docs/images.md\n"
    )
    for run, task in ((in_process.invoke, "images.plan"), (in_process.slipway, "plan")):
        done = run(task, cwd=repository, env=os.environ)
        assert (done.returncode, done.stderr) == (2, said)
