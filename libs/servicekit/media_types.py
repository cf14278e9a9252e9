"""Tell from a request's Content-Type what it holds. A service that takes no forms needs no parser of forms for that."""

from __future__ import annotations

from fastapi import Request


def is_multipart(request: Request) -> bool:
    """Tell whether the request's Content-Type says that it holds a form with files."""
    kind: str = request.headers.get("content-type", "")
    return kind.partition(";")[0].strip().lower() == "multipart/form-data"


def is_json(request: Request) -> bool:
    """Tell whether the request's Content-Type says that it holds JSON."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))
