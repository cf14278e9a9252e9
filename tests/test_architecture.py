"""The architecture that import-linter cannot see; its contracts are in pyproject.toml."""

from __future__ import annotations

import ast
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "libs/slipway"
FILES = sorted(PACKAGE.rglob("*.py"))

ENVIRONMENT = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"}
#: Above this a file has two subjects; most stay below 300. Docstrings count.
LONGEST = 400


def rooms() -> list[Path]:
    return sorted(path for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__")


@pytest.fixture(scope="module")
def nodes() -> Sequence[tuple[Path, ast.AST]]:
    """Return each node of each file: parsed once, and not kept for longer than this module's tests."""
    return [(path, node) for path in FILES for node in ast.walk(ast.parse(path.read_text("utf-8"), str(path)))]


def test_every_module_is_in_a_room() -> None:
    assert {path.name for path in PACKAGE.iterdir() if path.is_file()} == {"__init__.py", "py.typed"}


@pytest.mark.parametrize("room", rooms(), ids=lambda room: room.name)
def test_a_room_says_its_purpose_in_its_first_line(room: Path) -> None:
    said = ast.get_docstring(ast.parse((room / "__init__.py").read_text("utf-8")))
    assert said and said.splitlines()[0].endswith(".")


def test_imports_are_absolute(nodes: Sequence[tuple[Path, ast.AST]]) -> None:
    assert not [path for path, node in nodes if isinstance(node, ast.ImportFrom) and node.level]


def test_one_module_reads_the_environment(nodes: Sequence[tuple[Path, ast.AST]]) -> None:
    readers = {
        str(path.relative_to(PACKAGE))
        for path, node in nodes
        if path.parts[len(PACKAGE.parts)] != "testing"
        if (isinstance(node, ast.Attribute) and ast.unparse(node.value) == "os" and node.attr in ENVIRONMENT)
        or (isinstance(node, ast.ImportFrom) and node.module == "os" and {one.name for one in node.names} & ENVIRONMENT)
    }
    assert readers == {"config/environment.py"}


#: Calls that reach a terminal.
WRITERS = ("print", "emit", "sys.stdout.write", "sys.stderr.write", "terminal.write")


@pytest.mark.fault("X08")
def test_few_modules_print(nodes: Sequence[tuple[Path, ast.AST]]) -> None:
    """The console redacts all that it prints, and so does a task's output; nothing goes around them.

    ``streams.emit`` prints for them, and for the two fixed sentences of ``process`` about signals. ``completion``
    prints images' names for the shell, and ``program`` its help and version, as Invoke does.
    """
    printing = {
        str(path.relative_to(PACKAGE))
        for path, node in nodes
        if isinstance(node, ast.Call) and ast.unparse(node.func) in WRITERS
    }
    assert printing == {
        "core/streams.py",
        "ui/console.py",
        "tasks/completion.py",
        "tasks/output.py",
        "tasks/process.py",
        "tasks/program.py",
    }


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_stays_short(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= LONGEST


@pytest.mark.parametrize(
    "reach",
    [
        lambda: subprocess.Popen(["true"]),
        lambda: os.system("true"),
        lambda: socket.socket(socket.AF_UNIX).connect("/var/run/docker.sock"),
        lambda: socket.create_connection(("192.0.2.1", 80), timeout=1),
        lambda: socket.getaddrinfo("registry.example.com", 443),
    ],
    ids=["process", "shell", "engine", "network", "name"],
)
def test_an_unmarked_test_touches_nothing_outside(reach: Callable[[], object]) -> None:
    with pytest.raises(pytest.fail.Exception, match="an unmarked test"):
        reach()


#: Loaded when they are needed, for they load a heavy library.
LATE = ("build/attach.py", "engine/sdk.py", "hosts/remote/", "hosts/ssh/", "registry/", "tasks/", "testing/")


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


@pytest.mark.process
def test_importing_does_nothing() -> None:
    """Nothing heavy is loaded, no file opened for writing, no process started, no name looked up, nothing printed."""
    watch = """
import sys
seen = []
def hook(event, args):
    if event.startswith(("subprocess.", "socket.", "os.fork", "os.mkdir", "os.rename", "os.remove")):
        seen.append(event)
    if event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+"):
        seen.append(f"open {args[0]}")
sys.dont_write_bytecode = True
sys.addaudithook(hook)
import importlib
for name in sys.argv[1:]:
    importlib.import_module(name)
heavy = {"docker", "paramiko", "rich", "requests", "invoke"} & set(sys.modules)
print(*sorted(heavy), *seen)
"""
    modules = [module_name(path) for path in FILES if not str(path.relative_to(PACKAGE)).startswith(LATE)]
    done = subprocess.run([sys.executable, "-c", watch, *modules], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("\n", "")
