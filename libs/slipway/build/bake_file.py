"""Write a bake for buildx: the bake file, and the arguments for values that the file cannot hold.

One ``docker buildx bake`` solves the whole graph of its images. A parent in the same bake is linked by ``target:``. A
parent that is already built is linked by its content tag, so baking a child never rebuilds its base. A builder other
than the engine's own finds that tag only in the registry. A parent that is missing from the registry is added to the
bake and linked by ``target:``.

buildx reads the file as HCL. It evaluates every string as a template, and normalizes every string to Unicode's form
NFC. So slipway doubles ``${`` and ``%{`` in the file. It passes a value with characters beyond ASCII as an argument of
the command.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from slipway.core.compression import Compression
from slipway.hosts.bake import ALL


@dataclass(frozen=True)
class BakeTarget:
    """Hold one image to bake.

    ``target``: the stage to build; empty for the last one. ``links`` maps a FROM string to ``target:<name>`` or
    ``docker-image://<reference>``, and a named context to one of these or its folder. ``secrets`` maps an id to the
    file that holds the secret. ``stored``: the repository in which the builder stores the image by its digest alone,
    without tags; empty to load the image into the engine. ``ssh``: the ids under which buildx forwards the agent, in
    buildx's form: ``default``, or ``default=<socket>``. ``no_cache``: BuildKit takes no step of this image from its
    cache. ``compression``: that of the layers that this build makes; layers below keep theirs.
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
    no_cache: bool = False
    target: str = ""
    stored: str = ""
    compression: Compression = Compression.GZIP

    @property
    def output(self) -> str:
        """Return the output in buildx's form. Docker's own media types have no layers compressed with zstd."""
        kind = f"type=image,name={self.stored},push=true,push-by-digest=true" if self.stored else "type=docker"
        return f"{kind},compression=zstd,oci-mediatypes=true" if self.compression is Compression.ZSTD else kind


def bake_file(targets: Sequence[BakeTarget], parents: Sequence[BakeTarget] = ()) -> bytes:
    """Return the bake file as JSON.

    ``parents`` are only parents of others. BuildKit takes them from the builder's cache, or builds them into it. buildx
    does not export them.
    """
    described = {target.name: _describe(target) for target in (*targets, *parents)}
    group = {ALL: {"targets": [target.name for target in targets]}}
    return json.dumps(_escaped({"group": group, "target": described}), indent=1, sort_keys=True).encode()


def overrides(targets: Iterable[BakeTarget]) -> tuple[str, ...]:
    """Return the ``--set`` arguments for the values that buildx would alter in the bake file.

    buildx uses a value of ``--set`` unchanged.
    """
    return tuple(
        word
        for target in targets
        for key, value in _altered(target)
        for word in ("--set", f"{target.name}.{key}={value}")
    )


def _altered(target: BakeTarget) -> Iterator[tuple[str, str]]:
    """Yield each value with characters beyond ASCII, after the key that ``--set`` has for this value."""
    texts = {"context": target.context, "dockerfile": target.dockerfile}
    texts |= {f"args.{name}": target.args[name] for name in sorted(target.args)}
    texts |= {f"contexts.{name}": target.links[name] for name in sorted(target.links)}
    yield from ((key, text) for key, text in texts.items() if not text.isascii())
    secrets = _secrets(target)
    if not "".join(secrets).isascii():  # ``--set`` replaces the whole list
        yield from (("secrets", secret) for secret in secrets)


def _secrets(target: BakeTarget) -> list[str]:
    """Return the secrets in buildx's form: a line of CSV each."""
    rows = [(f"id={name}", f"src={file}") for name, file in sorted(target.secrets.items())]
    return [",".join(f'"{field.replace(chr(34), chr(34) * 2)}"' for field in row) for row in rows]


def _escaped(content: Any) -> Any:
    """Return ``content`` with every string escaped, so that evaluating it as a template gives the original."""
    if isinstance(content, str):
        return content.replace("${", "$${").replace("%{", "%%{")
    if isinstance(content, dict):
        return {_escaped(name): _escaped(value) for name, value in content.items()}
    if isinstance(content, list):
        return [_escaped(value) for value in content]
    return content


def _describe(target: BakeTarget) -> dict[str, Any]:
    said: dict[str, Any] = {
        "context": target.context,
        "dockerfile": target.dockerfile,
        "tags": [] if target.stored else list(target.tags),
        "output": [target.output],
    }
    optional = {
        "target": target.target,
        "args": dict(target.args),
        "labels": dict(target.labels),
        "contexts": dict(target.links),
        "secret": _secrets(target),
        "ssh": list(target.ssh),
        "platforms": list(target.platforms),
        "no-cache": target.no_cache,
    }
    return said | {key: value for key, value in optional.items() if value}
