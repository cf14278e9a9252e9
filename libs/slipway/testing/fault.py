"""A fault of the registry that serves tests."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass
class Fault:
    """Hold a fault: it strikes ``times`` requests, after the first ``after`` matching requests have passed.

    ``pattern``: matches ``METHOD path``. ``status``: the status to return instead. ``unsent``: cut the connection, and
    do not do the work. ``hangs``: do nothing until the client leaves. ``lost``: do the work, then cut the connection.
    ``cut``: do the work, then cut the connection amid the reply. ``body``: replaces the bytes of the reply.
    ``struck``: how often the fault struck.
    """

    pattern: str
    status: int = 0
    times: int = 1
    after: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    unsent: bool = False
    hangs: bool = False
    lost: bool = False
    cut: bool = False
    body: bytes | None = None
    struck: int = 0

    @property
    def idle(self) -> bool:
        """Tell whether the server does not do the work."""
        return self.unsent or self.hangs

    def strikes(self, request: str) -> bool:
        if not re.search(self.pattern, request) or self.struck >= self.times:
            return False
        if self.after:
            self.after -= 1
            return False
        self.struck += 1
        return True
