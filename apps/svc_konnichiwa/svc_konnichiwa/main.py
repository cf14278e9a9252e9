"""Serve ``GET /``, which says hello, and ``GET /inspect``, which needs the key as a bearer token."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Query, Request
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase
from pydantic import BaseModel, SecretStr, field_validator

from servicekit.app import create_app
from servicekit.problems import refusals
from servicekit.settings import ServiceSettings, load
from svc_konnichiwa.bearer import Verdict, is_token, judge
from svc_konnichiwa.inspection import Inspection, inspect

_REASONS = {
    Verdict.NO_TOKEN: "send the key: Authorization: Bearer KEY",
    Verdict.WRONG_TOKEN: "the key is wrong",
    Verdict.MALFORMED: "send one header, Authorization: Bearer KEY, with one key",
}


class Settings(ServiceSettings):
    api_key: SecretStr

    @field_validator("api_key")
    @classmethod
    def a_header_can_carry_it(cls, key: SecretStr) -> SecretStr:
        if not is_token(key.get_secret_value()):
            raise ValueError("set a key of letters, digits and -._~+/ (openssl rand -hex 32 prints one)")
        return key


class Hello(BaseModel):
    message: str


class Bearer(SecurityBase):
    """Let a request pass that has the key; refuse any other by RFC 6750.

    FastAPI's own HTTPBearer knows no key, and answers the same to a missing and to a malformed token.
    """

    def __init__(self, key: SecretStr) -> None:
        self.model = HTTPBearer()
        self.scheme_name = "API_KEY"
        self._key = key

    async def __call__(self, request: Request) -> None:
        verdict = judge(request.headers.getlist("authorization"), self._key.get_secret_value())
        if verdict is not Verdict.GRANTED:
            challenge = {"WWW-Authenticate": verdict.challenge}
            raise HTTPException(verdict.status, _REASONS[verdict], headers=challenge)


def app() -> FastAPI:
    """Return the service, with its settings from the environment."""
    return create(load(Settings))


def create(settings: Settings) -> FastAPI:
    """Return the service with this key."""
    app = create_app("svc-konnichiwa")

    @app.get("/", responses=refusals(422))
    async def hello(name: Annotated[str, Query(max_length=100)] = "") -> Hello:
        """Say hello, to ``name`` if the client gives one."""
        return Hello(message=f"こんにちは、{name}さん" if name else "こんにちは")

    @app.get("/inspect", dependencies=[Depends(Bearer(settings.api_key))], responses=refusals(400, 401))
    async def inspect_process() -> Inspection:
        """Return the interpreter, the machine, the user, the memory and the packages of this process."""
        return inspect()

    return app
