"""Verify a host key against ``known_hosts``, as ``ssh-keygen -F`` reads it: hashes, patterns and markers.

slipway refuses an unknown or changed key and shows fingerprints to compare. It never adds a key.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from slipway.core.command import Command
from slipway.core.errors import SshError
from slipway.hosts.runner import RunCommand
from slipway.hosts.ssh.failures import KEY_CHANGED, KEY_REVOKED, KEY_UNKNOWN
from slipway.hosts.ssh.host_config import HostConfig

_LINE = re.compile(r"# Host .* found: line (\d+)")


@dataclass(frozen=True)
class KnownKey:
    """Hold a line of ``file``: ``kind`` such as ``ssh-ed25519``, ``mark`` such as ``@revoked``, or empty."""

    file: Path
    line: int
    kind: str
    key: bytes
    mark: str = ""

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}"


def find_command(name: str, file: Path) -> Command:
    """Return the command with which OpenSSH finds the lines of ``file`` for ``name``."""
    return Command(("ssh-keygen", "-F", name, "-f", str(file)), label="ssh-keygen -F")


def find_known(config: HostConfig, run: RunCommand) -> tuple[KnownKey, ...]:
    """Return the keys that known_hosts has for the host."""
    found: list[KnownKey] = []
    for file in config.known_hosts:
        if file.is_file():
            found += read_known(run(find_command(config.listed, file), timeout=30).stdout, file)
    return tuple(found)


def read_known(text: str, file: Path) -> tuple[KnownKey, ...]:
    """Parse the output of ``ssh-keygen -F``. Leave out lines without a valid key."""
    found: list[KnownKey] = []
    number = 0
    for line in text.splitlines():
        if match := _LINE.match(line):
            number = int(match[1])
            continue
        words = line.split()
        mark = words.pop(0) if words and words[0].startswith("@") else ""
        try:
            found.append(KnownKey(file, number, words[1], base64.b64decode(words[2], validate=True), mark))
        except (IndexError, binascii.Error):
            continue
    return tuple(found)


def kinds(known: Sequence[KnownKey]) -> tuple[str, ...]:
    """Return the kinds of host key to request first: those that known_hosts has without a marker.

    With a key of another kind, slipway would refuse a known host.
    """
    return tuple(dict.fromkeys(key.kind for key in known if not key.mark))


def fingerprint(key: bytes) -> str:
    """Return the fingerprint as OpenSSH shows it: ``SHA256:…``."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")


def verify(config: HostConfig, kind: str, key: bytes, known: Sequence[KnownKey]) -> None:
    """Raise SshError unless known_hosts has ``key`` for the host and does not revoke it."""
    shown = f"{kind} {fingerprint(key)}"
    revoked = [entry for entry in known if entry.mark == "@revoked" and entry.key == key]
    if revoked:
        raise SshError.of([KEY_REVOKED.problem(f"ssh {config}", key=shown, place=revoked[0].place)])
    plain = [entry for entry in known if not entry.mark]
    if any(entry.key == key for entry in plain):
        return
    changed = [entry for entry in plain if entry.kind == kind]
    if changed:
        before = f"{fingerprint(changed[0].key)} ({changed[0].place})"
        problem = KEY_CHANGED.problem(f"ssh {config}", key=shown, known=before, listed=_quoted(config.listed))
        raise SshError.of([problem])
    note, words = "", f"ssh {_words(config)}"
    if any(entry.mark == "@cert-authority" for entry in known):
        # Without HostKeyAlgorithms OpenSSH would accept the host's certificate, and not ask about the plain key.
        algorithm = "rsa-sha2-512" if kind == "ssh-rsa" else kind
        note, words = " (host certificates are not read)", f"ssh -o HostKeyAlgorithms={algorithm} {_words(config)}"
    raise SshError.of([KEY_UNKNOWN.problem(f"ssh {config}", key=shown, note=note, ssh=words)])


def _quoted(listed: str) -> str:
    return f"'{listed}'" if listed.startswith("[") else listed


def _words(config: HostConfig) -> str:
    """Return the words that a user types after ``ssh`` to reach the host."""
    name = config.name
    port = f"-p {name.port} " if name.port else ""
    return f"{port}{name.user}@{name.host}" if name.user else f"{port}{name.host}"
