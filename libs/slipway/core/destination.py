"""What a build host is called: an alias of ssh's configuration, or ``user@host[:port]``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from slipway.core.errors import UsageError

#: No part may begin with ``-``: ssh would take it for an option, and some options run commands here.
_FORM = re.compile(
    r"(?:(?P<user>[A-Za-z0-9_][A-Za-z0-9_.-]*)@)?"
    r"(?:(?P<host>[A-Za-z0-9_][A-Za-z0-9_.-]*)|\[(?P<address>[0-9A-Fa-f:.]+)\])"
    r"(?::(?P<port>[0-9]{1,5}))?"
)


@dataclass(frozen=True)
class Destination:
    """``user`` and ``port`` are empty and 0 where ssh's configuration is to say them."""

    host: str
    user: str = ""
    port: int = 0

    @classmethod
    def parse(cls, text: str, setting: str = "REMOTE_HOST") -> Destination:
        """Raises UsageError for what is neither an alias nor ``user@host[:port]``."""
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
