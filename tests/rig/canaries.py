"""Canaries: random secrets, looked for in all forms and in all places where a run may leave them.

Nothing of slipway's own redaction is used here: a form that it forgets must be found.
"""

from __future__ import annotations

import base64
import contextlib
import gzip
import io
import json
import subprocess
import tarfile
import threading
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote, quote_plus

from tests.rig.outside import docker
from tests.rig.stacks import MANIFESTS

PROVENANCE = "https://slsa.dev/provenance/v0.2"
_PAUSE_SECONDS = 0.05


def forms(secret: str) -> frozenset[bytes]:
    """The secret as it is, in a URL, in JSON, in hexadecimal, and in base64 wherever it may begin in longer data."""
    data = secret.encode()
    texts = {secret, quote(secret, safe=""), quote(secret), quote_plus(secret), json.dumps(secret)[1:-1]}
    texts |= {text.replace("&", r"\u0026") for text in texts}  # Go's JSON
    found = {text.encode() for text in texts} | {data.hex().encode(), data.hex().upper().encode()}
    for text in tuple(found):
        for lead in range(3):
            digits = base64.b64encode(b"\0" * lead + text).rstrip(b"=")[(0, 2, 3)[lead] : -1]
            found |= {digits, digits.replace(b"+", b"-").replace(b"/", b"_")}
    return frozenset(found)


class Canaries:
    """Secrets by name. Line breaks in what is searched hide nothing."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self._forms = {name: forms(secret) for name, secret in secrets.items()}

    def found(self, data: bytes) -> set[str]:
        """The names of the secrets that stand in ``data``."""
        unfolded = data.replace(b"\r", b"").replace(b"\n", b"")
        return {name for name, forms in self._forms.items() if any(form in data or form in unfolded for form in forms)}

    def where(self, places: Iterable[tuple[str, bytes]] | Mapping[str, bytes]) -> dict[str, set[str]]:
        """Place → the names found there, for each place that holds any. Raises when there is no place to search."""
        searched = dict(places)
        assert searched, "nothing was searched"
        return {place: names for place, data in searched.items() if (names := self.found(data))}


def of_image(reference: str, root: str = "") -> Iterator[tuple[str, bytes]]:
    """An image's history, its configuration, its manifest, and each of its layers, unpacked.

    Layers that it has of ``root``, an image older than the secrets, are left out.
    """
    yield "history", docker("history", "--no-trunc", reference).encode()
    yield "config", docker("image", "inspect", reference).encode()
    saved = subprocess.run(["docker", "save", reference], capture_output=True, check=True, timeout=120).stdout
    with tarfile.open(fileobj=io.BytesIO(saved)) as archive:
        inherited = _inherited(archive, root) if root else []
        for member in archive:
            if member.name not in inherited and (file := archive.extractfile(member)):
                data = file.read()
                yield member.name, gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data


def _inherited(archive: tarfile.TarFile, root: str) -> list[str]:
    """The names of the layers that an image in ``archive`` has of ``root``."""
    index = archive.extractfile("manifest.json")
    assert index
    [image] = json.load(index)
    config = archive.extractfile(image["Config"])
    assert config
    own, below = json.load(config)["rootfs"]["diff_ids"], _diff_ids(root)
    assert own[: len(below)] == below, f"it does not stand on {root}"
    return list(image["Layers"][: len(below)])


def _diff_ids(reference: str) -> list[str]:
    return list(json.loads(docker("image", "inspect", "--format", "{{json .RootFS.Layers}}", reference)))


def of_build_history(name: str, mark: str) -> Iterator[tuple[str, bytes]]:
    """Return the engine's records of builds whose name holds ``name`` and whose args or log hold ``mark``.

    It keeps fifty builds: look soon. buildx names those alone that were started under the same Docker configuration.
    """
    listed = map(json.loads, docker("buildx", "history", "ls", "--format", "json").splitlines())
    chosen = (record["ref"] for record in listed if name in record["name"] or not record["name"])
    for ref in (path.rpartition("/")[2] for path in chosen):
        told = docker("buildx", "history", "inspect", ref, "--format", "json")
        log = _both("docker", "buildx", "history", "logs", ref)
        if mark.encode() in told.encode() + log:
            yield f"{ref} record", told.encode()
            yield f"{ref} log", log
            attached = ("docker", "buildx", "history", "inspect", "attachment", ref, "--type", PROVENANCE)
            yield f"{ref} provenance", _both(*attached)


def of_registry(host: str, owner: str, names: Iterable[str], login: str) -> Iterator[tuple[str, bytes]]:
    """Return what the registry keeps of repositories: each tag's manifest, those in lists, and their blobs.

    ``login``: as in a header of HTTP Basic. The layers of images are in ``of_image``.
    """

    def get(path: str) -> bytes:
        headers = {"Accept": MANIFESTS, "Authorization": f"Basic {login}"}
        request = urllib.request.Request(f"http://{host}/v2/{owner}/{path}", headers=headers)
        with urllib.request.urlopen(request, timeout=10) as reply:
            content: bytes = reply.read()
            return content

    for name in names:
        ahead = list(json.loads(get(f"{name}/tags/list"))["tags"])
        for reference in ahead:
            manifest = get(f"{name}/manifests/{reference}")
            yield f"{name} {reference}", manifest
            described = json.loads(manifest)
            ahead += [member["digest"] for member in described.get("manifests", ())]
            blobs = [described.get("config"), *(described.get("layers", ()) if "artifactType" in described else ())]
            for blob in filter(None, blobs):
                yield f"{name} {reference} {blob['mediaType']}", get(f"{name}/blobs/{blob['digest']}")


def of_folder(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file below ``folder``, its name included."""
    for path in folder.rglob("*"):
        if path.is_file():
            yield str(path), str(path).encode() + b"\n" + path.read_bytes()


class Watch:
    """Looks at the command lines and environments of all processes, and at the files below ``folders``, again and again
    while it is entered.

    ``told`` holds ``pid command`` or path → names of what showed a secret, ``commands`` every command line seen.
    """

    def __init__(self, canaries: Canaries, *folders: Path) -> None:
        self._canaries = canaries
        self._folders = folders
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.told: dict[str, set[str]] = {}
        self.commands: set[bytes] = set()

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        known: set[tuple[str, bytes, bytes]] = set()
        while not self._over.wait(_PAUSE_SECONDS):
            for process in Path("/proc").glob("[0-9]*"):
                with contextlib.suppress(OSError):
                    seen = (process.name, (process / "cmdline").read_bytes(), (process / "environ").read_bytes())
                    if seen not in known:
                        known.add(seen)
                        self.commands.add(seen[1].replace(b"\0", b" "))
                        if names := self._canaries.found(seen[1] + b"\0" + seen[2]):
                            self.told[f"{seen[0]} {seen[1]!r}"] = names
            for folder in self._folders:
                with contextlib.suppress(OSError):  # a file that goes meanwhile
                    self.told |= self._canaries.where([("", b""), *of_folder(folder)])


def _both(*argv: str) -> bytes:
    done = subprocess.run(argv, capture_output=True, timeout=60, check=False)
    return done.stdout + done.stderr
