"""``[tool.slipway.smoke.NAME]``: what smoke tests need to know about one image, and its Dockerfile does not say.

[tool.slipway.smoke.svc-web]
env = { DATABASE_URL = "sqlite:////data/web.db" }
command = ["serve", "--port", "8080"]
ready = "http://:8080/health"
writable = ["/var/cache/web"]
user = "root is needed: it opens raw sockets"
allow = { packages = "the vendor's own pins", "key:/srv/test.key" = "of the vendor's tests" }
tests = "quality/web"

[tool.slipway.smoke.migrations]
job = true
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from slipway.core.errors import UsageError, one_line, suggestion

_HTTP = re.compile(r"http://:(?P<port>[1-9][0-9]{0,4})(?P<path>/[!-~]*)")
_LOG = re.compile(r"log: (?P<text>\S.*)")
_USER = re.compile(r"(?P<kind>root|a name) is needed: (?P<why>\S.*)")
_HIGHEST_PORT = 65535
#: The checks that a reason sets aside; a key file needs its path. Other checks follow the rules of policy.
CHECKS = ("packages", "open-files", "sigterm", "key:/path")
_CHECK = re.compile(r"packages|open-files|sigterm|key:/\S.*")
_NO_TEXTS: Mapping[str, str] = MappingProxyType({})

#: The keys that lead to a fault, what is wrong with their value, and the form that is right.
SmokeFault = tuple[tuple[str, ...], str, str]


@dataclass(frozen=True)
class HttpReady:
    """Hold the port and the path in a container that answer GET with 2xx once it is ready."""

    port: int
    path: str

    def __str__(self) -> str:
        return f"http://:{self.port}{self.path}"


@dataclass(frozen=True)
class LogReady:
    """Hold the text that a line of the container's output contains once it is ready."""

    text: str

    def __str__(self) -> str:
        return f"log: {self.text}"


@dataclass(frozen=True)
class SmokeRules:
    """Hold the table of one image.

    - ``job``: the container ends by itself, with 0.
    - ``env``, ``command``: what the container gets; no command leaves the image's own.
    - ``ready``: what tells that the container is ready, instead of its HEALTHCHECK.
    - ``writable``: the paths that the container may write to, beside ``/tmp`` and its volumes.
    - ``root``: the reason why its user may be root. ``named``: the reason why its USER may be a name.
    - ``allow``: check → the reason why the image need not pass it; ``key:/path`` is a key file that it may carry.
    - ``tests``: the file or folder of its tests, from the repository's root.
    - ``header``: the table's name in its file, for hints.
    """

    job: bool = False
    env: Mapping[str, str] = field(default_factory=lambda: _NO_TEXTS)
    command: tuple[str, ...] = ()
    ready: HttpReady | LogReady | None = None
    writable: tuple[str, ...] = ()
    root: str = ""
    named: str = ""
    allow: Mapping[str, str] = field(default_factory=lambda: _NO_TEXTS)
    tests: str = ""
    header: str = ""

    @property
    def starts(self) -> bool:
        """Tell whether the table expects a process, so that its image is more than a tool."""
        return bool(self.job or self.command or self.ready)

    @property
    def keys(self) -> tuple[str, ...]:
        """Return the paths of the key files that the image may carry."""
        return tuple(check.removeprefix("key:") for check in self.allow if check.startswith("key:"))

    def or_allow(self, check: str) -> str:
        """Return the line that sets a check aside, for the message of its failure."""
        return f'or allow = {{ {check} = "why" }} in {self.header}'

    @property
    def reasons(self) -> tuple[str, ...]:
        """Return the reasons why its user is root or has a name, and why it need not pass checks."""
        users = {"root": self.root, "a name": self.named}
        told = [f"{kind} is needed: {why}" for kind, why in users.items() if why]
        return (*told, *(f"{check} is allowed: {why}" for check, why in self.allow.items()))

    @property
    def shown(self) -> tuple[tuple[str, str], ...]:
        """Return each key that is set, and its value as text; of ``env`` only the names.

        ``user`` that is root is a permission of policy, and shown with those.
        """
        texts = {
            "job": "true" if self.job else "",
            "env": ", ".join(self.env),
            "command": " ".join(self.command),
            "ready": str(self.ready or ""),
            "writable": ", ".join(self.writable),
            "user": f"a name is needed: {self.named}" if self.named else "",
            "allow": "; ".join(f"{check}: {why}" for check, why in self.allow.items()),
            "tests": self.tests,
        }
        return tuple((key, text) for key, text in texts.items() if text)

    def __str__(self) -> str:
        """Return the table as one line, for records."""
        root = [f"user = root is needed: {self.root}"] if self.root else []
        return "; ".join([*(f"{key} = {text}" for key, text in self.shown), *root])


def smoke_rules(tables: Mapping[str, Mapping[str, Any]]) -> dict[str, SmokeRules]:
    """Return the rules of each image. ``tables`` has no faults."""
    return {name: _rules(table) for name, table in tables.items()}


def _rules(table: Mapping[str, Any]) -> SmokeRules:
    user = _USER.fullmatch(table.get("user", ""))
    return SmokeRules(
        job=table.get("job", False),
        env=MappingProxyType(dict(table.get("env", {}))),
        command=tuple(table.get("command", ())),
        ready=parse_ready(table["ready"]) if "ready" in table else None,
        writable=tuple(posixpath.normpath(path) for path in table.get("writable", ())),
        root=user["why"] if user and user["kind"] == "root" else "",
        named=user["why"] if user and user["kind"] == "a name" else "",
        allow=MappingProxyType(dict(table.get("allow", {}))),
        tests=posixpath.normpath(table["tests"]) if "tests" in table else "",
    )


def parse_ready(text: str) -> HttpReady | LogReady:
    """Parse ``http://:8080/health`` (a port and a path in the container) or ``log: a text``. Raises UsageError."""
    if (http := _HTTP.fullmatch(text)) and int(http["port"]) <= _HIGHEST_PORT:
        return HttpReady(int(http["port"]), http["path"])
    if log := _LOG.fullmatch(text):
        return LogReady(log["text"])
    raise UsageError(f"ready {one_line(text)!r}: neither a port and a path in the container nor a line of its log")


def smoke_faults(tables: object) -> Iterator[SmokeFault]:
    """Yield the keys of each wrong value, the fault, and the fix."""
    if not (isinstance(tables, dict) and all(isinstance(table, dict) for table in tables.values())):
        yield ("smoke",), "smoke maps an image to a table", "[tool.slipway.smoke.svc-x] and job = true"
        return
    for name, table in tables.items():
        for key, value in table.items():
            where = ("smoke", name, key)
            if key not in _FORMS:
                yield (
                    where,
                    f"smoke.{name}: unknown key {key!r}",
                    suggestion(key, _FORMS, f"known: {', '.join(_FORMS)}"),
                )
            elif not _FORMS[key].fits(value):
                yield where, f"smoke.{name}.{key} is {_FORMS[key].what}", _FORMS[key].example
        if table.get("job") is True and "ready" in table:
            told = f"smoke.{name} has job and ready: a job ends, and is never ready"
            yield ("smoke", name, "ready"), told, "keep one of the two"


def _is_ready(value: object) -> bool:
    try:
        return isinstance(value, str) and bool(parse_ready(value))
    except UsageError:
        return False


def _is_writable(value: object) -> bool:
    return _is_list(value, lambda path: path.startswith("/") and posixpath.normpath(path).strip("/") != "")


def _is_inside(value: object) -> bool:
    return isinstance(value, str) and value != "" and not posixpath.normpath(value).startswith(("/", ".."))


def _is_list(value: object, fits: Callable[[str], bool]) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, str) and fits(one) for one in value)


def _is_env(value: object) -> bool:
    return isinstance(value, dict) and all(name and "=" not in name and isinstance(value[name], str) for name in value)


def _is_allow(value: object) -> bool:
    return isinstance(value, dict) and all(
        _CHECK.fullmatch(check) and isinstance(why, str) and why.strip() for check, why in value.items()
    )


@dataclass(frozen=True)
class _Form:
    """Hold how a key's value has to be: the test, the words for a fault, an example."""

    fits: Callable[[object], bool]
    what: str
    example: str


_FORMS = {
    "job": _Form(lambda value: isinstance(value, bool), "true or false", "job = true"),
    "env": _Form(_is_env, "a table of names and texts", 'env = { PORT = "8080" }'),
    "command": _Form(lambda value: _is_list(value, lambda word: True), "a list of words", 'command = ["serve"]'),
    "ready": _Form(
        _is_ready,
        "a port and a path in the container, or a text in its log",
        'ready = "http://:8080/health", or ready = "log: started"',
    ),
    "writable": _Form(_is_writable, "a list of absolute paths, and not /", 'writable = ["/var/cache/app"]'),
    "user": _Form(
        lambda value: isinstance(value, str) and bool(_USER.fullmatch(value)),
        "the reason why it is root or has a name",
        'user = "root is needed: why", or user = "a name is needed: why"',
    ),
    "allow": _Form(
        _is_allow,
        f"a table of checks ({', '.join(CHECKS)}) and the reasons not to pass them",
        'allow = { packages = "why", "key:/srv/test.key" = "why" }',
    ),
    "tests": _Form(_is_inside, "a path in the repository", 'tests = "tests/web"'),
}
