"""Choose the program and the keys of signatures by the settings. It runs on this machine, also with ``--remote``."""

from __future__ import annotations

from pathlib import Path

from slipway.core.errors import UsageError
from slipway.release.cosign_signature import CosignSignatures
from slipway.release.records import Published, Records
from slipway.release.signature import Verdict, refuse_signatures
from slipway.release.signing import Signatures, Signing, judged
from slipway.release.ssh_signature import SshSignatures
from slipway.tasks.session import Session

_ALLOWED = "allowed_signers"


def signing_of(session: Session) -> Signing | None:
    """Return the means to sign with SIGN_KEY; None where releases have no signature.

    Raises UsageError, PrerequisiteError when the key cannot sign, and PolicyError when it may not.
    """
    signatures = signatures_of(session)
    if signatures.key:
        return Signing.tried(signatures)
    return Signing(signatures) if signatures.allowed else None


def signatures_of(session: Session) -> Signatures:
    """Return the program that makes and judges signatures. Raises UsageError when a list of signers is missing."""
    settings = session.settings
    key = str(Path(settings["SIGN_KEY"]).expanduser()) if settings["SIGN_KEY"] else ""
    kind = CosignSignatures if settings["SIGN_WITH"] == "cosign" else SshSignatures
    return kind(session.run, key, _allowed(session))


def verified(session: Session, record: Published, records: Records) -> tuple[Verdict, ...]:
    """Judge the signatures of a record, and return the verdicts.

    Raises PolicyError when the record is not signed as it must be, and the errors of ``judged``.
    """
    signatures = signatures_of(session)
    found = tuple(one.verdict for one in judged(record, records, signatures))
    refuse_signatures(record.record.version, found, required=bool(signatures.allowed))
    return found


def _allowed(session: Session) -> str:
    settings = session.settings
    own = settings.root / _ALLOWED
    if not settings["ALLOWED_SIGNERS"]:
        return str(own.absolute()) if own.is_file() and settings["SIGN_WITH"] == "ssh" else ""
    chosen = Path(settings["ALLOWED_SIGNERS"]).expanduser()
    if not chosen.is_file():
        raise UsageError(f"ALLOWED_SIGNERS={chosen}: no such file")
    return str(chosen)
