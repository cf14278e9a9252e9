"""Choose the images that a task works on."""

from __future__ import annotations

from collections.abc import Sequence

from slipway.core.errors import UsageError, one_line, suggestion
from slipway.tasks.session import Session


def stack_names(session: Session, kind: str, names: Sequence[str]) -> tuple[str, ...]:
    """Return ``names``, or all images of ``kind``, those at fault included.

    For bases, every name must be a base. For services, any image may be named. A stack that has only bases gives all
    its bases.
    """
    stack = session.repository.stack
    for name in names:
        stack[name]
    own = tuple(image.name for image in stack.known if image.kind == kind)
    if kind == "base":
        return only(names, own, kind)
    return tuple(dict.fromkeys(names)) or own or tuple(image.name for image in stack.known)


def only(names: Sequence[str], known: Sequence[str], what: str) -> tuple[str, ...]:
    """Return ``names``, or all of ``known`` when there are no names.

    Raises UsageError for an unknown name, and when ``known`` is empty.
    """
    if not known:
        raise UsageError(
            f"this repository has no {what}",
            hint="add infra/docker/<name>.Dockerfile, or build the services: invoke build",
        )
    for name in names:
        if name not in known:
            raise UsageError(
                f"{one_line(name)}: not a {what}", hint=suggestion(name, known, f"known: {', '.join(known)}")
            )
    return tuple(dict.fromkeys(names)) or tuple(known)
