"""The generated repository in the shapes of foreign ones: slipway plans each of its images, and reads their files."""

from __future__ import annotations

from pathlib import Path

from slipway.plan.inputs import read_files
from slipway.stack.entries import Kind
from tests.bench import shapes
from tests.plan.adopted import read


def test_every_image_is_planned_in_its_own_context(tmp_path: Path) -> None:
    shapes.create(tmp_path, 12)
    repository = read(tmp_path)
    found = read_files(repository, repository.stack)
    assert not repository.stack.faults and not found.errors
    contexts = [image.context for image in sorted(repository.stack, key=lambda image: image.name)]
    folders = [f"{kind}/image-{{:03}}" for kind in ("web", "front", "chains", "tools", "archive")]
    assert contexts == [
        *(folder.format(number) + ("/v4" if number == 4 else "") for number, folder in enumerate(folders)),
        ".",
        *(folder.format(number) + ("/v10" if number == 10 else "") for number, folder in enumerate(folders, start=6)),
        ".",
    ]


def test_the_shapes_are_those_of_foreign_dockerfiles(tmp_path: Path) -> None:
    shapes.create(tmp_path, 12)
    repository = read(tmp_path)
    found = read_files(repository, repository.stack)
    texts = {image.name: repository.texts[image.dockerfile] for image in repository.stack}
    assert texts["image-004-v4"] == texts["image-010-v10"]
    assert len(repository.assembly.readings["image-002"].stages) == 9
    assert repository.stack["image-003"].roots == (
        "docker.io/library/golang:1.22-bookworm",
        "docker.io/library/debian:bookworm-slim",
    )
    assert dict(repository.stack["image-005"].args) == {"CHANNEL": "stable", "PYTHON": "3.12"}
    whole = found.files["image-001"]["front/image-001"]
    assert whole.kind is Kind.TREE
    assert "requirements.txt" in found.trees[whole.content] and "src/deep/part_00.py" in found.trees[whole.content]
    assert "Dockerfile.prod" not in found.trees[whole.content]
