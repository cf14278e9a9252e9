"""Every command of docs/adopting.md, with the real engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.docs.adopting import TABLE, Way, ways

if TYPE_CHECKING:
    from tests.rig.stacks import Repository

    Stack = Callable[..., Repository]

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("way", ways(), ids=lambda way: way.name)
def test_each_way_leads_to_built_images(stack: Stack, root_image: str, way: Way) -> None:
    repository = stack("blank")
    for file in ("pyproject.toml", "apps/README"):
        (repository.root / file).unlink()
    way = way.owned_by(repository.settings["OWNER"])
    way.write(repository.root, root_image)
    for words in way.commands:
        repository.invoke(*words).ok()
    written = (repository.root / TABLE).read_text().splitlines()[1:]
    assert [line for line in written if line] == way.table.splitlines()
    steps = repository.steps("plan")
    assert set(steps) == {"base", "api", *(["worker"] if "scripts" in way.name else [])}
    assert {action for action, _ in steps.values()} == {"reuse"}
