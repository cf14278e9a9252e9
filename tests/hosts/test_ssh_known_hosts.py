"""Which host keys are believed."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from slipway.core.destination import Destination
from slipway.core.errors import SshError
from slipway.hosts.ssh.host_config import HostConfig
from slipway.hosts.ssh.known_hosts import KnownKey, fingerprint, kinds, read_known, verify

FILE = Path("/home/me/.ssh/known_hosts")
LOGIN = HostConfig(Destination("b", "me", 2222), "10.0.0.1", "me", 2222, "[10.0.0.1]:2222")
KEY = KnownKey(FILE, 3, "ssh-ed25519", b"one")


def test_the_output_of_ssh_keygen_gives_the_known_keys() -> None:
    one, two = base64.b64encode(b"one").decode(), base64.b64encode(b"two").decode()
    printed = (
        f"# Host b found: line 3\n|1|abc=|def= ssh-ed25519 {one}\n# Host b found: line 7\n"
        f"@revoked b ssh-rsa {two} a comment\n# Host b found: line 9\nb ssh-rsa not-base64!\n"
        "# Host b found: line 10\nb\n"
    )
    assert read_known(printed, FILE) == (KEY, KnownKey(FILE, 7, "ssh-rsa", b"two", "@revoked"))
    assert read_known("", FILE) == ()


def test_the_kinds_to_ask_for_first() -> None:
    revoked = KnownKey(FILE, 1, "ssh-rsa", b"", "@revoked")
    assert kinds([revoked, KEY, KEY]) == ("ssh-ed25519",)


def test_a_known_key() -> None:
    verify(LOGIN, "ssh-ed25519", b"one", [KnownKey(FILE, 1, "ssh-ed25519", b"other"), KEY])


@pytest.mark.parametrize(
    ("known", "words", "code"),
    [
        ([], "unknown host key ssh-ed25519 SHA256:", "ssh-host-key-unknown"),
        ([KnownKey(FILE, 1, "ssh-rsa", b"other")], "unknown host key", "ssh-host-key-unknown"),
        (
            [KnownKey(FILE, 1, "ssh-ed25519", b"ca", "@cert-authority")],
            "host certificates are not read",
            "ssh-host-key-unknown",
        ),
        (
            [KnownKey(FILE, 4, "ssh-ed25519", b"other")],
            r"has changed: .*known is SHA256:.*known_hosts:4",
            "ssh-host-key-changed",
        ),
        (
            [KEY, KnownKey(FILE, 8, "ssh-ed25519", b"one", "@revoked")],
            r"is revoked at .*known_hosts:8",
            "ssh-host-key-revoked",
        ),
    ],
)
def test_a_key_that_is_refused(known: list[KnownKey], words: str, code: str) -> None:
    with pytest.raises(SshError, match=words) as caught:
        verify(LOGIN, "ssh-ed25519", b"one", known)
    assert (caught.value.exit_code, caught.value.code) == (4, code) and caught.value.hint


def test_how_to_keep_it_and_how_to_forget_it() -> None:
    with pytest.raises(SshError) as caught:
        verify(LOGIN, "ssh-ed25519", b"one", [])
    assert "ssh -p 2222 me@b " in caught.value.hint
    with pytest.raises(SshError) as caught:
        verify(LOGIN, "ssh-ed25519", b"one", [KnownKey(FILE, 4, "ssh-ed25519", b"other")])
    assert "ssh-keygen -R '[10.0.0.1]:2222'" in caught.value.hint


@pytest.mark.fault("S32")
def test_a_host_that_a_certificate_vouches_for_is_asked_for_its_own_key() -> None:
    with pytest.raises(SshError) as caught:
        verify(LOGIN, "ssh-rsa", b"one", [KnownKey(FILE, 1, "ssh-ed25519", b"ca", "@cert-authority")])
    assert "ssh -o HostKeyAlgorithms=rsa-sha2-512 -p 2222 me@b saves it" in caught.value.hint


def test_a_fingerprint_as_openssh_shows_it() -> None:
    assert fingerprint(b"") == "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"
