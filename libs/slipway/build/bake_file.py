"""plan → buildx: the bake file and the argv.

One ``docker buildx bake`` solves the whole graph. A parent in the same bake is linked by ``target:``; one that is
there already by its content tag, so baking a child never rebuilds its base. A builder that is not the engine's own
finds that tag in the registry alone; a parent that is not there either is linked, too.

buildx reads the file as HCL: every string is a template, and every string is brought into Unicode's form NFC. So
``${`` and ``%{`` are doubled where the file is written, and a value beyond ASCII goes into an argument of the command.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from slipway.core.command import Command

#: Default attestations would give every cached build a new digest; bake must not ask questions on a terminal.
ENVIRONMENT = {
    "BUILDX_NO_DEFAULT_ATTESTATIONS": "1",
    "BUILDX_METADATA_PROVENANCE": "disabled",
    "BUILDX_BAKE_ENTITLEMENTS_FS": "0",
}


#: The bake file's one group; no image can be called so.
_ALL = "_all"


@dataclass(frozen=True)
class BakeTarget:
    """One image to bake. ``links`` maps a FROM string to ``target:<name>`` or ``docker-image://<reference>``.

    ``secrets`` maps an id to the file that holds the secret; ``ssh``: ids under which the agent is forwarded, as
    buildx takes them: ``default``, or ``default=<socket>``.
    ``fresh``: no step of it comes from the cache.
    """

    name: str
    context: str
    dockerfile: str
    tags: tuple[str, ...]
    args: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    ssh: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    fresh: bool = False


def bake_file(
    targets: Sequence[BakeTarget], unseen: Sequence[BakeTarget] = (), *, output: str = "type=docker"
) -> bytes:
    """The bake file as JSON. ``output`` is buildx's: ``type=docker`` loads into the engine.

    ``unseen`` are only built upon: they come out of the builder's cache, or into it, and buildx exports none of them.
    """
    described = {target.name: _describe(target, output) for target in (*targets, *unseen)}
    group = {_ALL: {"targets": [target.name for target in targets]}}
    return json.dumps(_escaped({"group": group, "target": described}), indent=1, sort_keys=True).encode()


def overrides(targets: Iterable[BakeTarget]) -> tuple[str, ...]:
    """The arguments that set what the bake file would alter: buildx takes a value of ``--set`` as it is."""
    return tuple(
        word
        for target in targets
        for key, value in _altered(target)
        for word in ("--set", f"{target.name}.{key}={value}")
    )


def _altered(target: BakeTarget) -> Iterator[tuple[str, str]]:
    """Each value beyond ASCII, by the key that ``--set`` has for it."""
    texts = {"context": target.context, "dockerfile": target.dockerfile}
    texts |= {f"args.{name}": target.args[name] for name in sorted(target.args)}
    texts |= {f"contexts.{name}": target.links[name] for name in sorted(target.links)}
    yield from ((key, text) for key, text in texts.items() if not text.isascii())
    secrets = _secrets(target)
    if not "".join(secrets).isascii():  # the list is set as a whole
        yield from (("secrets", secret) for secret in secrets)


def _secrets(target: BakeTarget) -> list[str]:
    """As buildx takes them: a line of CSV each."""
    rows = [(f"id={name}", f"src={file}") for name, file in sorted(target.secrets.items())]
    return [",".join(f'"{field.replace(chr(34), chr(34) * 2)}"' for field in row) for row in rows]


def _escaped(content: Any) -> Any:
    """``content`` with every string so written that its evaluation as a template gives that string."""
    if isinstance(content, str):
        return content.replace("${", "$${").replace("%{", "%%{")
    if isinstance(content, dict):
        return {_escaped(name): _escaped(value) for name, value in content.items()}
    if isinstance(content, list):
        return [_escaped(value) for value in content]
    return content


def _describe(target: BakeTarget, output: str) -> dict[str, Any]:
    said: dict[str, Any] = {
        "context": target.context,
        "dockerfile": target.dockerfile,
        "tags": list(target.tags),
        "output": [output],
    }
    optional = {
        "args": dict(target.args),
        "labels": dict(target.labels),
        "contexts": dict(target.links),
        "secret": _secrets(target),
        "ssh": list(target.ssh),
        "platforms": list(target.platforms),
        "no-cache": target.fresh,
    }
    return said | {key: value for key, value in optional.items() if value}


def bake_command(
    file: bytes, *, buildx: tuple[str, ...], root: str, builder: str, count: int, overrides: tuple[str, ...] = ()
) -> Command:
    """``buildx bake``, by the words that run buildx, fed ``file`` on stdin; progress comes as rawjson on stderr."""
    argv = (*buildx, "bake", "--builder", builder, "--file", "-", "--progress", "rawjson", *overrides, _ALL)
    return Command(argv, cwd=root, env=ENVIRONMENT, stdin=file, label=f"bake {count} images")
