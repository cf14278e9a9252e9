"""Claim a version in the registry: of several releases of it, from machines without a common lock, one goes on.

Registries ignore conditions, so slipway looks for a claim, writes its own, waits, and looks again (Fischer's algorithm,
in Lamport, "A Fast Mutual Exclusion Algorithm", 1987). The wait is longer than another release takes from its look to
its write. Then only the last writer finds its own claim, and every later release finds that one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

from slipway.core.clock import CLOCK, Clock
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
    """Claim versions. ``tell`` gets a line before slipway waits for another release. ``dead``: a claim to take over."""

    records: Records
    clock: Clock = CLOCK
    tell: Callable[[str], None] = lambda line: None
    dead: str = ""

    def awaited(self, version: str) -> Self:
        """Wait for the end of another release of the version. Return the claims that know whether it died."""
        found = self.records.claimed(version)
        if found and not self.records.digest(version) and self._outlasts(version, found):
            return replace(self, dead=found)
        return self

    def take(self, record: Record, run: Run) -> None:
        """Claim the version of a stored record, and wait while another release of it is at work.

        Raises LockedError when another release published the version, and RegistryError.
        """
        version, own, dead = record.version, record.artifact.manifest.digest, self.dead
        while True:
            looked = self.clock.now()
            found = self.records.claimed(version)
            if found == own:
                return
            if found and found != dead:
                self.records.refuse_other(record)
                dead = found if self._outlasts(version, found) else dead
                continue
            run.journal(claiming=str(self.records.reference(version)), digest=own)
            self.records.claim(record)
            self.clock.sleep(max(_SETTLES, 2 * (self.clock.now() - looked)))

    def free(self, record: Record, run: Run) -> None:
        """Let other releases claim the version, unless one has. Raises RegistryError and UnwritableError."""
        if self.records.claimed(record.version) == record.artifact.manifest.digest:
            run.journal(freeing=str(self.records.reference(record.version)))
            self.records.free(record.version)

    def _outlasts(self, version: str, claim: str) -> bool:
        """Wait until a claim is gone or the version has a record. Tell whether neither happened in time."""
        self.tell(f"another release of {version} is at work; slipway waits for its end, for {PATIENCE:.0f} s at most")
        began = self.clock.now()
        while self.clock.now() - began < PATIENCE:
            self.clock.sleep(_POLL)
            if self.records.claimed(version) != claim or self.records.digest(version):
                return False
        return True
