"""Read the environment of this process: no other module does. Hold its facts that are not settings."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from slipway.engine.address import VARIABLES, Endpoint, buildx_words, compose_words, context_name, endpoint
from slipway.secrets.patterns import login_secrets
from slipway.secrets.secret import Secret


@dataclass(frozen=True)
class Surroundings:
    """Hold the environment's facts about terminal, engine, proxies, pip, ssh's agent and the user's folders.

    ``state`` and ``runtime`` are folders as the XDG specification defines them; ssh's agent is the path of its socket.
    """

    docker: Mapping[str, str]
    docker_config: Path
    docker_auth_config: str = field(repr=False)
    ci: bool
    no_color: bool
    proxies: Mapping[str, str]
    pip: Mapping[str, str]
    ssh_agent: str
    home: Path
    state: str
    cache: str
    runtime: str

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Return the logins in the addresses of the engine, the proxies and pip's indexes."""
        given = (self.docker_host, *self.proxies.values(), *(word for v in self.pip.values() for word in v.split()))
        return tuple(secret for address in given for secret in login_secrets(address))

    @property
    def docker_host(self) -> str:
        return self.docker.get("DOCKER_HOST", "")

    @property
    def engine(self) -> Endpoint:
        """Return the engine that docker's CLI would use. Raises PrerequisiteError for a missing Docker context."""
        return endpoint(self.docker, self.docker_config)

    @property
    def builder(self) -> str:
        """Return buildx's name of the engine's own builder."""
        return context_name(self.docker_host, self.docker.get("DOCKER_CONTEXT", ""), self.docker_config)

    @property
    def buildx(self) -> tuple[str, ...]:
        """Return the words that run buildx."""
        return buildx_words(self.docker_config)

    @property
    def compose(self) -> tuple[str, ...]:
        """Return the words that run compose."""
        return compose_words(self.docker_config)


def variables() -> Mapping[str, str]:
    """Return the environment variables of this process."""
    return os.environ


def inherited(extra: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a child process: that of this process and ``extra``."""
    return {**os.environ, **extra}


def surroundings() -> Surroundings:
    """Return the facts of this process's environment."""
    home = _home()
    proxies = {
        name: value for name, value in os.environ.items() if name.lower() in ("http_proxy", "https_proxy", "no_proxy")
    }
    return Surroundings(
        {name: os.environ[name] for name in VARIABLES if name in os.environ},
        Path(os.environ.get("DOCKER_CONFIG") or home / ".docker"),
        os.environ.get("DOCKER_AUTH_CONFIG", ""),
        bool(os.environ.get("CI")),
        bool(os.environ.get("NO_COLOR")),
        proxies,
        {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "XDG_CONFIG_"))},
        os.environ.get("SSH_AUTH_SOCK", ""),
        home,
        os.environ.get("XDG_STATE_HOME") or f"{home}/.local/state",
        os.environ.get("XDG_CACHE_HOME") or f"{home}/.cache",
        os.environ.get("XDG_RUNTIME_DIR", ""),
    )


def _home() -> Path:
    """Return the user's home folder, or ``~`` itself for a user without one."""
    try:
        return Path.home()
    except RuntimeError:
        return Path("~")
