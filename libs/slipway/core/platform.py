"""Name platforms as containerd does, with one spelling for each architecture and variant.

The rules are those of containerd's ``platforms/database.go``.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

#: Other spellings of an architecture.
_SPELLINGS = {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "i386": "386"}
#: Spellings that include the variant.
_WITH_VARIANT = {"armhf": ("arm", "v7"), "armel": ("arm", "v6")}
#: (architecture, variant) → the variant's one spelling.
_VARIANTS = {("amd64", "v1"): "", ("arm64", "8"): "", ("arm64", "v8"): "", ("arm", ""): "v7"} | {
    ("arm", number): f"v{number}" for number in "5678"
}
#: An architecture → the kernel's name for it (``uname -m``), where the two differ.
_KERNEL = {"amd64": "x86_64", "arm64": "aarch64", "386": "i686", "armhf": "armv7l", "armel": "armv6l"}


@dataclass(frozen=True)
class Platform:
    """Hold a platform such as ``linux/arm/v7``, each part in containerd's spelling.

    ``variant`` is empty for the architecture's usual variant.
    """

    system: str
    architecture: str
    variant: str = ""

    @classmethod
    def read(cls, text: str) -> Platform:
        """Read ``os/architecture[/variant]`` in any spelling."""
        system, spelled, variant = (*text.lower().split("/"), "", "")[:3]
        architecture = _SPELLINGS.get(spelled, spelled)
        architecture, variant = _WITH_VARIANT.get(architecture, (architecture, variant))
        return cls(system, architecture, _VARIANTS.get((architecture, variant), variant))

    @classmethod
    def of_kernel(cls, machine: str) -> Platform:
        """Return the platform of a Linux machine from its ``uname -m``."""
        return cls.read("linux/" + {kernel: name for name, kernel in _KERNEL.items()}.get(machine, machine))

    def __str__(self) -> str:
        return "/".join(filter(None, (self.system, self.architecture, self.variant)))


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Return platforms in containerd's spelling, each once, in one order: their order is not an input of an image."""
    return tuple(sorted({str(Platform.read(name)) for name in names}))


def this_platform() -> str:
    """Return this machine's platform, as ``linux/<architecture>[/variant]``."""
    return str(Platform.of_kernel(os.uname().machine))


def kernel_name(architecture: str) -> str:
    """Return the Linux kernel's name for an architecture, which Python uses too."""
    return _KERNEL.get(architecture, architecture)
