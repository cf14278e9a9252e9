"""Read a service's settings from the environment, and report all mistakes together, without secrets."""

from __future__ import annotations

import os
from typing import Annotated, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

T = TypeVar("T", bound="ServiceSettings")


def _http(url: str) -> str:
    parts = urlsplit(url)
    if url and not (parts.scheme in ("http", "https") and parts.hostname):
        raise ValueError("is not an http:// or https:// URL")
    return url


#: The URL of another service, or an empty string.
HttpUrl = Annotated[str, AfterValidator(_http)]


class ServiceSettings(BaseSettings):
    """Read a service's settings: the field ``neo4j_url`` comes from ``NEO4J_URL``. Services derive their own.

    A password is a ``SecretStr``, so that neither ``repr`` nor an error shows it.
    """

    model_config = SettingsConfigDict(frozen=True, hide_input_in_errors=True, allow_inf_nan=False)


def load(cls: type[T]) -> T:
    """Return the settings of the class ``cls``.

    Raises SystemExit, which ends the process, with every variable that is missing or wrong.
    """
    mistakes = _port_mistakes()
    try:
        settings = cls()
    except ValidationError as error:
        mistakes += [f"{'.'.join(map(str, one['loc'])).upper() or 'settings'}: {one['msg']}" for one in error.errors()]
    if mistakes:
        raise SystemExit("settings: " + "; ".join(mistakes)) from None
    return settings


def served_version() -> str:
    """Return the version that the deployment gives the service, for its OpenAPI document.

    slipway gives an image with the same content only a new tag, so no image knows its version.
    """
    return os.environ.get("SERVICE_VERSION") or "unversioned"


def _port_mistakes() -> list[str]:
    """Refuse PORT, which other platforms read. uvicorn and the health check read UVICORN_PORT."""
    asked = os.environ.get("PORT")
    wrong = asked is not None and asked != os.environ.get("UVICORN_PORT", "8080")
    return ["PORT: set UVICORN_PORT instead, which the server and its health check read"] if wrong else []
