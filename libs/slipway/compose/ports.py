"""Choose the ports on the engine's machine at which a system's services are reached. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from slipway.compose.system import Port
from slipway.core.errors import PrerequisiteError, Problem

_LAST = 65535
#: The engine's words for a port that it cannot publish: ``Bind for 0.0.0.0:8080 failed: port is already allocated``,
#: ``failed to bind host port for 127.0.0.1:8080:172.19.0.2:80/tcp: address already in use``.
_REFUSED = re.compile(r"(?:Bind for|bind host port(?: for)?) \S*?:(\d+)[:/ ].*(?:already allocated|already in use)")


@dataclass(frozen=True)
class Chosen:
    """Hold a published port.

    ``instead_of``: the published port that was taken, with its ``holder``; 0 for a port that this checkout has kept.
    """

    port: Port
    instead_of: int = 0
    holder: str = ""


def choose(
    ports: Iterable[Port], taken: Mapping[int, str], kept: Mapping[str, int], *, strict: bool
) -> tuple[Chosen, ...]:
    """Return a free port for each of ``ports``.

    It is the port of ``kept`` (``Port.key`` → port), else the published one, else the container's own; if that is
    taken, the next free one. ``taken``: port → holder. A port that the file leaves to the engine stays 0. Raises
    PrerequisiteError, with all holders, when ``strict`` is set and a published port is taken.
    """
    used = dict(taken)
    chosen = [_chosen(port, used, 0 if strict else kept.get(port.key, 0)) for port in ports]
    if strict and (problems := [_taken(one) for one in chosen if one.instead_of]):
        raise PrerequisiteError.of(problems)
    return tuple(chosen)


def _chosen(port: Port, used: dict[int, str], kept: int) -> Chosen:
    if not port.published:
        return Chosen(port)
    first = kept if kept and kept not in used else port.published
    number = next((number for number in range(first, _LAST + 1) if number not in used), 0)
    as_usual = number in (kept, port.published)
    holder = "" if as_usual else used.get(port.published, "")
    used[number] = f"the service {port.service}"
    return Chosen(replace(port, published=number), 0 if as_usual else port.published, holder)


def _taken(one: Chosen) -> Problem:
    what = f"port {one.instead_of} is held by {one.holder}"
    return Problem(one.port.service, what, "free that port, or leave out --strict-ports", "port-taken")


def refused(text: str) -> int:
    """Return the port that the engine could not publish, from its error; 0 where it names none."""
    found = _REFUSED.search(text)
    return int(found[1]) if found else 0


def holders(containers: Iterable[Mapping[str, object]], project: str) -> tuple[dict[int, str], frozenset[int]]:
    """Return port → container for the containers of other projects, and the ports of this ``project``'s own.

    ``containers``: the engine's answer to ``GET /containers/json``.
    """
    others: dict[int, str] = {}
    own: set[int] = set()
    for container in containers:
        labels: Mapping[str, str] = container.get("Labels") or {}  # type: ignore[assignment]
        its = labels.get("com.docker.compose.project", "")
        names: list[str] = container.get("Names") or [""]  # type: ignore[assignment]
        called = f"the container {names[0].lstrip('/')}" + f" of the project {its}" * bool(its)
        for port in container.get("Ports") or ():  # type: ignore[attr-defined]
            if public := port.get("PublicPort"):
                if its == project:
                    own.add(int(public))
                else:
                    others.setdefault(int(public), called)
    return others, frozenset(own)


def taken(listeners: Iterable[int], containers: Iterable[Mapping[str, object]], project: str) -> Mapping[int, str]:
    """Return port → holder for every port that ``project`` does not hold itself."""
    others, own = holders(containers, project)
    found = {port: "a program on the engine's machine" for port in listeners if port not in own}
    return {**found, **others}
