"""Where the engine is: as docker's CLI finds it, so that listing and building mean the same one."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from slipway.errors import MissingError

DEFAULT = "unix:///var/run/docker.sock"


def engine_address(host: str, context: str, config: Path) -> str:
    """``host`` (DOCKER_HOST), else the address of ``context`` (DOCKER_CONTEXT), else of the context that docker's
    configuration folder ``config`` has in use, else the default socket.

    Raises MissingError for a context that is not there.
    """
    if host:
        return host
    name = context or _read(config / "config.json").get("currentContext", "")
    if name in ("", "default"):
        return DEFAULT
    # docker's CLI keeps each context under the digest of its name.
    meta = config / "contexts/meta" / hashlib.sha256(name.encode()).hexdigest() / "meta.json"
    found = _read(meta).get("Endpoints", {}).get("docker", {}).get("Host", "")
    if not found:
        raise MissingError(f"docker context {name}: not there", hint="docker context ls, docker context use default")
    return str(found)


def _read(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
