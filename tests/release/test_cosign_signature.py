"""Signatures by cosign: its command lines, its bundles, and its refusals. A fake answers as cosign 3.1 does."""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from pathlib import Path

import pytest

from slipway.core.command import Command, Result
from slipway.core.errors import PrerequisiteError
from slipway.release.cosign_signature import CosignSignatures
from slipway.release.signature import SignatureState, Verdict
from slipway.testing.fakes import Answer, FakeRun

RECORD = b"the record"


def bundle(content: bytes) -> bytes:
    digest = b64encode(hashlib.sha256(content).digest()).decode()
    said = {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": "uF3b="}},
        "messageSignature": {"messageDigest": {"algorithm": "SHA2_256", "digest": digest}, "signature": "MEQ="},
    }
    return json.dumps(said).encode()


def signs(command: Command, on_line: object) -> Result:
    """Sign as cosign does: the bundle of the standard input goes into a file."""
    words = dict(zip(command.argv, command.argv[1:], strict=False))
    assert json.loads(Path(words["--signing-config"]).read_text()) == {
        "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json"
    }
    Path(words["--bundle"]).write_bytes(bundle(command.stdin))
    return Result(0)


def cosign(sign: Answer = signs, verify: Answer = Result(0)) -> FakeRun:  # noqa: B008
    return FakeRun({("cosign", "sign-blob"): sign, ("cosign", "verify-blob"): verify})


def test_cosign_signs_the_bytes_without_a_service() -> None:
    run = cosign()
    assert CosignSignatures(run, "/keys/cosign.key").sign(RECORD) == bundle(RECORD)
    (command,) = run.commands
    assert command.argv[2:5] == ("--key", "/keys/cosign.key", "--yes")
    assert (command.argv[-1], command.stdin) == ("-", RECORD)


def test_a_bundle_is_judged_by_the_public_key() -> None:
    run = cosign()
    signatures = CosignSignatures(run, allowed="/keys/cosign.pub")
    assert signatures.judge(RECORD, bundle(RECORD)) == Verdict(SignatureState.GOOD, "cosign key uF3b=", "cosign.pub")
    (command,) = run.commands
    assert command.argv[2:5] == ("--key", "/keys/cosign.pub", "--bundle")
    assert (command.argv[-2:], command.stdin) == (("--insecure-ignore-tlog", "-"), RECORD)


@pytest.mark.fault("P66")
def test_a_bundle_of_another_key_or_of_other_bytes_is_refused() -> None:
    refused = Result(1, stderr="WARNING: no tlog\nError: invalid signature when validating\nerror during command")
    signatures = CosignSignatures(cosign(verify=refused), allowed="/keys/cosign.pub")
    foreign = signatures.judge(RECORD, bundle(RECORD))
    assert (foreign.state, foreign.why) == (SignatureState.FOREIGN, "Error: invalid signature when validating")
    assert signatures.judge(b"other", bundle(RECORD)).state is SignatureState.BAD
    for nothing in (b"", b"{}", b"[]", b'{"verificationMaterial": 1}'):
        assert signatures.judge(RECORD, nothing).state is SignatureState.BAD
    assert CosignSignatures(cosign()).judge(RECORD, bundle(RECORD)).state is SignatureState.UNLISTED


@pytest.mark.fault("P65")
@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("Error: signing -: reading key: decrypt: encrypted: decryption failed", "sign-passphrase"),
        ("Error: signing -: reading key: open /k: no such file or directory", "sign-key-missing"),
        ("Error: unknown flag: --signing-config", "sign-failed"),
    ],
)
def test_a_key_that_cannot_sign_is_named(said: str, code: str) -> None:
    run = cosign(sign=Result(1, stderr=said))
    with pytest.raises(PrerequisiteError) as caught:
        CosignSignatures(run, "/k").sign(RECORD)
    assert caught.value.code == code and "SIGN_KEY=/k: " in str(caught.value)
