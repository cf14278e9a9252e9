"""Read the Dockerfiles of definitions, each with its build args, target and named contexts."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from slipway import dockerfile as reader
from slipway.core.image import IMAGE_CONTEXT, TARGET_CONTEXT
from slipway.core.platform import in_order
from slipway.stack.definition import Definition
from slipway.stack.given import kept_defaults, named_contexts
from slipway.stack.parents import OwnImages

#: The values that decide a reading: the text, the target, the named contexts, the platform and the build args.
_Key = tuple[str, str, tuple[str, ...], str, tuple[tuple[str, str], ...]]


class _Known(NamedTuple):
    """Hold a reading, and the ONBUILD triggers of each image that it asked for."""

    reading: reader.Reading
    triggers: Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class DefinitionReader:
    """Read the Dockerfiles of definitions.

    ``parsed``: path → Dockerfile. ``own``: the stack's images. The other fields are parameters of ``assemble``.
    """

    parsed: Mapping[str, reader.Dockerfile]
    own: OwnImages
    args: Mapping[str, str]
    unset: Collection[str]
    contexts: Collection[str]
    builder: str
    onbuild: Mapping[str, Sequence[str]]
    secrets: Collection[str]
    _known: dict[_Key, list[_Known]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def read(self, one: Definition, given: Mapping[str, str], platforms: Sequence[str]) -> dict[str, reader.Reading]:
        """Return the reading of the image's Dockerfile for each of its platforms. Raises UsageError."""
        return {platform: self._reading(one, platform, given) for platform in in_order(one.platforms or platforms)}

    def given(self, one: Definition) -> dict[str, str]:
        """Return the build args of an image, without those whose ARG keeps its own default."""
        defaults = {name: self.args[name] for name in self.unset if name not in one.args}

        def args(kept: Collection[str]) -> dict[str, str]:
            return {**{name: value for name, value in self.args.items() if name not in kept}, **one.args}

        def parents(kept: Collection[str]) -> set[str]:
            bases = self._reading(one, "linux/amd64", args(kept)).bases
            return {parent for base in bases if (parent := self.own.meant(base, one.name))}

        return args(kept_defaults(self.parsed[one.dockerfile], defaults, parents))

    def _reading(self, one: Definition, platform: str, given: Mapping[str, str]) -> reader.Reading:
        """Return the reading for one platform. Copies of a Dockerfile with the same build args share one reading."""
        dockerfile = self.parsed[one.dockerfile]
        contexts = (*named_contexts(dockerfile, set(self.contexts) - one.contexts.keys()), *one.contexts)
        known = self._known.setdefault((dockerfile.text, one.target, contexts, platform, tuple(given.items())), [])
        for before in known:
            if all(self._triggers(base, one) == answer for base, answer in before.triggers.items()):
                return before.reading
        asked: dict[str, Sequence[str]] = {}

        def triggers(base: str) -> Sequence[str]:
            asked[base] = self._triggers(base, one)
            return asked[base]

        found = reader.read(
            dockerfile,
            given,
            target=one.target,
            contexts=contexts,
            platform=platform,
            builder=self.builder,
            triggers=triggers,
            secrets=self.secrets,
        )
        known.append(_Known(found, asked))
        return found

    def _triggers(self, base: str, by: Definition) -> Sequence[str]:
        """Return the ONBUILD triggers of ``base``: an image of the stack, a root image, or a named context."""
        content = by.contexts.get(base, "")
        if content.startswith(IMAGE_CONTEXT):
            base = content.removeprefix(IMAGE_CONTEXT)
        parent = content.removeprefix(TARGET_CONTEXT) if content.startswith(TARGET_CONTEXT) else ""
        parent = parent or self.own.meant(base, by.name)
        for one in self.own.definitions:
            if one.name == parent and one.dockerfile in self.parsed:
                return _final(self.parsed[one.dockerfile], one.target).onbuild
        return self.onbuild.get(base, ())


def _final(dockerfile: reader.Dockerfile, target: str) -> reader.Section:
    """Return the stage that ``target`` names, in any case; the last one without a target, or for an unknown one."""
    named = [section for section in dockerfile.sections if section.name == target.lower() != ""]
    return (named or dockerfile.sections)[-1]
