"""For any small repository, a plan with the table that ``slipway init`` proposes finds what the generator knows."""

from __future__ import annotations

import json
import posixpath
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.adopt.adopting import adopt, planned, write
from tests.properties.examples import examples

NAMES = ["base", "api", "svc_ocr", "ui", "worker", "kafka", "gpu2"]
#: Where an image's Dockerfile lies, and the folders that may be its context.
LAYOUTS = {
    "{}/Dockerfile": ["{}", "."],
    "images/{}/Dockerfile": ["images/{}", "images", "."],
    "docker/{}.Dockerfile": ["docker", "."],
    "docker/Dockerfile.{}": ["docker", "."],
    "{}/docker/Dockerfile": ["{}/docker", "{}", "."],
}
#: How a FROM names an image of the repository; ``{}`` is the image.
FROMS = ["acme/{}", "acme/{}:latest", "docker.io/acme/{}:main", "ghcr.io/acme/{}:latest"]


@dataclass(frozen=True)
class Truth:
    """One image as the generator made it. A compose file, a Makefile or neither builds it."""

    name: str
    dockerfile: str
    context: str
    parent: str = ""
    args: dict[str, str] = field(default_factory=dict)


@st.composite
def repositories(draw: st.DrawFn) -> tuple[list[Truth], dict[str, str]]:
    """Return the images of a repository, and its files."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=5, unique=True))
    layouts = draw(st.lists(st.sampled_from(sorted(LAYOUTS)), min_size=1, max_size=2))
    truths: list[Truth] = []
    files: dict[str, str] = {"docs/how/Dockerfile.j2": "FROM {{ x }}\n", "README.md": ""}
    makefile, services = "", {}
    for name in names:
        layout = draw(st.sampled_from(layouts))
        dockerfile = layout.format(name)
        context = draw(st.sampled_from(LAYOUTS[layout])).format(name)
        parent = draw(st.sampled_from(["", *truths])) if truths else ""
        builder = draw(st.sampled_from(["", "make", "compose"]))
        args = {"FLAVOUR": draw(st.sampled_from(["plain", "full"]))} if builder and draw(st.booleans()) else {}
        base = draw(st.sampled_from(FROMS)).format(parent.name) if isinstance(parent, Truth) else "python:3.12-slim"
        source = f"{name}-files/main.py"
        lines = [f"FROM {base}", "ARG FLAVOUR=none" if args else "", f"COPY {source} /app/", "RUN true", ""]
        files |= {dockerfile: "\n".join(lines), f"{context}/{source}": ""}
        if builder == "compose":
            place = posixpath.relpath(dockerfile, context)
            build = {"context": context, "dockerfile": place, "args": args}
            services[name.replace("_", "-")] = {"image": f"acme/{name}", "build": build}
        elif builder:
            given = "".join(f" --build-arg {key}={value}" for key, value in args.items())
            makefile += f"{name}:\n\tdocker build -f {dockerfile}{given} -t acme/{name} {context}\n"
        above = parent.dockerfile if isinstance(parent, Truth) else ""
        truths.append(Truth(name, dockerfile, context, above, args))
    if makefile:
        files["Makefile"] = makefile
    if services:
        files["compose.yaml"] = json.dumps({"services": services})
    return truths, files


@examples(80)
@given(repositories())
def test_init_then_plan_finds_the_images_of_the_generator(generated: tuple[list[Truth], dict[str, str]]) -> None:
    truths, files = generated
    with tempfile.TemporaryDirectory() as folder:
        root = write(Path(folder), files)
        repository = planned(root, adopt(root, "acme"))
    stack = repository.stack
    assert not stack.faults
    places = {image.name: image.dockerfile for image in stack}
    found = {
        image.dockerfile: (image.context, *(places[parent] for parent in image.parents), dict(image.args))
        for image in stack
    }
    assert found == {truth.dockerfile: (truth.context, *filter(None, [truth.parent]), truth.args) for truth in truths}
