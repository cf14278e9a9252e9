"""Read OpenSSH's configuration of a host from ``ssh -G``, which applies Include, Match and Host.

An unsupported option that changes the route or the authentication raises UsageError. slipway ignores no such option.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from slipway.core.command import Command
from slipway.core.destination import Destination
from slipway.core.errors import UsageError

#: Options that slipway does not support → the hint for the user. ``none`` and ``no`` mean that the option is not set.
_UNKNOWN = {
    "knownhostscommand": "write its keys into a known_hosts file",
    "revokedhostkeys": "mark revoked keys with @revoked in known_hosts",
    "pkcs11provider": "put its key into the agent: ssh-add -s",
    "proxyusefdpass": "a ProxyCommand that passes bytes, not a descriptor",
    "bindaddress": "a ProxyJump or ProxyCommand that binds it",
    "bindinterface": "a ProxyJump or ProxyCommand that binds it",
}
#: A token such as ``%h``, or an environment variable ``${NAME}``.
_TOKEN = re.compile(r"%(?P<token>.)|\$\{(?P<variable>[^}]*)\}")
_SHA1 = re.compile(r"[0-9a-f]{40}")
_NONE = ("", "none", "no", "false")
_CONNECT_SECONDS = 10.0


@dataclass(frozen=True)
class User:
    """Hold the user who connects, as OpenSSH on this machine sees them.

    ``agent``: the value of SSH_AUTH_SOCK. ``machine``: the name of this machine. ``variable`` returns an environment
    variable, or None.
    """

    home: Path
    agent: str = ""
    uid: int = 0
    machine: str = ""
    variable: Callable[[str], str | None] = field(default=lambda name: None, repr=False)


@dataclass(frozen=True)
class Sharing:
    """Hold OpenSSH's way to share one connection between commands.

    ``path``: the master's socket, ControlPath. ``is_kept``: ssh starts a master and keeps it after its first command.
    """

    path: str
    is_kept: bool = False


@dataclass(frozen=True)
class HostConfig:
    """Hold OpenSSH's configuration of one host: its address, the user, the keys, its name in known_hosts.

    ``name``: the host as the user names it. ``listed``: its name in known_hosts. ``agent``: the agent's socket, empty
    without an agent. ``jumps``: the hops before the host, first hop first. ``seconds``: the time limit to connect.
    ``sharing``: None where no connection may be shared.
    """

    name: Destination
    hostname: str
    user: str
    port: int
    listed: str
    known_hosts: tuple[Path, ...] = ()
    key_files: tuple[Path, ...] = ()
    identities_only: bool = False
    agent: str = ""
    jumps: tuple[Destination, ...] = ()
    proxy_command: str = ""
    seconds: float = _CONNECT_SECONDS
    sharing: Sharing | None = None

    def __str__(self) -> str:
        return f"{self.user}@{self.hostname}:{self.port}"


def config_command(host: Destination, config: str = "") -> Command:
    """Return the command with which OpenSSH prints its configuration of ``host``. It does not connect.

    The file ``config`` replaces OpenSSH's own configuration files.
    """
    return Command(("ssh", "-G", *_words(host, config)), label="ssh -G")


def keep_command(host: Destination, config: str = "") -> Command:
    """Return the command with which OpenSSH connects, and keeps the connection as its configuration says.

    It asks nothing, and does nothing else that the configuration says of a session.
    """
    plain = ("BatchMode=yes", "ClearAllForwardings=yes", "PermitLocalCommand=no", "RemoteCommand=none", "RequestTTY=no")
    options = (word for option in plain for word in ("-o", option))
    return Command(("ssh", "-n", *options, *_words(host, config), "true"), label="ssh, to keep a connection")


def _words(host: Destination, config: str) -> tuple[str, ...]:
    file = ("-F", config) if config else ()
    user = ("-l", host.user) if host.user else ()
    port = ("-p", str(host.port)) if host.port else ()
    return (*file, *user, *port, "--", host.host)


def read_config(text: str, host: Destination, user: User) -> HostConfig:
    """Parse the output of ``ssh -G``. Raises UsageError for an option that slipway does not support."""
    options = _options(text)
    for name, instead in _UNKNOWN.items():
        if _one(options, name) not in _NONE:
            raise UsageError(
                f"ssh configuration of {host}: {name} {_one(options, name)} is not supported", hint=instead
            )
    hostname, user_name, port = _one(options, "hostname"), _one(options, "user"), int(_one(options, "port"))
    tokens = {"%": "%", "h": hostname, "n": host.host, "p": str(port), "r": user_name}
    ours = {
        "d": str(user.home),
        "i": str(user.uid),
        "k": _one(options, "hostkeyalias") or host.host,
        "L": user.machine.partition(".")[0],
        "l": user.machine,
        "u": user.home.name,
    }
    if _one(options, "proxyjump") in _NONE:  # OpenSSH's versions differ on whether ProxyJump enters the hash
        ours["C"] = hashlib.sha1(f"{user.machine}{hostname}{port}{user_name}".encode()).hexdigest()

    def place(path: str) -> Path:
        said = _said(path, tokens | ours, host, user.variable)
        return Path(f"{user.home}/{said[2:]}" if path.startswith("~/") else said)

    files = [path for name in ("userknownhostsfile", "globalknownhostsfile") for path in _paths(_one(options, name))]
    seconds = _one(options, "connecttimeout")
    jumps = _one(options, "proxyjump")
    command = _one(options, "proxycommand")
    return HostConfig(
        name=host,
        hostname=hostname,
        user=user_name,
        port=port,
        listed=_one(options, "hostkeyalias") or (hostname if port == 22 else f"[{hostname}]:{port}"),
        known_hosts=tuple(place(path) for path in files if path not in _NONE),
        key_files=tuple(place(path) for path in options.get("identityfile", ()) if path not in _NONE),
        identities_only=_one(options, "identitiesonly") == "yes",
        agent=_agent(_one(options, "identityagent"), user, place),
        jumps=() if jumps in _NONE else tuple(Destination.parse(jump, "ProxyJump") for jump in jumps.split(",")),
        proxy_command="" if command in _NONE else _said(command, tokens, host),
        seconds=float(seconds) if seconds.isdigit() and seconds != "0" else _CONNECT_SECONDS,
        sharing=_sharing(options, (host.host, hostname), port, user_name),
    )


def _sharing(options: Mapping[str, Sequence[str]], names: Sequence[str], port: int, user: str) -> Sharing | None:
    """Return how OpenSSH shares connections to the host; None where it does not, or where slipway must not.

    slipway must not where ssh accepts a changed host key, asks a person before each command, or where ControlPath
    does not name the host: the master could lead to another one. ssh_config(5) asks for ``%h``, ``%p`` and ``%r``, or
    for ``%C``, which is a SHA-1.
    """
    path, master = _one(options, "controlpath"), _one(options, "controlmaster")
    if (
        path in _NONE
        or master in ("ask", "autoask")
        or _one(options, "stricthostkeychecking") in ("false", "no", "off")
    ):
        return None
    is_named = any(name in path for name in names) and str(port) in path and user in path
    if not (is_named or _SHA1.search(path)):
        return None
    return Sharing(path, is_kept=master in ("auto", "true") and _one(options, "controlpersist") not in _NONE)


def _options(text: str) -> Mapping[str, Sequence[str]]:
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        found.setdefault(name.lower(), []).append(value)
    return found


def _one(options: Mapping[str, Sequence[str]], name: str) -> str:
    return next(iter(options.get(name, ())), "")


def _paths(text: str) -> list[str]:
    """Split a list of paths.

    ``ssh -G`` drops the quotes, so a blank separates paths only before a character that can start one, or before
    ``none``.
    """
    return re.split(r" (?=[/~%$]|none$)", text)


def _agent(option: str, user: User, place: Callable[[str], Path]) -> str:
    if option == "none":
        return ""
    if option in ("", "SSH_AUTH_SOCK"):
        return user.agent
    if option.startswith("$") and not option.startswith("${"):
        return user.variable(option[1:]) or ""
    return str(place(option))


def _said(
    text: str,
    tokens: Mapping[str, str],
    host: Destination,
    variable: Callable[[str], str | None] | None = None,
) -> str:
    """Replace the tokens in ``text`` and, with ``variable``, its environment variables, in one pass.

    The rules are those of ssh_config(5), TOKENS and ENVIRONMENT VARIABLES. Raises UsageError for an unknown token or
    variable.
    """

    def value(match: re.Match[str]) -> str:
        if match["token"] is None:
            found = variable(match["variable"]) if variable else match[0]
            if found is None:
                cause = f"{match[0]} in {text}: the variable is not set"
                raise UsageError(f"ssh configuration of {host}: {cause}", hint=f"export {match['variable']}=…")
            return found
        if match["token"] not in tokens:
            raise UsageError(f"ssh configuration of {host}: {match[0]} in {text} is not supported", hint="write it out")
        return tokens[match["token"]]

    return _TOKEN.sub(value, text)
