"""Create the FastAPI app that every service starts from.

``GET /live`` answers as long as the process can. ``GET /ready`` also checks the service's stores. ``GET /metrics``
serves the metrics for Prometheus. A service does not authenticate its clients: the ingress in front of it does.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager

from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from servicekit.bodies import LARGEST, SLOWEST, BodyLimit, StrictRoute
from servicekit.logs import configure_logging
from servicekit.observing import Observe
from servicekit.problems import PROBLEMS, ErrorShape, handle

#: A check raises an exception when a part that the service needs cannot be used. It reads, and never writes.
Check = Callable[[], None]
#: The app enters this context before the first request and leaves it after the last one.
Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


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
    app = FastAPI(title=name, lifespan=lifespan, responses=errors.responses)
    app.router.route_class = StrictRoute
    handle(app, errors)
    app.add_middleware(BodyLimit, max_bytes=max_body, max_seconds=body_seconds)
    app.add_middleware(Observe, log=log, errors=errors)

    @app.get("/live")
    def live() -> dict[str, object]:
        """Answer as long as the process can."""
        return {"service": name}

    @app.get("/ready")
    def ready(response: Response) -> dict[str, object]:
        """Answer 200 when every store answers, else 503 and the names of those that do not."""
        failures = [check_name for check_name, check in (checks or {}).items() if not _passes(check_name, check, log)]
        response.status_code = 503 if failures else 200
        return {"service": name, "ready": not failures, "failures": failures}

    @app.get("/metrics")
    def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    app.get("/health", include_in_schema=False)(ready)  # an alias of /ready
    return app


def _passes(name: str, check: Check, log: logging.Logger) -> bool:
    try:
        check()
    except Exception:
        log.exception("a check failed", extra={"check": name})
        return False
    return True
