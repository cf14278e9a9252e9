"""Signatures of records by the real ssh-keygen: who may sign, which bytes, and when a release stores one."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from slipway.core.command import Result
from slipway.core.errors import PolicyError, PrerequisiteError, RegistryError
from slipway.hosts.runner import run
from slipway.release.records import Published
from slipway.release.signature import SSH_TYPE, SignatureState, Verdict, refuse_signatures
from slipway.release.signing import Signing, judged
from slipway.release.ssh_signature import NAMESPACE, SshSignatures
from slipway.testing.fakes import FakeRun, RegistryServer
from tests.release.keys import allowed, fingerprint, key
from tests.release.shop import OWNER, Shop

if TYPE_CHECKING:
    from tests.rig.agents import Agent

pytestmark = pytest.mark.process
RECORD = b'{"predicate":{"version":"v1"}}'


@dataclass(frozen=True)
class Keys:
    """Private keys: that of alice, an allowed signer, and that of mallory."""

    folder: Path
    alice: str
    mallory: str


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    folder = tmp_path_factory.mktemp("keys of the tests")
    return Keys(folder, key(folder, "alice"), key(folder, "mallory"))


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    with RegistryServer() as server:
        yield server


@pytest.fixture
def shop(server: RegistryServer, tmp_path: Path) -> Shop:
    return Shop(server, tmp_path)


def signatures(keys: Keys, private: str = "", options: str = "") -> SshSignatures:
    """Return the signatures of ``private``, else alice, judged by a list that has alice's key with ``options``."""
    return SshSignatures(run, private or keys.alice, allowed(keys.folder, "alice@example.com", keys.alice, options))


def stored(shop: Shop) -> tuple[Published, tuple[bytes, ...]]:
    """Return the record of v1 and its signatures, as the registry has them."""
    record = shop.records.get("v1")
    return record, shop.records.signatures(record.digest, SSH_TYPE)


@pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa"])
def test_a_release_stores_the_signature_before_a_tag_moves(shop: Shop, keys: Keys, tmp_path: Path, kind: str) -> None:
    older, private = shop.publish_older(), key(tmp_path, "carol", kind)
    shop.signing = Signing.tried(SshSignatures(run, private, allowed(tmp_path, "carol", private)))
    seen: list[tuple[str, int, dict[str, str]]] = []

    def look(entry: dict[str, object]) -> None:
        if "signing" in entry or "moving" in entry:
            listed = sum(tag.startswith("sha256-") for _, tag in shop.server.tags)
            seen.append((next(iter(entry)), listed, shop.stands("v1")))

    shop.before_line = look
    assert shop.release(shop.planned()) == (0, "")
    assert seen[:2] == [("signing", 0, older), ("moving", 1, older)]
    record, (signature,) = stored(shop)
    verdict = shop.signing.signatures.judge(record.content, signature)
    assert (verdict.state, verdict.principal) == (SignatureState.GOOD, "carol")
    assert verdict.key.endswith(f" key {fingerprint(private)}")

    assert shop.resume() == (0, "")
    assert stored(shop) == (record, (signature,))


def test_the_key_of_another_run_adds_its_signature(shop: Shop, keys: Keys) -> None:
    for private in (keys.alice, keys.mallory):
        shop.signing = Signing.tried(SshSignatures(run, private))
        assert (shop.resume() if shop.runs else shop.release(shop.planned())) == (0, "")
    record, found = stored(shop)
    assert len(found) == 2
    verdicts = [one.verdict for one in judged(record, shop.records, signatures(keys))]
    assert {verdict.state for verdict in verdicts} == {SignatureState.GOOD, SignatureState.FOREIGN}
    refuse_signatures("v1", verdicts, required=True)


@pytest.mark.fault("P65")
def test_a_key_with_a_passphrase_is_refused_before_a_release(keys: Keys, tmp_path: Path) -> None:
    locked = key(tmp_path, "locked", passphrase="not for logs")
    with pytest.raises(PrerequisiteError) as caught:
        Signing.tried(signatures(keys, locked))
    assert str(caught.value) == (
        f"error: SIGN_KEY={locked}: the key needs a passphrase\nhint:  ssh-add {locked}; for cosign set COSIGN_PASSWORD"
    )
    assert caught.value.code == "sign-passphrase"


@pytest.mark.fault("P65")
def test_a_missing_key_and_one_that_others_may_read_are_refused(keys: Keys, tmp_path: Path) -> None:
    private = Path(key(tmp_path, "open"))
    private.chmod(0o644)
    for path, code in ((tmp_path / "nowhere", "sign-key-missing"), (private, "sign-key-open")):
        with pytest.raises(PrerequisiteError) as caught:
            Signing.tried(signatures(keys, str(path)))
        assert caught.value.code == code


@pytest.mark.fault("P65")
@pytest.mark.parametrize(("code", "said"), [(127, "cannot be started"), (124, "did not end within 60 s")])
def test_a_program_that_does_not_run_is_named(code: int, said: str) -> None:
    absent = FakeRun({("ssh-keygen",): Result(code)})
    with pytest.raises(PrerequisiteError, match=f"ssh-keygen: {said}"):
        SshSignatures(absent, "/key").sign(RECORD)


@pytest.mark.fault("P65")
def test_a_key_that_the_agent_no_longer_holds_moves_nothing(
    shop: Shop, keys: Keys, agent: Agent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGN_KEY names a public key, and its private half is in the ssh-agent alone."""
    monkeypatch.setenv("SSH_AUTH_SOCK", str(agent.socket))
    agent.add("held")
    public = agent.socket.with_name("held.pub").rename(tmp_path / "held.pub")
    older = shop.publish_older()
    shop.signing = Signing.tried(SshSignatures(run, str(public)))
    agent.ask("ssh-add", "-D")
    code, said = shop.release(shop.planned())
    assert code == 3 and "nor a key of the ssh-agent; no version tag moved" in said
    assert shop.stands("v1") == shop.stands("latest") == older and shop.record() is None
    agent.ask("ssh-add", str(agent.socket.with_name("held")))
    assert shop.resume() == (0, "")
    assert len(stored(shop)[1]) == 1


@pytest.mark.fault("P66")
@pytest.mark.parametrize(
    ("private", "options", "state", "why"),
    [
        ("alice", "", SignatureState.GOOD, ""),
        ("alice", f'namespaces="git,{NAMESPACE}"', SignatureState.GOOD, ""),
        ("mallory", "", SignatureState.FOREIGN, "No principal matched"),
        ("alice", 'valid-before="20200101"', SignatureState.FOREIGN, "key has expired"),
        ("alice", 'namespaces="git"', SignatureState.FOREIGN, "not permitted for use in signature namespace"),
    ],
)
def test_a_signature_is_judged_by_the_list(
    keys: Keys, private: str, options: str, state: SignatureState, why: str
) -> None:
    listed, signer = signatures(keys, options=options), getattr(keys, private)
    verdict = listed.judge(RECORD, SshSignatures(run, signer).sign(RECORD))
    assert (verdict.state, verdict.key) == (state, f"ED25519 key {fingerprint(signer)}")
    assert why in verdict.why and (verdict.principal == "alice@example.com") == (not why)


@pytest.mark.fault("P66")
def test_a_signature_of_other_bytes_or_another_namespace_is_bad(keys: Keys) -> None:
    listed = signatures(keys)
    good = listed.sign(RECORD)
    changed = listed.judge(RECORD.replace(b"v1", b"v2"), good)
    assert (changed.state, changed.why) == (SignatureState.BAD, "Signature verification failed: incorrect signature")
    words = ("ssh-keygen", "-Y", "sign", "-n", "git", "-f", keys.alice)
    other = subprocess.run(words, input=RECORD, capture_output=True, check=True).stdout
    assert listed.judge(RECORD, other) == Verdict(
        SignatureState.BAD, why="Couldn't verify signature: namespace does not match"
    )
    assert listed.judge(RECORD, b"\x00\xff").state is SignatureState.BAD
    assert SshSignatures(run).judge(RECORD, good).state is SignatureState.UNLISTED


def test_a_list_demands_one_good_signature_and_without_a_list_one_that_fits_is_enough() -> None:
    good, unlisted, foreign, bad = map(Verdict, SignatureState)
    for enough in ([good], [bad, good], [foreign, good]):
        refuse_signatures("v1", enough, required=True)
    for wrong, code in (([], "signature-missing"), ([foreign, bad], "signature-refused")):
        with pytest.raises(PolicyError) as caught:
            refuse_signatures("v1", wrong, required=True)
        assert caught.value.code == code
    for enough in ([], [unlisted], [bad, unlisted]):
        refuse_signatures("v1", enough, required=False)
    with pytest.raises(PolicyError):
        refuse_signatures("v1", [bad], required=False)


@pytest.mark.fault("P66")
def test_a_key_that_the_list_does_not_have_is_refused_before_a_release(keys: Keys) -> None:
    with pytest.raises(PolicyError) as caught:
        Signing.tried(signatures(keys, keys.mallory))
    assert caught.value.code == "signature-refused"
    assert f"SIGN_KEY={keys.mallory}: ED25519 key {fingerprint(keys.mallory)} may not sign" in str(caught.value)


def test_without_a_key_only_a_record_that_is_signed_is_released(shop: Shop, keys: Keys) -> None:
    """Another run signed the record, and this one finishes the release."""
    older = shop.publish_older()
    shop.signing = Signing(signatures(keys))
    with pytest.raises(PolicyError, match="has no signature"):
        shop.signing.refuse_without_key("v1")
    code, said = shop.release(shop.planned())
    assert code == 10 and "its record has no signature; no version tag moved" in said
    assert shop.stands("v1") == older and shop.record() is None
    shop.signing = Signing.tried(signatures(keys))
    fault = shop.server.fault("PUT .*/svc-till/manifests/v1", 403, times=9)
    assert shop.resume()[0] == 7 and fault.struck
    shop.server.faults.clear()
    shop.signing = Signing(signatures(keys))
    assert shop.resume() == (0, "")


@pytest.mark.fault("P67")
@pytest.mark.parametrize("request_", ["PUT .*/releases/manifests/sha256:", "PUT .*/releases/manifests/sha256-"])
def test_a_signature_that_the_registry_does_not_keep_moves_nothing(shop: Shop, keys: Keys, request_: str) -> None:
    older = shop.publish_older()
    shop.signing = Signing.tried(signatures(keys))
    position = 1 if request_.endswith(":") else 0  # the record itself comes first
    fault = shop.server.fault(request_, 500, times=99, after=position)
    code, said = shop.release(shop.planned())
    assert code == 7 and "no version tag moved" in said and fault.struck
    assert shop.stands("v1") == older and shop.record() is None
    shop.server.faults.clear()
    assert shop.resume() == (0, "")
    assert len(stored(shop)[1]) == 1


@pytest.mark.fault("P66")
def test_the_signed_record_of_one_version_is_not_that_of_another(shop: Shop, keys: Keys) -> None:
    shop.signing = Signing.tried(signatures(keys))
    shop.release(shop.planned())
    shop.server.tags[f"{OWNER}/releases", "v2"] = shop.server.tags[f"{OWNER}/releases", "v1"]
    with pytest.raises(RegistryError, match="releases:v2: is the record of v1"):
        shop.records.get("v2")
