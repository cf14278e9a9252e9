"""Write one JSON object per line to stdout, for a log collector."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

from servicekit.requestid import request_id

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


class JsonLines(logging.Formatter):
    """Format a log record as one line of JSON, with the id of the request that caused it."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        entry |= {"request_id": request_id()} if request_id() else {}
        entry |= {key: value for key, value in vars(record).items() if key not in _STANDARD}
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str)


def configure_logging(service: str) -> logging.Logger:
    """Return the service's logger, and log everything as JSON from now on.

    This includes uvicorn's lines and Python's warnings. uvicorn's access log is off, because Observe logs every
    request.
    """
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.captureWarnings(True)
    server = logging.getLogger("uvicorn")
    server.handlers.clear()
    server.propagate = True
    logging.getLogger("uvicorn.access").disabled = True
    return logging.getLogger(service)
