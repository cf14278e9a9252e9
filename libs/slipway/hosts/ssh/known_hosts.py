"""Verify a host's key by ``known_hosts`` as ``ssh-keygen -F`` reads it: hashes, patterns and marks.

An unknown or changed key is refused, with fingerprints to compare; slipway never adds a key.
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
from slipway.hosts.ssh.host_config import HostConfig

_LINE = re.compile(r"# Host .* found: line (\d+)")


@dataclass(frozen=True)
class KnownKey:
    """A line of ``file``: ``kind`` as ``ssh-ed25519``, ``mark`` as ``@revoked`` or empty."""

    file: Path
    line: int
    kind: str
    key: bytes
    mark: str = ""

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}"


def find_command(name: str, file: Path) -> Command:
    """Asks OpenSSH which lines of ``file`` are about ``name``."""
    return Command(("ssh-keygen", "-F", name, "-f", str(file)), label="ssh-keygen -F")


def read_known(text: str, file: Path) -> tuple[KnownKey, ...]:
    """What ``ssh-keygen -F`` printed; a line that holds no key is left out."""
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
    """The kinds of key to ask the host for first: one it is known by, or it would seem to have changed."""
    return tuple(dict.fromkeys(key.kind for key in known if not key.mark))


def fingerprint(key: bytes) -> str:
    """As OpenSSH shows it: ``SHA256:…``."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")


def verify(config: HostConfig, kind: str, key: bytes, known: Sequence[KnownKey]) -> None:
    """Raises SshError unless the host showed a key it is known by."""
    shown = f"{kind} {fingerprint(key)}"
    revoked = [entry for entry in known if entry.mark == "@revoked" and entry.key == key]
    if revoked:
        raise SshError(f"ssh {config}: its key {shown} is revoked at {revoked[0].place}", hint="ask whoever revoked it")
    plain = [entry for entry in known if not entry.mark]
    if any(entry.key == key for entry in plain):
        return
    changed = [entry for entry in plain if entry.kind == kind]
    if changed:
        raise SshError(
            f"ssh {config}: its key has changed: {shown}, known is {fingerprint(changed[0].key)} ({changed[0].place}); "
            "somebody may be in between",
            hint=f"ask its administrator; only if the change is meant: ssh-keygen -R {_quoted(config.listed)}",
        )
    if any(entry.mark == "@cert-authority" for entry in known):
        # OpenSSH asks nothing there: it takes the host's certificate.
        algorithm = "rsa-sha2-512" if kind == "ssh-rsa" else kind
        words = f"ssh -o HostKeyAlgorithms={algorithm} {_words(config)}"
        raise SshError(
            f"ssh {config}: unknown host key {shown} (host certificates are not read)",
            hint=f"compare it with the host's own; {words} keeps it once you say yes",
        )
    raise SshError(
        f"ssh {config}: unknown host key {shown}",
        hint=f"compare it with the host's own; ssh {_words(config)} keeps it once you say yes",
    )


def _quoted(listed: str) -> str:
    return f"'{listed}'" if listed.startswith("[") else listed


def _words(config: HostConfig) -> str:
    """What one types after ``ssh`` to reach it."""
    name = config.name
    port = f"-p {name.port} " if name.port else ""
    return f"{port}{name.user}@{name.host}" if name.user else f"{port}{name.host}"
