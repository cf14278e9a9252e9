"""Use the engine through the docker SDK, and without it where that is faster."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from slipway.core.clock import CLOCK, Clock
from slipway.core.errors import RefusedError, RegistryError, SlipwayError
from slipway.core.image import LocalImage
from slipway.core.reference import HUB, Reference
from slipway.core.retry import RetryPolicy
from slipway.core.threads import map_concurrently, start_in_thread
from slipway.engine.address import API_VERSION, Endpoint
from slipway.engine.answers import has_containerd_store, inspected, listed, pushed_digest
from slipway.engine.api import EngineApi
from slipway.engine.connections import Start, connecting
from slipway.engine.failures import NO_LOGIN, RELAYED, convert_errors, unusable
from slipway.engine.logins import Credentials, FindLogin, anonymous

if TYPE_CHECKING:
    import docker

#: Requests the size of each platform's unpacked layers. The path has no version: this needs API 1.48 (Docker 28).
_WITH_SIZES = "?manifests=1"
_INFO = f"/v{API_VERSION}/info"
_PROBE_TIMEOUT = 5
#: The pause before the next ping to an engine that stopped answering. There is one client, so the pause does not vary.
RETURN = RetryPolicy((0.5,), steady=True, chance=lambda: 0.5)
#: The number of concurrent requests for images.
_QUESTIONS = 8
#: Seconds. A new connection to a build host's engine starts docker's client there, which takes about as long.
_BUSY_PATIENCE = 0.2
_SERVER = re.compile(r"Docker/([0-9][0-9.]*)")


#: Receives each transfer event: layer id, status, bytes done, total bytes.
OnTransfer = Callable[[str, str, int, int], None]


class Engine:
    """Use the engine at ``endpoint``, an Endpoint or its address.

    ``silence``: the seconds after which slipway gives up on a silent engine. ``logins`` finds the login for a pull or
    a push. ``start`` starts ssh, for an ``ssh://`` address.
    """

    def __init__(
        self,
        endpoint: Endpoint | str = Endpoint(),  # noqa: B008
        silence: float = 120.0,
        *,
        logins: FindLogin = anonymous,
        start: Start | None = None,
    ) -> None:
        self.endpoint = Endpoint(endpoint) if isinstance(endpoint, str) else endpoint
        self.address = self.endpoint.address
        self._logins = logins
        self._silence = silence
        self._start = start
        self._here = self.address.startswith("unix://") and not self.endpoint.host
        connect = connecting(self.endpoint, start)
        self._api = EngineApi(connect, silence, _BUSY_PATIENCE * bool(self.endpoint.host)) if connect else None
        #: The engine's version from its last answer, without the packager's suffix; "?" before the first answer.
        self.version = "?"
        self._ahead: Future[tuple[LocalImage, ...]] | None = None

    @cached_property
    def client(self) -> docker.DockerClient:
        made = self._connect(self._silence)
        made.api.hooks["response"].append(self._note_version)
        return made

    def streaming_client(self) -> docker.DockerClient:
        """Return a new client, which no other thread uses. Its answers may pause for any time."""
        return self._connect(None)

    def returns(self, within: float, clock: Clock = CLOCK) -> bool:
        """Tell whether the engine answers a ping within ``within`` seconds. It gets at least one ping."""
        attempts = replace(RETURN, within=within, clock=clock).start()
        while not self._answers():
            if not attempts.again():
                return False
        return True

    def _answers(self) -> bool:
        """Ping over a new connection: a kept one may have ended with the engine."""
        client = self._connect(_PROBE_TIMEOUT)
        try:
            with self.told():
                return bool(client.ping())
        except SlipwayError:
            return False
        finally:
            client.close()

    def _connect(self, timeout: float | None) -> docker.DockerClient:
        from slipway.engine import sdk

        with self.told():
            return sdk.client(self.endpoint, timeout, self._start)

    def _note_version(self, response: Any, **_: object) -> None:
        self._introduced(response.headers.get("Server", ""))

    def _ask(self, question: str, what: str = "") -> Any:
        """Return the JSON that answers ``GET question``; None for 404.

        The SDK sends the request to an engine at a port.
        """
        if not self._api:
            with self.told(what):
                return self._ask_by_sdk(question)
        try:
            answer, server = self._api.get(question)
        except OSError as error:
            raise unusable(self.endpoint, error, what=what, seconds=self._silence) from None
        self._introduced(server)
        return answer

    def _told_by_all(self, question: str, kind: type) -> Any:
        """Return an answer of type ``kind``, which every engine gives.

        Raises PrerequisiteError for any other answer: then the server is not an engine.
        """
        answer = self._ask(question)
        if not isinstance(answer, kind):
            raise unusable(self.endpoint, OSError(f"it has no {question.partition('?')[0]}"), seconds=self._silence)
        return answer

    def _ask_by_sdk(self, question: str) -> Any:
        import docker.errors
        import requests.exceptions

        api: Any = self.client.api
        reply = api.get(f"{api.base_url}{question}", timeout=self._silence)
        if reply.status_code == 404:
            return None
        try:
            reply.raise_for_status()
        except requests.exceptions.HTTPError as error:
            docker.errors.create_api_error_from_http_exception(error)
        return reply.json()

    def get(self, question: str) -> Any:
        """Return the JSON that answers ``GET question``; None for 404. Raises PrerequisiteError for an unusable engine.

        It does not load the docker SDK, whose import takes longer than a whole plan.
        """
        return self._ask(question)

    def stream(self, question: str) -> Iterator[bytes]:
        """Yield the body that answers ``GET question`` in pieces, which may come at any time. Raises OSError.

        The SDK sends the request to an engine at a port; there each line of a log is a piece.
        """
        if self._api:
            return self._api.stream(question)
        api: Any = self.streaming_client().api
        reply = api.get(f"{api.base_url}{question}", stream=True)
        reply.raise_for_status()
        pieces: Iterator[bytes] = reply.iter_content(None)
        return pieces

    def told(self, what: str = "") -> AbstractContextManager[None]:
        """Convert the exceptions of the block into slipway's errors.

        ``what`` is the operation for the message; empty for a request of slipway's own.
        """
        return convert_errors(self.endpoint, what, self._silence)

    def _introduced(self, server: str) -> None:
        if found := _SERVER.match(server):
            self.version = found[1]

    def list_ahead(self) -> None:
        """Begin to list the images in the background. The next call of ``images`` returns this list, or raises."""
        self._ahead = self._ahead or start_in_thread(self._list)

    def images(self) -> tuple[LocalImage, ...]:
        """Return the images that the engine lists by default, in one request.

        Raises PrerequisiteError when no engine answers.
        """
        ahead, self._ahead = self._ahead, None
        return ahead.result() if ahead else self._list()

    def _list(self) -> tuple[LocalImage, ...]:
        return tuple(map(listed, self._told_by_all(f"/images/json{_WITH_SIZES}", list)))

    def inspect(self, image: str) -> LocalImage | None:
        """Return an image by reference or id, with its platform.

        Return None when it is not in the engine.
        """
        found = self._ask(f"/images/{image}/json{_WITH_SIZES}", f"inspect {image}")
        return inspected(found) if found else None

    def onbuild(self, images: Sequence[str]) -> dict[str, Sequence[str]]:
        """Return the ONBUILD triggers of those ``images`` that are in the engine and have triggers."""
        found = zip(images, map_concurrently(self.inspect, images, at_once=_QUESTIONS), strict=True)
        return {name: image.onbuild for name, image in found if image and image.onbuild}

    def find(self, image: str) -> str:
        """Return the id of an image by reference or id; empty when it is not in the engine."""
        found = self.inspect(image)
        return found.id if found else ""

    def fetch(self, reference: Reference) -> str:
        """Pull a reference. Return its id."""
        self.pull(reference)
        return self.find(str(reference))

    def capacity(self) -> tuple[int, int]:
        """Return the bytes of memory and the number of cores of the engine's machine.

        With a local socket on Linux that is this machine, so the engine gets no request.
        """
        if self._here and sys.platform == "linux":
            return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), os.cpu_count() or 1
        info = self._told_by_all(f"/v{API_VERSION}/info", dict)
        return int(info.get("MemTotal", 0)), int(info.get("NCPU", 1))

    def has_containerd_store(self) -> bool:
        """Tell whether the engine has containerd's image store."""
        return has_containerd_store(self.info())

    def info(self) -> Mapping[str, Any]:
        """Return the engine's own description, ``/info``."""
        found: Mapping[str, Any] = self._told_by_all(_INFO, dict)
        return found

    def platform(self) -> str:
        """Return the ``os/arch`` of the engine's machine."""
        found = self._told_by_all(f"/v{API_VERSION}/version", dict)
        return f"{found.get('Os', '')}/{found.get('Arch', '')}"

    def tag(self, image: str, reference: Reference) -> None:
        with self.told(f"tag {reference}"):
            self.client.api.tag(image, reference.repository, reference.tag, force=True)

    def untag(self, reference: Reference) -> None:
        """Remove a tag if it exists. The image stays while it has another tag or a container uses it."""
        import docker.errors

        with self.told(f"untag {reference}"), contextlib.suppress(docker.errors.ImageNotFound):
            self.client.api.remove_image(str(reference), force=True, noprune=True)

    def remove(self, name: str) -> None:
        """Remove a tag, a digest or an id, unless a container uses the image. Raises RegistryError when one does.

        The image goes with its last name. A name that the engine does not have is not an error.
        """
        import docker.errors

        with self.told(f"remove {name}"), contextlib.suppress(docker.errors.ImageNotFound):
            self.client.api.remove_image(name, noprune=True)

    def pull(self, reference: Reference, on_transfer: OnTransfer | None = None, platform: str = "") -> None:
        """Pull a reference, for the engine's own platform or for ``platform``.

        Raises RegistryError, with the engine's message, when the registry is at fault.
        """
        which = reference.tag or reference.digest
        with self._logged_in(reference.registry) as login, self.told(f"pull {reference}"):
            events = self.client.api.pull(
                reference.repository, which, stream=True, decode=True, auth_config=login, platform=platform or None
            )
            for event in events:
                _check(event, f"pull {reference}", reference.registry)
                _report(event, on_transfer)

    def push(self, reference: Reference, on_transfer: OnTransfer | None = None) -> str:
        """Push a tag. Return the digest that the registry gave it.

        Every event of the stream is checked. Raises RegistryError with the engine's message, and when the stream ends
        without a digest or stalls: an engine waits for a registry without limit. Raises RefusedError for a definitive
        answer of the registry.
        """
        digest, what = "", f"push {reference}"
        with self._logged_in(reference.registry) as login, self.told(what), _moving(what, self._silence):
            events = self.client.api.push(
                reference.repository, reference.tag, stream=True, decode=True, auth_config=login
            )
            for event in events:
                _check(event, what, reference.registry)
                _report(event, on_transfer)
                digest = pushed_digest(event) or digest
        if not digest:
            raise RegistryError(f"push {reference}: the engine named no digest", hint="invoke doctor")
        return digest

    def send(self, image: str, to: Engine) -> None:
        """Copy an image and its tag to another engine, through this machine's memory and not its disk."""
        with self.told(f"send {image}"):
            loading: Any = to.client.api.load_image
            for event in loading(self.client.api.get_image(image)):
                _check(event, f"send {image}")

    @contextmanager
    def _logged_in(self, registry: str) -> Iterator[dict[str, str]]:
        """Yield the login for a registry in the form of the engine's API.

        When slipway cannot find out the login, the request goes out without one, as with docker's CLI. The error of
        the search is raised only if the registry then refuses the request for its missing login.
        """
        try:
            login, untold = self._logins(registry) or Credentials(), None
        except RefusedError as error:
            login, untold = Credentials(), error
        try:
            yield login.as_auth_config()
        except RegistryError as error:
            raise (untold if untold and NO_LOGIN.matches(error.message) else error) from None


def _check(event: Mapping[str, Any], what: str, registry: str = "") -> None:
    detail = event.get("errorDetail") or {}
    message = detail.get("message") or event.get("error")
    if not message:
        return
    words = " ".join(str(message).split())
    row = RELAYED.find(words) if registry else RELAYED.otherwise
    store = "the system's store" if registry == HUB else f"/etc/docker/certs.d/{registry}/ca.crt"
    kind = RegistryError if row is RELAYED.otherwise else RefusedError
    raise kind.of([row.problem(what, words, host=registry, store=store)])


def _report(event: Mapping[str, Any], on_transfer: OnTransfer | None) -> None:
    if on_transfer and event.get("id"):
        progress = event.get("progressDetail") or {}
        on_transfer(
            str(event["id"]), str(event.get("status", "")), progress.get("current") or 0, progress.get("total") or 0
        )


@contextmanager
def _moving(what: str, silence: float) -> Iterator[None]:
    """Raise RegistryError when a transfer stalls.

    The transfer ends with its stream: the engine cancels a transfer when the client disconnects.
    """
    import urllib3.exceptions

    try:
        yield
    except urllib3.exceptions.ReadTimeoutError:
        raise RegistryError(f"{what}: nothing moved for {silence:.0f} s", hint="invoke doctor") from None
