"""Sign with ssh-keygen on this machine, and judge such signatures by git's file of allowed signers.

The key may be in the ssh-agent. ssh-keygen gets no terminal, so a key with a passphrase is refused, and nothing waits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import ClassVar

from slipway.core.command import Command, Result
from slipway.hosts.runner import RunCommand
from slipway.release.programs import kept, ran, unsigned
from slipway.release.signature import SSH_TYPE, SignatureState, Verdict

#: Signatures of other kinds of files, such as git's commits, have another namespace.
NAMESPACE = "slipway-release"
_KEYGEN = ("ssh-keygen", "-Y")
_KEY = re.compile(r"with (\S+ key \S+)")


@dataclass(frozen=True)
class SshSignatures:
    """Make and judge signatures. ``key``: SIGN_KEY. ``allowed``: the file of allowed signers; each may be empty."""

    run: RunCommand
    key: str = ""
    allowed: str = ""
    type: ClassVar[str] = SSH_TYPE

    def sign(self, content: bytes) -> bytes:
        """Return the signature of ``content``. Raises PrerequisiteError when the key cannot sign."""
        done = self._ran("sign", "-n", NAMESPACE, "-f", self.key, stdin=content)
        if not done.ok:
            raise unsigned(self.key, done.stderr)
        return done.stdout.encode()

    def judge(self, content: bytes, signature: bytes) -> Verdict:
        """Judge a signature of ``content``. Raises PrerequisiteError when ssh-keygen does not run."""
        with kept(signature) as file:
            fits = self._ran("check-novalidate", "-n", NAMESPACE, "-s", file, stdin=content)
            found = _KEY.search(fits.stdout)
            if not fits.ok or not found:
                return Verdict(SignatureState.BAD, why=first_line(fits))
            fitting = Verdict(SignatureState.UNLISTED, found[1])
            return self._listed(content, file, fitting) if self.allowed else fitting

    def _listed(self, content: bytes, file: str, fitting: Verdict) -> Verdict:
        """Return the verdict by the list: a key may have several lines in it, each with its own conditions."""
        listed = self._ran("find-principals", "-s", file, "-f", self.allowed)
        why = first_line(listed)
        for principal in listed.stdout.splitlines():
            done = self._ran("verify", "-n", NAMESPACE, "-I", principal, "-s", file, "-f", self.allowed, stdin=content)
            if done.ok:
                return replace(fitting, state=SignatureState.GOOD, principal=principal)
            why = first_line(done)
        return replace(fitting, state=SignatureState.FOREIGN, why=why)

    def _ran(self, *words: str, stdin: bytes = b"") -> Result:
        return ran(self.run, Command((*_KEYGEN, *words), env={"SSH_ASKPASS_REQUIRE": "never"}, stdin=stdin))


def first_line(done: Result) -> str:
    """Return the first line about an error. It names the cause, and those after it the consequence."""
    return next(iter(done.stderr.splitlines()), "the program does not say why")
