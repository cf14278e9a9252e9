"""Keys of ssh, made by ssh-keygen, and lists of allowed signers."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path


def key(folder: Path, name: str, kind: str = "ed25519", passphrase: str = "") -> str:
    """Make a key, and return the path of its private half."""
    path = folder / name
    size = ("-b", "2048") if kind == "rsa" else ()
    words = ("ssh-keygen", "-q", "-t", kind, *size, "-N", passphrase, "-C", name, "-f", str(path))
    subprocess.run(words, check=True, timeout=60)
    return str(path)


def allowed(folder: Path, name: str, private: str, options: str = "") -> str:
    """Write git's file of allowed signers with one line: ``name`` may sign with this key."""
    path = folder / re.sub(r"\W+", "-", f"allowed {name} {options}")
    path.write_text(f"{name} {options} {Path(f'{private}.pub').read_text()}")
    return str(path)


def fingerprint(private: str) -> str:
    done = subprocess.run(("ssh-keygen", "-lf", f"{private}.pub"), capture_output=True, text=True, check=True)
    return done.stdout.split()[1]
