"""Claim the tags of all images of OWNER: of several releases, from machines without a common lock, one goes on.

Registries ignore conditions, so slipway looks for a claim, writes its own, waits, and looks again (Fischer's algorithm,
in Lamport, "A Fast Mutual Exclusion Algorithm", 1987). The wait is longer than another release takes from its look to
its write. Then only the last writer finds its own claim, and every later release finds that one.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Self

from slipway.core.clock import CLOCK, Clock
from slipway.core.errors import RegistryError
from slipway.release.record import Record
from slipway.release.records import Records
from slipway.runs.run import Run

#: The least time between the write of a claim and the look at it.
_SETTLES = 0.5
_POLL = 1.0
#: A release holds its claim while it moves the tags. After this time without an end, its process is gone.
PATIENCE = 60.0


@dataclass(frozen=True)
class Claims:
    """Claim the tags for a record. ``tell`` gets a line before a wait. ``over``: a claim that counts no longer."""

    records: Records
    clock: Clock = CLOCK
    tell: Callable[[str], None] = lambda line: None
    over: str = ""

    def awaited(self) -> Self:
        """Wait for the end of another release. Return the claims that know whether its claim counts no longer."""
        found = self.records.claimed()
        return replace(self, over=found) if found and self._is_over(found) else self

    def take(self, record: Record, run: Run) -> None:
        """Claim the tags for a stored record, and wait while another release is at work.

        Raises LockedError when another release published the version, and RegistryError.
        """
        own, over = record.artifact.manifest.digest, self.over
        while True:
            looked = self.clock.now()
            found = self.records.claimed()
            if found == own:
                return
            if found and found != over:
                over = found if self._is_over(found) else over
                self.records.refuse_other(record)
                continue
            run.journal(claiming=str(self.records.repository), digest=own)
            self.records.claim(record)
            self.clock.sleep(max(_SETTLES, 2 * (self.clock.now() - looked)))

    def free(self, record: Record, run: Run) -> None:
        """Let other releases claim the tags, unless one has. Raises RegistryError and UnwritableError."""
        if self.records.claimed() == record.artifact.manifest.digest:
            run.journal(freeing=str(self.records.repository))
            self.records.free()

    def _is_over(self, claim: str) -> bool:
        """Wait for the end of a claim. Tell whether it still stands, and counts no longer.

        Its record is published, or its process is gone.
        """
        version, began = self._version(claim), self.clock.now()
        if version and self.records.digest(version) == claim:
            return True
        self.tell(f"another release ({version}) is at work; slipway waits for its end, for {PATIENCE:.0f} s at most")
        while self.clock.now() - began < PATIENCE:
            self.clock.sleep(_POLL)
            if self.records.claimed() != claim:
                return False
            if version and self.records.digest(version) == claim:
                return True
        return True

    def _version(self, claim: str) -> str:
        """Return the version of the record for which a claim stands; empty for content that is not a record."""
        with suppress(RegistryError):
            return self.records.read(claim).record.version
        return ""
