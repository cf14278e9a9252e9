"""Values reach BuildKit as they are, though buildx reads its file as templates; so do names of folders and files."""

from __future__ import annotations

import json
import subprocess
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.build.bake_file import BakeTarget, bake_file, overrides
from slipway.config.environment import inherited, surroundings
from slipway.hosts.bake import bake_command
from tests.properties.examples import examples

if TYPE_CHECKING:
    from tests.rig.stacks import Repository

    Stack = Callable[..., Repository]

pytestmark = pytest.mark.integration
_TEMPLATES = [
    "${",
    "%{",
    "}",
    "$",
    "%",
    "{",
    "~}",
    "\\",
    '"',
    "\n",
    "upper(",
    "if true",
    "endif",
    "é",
    "e\u0301",
    "\ufeff",
]
_VALUES = st.lists(st.sampled_from(_TEMPLATES) | st.text(max_size=3), max_size=6).map("".join)
VALUES = _VALUES.filter(lambda text: "\0" not in text and not any(map(str.isspace, (text[:1], text[-1:]))))
HOSTILE = ['${upper("x")}', "%{if true}x%{endif}", "$${x}", "100%{", "e\u0301", 'a,b "c"', "\u212b"]


def resolved(target: BakeTarget) -> Any:
    """The target as buildx understands it."""
    file = bake_file([target])
    command = bake_command(
        file,
        buildx=surroundings().buildx,
        root="/",
        builder="default",
        sampler="always_off",
        count=1,
        overrides=overrides([target]),
    )
    argv = [*command.argv, "--print"]
    done = subprocess.run(argv, input=file, capture_output=True, cwd=command.cwd, env=inherited(command.env))
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)["target"][target.name]


def printed(value: str) -> str:
    """As ``--print`` writes args and labels, which is to be read again as a bake file."""
    return value.replace("${", "$${").replace("%{", "%%{")


@pytest.mark.fault("C40")
@examples(25)
@given(st.lists(VALUES, min_size=1, max_size=8), VALUES)
def test_buildx_reads_every_value_unchanged(values: Sequence[str], path: str) -> None:
    args = {f"A{number}": value for number, value in enumerate(values)}
    links = {f"r.example/o/n{number}:1": f"/x{value}" for number, value in enumerate(values)}
    labels = {name: value for name, value in args.items() if value.isascii()}
    found = resolved(BakeTarget("a-b", f"d{path}", f"D{path}", ("t:1",), args, labels, links))
    assert found["args"] == {name: printed(value) for name, value in args.items()}
    assert found.get("labels", {}) == {name: printed(value) for name, value in labels.items()}
    assert found["contexts"] == links
    assert (found["context"], found["dockerfile"]) == (f"d{path}", f"D{path}")


@pytest.mark.fault("C40")
def test_a_secrets_file_may_be_called_anything(tmp_path: Path) -> None:
    files = {f"s{number}": str(tmp_path / name) for number, name in enumerate(HOSTILE)}
    for file in files.values():
        Path(file).write_text("x")
    ascii_only = {name: file for name, file in files.items() if file.isascii()}
    for secrets in (files, ascii_only):
        found = resolved(BakeTarget("a", ".", "D", ("t:1",), secrets=secrets))
        assert {secret["id"]: secret["src"] for secret in found["secret"]} == secrets


@pytest.mark.fault("C40")
def test_a_value_arrives_in_the_image(stack: Stack, cli: Callable[..., str]) -> None:
    shop = stack("shop")
    sign = "apps/svc_sign/Dockerfile"
    names = [f"G{number}" for number in range(len(HOSTILE))]
    told = "".join(f'ARG {name}=n\nENV E_{name}="${{{name}}}"\nLABEL l.{name}="${{{name}}}"\n' for name in names)
    shop.write(sign, (shop.root / sign).read_text() + told)
    shop.configure(**dict.fromkeys(names, "x"))
    shop.invoke("build", "svc-sign", **dict(zip(names, HOSTILE, strict=True))).ok()
    config = json.loads(cli("image", "inspect", "--format", "{{json .Config}}", shop.reference("svc-sign")))
    environment = dict(line.partition("=")[::2] for line in config["Env"])
    assert [environment[f"E_{name}"] for name in names] == HOSTILE
    assert [config["Labels"][f"l.{name}"] for name in names] == HOSTILE
    assert any(unicodedata.normalize("NFC", value) != value for value in HOSTILE)
