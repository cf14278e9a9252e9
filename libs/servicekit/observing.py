"""Give every request an id, a log line and an entry in the metrics."""

from __future__ import annotations

import asyncio
import logging
import time

from prometheus_client import Counter, Histogram
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from servicekit.problems import PROBLEMS, ErrorShape
from servicekit.requestid import HEADER, TRACE_HEADER, named, noted, request_id

REQUESTS = Counter("http_requests_total", "Requests served", ["method", "path", "status"])
SECONDS = Histogram(
    "http_request_seconds",
    "Time to answer, seconds",
    ["method", "path"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300),
)

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_UNLOGGED = frozenset({"/live", "/ready", "/health", "/metrics"})


class Observe:
    """Observe every request, as the outermost ASGI middleware, and answer 500 for a route that raises.

    A request that is cancelled, because the service stops, is answered 503.

    A client's own ``X-Request-ID`` is kept when it is a plain word, else the trace id of its ``traceparent``
    (``servicekit.requestid``). Clients cannot multiply the labels of the metrics: an unknown method becomes "other", a
    path without a route "unmatched". Probes and ``/metrics`` are not logged.
    """

    def __init__(self, app: ASGIApp, log: logging.Logger, errors: ErrorShape = PROBLEMS) -> None:
        self._app = app
        self._log = log
        self._errors = errors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        with named(headers.get(HEADER, ""), headers.get(TRACE_HEADER, "")):
            await self._observed(scope, receive, send)

    async def _observed(self, scope: Scope, receive: Receive, send: Send) -> None:
        started, status, method = time.perf_counter(), 0, scope["method"]

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = request_id()
            await send(message)

        try:
            await self._app(scope, receive, answer)
        except asyncio.CancelledError:
            # uvicorn cancels the requests that are not answered some seconds after SIGTERM.
            if not status:
                await self._errors.answer(503, "the service stops", None)(scope, receive, answer)
            raise
        except Exception:
            self._log.exception("a route failed", extra={"path": scope["path"]})
            if status:
                raise
            internal = self._errors.answer(500, "internal error; the service's log has it", None)
            await internal(scope, receive, answer)
        finally:
            self._note(scope, method, status, time.perf_counter() - started)

    def _note(self, scope: Scope, method: str, status: int, seconds: float) -> None:
        path = getattr(scope.get("route"), "path", "unmatched")
        method = method if method in _METHODS else "other"
        REQUESTS.labels(method, path, str(status)).inc()
        SECONDS.labels(method, path).observe(seconds)
        if path not in _UNLOGGED:
            seen = {"method": method, "path": path, "status": status, "seconds": round(seconds, 4)}
            self._log.info("request", extra={**noted(), **seen})
