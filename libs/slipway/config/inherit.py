"""Read ``[tool.slipway] inherit``: which RUN instructions get pip's configuration and the CA bundle.

[tool.slipway]
inherit = "run"

The default is ``mount``: a RUN gets what it mounts. With ``run``, slipway adds mounts to every other RUN. Each file is
a secret in ``/dev/slipway``, and a variable holds only the path of a file. ``/dev`` is in memory during a step, so the
image does not even keep the mount points.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from slipway.config.pip import PipConfig, pip_conf, plain_uv_toml

#: The secrets that a Dockerfile may mount by itself.
MOUNTABLE = ("ca", "pip.conf", "uv.toml")
_FOLDER = "/dev/slipway"
_CA = f"{_FOLDER}/ca.crt"


class Inherit(StrEnum):
    """Name the RUN instructions that get pip's configuration: those that mount it, or every RUN."""

    MOUNT = "mount"
    RUN = "run"


@dataclass(frozen=True)
class File:
    """Hold a file of each step: the secret's id, the path, and the variables that lead programs to the file.

    ``value``: the value of the variables, if that is not the path. ``content``: returns the file's content from pip's
    configuration; None for the CA bundle.
    """

    id: str
    path: str
    variables: tuple[str, ...] = ()
    value: str = ""
    content: Callable[[PipConfig], str] | None = None

    @property
    def value_id(self) -> str:
        """Return the id of the secret whose content is the value of the variables."""
        return f"{self.id}.path"

    @property
    def ids(self) -> tuple[str, ...]:
        return (self.id, self.value_id) if self.variables else (self.id,)

    @property
    def mounts(self) -> Iterator[str]:
        """Yield the flags of a RUN. Any user of a step can read the file."""
        yield f"--mount=type=secret,id={self.id},target={self.path},mode=0444"
        yield from (f"--mount=type=secret,id={self.value_id},env={name}" for name in self.variables)


#: pip and uv read the folders of XDG_CONFIG_DIRS first, so that any configuration of the image's own wins.
_CONFIGURATION = (
    File(
        "slipway.pip.conf",
        f"{_FOLDER}/config/pip/pip.conf",
        ("XDG_CONFIG_DIRS",),
        f"{_FOLDER}/config:/etc/xdg",
        pip_conf,
    ),
    File("slipway.uv.toml", f"{_FOLDER}/config/uv/uv.toml", content=plain_uv_toml),
)
#: OpenSSL, Go, Ruby and uv read SSL_CERT_FILE. The last two files are for programs without such a variable.
_TRUST = (
    File(
        "ca",
        _CA,
        ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO", "NODE_EXTRA_CA_CERTS"),
    ),
    File(
        "slipway.apt.conf",
        f"{_FOLDER}/apt.conf",
        ("APT_CONFIG",),
        content=lambda _: f'Acquire::https::CaInfo "{_CA}";\n',
    ),
    File("slipway.wgetrc", f"{_FOLDER}/wgetrc", ("WGETRC",), content=lambda _: f"ca_certificate = {_CA}\n"),
)
#: The secrets that only the mounts of slipway name.
ADDED = tuple(name for file in (*_CONFIGURATION, *_TRUST) for name in file.ids if name not in MOUNTABLE)


def mounts(inherit: Inherit, *, ca: bool) -> str:
    """Return the flags that slipway adds to a RUN; an empty string when it adds none.

    ``ca``: whether builds get a CA bundle. BuildKit sets a variable without a secret to an empty text, which OpenSSL
    takes for a file's name, so a build without a CA bundle has no such variable.
    """
    files = (*_CONFIGURATION, *(_TRUST if ca else ())) if inherit is Inherit.RUN else ()
    return " ".join(flag for file in files for flag in file.mounts)


def contents(config: PipConfig) -> Mapping[str, str]:
    """Return the content of each secret that the mounts name, except the CA bundle.

    A RUN does not get the find-links folders of this machine: they would be inputs of every image.
    """
    files, reachable = (*_CONFIGURATION, *_TRUST), replace(config, folders=())
    found = {file.id: file.content(reachable) for file in files if file.content}
    return found | {file.value_id: file.value or file.path for file in files if file.variables}


def inherit_faults(value: object) -> Iterator[tuple[str, str, str]]:
    """Yield the key, the fault and the fix when ``value`` is not one of ``Inherit``."""
    if value not in tuple(Inherit):
        yield "inherit", f"inherit is {' or '.join(Inherit)}", 'inherit = "run"'
