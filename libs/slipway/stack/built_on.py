"""Find the images on which an image builds: those of the stack, and root images.

They stand in FROM lines, in ``COPY --from`` and mounts, and behind named contexts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from slipway.core.errors import Problem, suggestion
from slipway.core.image import IMAGE_CONTEXT, TARGET_CONTEXT
from slipway.core.reference import Reference
from slipway.dockerfile import Reading
from slipway.stack.definition import Definition
from slipway.stack.parents import OwnImages


@dataclass(frozen=True)
class BuiltOn:
    """Hold the images on which one image builds.

    ``links``: a FROM string → the parent that it means. ``contexts``: the named contexts that the Dockerfile uses, as
    ``Image.contexts`` holds them. ``problems``: the names that mean no image. ``remarks``: lines for the user about
    root images in this stack's repositories.
    """

    links: Mapping[str, str]
    contexts: Mapping[str, str]
    roots: tuple[str, ...]
    problems: tuple[Problem, ...]
    remarks: tuple[str, ...]

    @property
    def parents(self) -> tuple[str, ...]:
        """Return the images of the stack, in the order of the Dockerfile, those behind contexts last."""
        targets = (content for content in self.contexts.values() if content.startswith(TARGET_CONTEXT))
        behind = (content.removeprefix(TARGET_CONTEXT) for content in targets)
        return tuple(dict.fromkeys((*self.links.values(), *behind)))

    def foundation(self, reading: Reading) -> str:
        """Return the parent or root image on which the final stage stands; empty for scratch and for a folder."""
        content = self.contexts.get(reading.foundation_context, "")
        if content.startswith((TARGET_CONTEXT, IMAGE_CONTEXT)):
            return content.removeprefix(TARGET_CONTEXT).removeprefix(IMAGE_CONTEXT)
        return self.links.get(reading.foundation, reading.foundation)

    def stood_on(self, reading: Reading) -> frozenset[str]:
        """Return the parents on which stages stand, without those from which the build only copies."""
        bases = {self.links.get(stage.base) or self.contexts.get(stage.base, "") for stage in reading.stages}
        stages = {base.removeprefix(TARGET_CONTEXT) for base in bases}
        return frozenset((stages | {self.foundation(reading)}) & set(self.parents))


def built_on(one: Definition, reading: Reading, own: OwnImages) -> BuiltOn:
    """Return the images on which the image of ``one`` builds, as its Dockerfile and its named contexts say."""
    links = {base: parent for base in reading.bases if (parent := own.meant(base, one.name))}
    contexts = {source.context: _content(one, source.context, own) for source in reading.named}
    roots = [base for base in reading.bases if base not in links]
    behind = [content for content in contexts.values() if content.startswith(IMAGE_CONTEXT)]
    problems: list[Problem] = []
    remarks: list[str] = []
    for base in roots:
        where = f"{one.dockerfile}:{reading.uses[base].line}"
        unknown, other = own.unknown(base), own.other_tag(base, one.name)
        if unknown and own.has_stack_version(base):
            problems.append(_no_image(unknown, f"{reading.uses[base].by} {base}", where, own))
        elif unknown:
            remarks.append(f"{where}: {base} is a root image: no image here has the name {unknown}")
        elif other:
            way = f'moving-tags = ["{Reference.read(base).tag}"] makes it the parent'
            remarks.append(f"{where}: {base} is a root image: this stack builds {other} under another tag; {way}")
    problems += _unknown_targets(one, contexts, own)
    all_roots = tuple(dict.fromkeys([*roots, *(content.removeprefix(IMAGE_CONTEXT) for content in behind)]))
    return BuiltOn(links, contexts, all_roots, tuple(problems), tuple(remarks))


def _content(one: Definition, context: str, own: OwnImages) -> str:
    """Return the content of a named context, as a target when it is an image of the stack."""
    content = one.contexts.get(context, "")
    if content.startswith(IMAGE_CONTEXT) and (parent := own.meant(content.removeprefix(IMAGE_CONTEXT), one.name)):
        return f"{TARGET_CONTEXT}{parent}"
    return content


def _unknown_targets(one: Definition, contexts: Mapping[str, str], own: OwnImages) -> Iterator[Problem]:
    for context, content in contexts.items():
        target = content.removeprefix(TARGET_CONTEXT)
        if content.startswith(TARGET_CONTEXT) and (target == one.name or target not in own.names):
            yield _no_image(target, f"the context {context}", one.place, own)


def _no_image(name: str, what: str, where: str, own: OwnImages) -> Problem:
    names = sorted(one.name for one in own.definitions)
    hint = suggestion(name, names, f"known: {', '.join(names)}")
    return Problem(where, f"{what}: {name} matches no image", hint)
