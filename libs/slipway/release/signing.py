"""Sign records with a key that has shown that it can sign, and judge the signatures that the registry has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, Self

from slipway.core.errors import PolicyError
from slipway.release.causes import SignatureCause
from slipway.release.records import Published, Records
from slipway.release.signature import Signature, SignatureState, Verdict, refuse_signatures

#: slipway signs this before the build, so that a key that cannot sign ends a release early.
_TRIAL = b"slipway tries this key\n"


class Signatures(Protocol):
    """Make and judge signatures of one ``type`` with a program. ``allowed`` says who may sign; empty without a list."""

    @property
    def type(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def allowed(self) -> str: ...
    def sign(self, content: bytes) -> bytes: ...
    def judge(self, content: bytes, signature: bytes) -> Verdict: ...


@dataclass(frozen=True)
class Signing:
    """Sign records. ``signer``: the verdict about a trial of the key; None without a key.

    Without a key, a record must have a signature by an allowed signer: another run made it.
    """

    signatures: Signatures
    signer: Verdict | None = None

    @classmethod
    def tried(cls, signatures: Signatures) -> Self:
        """Return the means to sign, after a trial of the key.

        Raises PrerequisiteError when the key cannot sign, and PolicyError when the list of signers does not have it.
        """
        verdict = signatures.judge(_TRIAL, signatures.sign(_TRIAL))
        if verdict.state in (SignatureState.FOREIGN, SignatureState.BAD):
            what, hint = f"SIGN_KEY={signatures.key}: {verdict}", f"add its public key to {signatures.allowed}"
            raise PolicyError(what, hint=hint, code=SignatureCause.REFUSED)
        return cls(signatures, verdict)

    def refuse_without_key(self, version: str) -> None:
        """Raise PolicyError when nothing could sign the record of a new version."""
        if self.signer is None:
            refuse_signatures(version, (), required=True)

    def sign(self, record: Published, records: Records) -> Signature:
        """Return the signature of a stored record by this key, and store it in the registry when it has none.

        Raises PolicyError without a key and a signature, PrerequisiteError when the key cannot sign, and RegistryError.
        """
        found = judged(record, records, self.signatures)
        if self.signer is None:
            refuse_signatures(record.record.version, [one.verdict for one in found], required=True)
            return next(one for one in found if one.verdict.state is SignatureState.GOOD)
        if kept := next((one for one in found if one.verdict == self.signer), None):
            return kept
        made = self.signatures.sign(record.content)
        records.store_signature(record.digest, made, self.signatures.type)
        return Signature(made, self.signer)


def judged(record: Published, records: Records, signatures: Signatures) -> tuple[Signature, ...]:
    """Judge all signatures of a record. Raises RegistryError, and PrerequisiteError when the program does not run."""
    found = records.signatures(record.digest, signatures.type)
    return tuple(Signature(one, signatures.judge(record.content, one)) for one in found)
