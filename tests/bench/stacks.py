"""Generated stacks: services on two bases, each the same for every peer but for the bytes of its files.

    root image ── base-runtime ──┬── svc-000, svc-002 …
                                 └── base-ml ── svc-001, svc-003 …

BuildKit has one cache for all who ask it, so a file's bytes hold a mark: a word that no other tree and no earlier edit
used. An image of marked files was never built before.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

BASES = ("base-runtime", "base-ml")
VERSION = "v1"
#: Every image of the bench carries it, those without a tag too: by it they are found and removed.
LABEL = "slipway.bench"

_BASE = """\
ARG PYTHON_IMAGE=python:3.12-slim
ARG REGISTRY=localhost:5000 OWNER=slipway BASE_VERSION=unset
FROM {parent}
LABEL {label}="{run}"
COPY libs/requirements-{short}.txt /app/requirements-{short}.txt
RUN sha256sum /app/requirements-{short}.txt > /app/installed-{short}.txt
"""
_SERVICE = """\
ARG REGISTRY=localhost:5000 OWNER=slipway BASE_VERSION=unset
FROM ${{REGISTRY}}/${{OWNER}}/{base}:${{BASE_VERSION}}
COPY apps/{folder}/requirements.txt /app/requirements.txt
RUN sha256sum /app/requirements.txt > /app/installed.txt
COPY libs/servicekit /app/servicekit
COPY apps/{folder}/{folder} /app/{folder}
CMD ["sleep", "infinity"]
"""
_IGNORE = ".slipway\n.env\n**/__pycache__\n"
_MODULES = ("__init__", "main", "routes", "models", "store", "rules")
_KIT = ("__init__", "app", "health", "logs", "settings", "clients")


def service(number: int) -> str:
    """The image's name; its folder is the same with an underscore."""
    return f"svc-{number:03}"


def base_of(number: int) -> str:
    return BASES[number % 2]


def parent_of(name: str) -> str:
    """Return the parent of an image of these stacks; an empty string for the one on the root image."""
    if name in BASES:
        return BASES[BASES.index(name) - 1] if BASES.index(name) else ""
    return base_of(int(name.removeprefix("svc-")))


def dockerfile(name: str) -> str:
    """Where an image's Dockerfile lies, from the repository's root."""
    return f"infra/docker/{name}.Dockerfile" if name in BASES else f"apps/{name.replace('-', '_')}/Dockerfile"


def source(name: str, mark: str, lines: int = 40) -> str:
    """A module of about 2 kB."""
    body = "".join(f'VALUE_{number:02} = "{name} {number:02} {mark}"\n' for number in range(lines))
    return f'"""{name}."""\n\n{body}'


@dataclass
class Tree:
    """A generated repository below ``root``: ``services`` of them, named under ``registry``/``owner``.

    ``settings``: slipway's other settings. The methods that edit return the images that are no longer what they were.
    """

    root: Path
    services: int
    registry: str
    owner: str
    run: str
    root_image: str
    settings: Mapping[str, str] = field(default_factory=dict)
    marks: Iterator[str] = field(default_factory=lambda: (f"{secrets.token_hex(6)}{number:04}" for number in count()))

    @property
    def names(self) -> tuple[str, ...]:
        """Every image, bases first."""
        return (*BASES, *(service(number) for number in range(self.services)))

    @property
    def args(self) -> Mapping[str, str]:
        """The build args of every image."""
        return {
            "PYTHON_IMAGE": self.root_image,
            "REGISTRY": self.registry,
            "OWNER": self.owner,
            "BASE_VERSION": VERSION,
        }

    def reference(self, name: str) -> str:
        return f"{self.registry}/{self.owner}/{name}:{VERSION}"

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")

    def create(self) -> None:
        """All files, for the first time."""
        self.write(".dockerignore", _IGNORE)
        self.write("pyproject.toml", '[project]\nname = "bench"\nversion = "1"\n')
        for base, parent, short in zip(BASES, ("${PYTHON_IMAGE}", _from(BASES[0])), ("base", "ml"), strict=True):
            self.write(dockerfile(base), _BASE.format(parent=parent, label=LABEL, run=self.run, short=short))
            self.write(f"libs/requirements-{short}.txt", f"# {next(self.marks)}\n")
        self.edit_library()
        for number in range(self.services):
            folder = service(number).replace("-", "_")
            self.write(dockerfile(service(number)), _SERVICE.format(base=base_of(number), folder=folder))
        self.edit_every_service()

    def edit_nothing(self, turn: int) -> frozenset[str]:
        return frozenset()

    def edit_one_service(self, turn: int) -> frozenset[str]:
        """One module of one service, another in each turn."""
        name = service(turn % self.services)
        folder = name.replace("-", "_")
        self.write(f"apps/{folder}/{folder}/main.py", source("main", next(self.marks)))
        return frozenset({name})

    def edit_library(self, turn: int = 0) -> frozenset[str]:
        """Every module of the library that all services share."""
        for module in _KIT:
            self.write(f"libs/servicekit/{module}.py", source(module, next(self.marks)))
        return frozenset(self.names) - set(BASES)

    def edit_every_service(self, turn: int = 0) -> frozenset[str]:
        """Every file of every service: no step of theirs was built before."""
        for number in range(self.services):
            folder = service(number).replace("-", "_")
            self.write(f"apps/{folder}/requirements.txt", f"# {next(self.marks)}\n")
            for module in _MODULES:
                self.write(f"apps/{folder}/{folder}/{module}.py", source(module, next(self.marks)))
        return frozenset(self.names) - set(BASES)


def _from(base: str) -> str:
    return f"${{REGISTRY}}/${{OWNER}}/{base}:${{BASE_VERSION}}"
