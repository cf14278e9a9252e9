"""Send requests to one registry: persistent connections, tokens, retries within a budget, clear errors."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from urllib.parse import quote, urljoin, urlsplit

from slipway.core.addresses import base_url, endpoint, is_loopback
from slipway.core.errors import RefusedError, RegistryError
from slipway.core.retry import RetryPolicy
from slipway.engine import FindLogin
from slipway.registry.certificates import refusal, trust
from slipway.registry.greeting import NO_ANSWER, Greeting, read_greeting
from slipway.registry.login import RegistryLogin
from slipway.registry.replies import (
    BUSY,
    DENIED,
    LOGIN_FAILED,
    LOGIN_WANTED,
    NO_REPLY,
    REDIRECTS,
    REFUSED_SIZE,
    REPLIES,
    UNAVAILABLE,
    allows_too_little,
    asked_wait,
)
from slipway.registry.transport import (
    LOGIN,
    EndlessRedirectsError,
    Message,
    NoReplyError,
    Reply,
    TlsError,
    Transport,
    anywhere,
    origin,
)


@dataclass(frozen=True)
class Request:
    """Hold one request to a registry.

    ``path`` is relative to the repository. ``about`` is the object that an error names.
    """

    method: str
    repository: str
    path: str
    about: str
    body: bytes = b""

    @property
    def what(self) -> str:
        """Return the request's name in errors, such as ``manifest HEAD``."""
        return f"{self.path.partition('/')[0].removesuffix('s')} {self.method}"

    @property
    def scopes(self) -> tuple[str, ...]:
        """Return the scopes to request in a token, in order.

        The first is the smallest. The second follows when a token with the first is not enough.
        """
        if self.method == "DELETE" and self.path:  # a cancelled upload has no path, and its login may only push
            return (f"repository:{self.repository}:delete", f"repository:{self.repository}:pull,push,delete")
        pull, push = (f"repository:{self.repository}:{actions}" for actions in ("pull", "pull,push"))
        return (pull, push) if self.method in ("GET", "HEAD") else (push,)


class RegistryHttp:
    """Send requests to the registry at ``host``, and log in to it.

    ``logins`` is called once, when the registry requires a login. ``insecure``: hosts for plain HTTP. ``through``: a
    Unix socket that leads to the registry, used instead of the network.
    """

    def __init__(
        self,
        host: str,
        logins: FindLogin,
        policy: RetryPolicy,
        insecure: Collection[str],
        through: str,
    ) -> None:
        self.host = host
        self._through = through
        self.url = base_url(host, insecure)
        self._policy = policy
        self._login = RegistryLogin(host, self.url, logins, (policy.connect, policy.answer))
        self._tokens: dict[str, str] = {}

    def ask(self, request: Request, headers: Mapping[str, str], url: str = "") -> Reply:
        """Send a request, with retries. Return the first reply with a status below 500 other than 429.

        ``url``: where to send it, if that is not the request's own place.

        Raises RegistryError when no try is left, RefusedError for a refused certificate or endless redirects, and
        PolicyError for a login that would travel unencrypted.
        """
        url = url or f"{self.url}/v2/{request.repository}/{request.path}"
        attempts = self._policy.start()
        while True:
            asked = 0.0
            try:
                reply = self._authorized(request, url, headers)
            except TlsError as error:
                shown_by = urlsplit(error.url).netloc
                found = refusal(self.host, error, shown_by)
                whose = "" if shown_by == endpoint(self.host) else f"{shown_by}: "
                raise RefusedError.of([replace(found, what=f"{request.about}: {whose}{found.what}")]) from None
            except EndlessRedirectsError:
                raise RefusedError.of([REDIRECTS.problem(request.about, host=self.host)]) from None
            except NoReplyError as error:
                row = NO_REPLY.find(str(error))
                cause = row.said
            else:
                if reply.status != 429 and reply.status < 500:
                    return reply
                row = BUSY if reply.status == 429 else UNAVAILABLE
                cause = f"{request.what} {reply.status}"
                asked = asked_wait(reply.headers.get("Retry-After"))
            if not attempts.again(f"{request.about}: {cause}", asked):
                told = f"{request.about}: {cause} after {attempts.tries} tries"
                raise RegistryError(told, hint="invoke doctor", code=row.code)

    def expect(self, reply: Reply, status: int, what: str) -> None:
        """Raise RefusedError unless the reply has this status."""
        if reply.status == status:
            return
        user = self._login.user
        # The token server accepted the login, but its token allows less than the request needs.
        too_little = allows_too_little(reply)
        row, quoted = REPLIES.otherwise, f"{reply.status} {' '.join(reply.text.split())[:200]}"
        if reply.status == 401 and user and not too_little:
            row = LOGIN_FAILED
        elif reply.status == 401 and not user:
            row = LOGIN_WANTED
        elif reply.status == 403 or too_little:
            row = DENIED
        elif reply.status == 413:
            row = REFUSED_SIZE
        who = f"to {user}" if user else "without a login"
        raise RefusedError.of([row.problem(what, quoted, host=self.host, user=user, who=who)])

    def finish(self, request: Request, location: str, digest: str) -> Reply:
        """Send the content of an upload to ``location``, as the registry named it. Raises RegistryError."""
        url = urljoin(f"{self.url}/", location)
        query = f"{urlsplit(url).query}&" if urlsplit(url).query else ""
        target = urlsplit(url)._replace(query=f"{query}digest={quote(digest)}").geturl()
        return self.ask(request, {"Content-Type": "application/octet-stream"}, target)

    def next_page(self, reply: Reply) -> str:
        """Return the URL of the next page of a list (RFC 8288), on the registry's own host; empty after the last."""
        if not (linked := reply.headers.get("Link", "")):
            return ""
        from requests.utils import parse_header_links

        links = {link.get("rel"): link["url"] for link in parse_header_links(linked)}
        link = urlsplit(links.get("next", ""))
        return f"{self.url}{link._replace(scheme='', netloc='').geturl()}" if link.path else ""

    def cancel(self, location: str, repository: str) -> None:
        """Cancel an upload if possible.

        Errors of the request are ignored: registries remove abandoned uploads themselves after some time.
        """
        url = urljoin(f"{self.url}/", location)
        if origin(url) != origin(self.url):
            return
        try:
            self._authorized(Request("DELETE", repository, "", ""), url, {})
        except NoReplyError:
            return

    def greeting(self) -> Greeting:
        """Return the answer to ``GET /v2/``, without retries. Raises RefusedError for a refused certificate."""
        try:
            reply = self._transport.follow(Message("GET", f"{self.url}/v2/", (3, 5)), self._is_here)
        except TlsError as error:
            found = refusal(self.host, error, urlsplit(error.url).netloc)
            raise RefusedError.of([replace(found, what=f"{self.host}: {found.what}")]) from None
        except EndlessRedirectsError:
            return Greeting(302, False, "redirects without end")
        except NoReplyError:
            return NO_ANSWER
        return read_greeting(reply.status, reply.headers, reply.content, self.elsewhere(reply))

    def elsewhere(self, reply: Reply) -> str:
        """Return the URL on another host to which the reply redirects, or from which it comes; else empty.

        The URL is without its query, which may hold a login's state, and without a user name.
        """
        url = reply.redirect or reply.url
        there = urlsplit(url)
        return "" if self._is_here(url) else f"{there.scheme}://{there.netloc.rpartition('@')[2]}{there.path}"

    def _is_here(self, url: str) -> bool:
        """Tell whether ``url`` is on the registry's host.

        Another scheme counts as another host: over http the login would travel unencrypted.
        """
        return origin(url) == origin(self.url)

    @cached_property
    def _transport(self) -> Transport:
        # As in docker, the context also applies to the registry's token server.
        context = trust(self.host) if self.url.startswith("https:") else None
        # The engine does not use a proxy for loopback either.
        direct = bool(self._through) or is_loopback(self.host)
        return Transport(self.url, context, through=self._through, direct=direct)

    def _authorized(self, request: Request, url: str, headers: Mapping[str, str]) -> Reply:
        """Send a request with a token for each of its scopes in turn, until one is enough.

        Docker Hub refuses a pull from a repository that does not exist, even to its owner, who may push to it. A
        request that reads is therefore repeated with a token for pull and push. Then the answer is 404.
        """
        for scope in request.scopes:
            reply = self._allowed(request, url, headers, scope)
            if not self._login.user or not allows_too_little(reply):
                break
        return reply

    def _allowed(self, request: Request, url: str, headers: Mapping[str, str], scope: str) -> Reply:
        """Send a request. If the registry requires a token for ``scope``, get one and send the request again."""
        times = (self._policy.connect, self._policy.answer)
        # Blobs may be on another host. A manifest from another host is not the registry's.
        follows = self._is_here if request.path.startswith("manifests/") else anywhere

        def send(token: str) -> Reply:
            said = {**headers, **({LOGIN: token} if token else {})}
            return self._transport.follow(Message(request.method, url, times, said, request.body), follows)

        token = self._tokens.get(scope, "")
        reply = send(token)
        if reply.status != 401:
            return reply
        renewed, answer = self._login.answer(self._transport, reply, scope)
        if not renewed or renewed == token:
            return answer
        self._tokens[scope] = renewed
        return send(renewed)
