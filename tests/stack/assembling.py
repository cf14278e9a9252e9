"""Assemble a stack from the texts of Dockerfiles, as slipway finds them by its own two patterns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slipway.stack.discovery import Assembly, assemble
from slipway.stack.parents import Naming
from slipway.stack.patterns import definitions_of, rules_by_path

V1 = Naming("reg:5000", "acme", "v1", "v1", ("latest",))


def assemble_texts(texts: Mapping[str, str], naming: Naming = V1, **more: Any) -> Assembly:
    """Return the assembly of the images that the paths of ``texts`` define."""
    found = rules_by_path((), lambda pattern: [path for path in texts if pattern.values(path) is not None])
    values = {"registry": naming.registry, "owner": naming.owner}
    definitions = [one for path in texts for one in definitions_of(path, found[path], values, lambda file: {})]
    return assemble(definitions, texts, naming=naming, **{"args": {}, **more})
