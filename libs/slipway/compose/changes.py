"""Wait for the engine to report a change of a project's containers, so that slipway need not ask again and again."""

from __future__ import annotations

import json
import threading
import time
from contextlib import suppress
from urllib.parse import urlencode

from slipway.compose.logs import Stream
from slipway.compose.running_file import PROJECT_LABEL
from slipway.core.errors import SlipwayError
from slipway.core.threads import start_in_thread
from slipway.engine.address import API_VERSION

#: A health check that runs makes three events of other kinds.
_EVENTS = ("create", "start", "die", "oom", "restart", "pause", "unpause", "destroy", "health_status")
#: While the engine reports nothing, a look is due after this many seconds.
_PAUSE = 0.1


class Changes:
    """Listen to the engine's events about the containers of ``project``, for at most ``seconds``.

    Without events, as from an engine that is lost, ``wait`` returns soon.
    """

    def __init__(self, stream: Stream, project: str, seconds: float) -> None:
        self._changed = threading.Event()
        self._listens = True
        start_in_thread(lambda: self._listen(stream, _question(project, seconds)))

    def wait(self, at_most: float) -> None:
        """Return after the next change, or after ``at_most`` seconds."""
        self._changed.wait(at_most if self._listens else min(at_most, _PAUSE))
        self._changed.clear()

    def notice(self) -> None:
        """Let ``wait`` return now."""
        self._changed.set()

    def _listen(self, stream: Stream, question: str) -> None:
        with suppress(OSError, SlipwayError):
            for _ in stream(question):
                self._changed.set()
        self._listens = False
        self._changed.set()


def _question(project: str, seconds: float) -> str:
    """Return the request's path. The engine itself ends its answer, so that no connection stays open."""
    filters = json.dumps({"type": ["container"], "label": [f"{PROJECT_LABEL}={project}"], "event": _EVENTS})
    return f"/v{API_VERSION}/events?{urlencode({'filters': filters, 'until': f'{time.time() + seconds:.3f}'})}"
