"""Try whether a builder runs programs of a platform: it runs one of some 130 bytes, which ends immediately.

The kernel's list of emulators would not prove it: an emulator works in a container only when the kernel opened it at
its registration (flag F of binfmt_misc).
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from slipway.core.command import Command, Result
from slipway.core.platform import Platform

_DOCKERFILE = b'FROM scratch\nCOPY program /program\nRUN ["/program"]\n'
_ADDRESS = 0x10000


@dataclass(frozen=True)
class _Machine:
    """Hold what an ELF file says of a machine (``number``, ``bits``, ``order``, ``flags``), and its code of exit(0)."""

    number: int
    code: str
    bits: int = 64
    order: str = "<"
    flags: int = 0


_MACHINES = {
    "amd64": _Machine(62, "b83c000000 31ff 0f05"),
    "arm64": _Machine(183, "a80b80d2 000080d2 010000d4"),
    "riscv64": _Machine(243, "9308d005 13050000 73000000"),
    "ppc64le": _Machine(21, "01000038 00006038 02000044", flags=2),
    "s390x": _Machine(22, "a7290000 0a01", order=">"),
    "arm": _Machine(40, "0170a0e3 0000a0e3 000000ef", bits=32, flags=0x5000000),
    "386": _Machine(3, "b801000000 31db cd80", bits=32),
}


def not_runnable(
    platforms: Iterable[str], native: str, builder: str, buildx: tuple[str, ...], run: Callable[[Command], Result]
) -> tuple[str, ...]:
    """Return those of ``platforms`` whose programs ``builder`` does not run.

    The architecture ``native`` needs no trial. An architecture for which slipway has no program passes.
    """
    own = Platform.read(native).architecture
    foreign = [each for each in platforms if Platform.read(each).architecture != own]
    tried = {each: trial(each, builder, buildx) for each in foreign if Platform.read(each).architecture in _MACHINES}
    return tuple(each for each, command in tried.items() if not run(command).ok)


def trial(platform: str, builder: str, buildx: tuple[str, ...]) -> Command:
    """Return the command that runs the program of ``platform`` in a build. The build leaves no image."""
    flags = ("--no-cache", "--output", "type=cacheonly", "--progress", "plain", "--provenance=false")
    argv = (*buildx, "build", "--builder", builder, "--platform", platform, *flags, "-")
    context = _tar({"Dockerfile": _DOCKERFILE, "program": program(Platform.read(platform).architecture)})
    return Command(argv, stdin=context, label=f"run a program of {platform}")


def program(architecture: str) -> bytes:
    """Return an ELF file that ends with the exit status 0, in a few instructions and without libraries."""
    machine = _MACHINES[architecture]
    code, wide, order = bytes.fromhex(machine.code), machine.bits == 64, machine.order
    word = "Q" if wide else "I"
    begin = f"{order}16sHHI3{word}I6H"
    segment = f"{order}IIQQQQQQ" if wide else f"{order}8I"
    head, entry = struct.calcsize(begin), struct.calcsize(segment)
    size = head + entry + len(code)
    identity = b"\x7fELF" + bytes([2 if wide else 1, 1 if order == "<" else 2, 1])
    start = _ADDRESS + head + entry
    header = (identity, 2, machine.number, 1, start, head, 0, machine.flags, head, entry, 1, 0, 0, 0)
    load, executable = 1, 5
    bytes_and_places = (_ADDRESS, _ADDRESS, size, size)
    loaded = (load, executable, 0, *bytes_and_places) if wide else (load, 0, *bytes_and_places, executable)
    return struct.pack(begin, *header) + struct.pack(segment, *loaded, 0x1000) + code


def _tar(files: dict[str, bytes]) -> bytes:
    import tarfile

    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o755
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()
