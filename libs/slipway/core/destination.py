"""Parse the address of a build host: an alias of ssh's configuration, or ``user@host[:port]``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from slipway.core.errors import UsageError

#: No part may begin with ``-``: ssh would read it as an option, and some options run commands on this machine.
_FORM = re.compile(
    r"(?:(?P<user>[A-Za-z0-9_][A-Za-z0-9_.-]*)@)?"
    r"(?:(?P<host>[A-Za-z0-9_][A-Za-z0-9_.-]*)|\[(?P<address>[0-9A-Fa-f:.]+)\])"
    r"(?::(?P<port>[0-9]{1,5}))?"
)


@dataclass(frozen=True)
class Destination:
    """Hold the address of a build host.

    ``user`` is empty, and ``port`` is 0, where ssh's configuration sets them.
    """

    host: str
    user: str = ""
    port: int = 0

    @classmethod
    def parse(cls, text: str, setting: str = "REMOTE_HOST") -> Destination:
        """Parse the value of ``setting``.

        Raises UsageError when ``text`` is neither an ssh alias nor ``user@host[:port]``.
        """
        found = _FORM.fullmatch(text)
        if not found:
            raise UsageError(f"{setting}={text}: not an ssh alias or user@host[:port]", hint=f"{setting}=me@builder:22")
        port = int(found["port"] or 0)
        if found["port"] and not 1 <= port <= 65535:
            hint = f"{setting}={text.rpartition(':')[0]}:22"
            raise UsageError(f"{setting}={text}: port {found['port']} is not 1 to 65535", hint=hint)
        return cls(found["host"] or found["address"], found["user"] or "", port)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return "".join((f"{self.user}@" * bool(self.user), host, f":{self.port}" * bool(self.port)))
