"""What a Dockerfile is given by slipway, and what it keeps of its own.

A foreign Dockerfile may use the same names: its stage ``wheelhouse`` is its own, and so is the default of its
``ARG REGISTRY``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping

from slipway.core.errors import UsageError
from slipway.dockerfile import Dockerfile
from slipway.dockerfile.words import shell_words

#: The named context that stands for pip's find-links folders; and the name that only an empty stage means.
WHEELHOUSE, _OLD_WHEELHOUSE = "slipway-wheelhouse", "wheelhouse"
WHEELHOUSES = (WHEELHOUSE, _OLD_WHEELHOUSE)


def named_contexts(dockerfile: Dockerfile, contexts: Collection[str]) -> tuple[str, ...]:
    """Return those of ``contexts`` that the file may be given: no stage that does something is called so.

    BuildKit puts a named context in the place of any stage of its name.
    """
    stages = {name: [section for section in dockerfile.sections if section.name == name] for name in contexts}
    return tuple(
        name
        for name, own in stages.items()
        if all(section.base == "scratch" and not section.instructions for section in own)
        and (own or name != _OLD_WHEELHOUSE)
    )


def kept_defaults(
    dockerfile: Dockerfile, defaults: Mapping[str, str], parents: Callable[[Collection[str]], Collection[str]]
) -> frozenset[str]:
    """Return the ARGs whose own default stays, though slipway has another one (``defaults``) that nobody set.

    ``parents`` says on which images of the stack the file stands when slipway does not give these ARGs; it may raise
    UsageError. An ARG that leads FROM to one of them is given: an image of the stack stands on the stack's own bases.
    """
    own = {name for name, default in _declared(dockerfile) if default and default != defaults.get(name, default)}
    if not own:
        return frozenset()
    try:
        wanted = set(parents(()))
    except UsageError:
        return frozenset(own)
    return frozenset(name for name in own if _stands_on(wanted, parents, name))


def _stands_on(wanted: set[str], parents: Callable[[Collection[str]], Collection[str]], name: str) -> bool:
    try:
        return wanted <= set(parents((name,)))
    except UsageError:
        return False


def _declared(dockerfile: Dockerfile) -> Iterator[tuple[str, str]]:
    """Each ARG and its default as written."""
    for instruction in (*dockerfile.globals, *(one for section in dockerfile.sections for one in section.instructions)):
        if instruction.name == "ARG":
            for word in shell_words(instruction.rest, dockerfile.escape):
                name, _, default = word.partition("=")
                yield name, default.strip("\"'")
