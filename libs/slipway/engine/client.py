"""The engine through the docker SDK."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from slipway.core.clock import CLOCK, Clock
from slipway.core.errors import RefusedError, RegistryError, SlipwayError
from slipway.core.image import HUB, LocalImage, Reference
from slipway.core.retry import RetryPolicy
from slipway.core.threads import map_concurrently
from slipway.engine.address import API_VERSION, Endpoint
from slipway.engine.answers import inspected, listed, pushed_digest
from slipway.engine.api import Questions
from slipway.engine.connections import Start, connecting
from slipway.engine.failures import NO_LOGIN, RELAYED, told, unusable
from slipway.engine.logins import Credentials, FindLogin, anonymous

if TYPE_CHECKING:
    import docker

#: Asks for the size of each platform's unpacked layers. No version is named: engines say it since API 1.48 (Docker 28).
_WITH_SIZES = "?manifests=1"
_PROBE_TIMEOUT = 5
#: When an engine that went away is asked again. One client asks, so chance need not part many.
RETURN = RetryPolicy((0.5,), steady=True, chance=lambda: 0.5)
#: How many images are asked for together.
_QUESTIONS = 8
#: A connection through a build host's is made in twice that time.
_BUSY_PATIENCE = 0.04
_SERVER = re.compile(r"Docker/([0-9][0-9.]*)")


#: Gets each transfer event: layer id, what happens, bytes done, bytes in all.
OnTransfer = Callable[[str, str, int, int], None]


class Engine:
    """The engine at ``endpoint``, or at an address of its form.

    ``silence``: seconds after which an engine that says nothing is left. ``logins`` finds the login that travels with a
    pull or a push. ``start`` starts ssh, for an address that wants it.
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
        self._questions = Questions(connect, silence, _BUSY_PATIENCE * bool(self.endpoint.host)) if connect else None
        #: What the engine called itself in its last answer, without the packager's suffix; "?" before it said anything.
        self.version = "?"

    @cached_property
    def client(self) -> docker.DockerClient:
        made = self._connect(self._silence)
        made.api.hooks["response"].append(self._note_version)
        return made

    def returns(self, within: float, clock: Clock = CLOCK) -> bool:
        """Whether it answers, or does again within so many seconds."""
        attempts = replace(RETURN, within=within, clock=clock).begin()
        while not self._answers():
            if not attempts.again():
                return False
        return True

    def _answers(self) -> bool:
        """Asked over a connection of its own: one that is kept may have ended with the engine."""
        client = self._connect(_PROBE_TIMEOUT)
        try:
            with self._told():
                return bool(client.ping())
        except SlipwayError:
            return False
        finally:
            client.close()

    def _connect(self, timeout: float) -> docker.DockerClient:
        from slipway.engine import sdk

        with self._told():
            return sdk.client(self.endpoint, timeout, self._start)

    def _note_version(self, response: Any, **_: object) -> None:
        self._introduced(response.headers.get("Server", ""))

    def _ask(self, question: str, what: str = "") -> Any:
        """The JSON that answers ``GET question``; None for 404. The SDK asks where the engine is not at a socket."""
        if not self._questions:
            with self._told(what):
                return self._ask_by_sdk(question)
        try:
            answer, server = self._questions.ask(question)
        except OSError as error:
            raise unusable(self.endpoint, error, what=what, seconds=self._silence) from None
        self._introduced(server)
        return answer

    def _told_by_all(self, question: str, kind: type) -> Any:
        """The answer that every engine has: something else answers where there is none of this kind."""
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

    def _told(self, what: str = "") -> AbstractContextManager[None]:
        """``what`` was asked; empty for a question of our own."""
        return told(self.endpoint, what, self._silence)

    def _introduced(self, server: str) -> None:
        if found := _SERVER.match(server):
            self.version = found[1]

    def images(self) -> tuple[LocalImage, ...]:
        """Every tagged or labelled image, in one call. Raises PrerequisiteError when no engine answers."""
        return tuple(map(listed, self._told_by_all(f"/images/json{_WITH_SIZES}", list)))

    def inspect(self, image: str) -> LocalImage | None:
        """An image by reference or id, with its platform; None when it is not here."""
        found = self._ask(f"/images/{image}/json{_WITH_SIZES}", f"inspect {image}")
        return inspected(found) if found else None

    def onbuild(self, images: Sequence[str]) -> dict[str, Sequence[str]]:
        """The ONBUILD triggers of those of ``images`` that are here and have any."""
        found = zip(images, map_concurrently(self.inspect, images, at_once=_QUESTIONS), strict=True)
        return {name: image.onbuild for name, image in found if image and image.onbuild}

    def find(self, image: str) -> str:
        """The id of an image that is here, by reference or id; an empty string when it is not."""
        found = self.inspect(image)
        return found.id if found else ""

    def fetch(self, reference: Reference) -> str:
        """Pull a reference; its id."""
        self.pull(reference)
        return self.find(str(reference))

    def capacity(self) -> tuple[int, int]:
        """Bytes of memory and cores of the engine's machine: this one, for a socket on Linux."""
        if self._here and sys.platform == "linux":
            return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), os.cpu_count() or 1
        info = self._told_by_all(f"/v{API_VERSION}/info", dict)
        return int(info.get("MemTotal", 0)), int(info.get("NCPU", 1))

    def platform(self) -> str:
        """``os/arch`` of the engine's machine."""
        found = self._told_by_all(f"/v{API_VERSION}/version", dict)
        return f"{found.get('Os', '')}/{found.get('Arch', '')}"

    def tag(self, image: str, reference: Reference) -> None:
        with self._told(f"tag {reference}"):
            self.client.api.tag(image, reference.repository, reference.tag, force=True)

    def untag(self, reference: Reference) -> None:
        """Take a tag away, if it is there; the image stays while it has another, or a container uses it."""
        import docker.errors

        with self._told(f"untag {reference}"), contextlib.suppress(docker.errors.ImageNotFound):
            self.client.api.remove_image(str(reference), force=True, noprune=True)

    def pull(self, reference: Reference, on_transfer: OnTransfer | None = None) -> None:
        """Raises RegistryError (the registry's fault) with the engine's words."""
        which = reference.tag or reference.digest
        with self._logged_in(reference.registry) as login, self._told(f"pull {reference}"):
            events = self.client.api.pull(reference.repository, which, stream=True, decode=True, auth_config=login)
            for event in events:
                _check(event, f"pull {reference}", reference.registry)
                _report(event, on_transfer)

    def push(self, reference: Reference, on_transfer: OnTransfer | None = None) -> str:
        """Push a tag; the digest the registry gave it. Every event of the stream is checked.

        Raises RegistryError with the engine's words, also when the stream ends without a digest or nothing moves any
        more (an engine waits for a registry for ever); RefusedError for a definitive answer of the registry.
        """
        digest, what = "", f"push {reference}"
        with self._logged_in(reference.registry) as login, self._told(what), _moving(what, self._silence):
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
        """Copy an image and its tag to another engine, through here but not onto a disk."""
        with self._told(f"send {image}"):
            loading: Any = to.client.api.load_image
            for event in loading(self.client.api.get_image(image)):
                _check(event, f"send {image}")

    @contextmanager
    def _logged_in(self, registry: str) -> Iterator[dict[str, str]]:
        """The login for a registry as the engine's API takes it.

        A helper that does not tell it counts only once the registry refuses who has none, as with docker's CLI.
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
    """Leaving the stream ends the transfer: the engine gives up what nobody listens to."""
    import urllib3.exceptions

    try:
        yield
    except urllib3.exceptions.ReadTimeoutError:
        raise RegistryError(f"{what}: nothing moved for {silence:.0f} s", hint="invoke doctor") from None
