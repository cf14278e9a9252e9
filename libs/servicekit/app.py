"""Create the FastAPI app that every service starts from.

``GET /live`` answers as long as the process can. ``GET /ready`` also checks the service's stores, for at most two
seconds. ``GET /metrics`` serves the metrics for Prometheus. Every route that answers GET answers HEAD. A service does
not authenticate its clients: the ingress in front of it does.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext

from fastapi import FastAPI, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel

from servicekit.bodies import LARGEST, SLOWEST, BodyLimit, StrictRoute
from servicekit.checks import Check, Checks
from servicekit.heads import AnswerHead
from servicekit.logs import configure_logging
from servicekit.observing import Observe
from servicekit.problems import PROBLEMS, ErrorShape, handle
from servicekit.settings import served_version

#: The app enters this context before the first request and leaves it after the last one.
Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


class Liveness(BaseModel):
    service: str


class Readiness(BaseModel):
    """Whether the service is ready, and the names of the stores that do not answer, or cannot take a write."""

    service: str
    ready: bool
    failures: list[str]


def create_app(
    name: str,
    *,
    checks: Mapping[str, Check] | None = None,
    lifespan: Lifespan | None = None,
    max_body: int = LARGEST,
    body_seconds: float = SLOWEST,
    errors: ErrorShape = PROBLEMS,
) -> FastAPI:
    """Return an app called ``name`` that refuses bodies of more than ``max_body`` bytes, or ``body_seconds``.

    A client never gets the text of an unexpected exception, which may hold an address or a password. The service's log
    has it.
    """
    log = configure_logging(name)
    stores = Checks(checks or {}, log)

    @asynccontextmanager
    async def living(app: FastAPI) -> AsyncIterator[dict[str, ErrorShape]]:
        async with lifespan(app) if lifespan else nullcontext():
            yield {"errors": errors}  # for servicekit.http_protocol

    app = FastAPI(
        title=name,
        version=served_version(),
        lifespan=living,
        responses={"default": errors.described},
        docs_url=None,  # FastAPI's pages load scripts from a network of others
        redoc_url=None,
    )
    app.router.route_class = StrictRoute
    handle(app, errors)
    app.add_middleware(AnswerHead)
    app.add_middleware(BodyLimit, max_bytes=max_body, max_seconds=body_seconds)
    app.add_middleware(Observe, log=log, errors=errors)

    @app.get("/live")
    async def live() -> Liveness:
        """Answer as long as the process can."""
        return Liveness(service=name)

    @app.get("/ready", responses={503: {"model": Readiness}})
    async def ready(response: Response) -> Readiness:
        """Answer 200 when every store answers, else 503 and the names of those that do not."""
        failures = await stores.failures()
        response.status_code = 503 if failures else 200
        return Readiness(service=name, ready=not failures, failures=failures)

    @app.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    app.get("/health", include_in_schema=False)(ready)  # an alias of /ready
    return app
