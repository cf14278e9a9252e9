"""Lock a build host against other releases, with a lease that slipway renews while it holds the lock.

``mkdir`` creates the lock, so exactly one client gets it. slipway breaks a lock only if the user requests it: the
client behind an expired lease may be disconnected and still at work. Only the build host's clock counts.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from slipway.core.command import Command
from slipway.core.errors import LockedError, SshError
from slipway.hosts.remote.scripts import script
from slipway.hosts.ssh.reconnecting import ReconnectingConnection

#: Seconds between renewals of the lease, and seconds without renewal after which it has expired.
RENEWED, STALE = 20.0, 120
_OURS = '[ "$(cat "$1/word" 2>/dev/null)" = "$2" ] || exit 0; '


@contextmanager
def held(
    connection: ReconnectingConnection, lock: str, who: str, say: Callable[[str], None], *, broken: bool = False
) -> Iterator[None]:
    """Hold ``lock``, a path on the build host. ``broken``: break a lock whose lease has expired.

    Raises LockedError with the holder, the start time, and the seconds since the last renewal of the lease.
    """
    word = secrets.token_hex(8)
    name = lock.rpartition("/")[2]
    words = (lock, who, word, str(STALE), "break" if broken else "")
    said = connection.run(script("lock", *words), timeout=60).stdout.strip()
    if said != "ours":
        raise _refused(name, said)
    if broken:
        say(f"{name}: slipway broke the expired lock of another run")
    done = threading.Event()
    renewing = threading.Thread(target=_renew, args=(connection, lock, word, done), daemon=True)
    renewing.start()
    try:
        yield
    finally:
        done.set()
        with contextlib.suppress(SshError):
            _run(connection, 'rm -rf -- "$1"', lock, word)


def _refused(name: str, said: str) -> LockedError:
    kind, _, rest = said.partition(" ")
    age, _, holder = rest.partition(" ")
    if kind != "held" or not age.isdigit():
        return LockedError(f"{name}: {said or 'no answer'}", hint="invoke remote-check")
    told = f"{name}: held by {holder}, last renewed {age} s ago"
    if int(age) > STALE:
        return LockedError(told, hint="ask them; if their run has ended, add --break-lock")
    return LockedError(told, hint="wait for it to end, then run the command again")


def _renew(connection: ReconnectingConnection, lock: str, word: str, done: threading.Event) -> None:
    while not done.wait(RENEWED):
        with contextlib.suppress(SshError):
            _run(connection, 'touch -- "$1/lease"', lock, word)


def _run(connection: ReconnectingConnection, line: str, lock: str, word: str) -> None:
    connection.run(Command(("sh", "-c", _OURS + line, "sh", lock, word), label="lock"), timeout=30)
