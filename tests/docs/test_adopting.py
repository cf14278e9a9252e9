"""docs/adopting.md: ``slipway init`` proposes for each way the table that the page shows."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.docs.adopting import TABLE, Way, ways
from tests.rig.in_process import slipway

pytestmark = pytest.mark.process


def test_the_page_has_four_ways_of_four_commands() -> None:
    assert [way.name for way in ways()] == ["From compose", "From bake", "From a Makefile", "From bash scripts"]
    for way in ways():
        assert way.commands == (("init",), ("init", "--yes"), ("plan",), ("build",)), way.name


@pytest.mark.parametrize("way", [way for way in ways() if "bake" not in way.name], ids=lambda way: way.name)
def test_init_writes_the_table_of_the_page(way: Way, tmp_path: Path) -> None:
    way.write(tmp_path)
    for words in way.commands[:2]:
        done = slipway(*words, cwd=tmp_path, env=os.environ)
        assert done.returncode == 0, done.stderr
    assert [line for line in (tmp_path / TABLE).read_text().splitlines()[1:] if line] == way.table.splitlines()
    said = json.loads(slipway("init", "--json", cwd=tmp_path, env=os.environ).stdout)
    parents = {image["image"]: image["parents"] for image in said["images"]}
    assert parents.pop("base") == [] and set(map(tuple, parents.values())) == {("base",)}
    assert not said["questions"]
