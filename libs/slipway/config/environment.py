"""What the environment says beside the settings, as a value: ``settings.surroundings`` reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from slipway.engine.address import Endpoint, buildx_words, context_name, endpoint
from slipway.secrets.patterns import login_secrets
from slipway.secrets.secret import Secret


@dataclass(frozen=True)
class Surroundings:
    """What the environment says of the terminal, the engine, the proxies, pip, ssh's agent (its socket), and the user's
    folders (``state`` and ``runtime`` as the XDG specification has them)."""

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
    runtime: str

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Logins in the addresses of the engine, the proxies, and pip's indexes."""
        given = (self.docker_host, *self.proxies.values(), *(word for v in self.pip.values() for word in v.split()))
        return tuple(secret for address in given for secret in login_secrets(address))

    @property
    def docker_host(self) -> str:
        return self.docker.get("DOCKER_HOST", "")

    @property
    def engine(self) -> Endpoint:
        """The engine that docker's CLI takes. Raises MissingError for a Docker context that is not there."""
        return endpoint(self.docker, self.docker_config)

    @property
    def builder(self) -> str:
        """The engine's own builder, as buildx calls it."""
        return context_name(self.docker_host, self.docker.get("DOCKER_CONTEXT", ""), self.docker_config)

    @property
    def buildx(self) -> tuple[str, ...]:
        """The words that run buildx."""
        return buildx_words(self.docker_config)
