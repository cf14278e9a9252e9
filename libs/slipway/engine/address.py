"""Where the engine is, and buildx: as docker's CLI finds them, so that listing and building mean the same one."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from slipway.core.addresses import is_loopback
from slipway.core.errors import PrerequisiteError
from slipway.core.objects import part, read_object

#: What docker's CLI takes its engine from.
VARIABLES = ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH")
DEFAULT = "unix:///var/run/docker.sock"
#: Spoken by every engine since 25; naming it saves the version's round trip.
API_VERSION = "1.44"
#: What docker's CLI takes when TLS alone is asked for.
TLS_DEFAULT = "tcp://localhost:2376"
CERTIFICATES = "DOCKER_CERT_PATH=<folder of ca.pem, cert.pem, key.pem>"
_SCHEMES = ("unix://", "tcp://", "ssh://")
_PEM = ("ca.pem", "cert.pem", "key.pem")
DOCKER_BUILDX = ("docker", "buildx")
#: Below the folders that the configuration names and its own ``cli-plugins``.
_PLUGINS = tuple(f"/usr/{folder}/docker/cli-plugins" for folder in ("local/lib", "local/libexec", "lib", "libexec"))


@dataclass(frozen=True)
class Tls:
    """The files of certificates for an engine: its CA, ours and our key, each None where there is none.

    ``verify``: whether the engine's own certificate is looked at. ``setting`` says where the files are from.
    """

    ca: Path | None
    cert: Path | None
    key: Path | None
    verify: bool
    setting: str


@dataclass(frozen=True)
class Endpoint:
    """Where an engine is: ``unix://…``, ``tcp://…`` or ``ssh://…``, and the certificates that it wants.

    ``source``: who said so, empty for docker's default. ``host``: the build host that the socket leads to.
    """

    address: str = DEFAULT
    source: str = ""
    tls: Tls | None = None
    host: str = ""

    @property
    def is_near(self) -> bool:
        """Whether its machine is this one, as far as the address tells: its ports are published here."""
        scheme, _, place = self.address.partition("://")
        return not self.host and (scheme == "unix" or (scheme == "tcp" and is_loopback(place)))

    def __str__(self) -> str:
        if self.host:
            return f"engine of {self.host}"
        return f"engine {self.address}" + f" ({self.source})" * bool(self.source)


def endpoint(variables: Mapping[str, str], config: Path) -> Endpoint:
    """The engine that docker's CLI takes by its environment variables and its configuration folder ``config``.

    DOCKER_HOST, else the context of DOCKER_CONTEXT, else the one in use, else the default address. Raises
    PrerequisiteError for a context or certificates that are not there, and for what is no address.
    """
    host = variables.get("DOCKER_HOST", "")
    name = context_name(host, variables.get("DOCKER_CONTEXT", ""), config)
    if name != "default":
        return _of_context(name, config)
    tls = _tls_of_environment(variables, config)
    source = "DOCKER_HOST" if host else "DOCKER_TLS" if tls else ""
    address = _full(host) if host else TLS_DEFAULT if tls else DEFAULT
    return _checked(Endpoint(address, source, tls if address.startswith("tcp://") else None))


def _of_context(name: str, config: Path) -> Endpoint:
    # docker's CLI keeps each context under the digest of its name.
    key = hashlib.sha256(name.encode()).hexdigest()
    found = part(part(read_object(config / "contexts/meta" / key / "meta.json"), "Endpoints"), "docker")
    source = f"docker context {name}"
    if not found.get("Host"):
        raise PrerequisiteError(f"{source}: not there", hint="docker context ls, docker context use default")
    folder = config / "contexts/tls" / key / "docker"
    ca, cert, private = (folder / file if (folder / file).is_file() else None for file in _PEM)
    verify = not found.get("SkipTLSVerify", False)
    wanted = bool(ca or cert or private) or not verify
    address = _full(str(found["Host"]))
    tls = Tls(ca, cert, private, verify, source) if wanted and address.startswith("tcp://") else None
    return _checked(Endpoint(address, source, tls))


def _checked(found: Endpoint) -> Endpoint:
    if not found.address.startswith(_SCHEMES):
        raise PrerequisiteError(
            f"{found}: not {', '.join(f'{scheme}…' for scheme in _SCHEMES)}", hint="docker context ls"
        )
    return found


def _tls_of_environment(variables: Mapping[str, str], config: Path) -> Tls | None:
    """DOCKER_TLS_VERIFY, or DOCKER_TLS alone, which does not look at the engine's certificate."""
    verify = bool(variables.get("DOCKER_TLS_VERIFY"))
    if not verify and not variables.get("DOCKER_TLS"):
        return None
    folder = Path(variables.get("DOCKER_CERT_PATH") or config)
    setting = "DOCKER_CERT_PATH" if variables.get("DOCKER_CERT_PATH") else "DOCKER_TLS"
    ca, cert, key = (folder / file for file in _PEM)
    if not ca.is_file():
        raise PrerequisiteError(f"{ca} ({setting}): no such file", hint=CERTIFICATES)
    return Tls(ca, cert if cert.is_file() else None, key if key.is_file() else None, verify, setting)


def _full(address: str) -> str:
    """With the scheme and the port that docker's CLI adds."""
    address = address if "://" in address else f"tcp://{address}"
    if address.startswith("tcp://") and not re.search(r":\d+(/|$)", address.removeprefix("tcp://")):
        return f"{address.rstrip('/')}:2375"
    return address


def context_name(host: str, context: str, config: Path) -> str:
    """The Docker context of that address, whose name buildx gives to the engine's own builder."""
    return "default" if host else context or read_object(config / "config.json").get("currentContext", "") or "default"


def buildx_words(config: Path) -> tuple[str, ...]:
    """What runs buildx: the plugin itself where docker's CLI would find it, for that CLI takes 0.07 s to begin."""
    extra = read_object(config / "config.json").get("cliPluginsExtraDirs")
    for folder in (*(extra if isinstance(extra, list) else ()), config / "cli-plugins", *_PLUGINS):
        plugin = Path(folder, "docker-buildx")
        if plugin.is_file() and os.access(plugin, os.X_OK):
            return (str(plugin),)
    return DOCKER_BUILDX
