"""Send one HTTP request, and return its reply. Connections stay open for the next request to the same host."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

if TYPE_CHECKING:
    import urllib3

    from slipway.registry.routes import Proxies

#: The header with a login. It goes to no other origin.
LOGIN = "Authorization"
#: The most connections to one host that stay open.
_KEPT = 16
_MOST_REDIRECTS = 10
_REDIRECTS = (301, 302, 303, 307, 308)


class NoReplyError(Exception):
    """Report a request without a reply, in the words of urllib3's exception."""


class TlsError(NoReplyError):
    """Report a request to ``url`` whose TLS connection failed. The cause is urllib3's exception."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.url = url


class EndlessRedirectsError(NoReplyError):
    """Report a request that was redirected too often."""


@dataclass(frozen=True)
class Reply:
    """Hold the reply to a request that went to ``url``. The names in ``headers`` match in upper and lower case."""

    url: str
    status: int
    headers: urllib3.HTTPHeaderDict
    content: bytes = b""

    @property
    def text(self) -> str:
        return self.content.decode("utf-8", "replace")

    @property
    def redirect(self) -> str:
        """Return the URL to which the reply redirects; empty when it does not redirect."""
        location = self.headers.get("Location", "")
        return urljoin(self.url, location) if location and self.status in _REDIRECTS else ""


@dataclass(frozen=True)
class Message:
    """Hold one HTTP request. ``times``: the seconds to wait for the connection, and for each part of the reply."""

    method: str
    url: str
    times: tuple[float, float]
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def redirected(self, reply: Reply) -> Message:
        """Return the message to send after a redirect.

        Another origin gets no login. A 303, and a 301 or 302 to another origin, make it a GET without a body
        (RFC 9110, 15.4: a client may do so).
        """
        away = origin(self.url) != origin(reply.redirect)
        moved = replace(self, url=reply.redirect)
        if away:
            moved = replace(moved, headers={name: said for name, said in self.headers.items() if name != LOGIN})
        if self.method != "HEAD" and (reply.status == 303 or (away and reply.status in (301, 302))):
            moved = replace(moved, method="GET", body=b"")
        return moved


def anywhere(url: str) -> bool:
    """Follow a redirect to any URL."""
    return True


class Transport:
    """Send messages, with TLS as in ``context``; None for plain HTTP.

    ``through``: a Unix socket, used for URLs that begin with ``url``. ``direct``: use no proxy of the environment.
    """

    def __init__(self, url: str, context: ssl.SSLContext | None, *, through: str = "", direct: bool = False) -> None:
        self._url = url
        self._context = context
        self._through = through
        self._direct = direct
        self._options: dict[str, Any] = {"maxsize": _KEPT, **({"ssl_context": context} if context else {})}

    def follow(self, message: Message, follows: Callable[[str], bool] = anywhere) -> Reply:
        """Send a message, and after each redirect to a URL that ``follows`` accepts send it there.

        Raises NoReplyError.
        """
        for _ in range(_MOST_REDIRECTS):
            reply = self.send(message)
            if not reply.redirect or not follows(reply.redirect):
                return reply
            message = message.redirected(reply)
        raise EndlessRedirectsError(message.url)

    def send(self, message: Message) -> Reply:
        """Send a message, and return its reply, also a redirect. Raises NoReplyError."""
        import urllib3
        from urllib3.exceptions import HTTPError, SSLError

        connect, read = message.times
        try:
            reply = self._pools(message.url).urlopen(
                message.method,
                message.url,
                headers={"User-Agent": "slipway", "Accept-Encoding": urllib3.util.SKIP_HEADER, **message.headers},
                body=message.body or None,
                timeout=urllib3.Timeout(connect=connect, read=read),
                retries=False,
                redirect=False,
            )
        except SSLError as error:
            raise TlsError(message.url) from error
        except HTTPError as error:
            raise NoReplyError(repr(error)) from error
        return Reply(message.url, reply.status, reply.headers, reply.data)

    def _pools(self, url: str) -> urllib3.PoolManager:
        if self._through and url.startswith(self._url):
            return self._socket_pools
        from urllib.request import getproxies

        proxied = None if self._direct or not getproxies() else self._proxies.find(url)
        return proxied or self._own_pools

    @cached_property
    def _own_pools(self) -> urllib3.PoolManager:
        import urllib3

        return urllib3.PoolManager(**self._options)

    @cached_property
    def _socket_pools(self) -> urllib3.PoolManager:
        from slipway.registry.routes import SocketPools

        return SocketPools(self._through, **self._options)

    @cached_property
    def _proxies(self) -> Proxies:
        from slipway.registry.routes import Proxies

        return Proxies(self._context)


def origin(url: str) -> tuple[str, str, int]:
    """Return a URL's scheme, host and port. Two URLs with the same origin are on the same server (RFC 6454)."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
