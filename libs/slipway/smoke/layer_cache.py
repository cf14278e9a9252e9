"""Read each layer of the engine's images once, and keep the result in the user's cache folder.

Images share layers, and the engine can only save whole images. A file of the cache is named by the layer's diff id,
the digest of its content, and by the code that read it, so it is never stale.
"""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import inspect
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import cached_property
from pathlib import Path

from slipway.core.errors import PolicyError
from slipway.core.writing import replaced
from slipway.runs.files import for_owner, prune
from slipway.smoke import image_archive, layer_content, package_files
from slipway.smoke.image_archive import ArchiveStream, Finding, Layer, Member, read_layers

_KEPT = 500


class LayerCache:
    """Keep layers in ``folder``; keep none if it is None, or if it cannot be written."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder

    def layers(self, chain: Sequence[str], save: Callable[[], ArchiveStream]) -> tuple[Layer, ...]:
        """Return the layers with the diff ids ``chain``.

        When one of them is new, read and keep all layers of the stream that ``save`` returns. Another process that
        needs layers meanwhile waits, because it probably needs the same ones. Raises PolicyError for a layer that
        cannot be read.
        """
        with self._alone():
            found = self._load(chain)
            if not found.keys() >= set(chain):
                found = read_layers(save())
                self._store(found)
        if missing := [name for name in chain if name not in found]:
            raise PolicyError(f"layer {missing[0]} could not be read: the engine did not save it")
        return tuple(found[name] for name in chain)

    @cached_property
    def _code(self) -> str:
        read = b"".join(inspect.getsource(module).encode() for module in (image_archive, layer_content, package_files))
        return hashlib.sha256(read).hexdigest()[:16]

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold a lock against other processes that read layers; no lock where the folder allows none."""
        with ExitStack() as held:
            with suppress(OSError):
                if self._folder:
                    opened = os.open(self._folder, os.O_RDONLY)
                    held.callback(os.close, opened)
                    fcntl.flock(opened, fcntl.LOCK_EX)
            yield

    def _paths(self, names: Iterable[str]) -> dict[str, Path]:
        if not self._folder:
            return {}
        return {name: self._folder / f"{name.replace(':', '-')}-{self._code}.json.gz" for name in names}

    def _load(self, chain: Sequence[str]) -> dict[str, Layer]:
        found: dict[str, Layer] = {}
        for name, path in self._paths(chain).items():
            with suppress(OSError, EOFError, ValueError, LookupError, TypeError):
                found[name] = _decoded(name, gzip.decompress(path.read_bytes()))
                os.utime(path)
        return found

    def _store(self, layers: Mapping[str, Layer]) -> None:
        with suppress(OSError):
            for name, path in self._paths(layers).items():
                with replaced(path) as scratch, open(scratch, "wb", opener=for_owner) as file:
                    file.write(gzip.compress(_encoded(layers[name]), compresslevel=1))
            if self._folder:
                prune(self._folder, _KEPT)


def _encoded(layer: Layer) -> bytes:
    findings = [(found.path, found.why, found.content) for found in layer.findings]
    content = {"members": layer.members, "findings": findings, "texts": dict(layer.texts)}
    return json.dumps(content).encode()  # ASCII: a path may hold bytes that are not UTF-8


def _decoded(name: str, content: bytes) -> Layer:
    said = json.loads(content)
    members = tuple(Member(*fields) for fields in said["members"])
    return Layer(name, members, tuple(Finding(*fields) for fields in said["findings"]), said["texts"])
