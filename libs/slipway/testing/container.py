"""A running container as a test sees it. Importing this costs nothing: the SDK and requests come with first use."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from slipway import containers
from slipway.errors import SmokeError

if TYPE_CHECKING:
    from requests import Response

REQUEST_TIMEOUT = 60.0
STOP_GRACE = 10


@dataclass(frozen=True)
class Executed:
    """What a command run inside gave: its exit code and its output, both streams."""

    exit_code: int
    output: str


class Container:
    """A container that was healthy when it was handed out.

    ``name`` is the image's name, ``id`` the engine's id of the container, ``image`` the id it runs from.
    """

    def __init__(self, client: containers.Client, container: str, spec: containers.Spec, port: str) -> None:
        self._client = client
        self._spec = spec
        self._port = port
        self.id = container
        self.name = spec.alias
        self.image = spec.image
        self.stopped = False

    def __repr__(self) -> str:
        return f"<Container {self._spec.name}>"

    @cached_property
    def url(self) -> str:
        """``http://127.0.0.1:PORT``, the port as the engine picked it. Raises SmokeError when nothing is exposed."""
        if not self._port:
            raise SmokeError(f"{self.name}: its image exposes no port", hint="EXPOSE 8080 in its Dockerfile")
        return f"http://127.0.0.1:{containers.port_of(self._client, self.id, self._port)}"

    def get(self, path: str, **options: Any) -> Response:
        return self._request("GET", path, options)

    def post(self, path: str, **options: Any) -> Response:
        return self._request("POST", path, options)

    def put(self, path: str, **options: Any) -> Response:
        return self._request("PUT", path, options)

    def delete(self, path: str, **options: Any) -> Response:
        return self._request("DELETE", path, options)

    def exec(self, *argv: str) -> Executed:
        """Run a command inside, without a shell."""
        return Executed(*containers.execute(self._client, self.id, argv))

    def logs(self) -> str:
        """All it has written to stdout and stderr so far."""
        return containers.log(self._client, self.id)

    @property
    def state(self) -> containers.State:
        """What the engine says of it right now."""
        return containers.State.of(self._client.api.inspect_container(self.id))

    def stop(self) -> float:
        """SIGTERM, and SIGKILL after 10 s; returns the seconds it took."""
        self.stopped = True
        return containers.stop(self._client, self.id, STOP_GRACE)

    def restart(self) -> None:
        """Stop it and start it again, healthy; its volumes keep their data, ``/tmp`` does not."""
        self.stop()
        self.__dict__.pop("url", None)
        containers.start(self._client, self.id, self.name)
        containers.wait_until_healthy(self._client, self.id, self.name, self._spec.sandbox)
        self.stopped = False

    def explain(self, what: str) -> str:
        """``what`` went wrong, with exit code, memory, last probe and last log lines."""
        return containers.explain(self.name, what, self.state, self.logs())

    def _request(self, method: str, path: str, options: dict[str, Any]) -> Response:
        import requests

        options.setdefault("timeout", REQUEST_TIMEOUT)
        url = urljoin(f"{self.url}/", path.lstrip("/"))
        with requests.Session() as session:
            session.trust_env = False  # a proxy of this machine is no way to 127.0.0.1
            try:
                return session.request(method, url, **options)
            except requests.ConnectionError as error:
                raise SmokeError(self.explain(f"{method} {path}: {error}")) from error
