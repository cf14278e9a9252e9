"""compose and bake as the judges of what slipway reads in their files."""

from __future__ import annotations

import json
import os
import posixpath
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from slipway.config.environment import surroundings
from slipway.stack.declarations import built_services, read_compose
from slipway.stack.declarations.env_file import parse_env_file
from slipway.stack.declarations.found import Found
from tests.rig.stacks import STACKS

pytestmark = pytest.mark.integration

#: Values of args as YAML; ``%`` is a blank.
SCALARS = """
0 -0 1.0 1.10 1e3 1e6 999999.5 123456789.123 1e20 1e21 0.0001 0.00001 -1.25 .5 5. 010 08 0o17 0x1F -0x10 0b11 1_000 _1
+12 +1.5 .inf -.INF .nan 1e400 true FALSE yes No on n ~ null 1:20 1.2.3 12e 0x 18446744073709551616
-9223372036854775809 12345678901234567890 '3.10' "010" !!str%3.10 ''
"""
TEXTS = """
$X ${X} $$X ${X:-d} ${NO:-d} ${NO-d} ${EMPTY:-d} ${EMPTY-d} ${X:+r} ${NO:+r} ${EMPTY:+r} ${EMPTY+r} ${X:?e} ${X?e}
${NO:-${X}} ${NO:-${NONE:-$X}}/z ${X:+${X}-1} ${NO:-$$} a${NO}b ${NO:-a:-b} $X-$X. ${NO:-{a}}
"""
ENV_FILE = r"""
# a comment
A=plain
B = spaced
C=a b c # comment
D=a#b
E='single $A # x'
F="double $A # x" # trailing
G="esc \n \t \$A \" \\ z"
H=$A-${A}-${NO:-d}-$$x
export I=exported
J: yaml
K
L=
M='two
lines'
N="two $A
lines"
O=a\nb
P='it\'s'
Q=' x '
R=x"y"z
S=${NO}
T=a'b
V=trailing\
W= # no comment
Y="x\q"
Z=1=2
AA=$X
A=again
BB=$A
""".lstrip()


def configured(root: Path, *files: str, **environment: str) -> dict[str, Any]:
    """Return the services of compose, with all profiles."""
    named = [word for file in files for word in ("--file", file)]
    command = [*surroundings().compose, *named, "--profile", "*", "config", "--format", "json"]
    done = subprocess.run(command, cwd=root, env={**os.environ, **environment}, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    services: dict[str, Any] = json.loads(done.stdout)["services"]
    return services


def as_compose(one: Found, root: Path) -> dict[str, Any]:
    """Return the parts of compose's answer that decide an image."""
    made = one.definition
    return {
        "context": str(root / made.context),
        "dockerfile": posixpath.normpath(root / made.dockerfile),
        "target": made.target,
        "args": made.args,
        "additional_contexts": {
            **{name: f"service:{key}" for name, key in one.links.items()},
            **{name: str(root / folder) for name, folder in made.contexts.items()},
        },
        "secrets": set(made.secrets),
        "image": one.images[0] if one.images else "",
    }


def judged(service: Mapping[str, Any]) -> dict[str, Any]:
    """Return the same parts of a service of compose, without the args that are empty for an unset variable."""
    build = service["build"]
    return {
        "context": build["context"],
        "dockerfile": posixpath.normpath(posixpath.join(build["context"], build["dockerfile"])),
        "target": build.get("target", ""),
        "args": {name: value.replace("$$", "$") for name, value in build.get("args", {}).items() if value is not None},
        "additional_contexts": build.get("additional_contexts", {}),
        "secrets": {secret.get("target") or secret["source"] for secret in build.get("secrets", ())},
        "image": service.get("image", ""),
    }


def read(root: Path, files: Sequence[str], **environment: str) -> dict[str, Found]:
    def text(path: str) -> str | None:
        return (root / path).read_text("utf-8") if (root / path).is_file() else None

    composition = read_compose(files, text, {**os.environ, **environment})
    return {one.key: one for one in built_services(composition, files[0], str(root))}


def test_slipway_reads_a_repository_as_compose_does(tmp_path: Path) -> None:
    root = Path(shutil.copytree(STACKS / "market", tmp_path / "market"))
    files = ("compose.yaml", "compose.override.yaml")
    theirs = {name: service for name, service in configured(root, *files).items() if "build" in service}
    ours = read(root, files)
    assert ours.keys() == theirs.keys()
    assert theirs["gate"]["build"]["args"].pop("PORCH") == ""
    assert {name: as_compose(one, root) for name, one in ours.items()} == {
        name: judged(service) for name, service in theirs.items()
    }


def test_slipway_reads_scalars_and_variables_as_compose_does(tmp_path: Path) -> None:
    scalars = {f"S{number}": text.replace("%", " ") for number, text in enumerate(SCALARS.split())}
    texts = {f"T{number}": json.dumps(text) for number, text in enumerate(TEXTS.split())}
    lines = [f"        {name}: {text}" for name, text in {**scalars, **texts}.items()]
    head = "services:\n  api:\n    build:\n      context: .\n      args:\n"
    (tmp_path / "compose.yaml").write_text(head + "\n".join(lines) + "\n")
    environment = {"X": "x", "EMPTY": ""}
    theirs = judged(configured(tmp_path, "compose.yaml", **environment)["api"])["args"]
    ours = read(tmp_path, ["compose.yaml"], **environment)["api"].definition.args
    assert {name: value for name, value in ours.items() if theirs.get(name) != value} == {}
    assert {(name, theirs[name]) for name in theirs.keys() - ours.keys()} == set()


def test_slipway_reads_an_env_file_as_compose_does(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(ENV_FILE)
    ours = parse_env_file(ENV_FILE, {"X": "x", "K": "k"})
    args = "".join(f"        {name}: '[${{{name}}}]'\n" for name in ours)
    text = f"services:\n  api:\n    build:\n      context: .\n      args:\n{args}"
    (tmp_path / "compose.yaml").write_text(text)
    theirs = judged(configured(tmp_path, "compose.yaml", X="x", K="k")["api"])["args"]
    assert {name: f"[{value}]" for name, value in ours.items()} == theirs
    assert len(ours) == len(set(re.findall(r"^(?:export )?([A-Z]+)\b ?[=:]?", ENV_FILE, re.MULTILINE)))


def test_bake_still_prints_the_recorded_json() -> None:
    words = ("--file", "docker-bake.hcl", "--file", "docker-bake.override.hcl", "default")
    command = [*surroundings().buildx, "bake", "--print", "--progress", "quiet", "--set", "*.ssh=", *words]
    printed = subprocess.run(command, cwd=STACKS / "forge", capture_output=True, check=True).stdout
    recorded = (STACKS.parent / "data/bake-forge.json").read_text("utf-8")
    assert json.loads(printed)["target"] == json.loads(recorded)["target"]
