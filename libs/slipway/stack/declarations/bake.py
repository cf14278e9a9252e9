"""Read the JSON that ``docker buildx bake --print`` prints in the repository's root."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from slipway.config.secret_source import SecretSource
from slipway.core.errors import Problem, UsageError
from slipway.core.image import IMAGE_CONTEXT, TARGET_CONTEXT
from slipway.stack.declarations.found import Found
from slipway.stack.declarations.places import joined, outside, within
from slipway.stack.definition import Definition

#: The folder in which bake runs.
_HERE = "cwd://"


def bake_targets(printed: str, texts: Mapping[str, str], root: str) -> tuple[Found, ...]:
    """Return the image of each target.

    ``printed``: the JSON. ``texts``: the path of each bake file → its text, to tell the lines of targets. ``root``: the
    repository's absolute path. Raises UsageError for a text that is not bake's JSON.
    """
    source = next(iter(texts))
    try:
        targets: Mapping[str, Mapping[str, Any]] = json.loads(printed)["target"]
    except (ValueError, KeyError, TypeError):
        raise UsageError(f"{source}: buildx bake --print printed no targets") from None
    return tuple(_Target(name, target, _place(name, texts), root).found(source) for name, target in targets.items())


def _place(name: str, texts: Mapping[str, str]) -> str:
    """Return the line that begins the target; the first file for one whose name bake computed."""
    begins = re.compile(rf'^[ \t]*(?:target[ \t]+)?"{re.escape(name)}"[ \t]*[:{{]', re.MULTILINE)
    for file, text in texts.items():
        if found := begins.search(text):
            return f"{file}:{text.count(chr(10), 0, found.end()) + 1}"
    return next(iter(texts))


@dataclass
class _Target:
    """Read one target, and collect the problems with it."""

    name: str
    target: Mapping[str, Any]
    where: str
    root: str
    problems: list[Problem] = field(default_factory=list)

    def found(self, source: str) -> Found:
        context = self._located(self.target.get("context", "."), "context")
        links, contexts = self._contexts()
        definition = Definition(
            name="",
            dockerfile=self._dockerfile(context),
            where=self.where,
            context=context,
            target=self.target.get("target", ""),
            args=MappingProxyType(self.target.get("args", {})),
            contexts=MappingProxyType(contexts),
            secrets=MappingProxyType(self._secrets()),
            platforms=tuple(self.target.get("platforms", ())),
        )
        images = tuple(self.target.get("tags", ()))
        return Found(self.name, source, definition, images, MappingProxyType(links), tuple(self.problems))

    def _refuse(self, what: str, hint: str = "") -> None:
        self.problems.append(Problem(self.where, f"target {self.name}: {what}", hint))

    def _located(self, place: str, what: str) -> str:
        found = within(self.root, place.removeprefix(_HERE))
        if found is None:
            self._refuse(outside(what, place))
        return found or ""

    def _dockerfile(self, context: str) -> str:
        if "dockerfile-inline" in self.target:
            self._refuse("slipway does not read dockerfile-inline", "write it into a file")
        if self.problems:
            return ""
        path: str = self.target.get("dockerfile", "Dockerfile")
        return self._located(path if path.startswith(_HERE) else joined(context, path), "Dockerfile")

    def _contexts(self) -> tuple[dict[str, str], dict[str, str]]:
        """Return the targets that named contexts are, and the folders and images that the others are."""
        links: dict[str, str] = {}
        contexts: dict[str, str] = {}
        for name, place in self.target.get("contexts", {}).items():
            if place.startswith(TARGET_CONTEXT):
                links[name] = place.removeprefix(TARGET_CONTEXT)
            else:
                contexts[name] = place if place.startswith(IMAGE_CONTEXT) else self._located(place, f"context {name}")
        return links, contexts

    def _secrets(self) -> dict[str, SecretSource]:
        """Return the secrets. An older buildx prints each as ``id=x,src=./x``."""
        found = {}
        for secret in self.target.get("secret", ()):
            read = dict(part.partition("=")[::2] for part in secret.split(",")) if isinstance(secret, str) else secret
            if file := read.get("src", read.get("source", "")):
                found[read["id"]] = SecretSource(file=within(self.root, file) or file)
            else:
                found[read["id"]] = SecretSource(env=read.get("env") or read["id"])
        return found
