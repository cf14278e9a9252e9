"""Sign with cosign 3 on this machine, and judge such signatures by cosign's public key.

A signature is a Sigstore bundle (v0.3) of the record's bytes. slipway tells no transparency log of it, and stores it
itself, so cosign needs no route to the registry.
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

from slipway.core.command import Command
from slipway.core.errors import one_line
from slipway.hosts.runner import RunCommand
from slipway.release.programs import kept, ran, unsigned
from slipway.release.signature import COSIGN_TYPE, SignatureState, Verdict

#: Names no service: no transparency log, no authority for certificates or for times.
_NO_SERVICES = '{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json"}'


@dataclass(frozen=True)
class CosignSignatures:
    """Make and judge signatures. ``key``: SIGN_KEY. ``allowed``: the public key; each may be empty.

    cosign reads the key's password from COSIGN_PASSWORD.
    """

    run: RunCommand
    key: str = ""
    allowed: str = ""
    type: ClassVar[str] = COSIGN_TYPE

    def sign(self, content: bytes) -> bytes:
        """Return the signature of ``content``. Raises PrerequisiteError when the key cannot sign."""
        with TemporaryDirectory(prefix="slipway-") as folder:
            services, bundle = Path(folder, "services.json"), Path(folder, "bundle.json")
            services.write_text(_NO_SERVICES)
            words = ("--key", self.key, "--yes", "--signing-config", str(services), "--bundle", str(bundle), "-")
            done = ran(self.run, Command(("cosign", "sign-blob", *words), stdin=content))
            if not done.ok or not bundle.exists():
                raise unsigned(self.key, done.stderr)
            return bundle.read_bytes()

    def judge(self, content: bytes, signature: bytes) -> Verdict:
        """Judge a signature of ``content``. Raises PrerequisiteError when cosign does not run."""
        try:
            said = json.loads(signature)
            key = one_line(f"cosign key {said['verificationMaterial']['publicKey']['hint']}")[:80]
            signed = b64decode(said["messageSignature"]["messageDigest"]["digest"])
        except (ValueError, KeyError, TypeError, RecursionError):
            return Verdict(SignatureState.BAD, why="it is not a bundle of a key")
        if signed != hashlib.sha256(content).digest():
            return Verdict(SignatureState.BAD, why="it is about other bytes")
        if not self.allowed:
            return Verdict(SignatureState.UNLISTED, key)
        with kept(signature) as file:
            words = ("--key", self.allowed, "--bundle", file, "--insecure-ignore-tlog", "-")
            done = ran(self.run, Command(("cosign", "verify-blob", *words), stdin=content))
        if done.ok:
            return Verdict(SignatureState.GOOD, key, Path(self.allowed).name)
        errors = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
        return Verdict(SignatureState.FOREIGN, key, why=next(iter(errors), "cosign does not say why"))
