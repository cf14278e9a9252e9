"""Ask a running Streamlit page, as the script of its page in a browser does."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

import requests
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from apps.trials.asking import Answer, HttpClient, Request
from slipway.testing.plugin import Container

_SHOWN, _CLOSED, _TOLD, _FAILED = 200, 400, 422, 500
_UPLOADED = 204


@dataclass(frozen=True)
class Chosen:
    """Hold the files that a person chooses one after another. The page shows the last one."""

    data: bytes
    name: str = "test.csv"
    times: int = 1


@dataclass(frozen=True)
class Message:
    """Hold a message to the page's server: bytes that should be one of Streamlit's, or a text."""

    content: bytes | str


class PageClient:
    """Open a new page for each file or message.

    The answer to a file is 200 when the page shows its results, 422 when it tells a reason, and 500 when its script
    fails; the text is what it tells. The answer to a message is 400 when the server closes the page, and otherwise that
    of the page's next run. An upload that the server refuses has the status of HTTP.
    """

    def __init__(self, container: Container) -> None:
        self._url = container.url
        self._http = HttpClient(container)
        self._session = requests.Session()
        self._session.trust_env = False

    def ask(self, asked: Request | bytes | Chosen | Message, seconds: float = 120.0) -> Answer:
        if isinstance(asked, Request | bytes):
            return self._http.ask(asked, seconds)
        try:
            with connect(f"ws{self._url.removeprefix('http')}/_stcore/stream", max_size=None, proxy=None) as connection:
                page = _Page(connection, seconds)
                return page.told(asked) if isinstance(asked, Message) else self._chosen(page, asked, seconds)
        except WebSocketException as error:
            if isinstance(asked, Message):
                return Answer(_CLOSED, str(error).encode())
            raise ConnectionError(str(error)) from error

    def close(self) -> None:
        self._http.close()
        self._session.close()

    def _chosen(self, page: _Page, chosen: Chosen, seconds: float) -> Answer:
        page.run()
        self._session.get(f"{self._url}/_stcore/health", timeout=seconds)
        token = self._session.cookies.get("_streamlit_xsrf", "")
        for _ in range(chosen.times):
            file = str(uuid.uuid4())
            answer = self._session.put(
                f"{self._url}/_stcore/upload_file/{page.session}/{file}",
                files={"file": (chosen.name, chosen.data)},
                headers={"X-Xsrftoken": token},
                timeout=seconds,
            )
            if answer.status_code != _UPLOADED:
                return Answer.of(answer)
        return page.run(file, chosen)


class _Page:
    """Hold an open page: the id of its session, and of the widget that takes files."""

    def __init__(self, connection: ClientConnection, seconds: float) -> None:
        self._connection, self._seconds = connection, seconds
        self.session, self._uploader = "", ""

    def told(self, message: Message) -> Answer:
        self._connection.send(message.content)
        return self.run()

    def run(self, file: str = "", chosen: Chosen | None = None) -> Answer:
        """Run the page's script, with a file if one was uploaded, and return what the page shows."""
        self._connection.send(self._rerun(file, chosen))
        status = _SHOWN
        told: list[str] = []
        while True:
            message = self._received()
            if message.HasField("new_session"):
                self.session = message.new_session.initialize.session_id
            element = message.delta.new_element
            kind = element.WhichOneof("type") if message.HasField("delta") else None
            if kind == "file_uploader":
                self._uploader = element.file_uploader.id
            if kind == "exception":
                status, told = _FAILED, [*told, element.exception.message]
            if kind == "alert":
                status, told = max(status, _TOLD), [*told, element.alert.body]
            if message.WhichOneof("type") == "script_finished":
                return Answer(status, "\n".join(told).encode())

    def _received(self) -> Any:
        from streamlit.proto.ForwardMsg_pb2 import ForwardMsg  # Streamlit takes half a second to import

        return ForwardMsg.FromString(self._connection.recv(self._seconds, decode=False))

    def _rerun(self, file: str, chosen: Chosen | None) -> bytes:
        from streamlit.proto.BackMsg_pb2 import BackMsg

        asked = BackMsg()
        asked.rerun_script.query_string = ""
        if chosen:
            state = asked.rerun_script.widget_states.widgets.add(id=self._uploader)
            uploaded = state.file_uploader_state_value.uploaded_file_info.add()
            uploaded.name, uploaded.size, uploaded.file_id = chosen.name, len(chosen.data), file
        return asked.SerializeToString()
