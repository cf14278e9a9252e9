"""Give a test a running container. Importing this is cheap: the SDK and requests load on first use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from slipway.config.smoke import HttpReady
from slipway.core.errors import SlipwayError, SmokeError, printable
from slipway.engine.container_state import LOG_LINES, State, explain
from slipway.secrets.redactor import Redactor
from slipway.smoke import containers, health

if TYPE_CHECKING:
    from requests import Response

    from slipway.testing.container_host import ContainerHost

#: Seconds, on a machine of usual speed.
REQUEST_TIMEOUT = 60.0
PROBE_TIMEOUT = 5.0
STOP_GRACE = 10


@dataclass(frozen=True)
class Executed:
    """Hold the result of a command inside a container: exit code, and both output streams."""

    exit_code: int
    output: str


class Container:
    """Hold a container that was up when the test got it, or whose job had ended with 0.

    ``name`` is the image's name, ``id`` the engine's id of the container, ``image`` the id of its image. ``health``
    tells how its health is known: ``healthy``, ``ready: http://:8080/health``, or that there is no health check.
    """

    def __init__(
        self,
        client: containers.Client,
        container: str,
        spec: containers.Spec,
        port: str,
        redact: Redactor,
        host: ContainerHost,
    ) -> None:
        self._client = client
        self._spec = spec
        self._port = port
        self._redact = redact
        self._host = host
        self._url = ""
        self.id = container
        self.name = spec.alias
        self.image = spec.image
        self.health = ""
        self.stopped = False

    def __repr__(self) -> str:
        return f"<Container {self._spec.name}>"

    def start(self) -> None:
        """Start it and wait until it is up, or until its job has ended. Raises SmokeError with the reason."""
        self._url = ""
        with self._redacting():
            containers.start(self._client, self.id, self._spec)
            self.health = health.wait_until_up(self._client, self.id, self._spec, self.unready)
        self.stopped = self._spec.rules.job

    @property
    def url(self) -> str:
        """Return ``http://127.0.0.1:PORT``: the published port, or the port that leads to it on a build host.

        Raises SmokeError when the image exposes no port.
        """
        if not self._port:
            raise SmokeError(f"{self.name}: its image exposes no port", hint="EXPOSE 8080 in its Dockerfile")
        self._url = self._url or self._address()
        return self._url

    def address(self, port: int) -> str:
        """Return ``127.0.0.1:PORT``, which leads to a port that the image exposes, for clients of any protocol."""
        published = containers.port_of(self._client, self.id, f"{port}/tcp")
        return f"127.0.0.1:{self._host.port(published)}"

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
        with self._redacting():
            return Executed(*containers.execute(self._client, self.id, argv))

    def logs(self) -> str:
        """Return its output so far, stdout and stderr."""
        return containers.log(self._client, self.id)

    @property
    def state(self) -> State:
        """Return its state, as the engine reports it now."""
        return State.of(self._client.api.inspect_container(self.id))

    @property
    def environment(self) -> Mapping[str, str]:
        """Return the environment that the engine gave it."""
        given = self._client.api.inspect_container(self.id)["Config"]["Env"] or ()
        return dict(entry.partition("=")[::2] for entry in given)

    @property
    def users(self) -> frozenset[str]:
        """Return the user ids of its processes, as the engine's machine counts them."""
        return containers.users(self._client, self.id)

    def stop(self) -> float:
        """Send SIGTERM, and SIGKILL after 10 s (times slowness). Return the seconds it took."""
        self.stopped = True
        return containers.stop(self._client, self.id, round(STOP_GRACE * self._spec.sandbox.slowness))

    def kill(self) -> None:
        """Send SIGKILL to all its processes, and return once it has ended. ``restart`` starts it again."""
        self.stopped = True
        containers.kill(self._client, self.id)

    def pause(self) -> None:
        """Freeze all its processes: it accepts connections and answers nothing. ``unpause`` ends that."""
        containers.pause(self._client, self.id)

    def unpause(self) -> None:
        containers.unpause(self._client, self.id)

    def restart(self) -> None:
        """Stop it, start it, and wait until it is up. Its volumes keep their data, ``/tmp`` does not."""
        self.stop()
        self.start()

    def explain(self, what: str) -> str:
        """Return an error for ``what``, with exit code, memory, last probe and last log lines."""
        return self._redact(explain(self.name, what, self.state, self.logs()))

    def tail(self) -> str:
        """Return its last log lines, printable and redacted."""
        return printable(self._redact("\n".join(self.logs().splitlines()[-LOG_LINES:])))

    def unready(self, ready: HttpReady) -> str:
        """Return the reason why a GET of ``ready`` is not answered with 2xx; empty when it is. The body is not read."""
        import requests

        limit = PROBE_TIMEOUT * self._spec.sandbox.slowness
        with requests.Session() as session:
            session.trust_env = False
            try:
                url = f"http://{self.address(ready.port)}{ready.path}"
                answer = session.get(url, timeout=limit, allow_redirects=False, stream=True)
            except (requests.RequestException, SmokeError):  # its port is gone with its last process
                return f"{ready} does not answer"
        return "" if answer.ok and not answer.is_redirect else f"{ready} answered {answer.status_code}"

    def _request(self, method: str, path: str, options: dict[str, Any]) -> Response:
        """Send a request. A reply counts only if this container still had this port afterwards."""
        import requests

        options.setdefault("timeout", REQUEST_TIMEOUT * self._spec.sandbox.slowness)
        url = urljoin(f"{self.url}/", path.lstrip("/"))
        with requests.Session() as session:
            session.trust_env = False  # no proxy may stand between this process and 127.0.0.1
            try:
                response = session.request(method, url, **options)
            except (requests.ConnectionError, requests.Timeout) as error:
                raise SmokeError(self.explain(f"{method} {path}: {error}")) from None
        if not (self.state.running and url.startswith(f"{self._address()}/")):
            raise SmokeError(self.explain(f"{method} {path}: another process answered on its port"))
        return response

    @contextmanager
    def _redacting(self) -> Iterator[None]:
        """Redact errors: the container's output may hold its secrets."""
        try:
            yield
        except SlipwayError as error:
            raise error.redacted(self._redact) from None

    def _address(self) -> str:
        return f"http://{self.address(int(self._port.removesuffix('/tcp')))}"
