"""Choose the named contexts and build args that slipway gives to a Dockerfile.

A Dockerfile from another project may use the same names for other purposes. Its stage ``wheelhouse`` then remains its
own, and so does the default of its ``ARG REGISTRY``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping

from slipway.core.errors import UsageError
from slipway.dockerfile import Dockerfile
from slipway.dockerfile.words import shell_words

#: The named context of pip's find-links folders. The second name means it only in a file with an empty stage so named.
WHEELHOUSE, _OLD_WHEELHOUSE = "slipway-wheelhouse", "wheelhouse"
WHEELHOUSES = (WHEELHOUSE, _OLD_WHEELHOUSE)


def named_contexts(dockerfile: Dockerfile, contexts: Collection[str]) -> tuple[str, ...]:
    """Return those of ``contexts`` that replace no stage with content of its own.

    BuildKit replaces any stage by the named context of its name. Only a stage FROM scratch without instructions may be
    replaced.
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
    """Return the ARGs that keep their own default, although slipway has a different one for them.

    ``defaults``: the defaults of slipway that the user did not set. ``parents``: returns the stack's images on which
    the file builds when slipway does not set the given ARGs; it may raise UsageError. slipway sets an ARG when the
    file would not build on one of these images without it: an image of the stack builds on the stack's own bases.
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
    """Yield each ARG and its default as written, without quotes around it."""
    for instruction in (*dockerfile.globals, *(one for section in dockerfile.sections for one in section.instructions)):
        if instruction.name == "ARG":
            for word in shell_words(instruction.rest, dockerfile.escape):
                name, _, default = word.partition("=")
                yield name, default.strip("\"'")
