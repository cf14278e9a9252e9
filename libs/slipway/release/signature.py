"""Describe the signatures of records: their artifacts, how one is judged, and which a release must have. Pure.

A signature covers the exact bytes of a record. It is a referrer of the record's manifest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from slipway.core.errors import PolicyError, one_line
from slipway.core.problems import Known, Table
from slipway.registry.artifact import Artifact, Descriptor
from slipway.release.causes import SignatureCause

SSH_TYPE = "application/vnd.slipway.signature.ssh"
COSIGN_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"

SIGNING = Table(
    "the program that signs (SIGN_WITH)",
    (
        Known(
            "sign-passphrase",
            "passphrase|reading key: decrypt",
            "the key needs a passphrase",
            "ssh-add {key}; for cosign set COSIGN_PASSWORD",
        ),
        Known("sign-key-open", "too open", "others may read the key", "chmod 600 {key}"),
        Known(
            "sign-key-missing",
            "No such file|No private key found|invalid format|reading key",
            "is neither the file of a private key nor a key of the ssh-agent",
            "ssh-add -L lists the keys of the ssh-agent; SIGN_KEY may be the file of such a public key",
        ),
        Known("sign-refused", "agent refused", "the ssh-agent refused to sign", "ssh-add -l lists its keys"),
    ),
    Known("sign-failed", hint="try the key: ssh-keygen -Y sign -n slipway-release -f {key} FILE"),
)


class SignatureState(StrEnum):
    """Name how a signature stands beside its record. ``release-verify --json`` prints the values.

    ``unlisted``: it fits the record, and no list says who may sign. ``foreign``: it fits the record, and the list does
    not have its key, or no longer.
    """

    GOOD = "good"
    UNLISTED = "unlisted"
    FOREIGN = "foreign"
    BAD = "bad"


@dataclass(frozen=True)
class Verdict:
    """Hold the judgement of one signature.

    ``key``: the signer's key, by its fingerprint. ``principal``: the signer's name in the list. ``why``: the program's
    own words about a signature that is foreign or bad.
    """

    state: SignatureState
    key: str = ""
    principal: str = ""
    why: str = ""

    def __str__(self) -> str:
        match self.state:
            case SignatureState.GOOD:
                return f"{self.principal}, {self.key}"
            case SignatureState.UNLISTED:
                return f"{self.key}; ALLOWED_SIGNERS would say whose key this is"
            case SignatureState.FOREIGN:
                return f"{self.key} may not sign: {one_line(self.why)}"
            case SignatureState.BAD:
                return f"does not fit the record: {one_line(self.why)}"

    def as_json(self) -> dict[str, Any]:
        return dict(vars(self))


@dataclass(frozen=True)
class Signature:
    """Hold a signature, and the verdict about it."""

    content: bytes
    verdict: Verdict


def artifact_of(signature: bytes, type: str, record: Descriptor) -> Artifact:
    return Artifact(type, type, signature, subject=record)


def refuse_signatures(version: str, found: Sequence[Verdict], *, required: bool) -> None:
    """Raise PolicyError unless one signature is good.

    ``required``: a list says who may sign. Without a list, a signature that fits the record is enough, and a record
    needs none.
    """
    if not found and required:
        what = f"release {version}: its record has no signature"
        raise PolicyError(what, hint="set SIGN_KEY, and invoke release", code=SignatureCause.MISSING)
    enough = {SignatureState.GOOD} if required else {SignatureState.GOOD, SignatureState.UNLISTED}
    if found and not any(one.state in enough for one in found):
        lines = [f"{one.state}: {one}" for one in found]
        what = "\n  ".join([f"release {version}: its record has no valid signature", *lines])
        raise PolicyError(what, hint="ALLOWED_SIGNERS names the keys that may sign", code=SignatureCause.REFUSED)
