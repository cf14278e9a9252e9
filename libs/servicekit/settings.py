"""Read a service's settings from the environment; all mistakes are told together, and no secret is shown."""

from __future__ import annotations

from typing import TypeVar

from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

T = TypeVar("T", bound="ServiceSettings")


class ServiceSettings(BaseSettings):
    """What a service's settings derive from: the field ``neo4j_url`` is read from ``NEO4J_URL``.

    A password is a ``SecretStr``, so that neither ``repr`` nor an error shows it.
    """

    model_config = SettingsConfigDict(frozen=True, hide_input_in_errors=True)


def load(cls: type[T]) -> T:
    """Return the settings. Raises SystemExit with every variable that is missing or wrong, which ends the process."""
    try:
        return cls()
    except ValidationError as error:
        told = (f"{'.'.join(map(str, one['loc'])).upper() or 'settings'}: {one['msg']}" for one in error.errors())
        raise SystemExit("settings: " + "; ".join(told)) from None
