"""Platforms in one spelling, as containerd has them."""

from __future__ import annotations

import pytest

from slipway.core.platform import Platform, in_order, kernel_name


@pytest.mark.parametrize(
    ("spelled", "normal"),
    [
        ("linux/amd64", "linux/amd64"),
        ("linux/x86_64", "linux/amd64"),
        ("Linux/X86-64/v1", "linux/amd64"),
        ("linux/amd64/v3", "linux/amd64/v3"),
        ("linux/aarch64", "linux/arm64"),
        ("linux/arm64/v8", "linux/arm64"),
        ("linux/arm64/8", "linux/arm64"),
        ("linux/arm64/v9", "linux/arm64/v9"),
        ("linux/arm", "linux/arm/v7"),
        ("linux/arm/6", "linux/arm/v6"),
        ("linux/arm/v5", "linux/arm/v5"),
        ("linux/armhf", "linux/arm/v7"),
        ("linux/armel", "linux/arm/v6"),
        ("linux/i386", "linux/386"),
        ("linux/riscv64", "linux/riscv64"),
        ("linux", "linux"),
    ],
)
def test_a_platform_has_one_spelling(spelled: str, normal: str) -> None:
    assert str(Platform.read(spelled)) == normal
    assert Platform.read(normal) == Platform.read(spelled)


@pytest.mark.parametrize(
    ("machine", "expected"),
    [
        ("x86_64", "linux/amd64"),
        ("aarch64", "linux/arm64"),
        ("i686", "linux/386"),
        ("armv7l", "linux/arm/v7"),
        ("armv6l", "linux/arm/v6"),
        ("s390x", "linux/s390x"),
    ],
)
def test_a_machine_is_known_by_the_kernels_name(machine: str, expected: str) -> None:
    assert str(Platform.of_kernel(machine)) == expected


def test_the_kernels_name_of_an_architecture() -> None:
    assert [kernel_name(name) for name in ("amd64", "arm64", "386", "s390x")] == ["x86_64", "aarch64", "i686", "s390x"]


def test_platforms_have_one_order() -> None:
    assert in_order(["linux/arm64/v8", "linux/amd64", "linux/aarch64"]) == ("linux/amd64", "linux/arm64")
