"""An image under test, as the engine describes it, with the contents of its layers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from slipway.core.errors import SmokeError
from slipway.core.platform import Platform
from slipway.smoke import containers
from slipway.smoke.image_archive import Layer

_CHUNK = 1 << 20
#: The most that may be read of other images in addition to an image's own layers, as a fraction of its size.
_READ_AHEAD = 0.25


@dataclass(frozen=True, eq=False)
class BuiltImage:
    """Hold an image as the engine describes it.

    ``config`` is its ``Config`` (User, Env, Labels …). ``history`` has one entry per instruction, newest first, each
    with ``CreatedBy`` and ``Size`` in bytes. ``platform``: the chosen one of an image of several; empty for an image
    of one, and for the engine's own.
    """

    client: containers.Client = field(repr=False)
    name: str
    reference: str
    id: str
    config: Mapping[str, Any] = field(repr=False)
    history: tuple[Mapping[str, Any], ...] = field(repr=False)
    chain: tuple[str, ...] = field(repr=False)
    read: Callable[[BuiltImage], tuple[Layer, ...]] = field(repr=False)
    architecture: str = ""
    platform: str = ""

    @property
    def bytes(self) -> int:
        """Return the size of all its layers, unpacked."""
        return sum(int(entry["Size"]) for entry in self.history)

    @property
    def ports(self) -> list[str]:
        """Return its exposed TCP ports as ``8080/tcp``, lowest first."""
        exposed = [port for port in self.config.get("ExposedPorts") or () if port.endswith("/tcp")]
        return sorted(exposed, key=lambda port: int(port.removesuffix("/tcp")))

    @property
    def port(self) -> str:
        """Return its lowest exposed TCP port, or an empty string."""
        return next(iter(self.ports), "")

    def bytes_over(self, parent: BuiltImage) -> int:
        """Return the bytes that it adds to ``parent``. Raises SmokeError when they do not share a root.

        Their other layers may differ: a parent that was built again from the same inputs has other digests.
        """
        if self.chain[:1] != parent.chain[:1]:
            raise SmokeError(f"{self.name} does not stand on {parent.reference}", hint=f"slipway build {self.name}")
        return self.bytes - parent.bytes

    def refuse_other(self, platform: str) -> None:
        """Raise SmokeError when the engine has the image for another platform alone."""
        own = Platform.read(f"linux/{self.architecture}").architecture
        if platform and Platform.read(platform).architecture != own:
            raise SmokeError(f"{self.name}: the engine has it for linux/{own}, not for {platform}")

    def layers(self) -> tuple[Layer, ...]:
        """Return its layers, lowest first. The engine streams layers that slipway has not read (about 100 MB/s)."""
        return self._layers

    @cached_property
    def _layers(self) -> tuple[Layer, ...]:
        return self.read(self)

    @cached_property
    def steps(self) -> Mapping[tuple[str, ...], int]:
        """Map each instruction, together with all before it, to the bytes that it added.

        Images on one base share the instructions of the base.
        """
        before: tuple[str, ...] = ()
        added: dict[tuple[str, ...], int] = {}
        for entry in reversed(self.history):
            before = (*before, f"{entry['Created']} {entry['CreatedBy']}")
            added[before] = int(entry["Size"])
        return added


def read_together(image: BuiltImage, others: Iterable[BuiltImage]) -> list[str]:
    """Return the id of ``image``, and of those others whose layers add little to a stream of its layers.

    So the first image that stands on a base is read for all images that add only their code to that base.
    """
    read, room = dict(image.steps), image.bytes * _READ_AHEAD
    chosen = [image.id]
    for other in sorted(others, key=lambda other: _added(other, read)):
        room -= _added(other, read)
        if room < 0:
            break
        read |= other.steps
        chosen.append(other.id)
    return list(dict.fromkeys(chosen))


def _added(image: BuiltImage, read: Mapping[tuple[str, ...], int]) -> int:
    return sum(size for step, size in image.steps.items() if step not in read)


def saved(client: containers.Client, ids: list[str], platform: str = "") -> Iterator[bytes]:
    """Stream images as ``docker save`` does, a layer that they share once. The SDK itself can save only one image."""
    api = client.api
    params = {"names": ids, **_chosen(platform)}
    with api.get(f"{api.base_url}/images/get", params=params, stream=True, timeout=api.timeout) as answer:
        answer.raise_for_status()
        yield from answer.iter_content(_CHUNK)


@dataclass(frozen=True)
class Described:
    """Hold what the engine says of an image, and its history.

    ``platform``: the one to choose when the engine is asked again; empty for that of the image itself.
    """

    attributes: Mapping[str, Any]
    history: tuple[Mapping[str, Any], ...]
    platform: str = ""


def describe(client: containers.Client, reference: str, platform: str = "") -> Described:
    """Ask the engine about an image, and about its ``platform`` where it has that one. Raises OSError."""
    image = client.images.get(reference)
    kind = (image.attrs.get("Os"), image.attrs.get("Architecture"), image.attrs.get("Variant"))
    if platform and str(Platform.read("/".join(filter(None, kind)))) != platform:
        answers = [_ask(client, f"images/{image.id}/{what}", platform) for what in ("json", "history")]
        if all(answers):
            attributes, history = answers
            return Described({**attributes, "Id": image.id}, tuple(history), platform)
    return Described(image.attrs, tuple(image.history()))


def _ask(client: containers.Client, path: str, platform: str) -> Any:
    """Return the JSON about one platform of an image; None when the image does not have it.

    The path has no version: this needs API 1.49 (Docker 28.1).
    """
    api = client.api
    answer = api.get(f"{api.base_url}/{path}", params=_chosen(platform), timeout=api.timeout)
    return answer.json() if answer.ok else None


def _chosen(platform: str) -> dict[str, str]:
    """Return the parameter that chooses a platform of an image."""
    parts = dict(zip(("os", "architecture", "variant"), platform.split("/"), strict=False))
    return {"platform": json.dumps(parts)} if platform else {}
