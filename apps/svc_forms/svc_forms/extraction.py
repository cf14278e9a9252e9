"""svc-extract, asked over HTTP."""

from __future__ import annotations

import httpx


class ExtractionFailed(Exception):
    """svc-extract could not be asked or answered something else than findings."""


def extract(url: str, text: str, *, timeout: float) -> list[dict[str, object]]:
    """The findings of ``text``, as ``POST url`` answers them.

    Raises ExtractionFailed, which clients may see: it holds no address and no exception's text; its cause has them.
    """
    try:
        reply = httpx.post(url, json={"text": text}, timeout=timeout)
        reply.raise_for_status()
        findings = reply.json()["findings"]
    except httpx.HTTPStatusError as error:
        status = error.response.status_code
        raise ExtractionFailed(f"EXTRACT_URL answered {status}") from error
    except httpx.HTTPError as error:
        raise ExtractionFailed(f"EXTRACT_URL was not reached: {type(error).__name__}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ExtractionFailed("EXTRACT_URL answered no findings") from error
    if not isinstance(findings, list):
        raise ExtractionFailed("EXTRACT_URL answered no findings")
    return findings
