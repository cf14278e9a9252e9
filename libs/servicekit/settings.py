"""Read a service's settings from the environment, and report all mistakes together, without secrets."""

from __future__ import annotations

from typing import TypeVar

from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

T = TypeVar("T", bound="ServiceSettings")


class ServiceSettings(BaseSettings):
    """Read a service's settings: the field ``neo4j_url`` comes from ``NEO4J_URL``. Services derive their own.

    A password is a ``SecretStr``, so that neither ``repr`` nor an error shows it.
    """

    model_config = SettingsConfigDict(frozen=True, hide_input_in_errors=True)


def load(cls: type[T]) -> T:
    """Return the settings of the class ``cls``.

    Raises SystemExit, which ends the process, with every variable that is missing or wrong.
    """
    try:
        return cls()
    except ValidationError as error:
        told = (f"{'.'.join(map(str, one['loc'])).upper() or 'settings'}: {one['msg']}" for one in error.errors())
        raise SystemExit("settings: " + "; ".join(told)) from None
