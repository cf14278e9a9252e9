"""Request findings from svc-extract over HTTP."""

from __future__ import annotations

import httpx

from servicekit.outgoing import http_client


class ExtractionFailed(Exception):
    """Report that svc-extract did not answer, or did not answer with findings."""


def extract(url: str, text: str, *, timeout: float) -> list[dict[str, object]]:
    """Return the findings of ``text`` that ``POST url`` answers. ``timeout`` is in seconds.

    Raises ExtractionFailed. Clients may see its message, which holds no address and no exception's text. Its cause has
    both.
    """
    try:
        with http_client(timeout) as client:
            reply = client.post(url, json={"text": text})
        reply.raise_for_status()
        findings = reply.json()["findings"]
    except httpx.HTTPStatusError as error:
        status = error.response.status_code
        raise ExtractionFailed(f"EXTRACT_URL answered {status}") from error
    except httpx.HTTPError as error:
        raise ExtractionFailed(f"EXTRACT_URL cannot be reached: {type(error).__name__}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ExtractionFailed("EXTRACT_URL answered no findings") from error
    if not isinstance(findings, list):
        raise ExtractionFailed("EXTRACT_URL answered no findings")
    return findings
