"""List the known reasons why slipway cannot connect to a build host."""

from __future__ import annotations

from slipway.core.problems import Known, Table

NAME_UNKNOWN = Known(
    "ssh-name-unknown", said="its name does not resolve: {cause}", hint="REMOTE_HOST, or HostName in ~/.ssh/config"
)
NO_ANSWER = Known("ssh-no-answer", said="does not answer ({tries} tries of {seconds:.0f} s)", hint="ssh {host}")
NO_SOCKET = Known("ssh-unreachable", hint="is sshd running there? ssh {host}")
NOT_SSH = Known("ssh-not-ssh", said="its server does not speak SSH: {cause}", hint="ssh {host}")
JUMP_FAILED = Known("ssh-jump-failed", said="not reached from {hop}: {cause}", hint="ssh {host}")
PROXY_FAILED = Known("ssh-proxy-command-failed", said="ProxyCommand: {cause}", hint="~/.ssh/config")

KEY_UNKNOWN = Known(
    "ssh-host-key-unknown",
    said="unknown host key {key}{note}",
    hint="compare it with the host's own; {ssh} saves it after you answer yes",
)
KEY_CHANGED = Known(
    "ssh-host-key-changed",
    said="its key has changed: {key}, known is {known}; another machine may be intercepting the connection",
    hint="ask its administrator; if the change is intended: ssh-keygen -R {listed}",
)
KEY_REVOKED = Known(
    "ssh-host-key-revoked", said="its key {key} is revoked at {place}", hint="ask its administrator for the new key"
)

LOGIN_REFUSED = Known(
    "ssh-login-refused",
    said="login refused; offered: {offered}; it accepts {allowed}",
    hint="ssh-copy-id {destination}, or ssh-add the key that the host accepts",
)
LOGIN_BROKEN_OFF = Known(
    "ssh-login-broken-off",
    said="the host closed the connection at {key}: {cause}",
    hint="set IdentitiesOnly yes, and IdentityFile to the key that the host accepts",
)
MORE_THAN_A_KEY = Known(
    "ssh-login-needs-more", said="needs more than a key: {methods}", hint="name a user who logs in with a key alone"
)
KEY_LOCKED = Known(
    "ssh-key-locked",
    said="locked; slipway cannot ask for its passphrase: this is not a terminal",
    hint="ssh-add {path}",
)
PASSPHRASE_WRONG = Known("ssh-passphrase-wrong", said="the passphrase is wrong", hint="run the same command again")

SSH = Table(
    "slipway's own SSH client, of a build host",
    (
        NAME_UNKNOWN,
        NO_ANSWER,
        NO_SOCKET,
        NOT_SSH,
        JUMP_FAILED,
        PROXY_FAILED,
        KEY_UNKNOWN,
        KEY_CHANGED,
        KEY_REVOKED,
        LOGIN_REFUSED,
        LOGIN_BROKEN_OFF,
        MORE_THAN_A_KEY,
        KEY_LOCKED,
        PASSPHRASE_WRONG,
    ),
    Known("ssh-failed"),
)
