"""The programs of a few instructions with which slipway tries a platform."""

from __future__ import annotations

import io
import platform
import struct
import subprocess
import tarfile
from pathlib import Path

import pytest

from slipway.core.command import Command, Result
from slipway.core.platform import Platform
from slipway.core.streams import OnLine
from slipway.hosts.emulation import not_runnable, program, trial
from slipway.testing.fakes import FakeRun

BUILDX = ("docker", "buildx")


@pytest.mark.process
def test_the_program_of_this_machine_ends_with_0(tmp_path: Path) -> None:
    made = tmp_path / "program"
    made.write_bytes(program(Platform.of_kernel(platform.machine()).architecture))
    made.chmod(0o755)
    assert subprocess.run([made], timeout=10).returncode == 0


@pytest.mark.parametrize(
    ("architecture", "machine", "bits", "order"),
    [
        ("amd64", 62, 64, "<"),
        ("arm64", 183, 64, "<"),
        ("riscv64", 243, 64, "<"),
        ("ppc64le", 21, 64, "<"),
        ("s390x", 22, 64, ">"),
        ("arm", 40, 32, "<"),
        ("386", 3, 32, "<"),
    ],
)
def test_a_program_is_loaded_whole_and_starts_at_its_code(
    architecture: str, machine: int, bits: int, order: str
) -> None:
    made = program(architecture)
    word, wide = ("Q", 64) if bits == 64 else ("I", 52)
    assert (made[4], made[5]) == (bits // 32, "<>".index(order) + 1)
    kind, found, _, entry, segments = struct.unpack_from(f"{order}HHI2{word}", made, 16)
    assert (kind, found, segments) == (2, machine, wide)
    where = {64: (16, 32), 32: (8, 16)}[bits]
    address, size = (struct.unpack_from(f"{order}{word}", made, segments + place)[0] for place in where)
    assert size == len(made) and address < entry < address + size


def test_platforms_of_another_architecture_are_tried() -> None:
    def tried(command: Command, on_line: OnLine) -> Result:
        return Result(0 if "linux/arm64" in command.argv else 1)

    run = FakeRun({(*BUILDX, "build"): tried})
    platforms = ["linux/amd64", "linux/amd64/v3", "linux/arm64", "linux/arm/v7", "linux/loong64"]
    assert not_runnable(platforms, "linux/amd64", "default", BUILDX, run) == ("linux/arm/v7",)
    assert len(run.commands) == 2, "neither the machine's own, nor one without a program"


def test_a_trial_builds_the_program_without_cache_and_keeps_nothing() -> None:
    command = trial("linux/arm64", "team", BUILDX)
    assert {"--builder", "team", "--platform", "linux/arm64", "--no-cache", "type=cacheonly"} <= {*command.argv}
    with tarfile.open(fileobj=io.BytesIO(command.stdin)) as context:
        content = context.extractfile("program")
        assert content and content.read() == program("arm64")
        assert context.getmember("program").mode & 0o111
