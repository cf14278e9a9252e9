"""The architecture, read from the imports: who may know whom, and who alone may touch the world."""

from __future__ import annotations

import ast
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from slipway import graph

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "libs/slipway"

#: A module imports lower layers, or its own layer without a cycle. A new module is placed here first.
LAYERS = {
    "0 values": "errors model command hosts redact parallel patience addresses sizes streams",
    "1 core": (
        "dockerfile stack graph digest bake progress envfile project setting given layers permissions "
        "packages condition"
    ),
    "2 policy": "plan advice",
    "3 edges": "secretfolder surroundings settings worktree engine registry runner ssh runs pipconfig "
    "containers scripts leftovers",
    "4 use cases": "mounts rules history survey solve build push smoke machine remote",
    "5 faces": "layout console report",
    "6 door": "tasks",
}
BESIDE = "testing"
LAYER = {name: number for number, names in enumerate(LAYERS.values()) for name in names.split()}

#: What one module alone imports. ``requests``: the engine maps the exceptions of the SDK's transport.
OWNERS = {
    "subprocess": {"runner"},
    "docker": {"engine"},
    "paramiko": {"ssh"},
    "requests": {"registry", "engine"},
    "rich": {"console"},
    "invoke": {"tasks"},
    "dotenv": {"envfile"},
}
ENVIRONMENT = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"}
LONGEST = 320


@cache
def trees() -> dict[str, list[ast.Module]]:
    """Module (or package) of slipway → its parsed files."""
    found: dict[str, list[ast.Module]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        found.setdefault(name, []).append(ast.parse(path.read_text("utf-8"), str(path)))
    del found["__init__"]
    return found


@cache
def imports(module: str) -> frozenset[str]:
    """Every dotted name that ``module`` imports, also inside functions: ``slipway.errors``, ``docker.auth`` …"""
    names: set[str] = set()
    for tree in trees()[module]:
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert not node.level, f"{module}: imports are absolute"
                names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(names)


def siblings(module: str) -> set[str]:
    return {name.split(".")[1] for name in imports(module) if name.startswith("slipway.")} - {module}


def test_every_module_has_its_layer() -> None:
    assert set(LAYER) | {BESIDE} == set(trees())


@pytest.mark.parametrize("module", sorted(LAYER))
def test_a_module_imports_only_what_is_below(module: str) -> None:
    assert {name for name in siblings(module) if LAYER.get(name, 99) > LAYER[module]} == set()


def test_no_modules_import_each_other() -> None:
    graph.order({module: sorted(siblings(module)) for module in LAYER})


def test_no_files_import_each_other() -> None:
    files = {".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts): path for path in PACKAGE.rglob("*.py")}
    known = {name.removesuffix(".__init__"): name for name in files}
    below: dict[str, set[str]] = {}
    for name, path in files.items():
        tree = ast.parse(path.read_text("utf-8"))
        below[name] = set()
        for node in tree.body:
            if isinstance(node, ast.ImportFrom):
                of_module = {
                    known.get(f"{node.module}.{alias.name}", known.get(str(node.module))) for alias in node.names
                }
                below[name] |= {found for found in of_module if found and found != name}
    graph.order({name: sorted(found) for name, found in below.items()})


@pytest.mark.parametrize("library", sorted(OWNERS))
def test_one_module_touches_a_library(library: str) -> None:
    assert {module for module in LAYER if any(name.split(".")[0] == library for name in imports(module))} == OWNERS[
        library
    ]


def test_one_module_reads_the_environment() -> None:
    readers = {
        module
        for module in LAYER
        for tree in trees()[module]
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os"
        if node.attr in ENVIRONMENT
    }
    assert readers == {"settings"}
    assert not {module for module in LAYER if {f"os.{name}" for name in ENVIRONMENT} & imports(module)}


#: Calls that reach a terminal.
WRITERS = ("print", "emit", "sys.stdout.write", "sys.stderr.write", "terminal.write")


@pytest.mark.fault("X08")
def test_two_modules_print() -> None:
    """The console redacts all that it prints, the door all that it was told; nothing goes around them.

    ``streams.emit`` prints for them, and for the two fixed sentences of ``process`` about signals. ``completion``
    prints images' names for the shell.
    """
    printing = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in WRITERS
    }
    assert printing == {"streams.py", "console.py", "tasks/completion.py", "tasks/door.py", "tasks/process.py"}


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
    importlib.import_module(f"slipway.{name}")
heavy = {"docker", "paramiko", "rich", "requests", "invoke"} & set(sys.modules)
print(*sorted(heavy), *seen)
"""
    modules = sorted(set(LAYER) - {"tasks"})
    done = subprocess.run([sys.executable, "-c", watch, *modules], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("\n", "")
