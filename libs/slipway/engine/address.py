"""Where the engine is, and buildx: as docker's CLI finds them, so that listing and building mean the same one."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from slipway.errors import MissingError

DEFAULT = "unix:///var/run/docker.sock"
DOCKER_BUILDX = ("docker", "buildx")
#: Below the folders that the configuration names and its own ``cli-plugins``.
_PLUGINS = tuple(f"/usr/{folder}/docker/cli-plugins" for folder in ("local/lib", "local/libexec", "lib", "libexec"))


def engine_address(host: str, context: str, config: Path) -> str:
    """``host`` (DOCKER_HOST), else the address of ``context`` (DOCKER_CONTEXT), else of the context that docker's
    configuration folder ``config`` has in use, else the default socket.

    Raises MissingError for a context that is not there.
    """
    if host:
        return host
    name = context_name(host, context, config)
    if name == "default":
        return DEFAULT
    # docker's CLI keeps each context under the digest of its name.
    meta = config / "contexts/meta" / hashlib.sha256(name.encode()).hexdigest() / "meta.json"
    found = _read(meta).get("Endpoints", {}).get("docker", {}).get("Host", "")
    if not found:
        raise MissingError(f"docker context {name}: not there", hint="docker context ls, docker context use default")
    return str(found)


def context_name(host: str, context: str, config: Path) -> str:
    """The Docker context of that address, whose name buildx gives to the engine's own builder."""
    return "default" if host else context or _read(config / "config.json").get("currentContext", "") or "default"


def buildx_words(config: Path) -> tuple[str, ...]:
    """What runs buildx: the plugin itself where docker's CLI would find it, for that CLI takes 0.07 s to begin."""
    extra = _read(config / "config.json").get("cliPluginsExtraDirs")
    for folder in (*(extra if isinstance(extra, list) else ()), config / "cli-plugins", *_PLUGINS):
        plugin = Path(folder, "docker-buildx")
        if plugin.is_file() and os.access(plugin, os.X_OK):
            return (str(plugin),)
    return DOCKER_BUILDX


def _read(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
