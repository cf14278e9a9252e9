"""The FastAPI app every service starts from: ``/health``, ``/metrics``, one log line per request."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Histogram, generate_latest

from servicekit.logs import configure_logging

#: A check returns nothing when all is well and raises when it is not.
Check = Callable[[], None]
#: What runs before the first request and after the last.
Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]

REQUESTS = Counter("http_requests_total", "Requests served", ["method", "path", "status"])
SECONDS = Histogram("http_request_seconds", "Time to answer, seconds", ["path"])


def create_app(name: str, *, checks: Mapping[str, Check] | None = None, lifespan: Lifespan | None = None) -> FastAPI:
    """An app called ``name``. ``/health`` answers 200 while every check passes, else 503 and the failed checks' names.

    A client never gets an exception's text, which may hold an address or a password. Why a check fails, and whatever a
    route lets escape (500), stands in the service's log with its traceback.
    """
    log = configure_logging(name)
    app = FastAPI(title=name, lifespan=lifespan)

    @app.middleware("http")
    async def observe(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        started = time.perf_counter()
        response: Response
        try:
            response = await call_next(request)
        except Exception:
            log.exception("a route failed", extra={"path": request.url.path})
            response = JSONResponse({"detail": "internal error; the service's log has it"}, status_code=500)
        seconds = time.perf_counter() - started
        route = request.scope.get("route")
        path = getattr(route, "path", "unmatched")
        REQUESTS.labels(request.method, path, str(response.status_code)).inc()
        SECONDS.labels(path).observe(seconds)
        if path not in ("/health", "/metrics"):
            log.info("request", extra={"path": path, "status": response.status_code, "seconds": round(seconds, 4)})
        return response

    @app.get("/health")
    def health(response: Response) -> dict[str, object]:
        failures: list[str] = []
        for check_name, check in (checks or {}).items():
            try:
                check()
            except Exception:
                log.exception("a health check failed", extra={"check": check_name})
                failures.append(check_name)
        response.status_code = 503 if failures else 200
        return {"service": name, "healthy": not failures, "failures": failures}

    @app.get("/metrics")
    def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return app
