"""Hold an image as one compose or bake file defines it, before it has a name in the stack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from slipway.core.errors import Problem
from slipway.stack.definition import Definition


@dataclass(frozen=True)
class Found:
    """Hold the definition of a service or target.

    - ``key``: the name of the service or target. ``source``: the file that declares it.
    - ``definition``: without name and aliases.
    - ``images``: the references that the file gives the image.
    - ``links``: named context → the key of another service or target of ``source``, whose image it is.
    - ``problems``: the reasons why slipway cannot build it.
    """

    key: str
    source: str
    definition: Definition
    images: tuple[str, ...] = ()
    links: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    problems: tuple[Problem, ...] = ()
