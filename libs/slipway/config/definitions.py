"""Define every setting: its name, default, meaning and rule. A value of a setting has a source."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from slipway.core.compression import Compression
from slipway.core.destination import Destination
from slipway.core.errors import UsageError
from slipway.core.reference import check_path, check_registry, check_tag

_PLATFORM = re.compile(r"[a-z0-9]+/[a-z0-9]+(?:/[a-z0-9]+)?")
_COUNT = re.compile(r"[1-9][0-9]{0,2}")
_TIME = re.compile(r"[1-9][0-9]{0,4}[smh]")
_IMAGE = re.compile(r"[a-z0-9][A-Za-z0-9._/:@-]*")


@dataclass(frozen=True)
class Setting:
    """Hold a setting's name, default, one-line meaning, and the check of its value."""

    name: str
    default: str
    meaning: str
    check: Callable[[str, str], object] = lambda value, name: None


@dataclass(frozen=True)
class Value:
    """Hold a setting's value and source: ``--version``, ``environment``, ``.env:3``, ``invoke.yaml`` or ``default``."""

    name: str
    value: str
    source: str


def _form(pattern: re.Pattern[str], what: str, *examples: str) -> Callable[[str, str], None]:
    def check(value: str, name: str) -> None:
        if not pattern.fullmatch(value):
            raise UsageError(f"{name}={value}: not {what}", hint=f"{name}={' or '.join(examples)}")

    return check


def _platforms(value: str, name: str) -> None:
    for platform in value.split(","):
        check = _form(_PLATFORM, "os/arch[/variant], several joined by commas", "linux/amd64,linux/arm64")
        check(platform, name)


def _absolute(value: str, name: str) -> None:
    if not value.startswith(("/", "~")) or "\n" in value:
        raise UsageError(f"{name}={value}: not an absolute path", hint=f"{name}=/... or ~/...")


def _key_path(value: str, name: str) -> None:
    """Refuse a value that is not a path. The error does not quote it, because it may be the key itself."""
    if not value.startswith(("/", "~")) or "\n" in value:
        raise UsageError(f"{name}: not an absolute path", hint=f"{name}=/... or ~/..., the key's file")


def _web(value: str, name: str) -> None:
    if not re.fullmatch(r"https?://[^\s/?#]+[^\s?#]*", value):
        raise UsageError(f"{name}={value}: not a URL", hint=f"{name}=https://...")


SETTINGS: tuple[Setting, ...] = (
    Setting(
        "REGISTRY",
        "localhost:5000",
        "registry the images belong to: host[:port], docker.io for Docker Hub",
        check_registry,
    ),
    Setting("OWNER", "slipway", "path in the registry before the image's name", check_path),
    Setting("BASE_VERSION", "v0.1.0", "version tag of the base images", check_tag),
    Setting("VERSION", "", "version tag of the services (default: BASE_VERSION)", check_tag),
    Setting(
        "PYTHON_IMAGE",
        "python:3.12-slim",
        "root image of the bases",
        _form(_IMAGE, "an image reference", "python:3.12-slim"),
    ),
    Setting(
        "PLATFORMS",
        "",
        "platforms to build for, e.g. linux/amd64,linux/arm64 (default: this machine's)",
        _platforms,
    ),
    Setting(
        "BUILDER",
        "",
        "a buildx builder by name (default: the engine's own)",
        _form(re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*"), "a builder's name", "NAME, as docker buildx ls shows it"),
    ),
    Setting(
        "COMPRESSION",
        Compression.GZIP,
        "compression of the layers that builds make: gzip, or zstd for faster pushes and pulls",
        _form(re.compile("|".join(Compression)), " or ".join(Compression), *Compression),
    ),
    Setting(
        "JOBS",
        "",
        "images built at the same time (default: as many as fit in the engine's memory)",
        _form(_COUNT, "1 to 999", "4"),
    ),
    Setting(
        "BUILD_TIMEOUT",
        "2h",
        "how long an image's steps may take: 90s, 30m, 2h",
        _form(_TIME, "a whole number and s, m or h", "5m", "2h", "90s"),
    ),
    Setting(
        "OTEL_TRACES_SAMPLER",
        "always_off",
        "sampler of BuildKit's traces: always_on keeps one of each build, always_off none, which is faster",
        _form(re.compile("[a-z_]+"), "the name of a sampler of OpenTelemetry", "always_on", "always_off"),
    ),
    Setting(
        "REMOTE_HOST",
        "",
        "build host: an ssh alias or user@host[:port]",
        Destination.parse,
    ),
    Setting("SSH_CONFIG", "", "ssh configuration file (default: ~/.ssh/config and the system's)", _absolute),
    Setting("REMOTE_PATH", "/var/tmp/slipway", "folder on the build host", _absolute),
    Setting("WHEELHOUSE", "", "folder of wheels for builds (default: pip's find-links)", _absolute),
    Setting("CA_BUNDLE", "", "CA bundle for builds (default: pip's cert)", _absolute),
    Setting("OSV_URL", "https://api.osv.dev", "OSV service that scan asks about advisories", _web),
    Setting(
        "SIGN_KEY",
        "",
        "key that signs releases: the file of a private key, or of a public key that the ssh-agent holds",
        _key_path,
    ),
    Setting(
        "SIGN_WITH",
        "ssh",
        "program that signs and verifies releases: ssh (ssh-keygen) or cosign",
        _form(re.compile("ssh|cosign"), "ssh or cosign", "ssh", "cosign"),
    ),
    Setting(
        "ALLOWED_SIGNERS",
        "",
        "keys that may sign releases: git's file, or cosign's public key (default: allowed_signers beside .env)",
        _absolute,
    ),
    Setting(
        "SLOWNESS",
        "1",
        "how many times slower than usual this machine is; multiplies the time limits of smoke tests",
        _form(re.compile(r"[1-9][0-9]?(?:\.[0-9]+)?"), "a number from 1 to 99", "2", "1.5"),
    ),
)
