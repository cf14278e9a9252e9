"""Record what debsecan says about made-up packages and advisories, as an oracle for slipway's own reading of its data.

``python -m tests.audit.scan.debsecan > tests/data/debsecan.json``, on a Debian with the package debsecan.
"""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.audit.trees import deb
from tests.rig.advisories import debian_data

RECORD = Path(__file__).parents[2] / "data/debsecan.json"
_VERSIONS = ("1.0-1", "1.0-1+b1", "1.0-1+deb12u1", "1.0~rc1-1", "1.1-1", "2.0-1", "1:0.9-1", "1:1.0-1", "0.10-2")
_SOURCES, _ADVISORIES = 12, 40
_SAID = re.compile(r"(?P<id>\S+) (?P<package>\S+)(?: \((?P<notes>.*)\))?")


def paragraphs() -> list[str]:
    """Return packages of dpkg's status, two of each source, some with a version other than that of their source."""
    chance = random.Random(1)
    found = []
    for number in range(_SOURCES):
        version = chance.choice(_VERSIONS)
        source = chance.choice([f"Source: s{number}", f"Source: s{number} ({chance.choice(_VERSIONS)})"])
        found += [deb(f"lib{number}", version, source), deb(f"s{number}", version)]
    return found


def entries() -> list[str]:
    """Return entries about sources and binary packages, with and without fixed versions."""
    chance = random.Random(2)
    found = []
    for number in range(_ADVISORIES):
        name = chance.choice([f"s{chance.randrange(_SOURCES)}", f"lib{chance.randrange(_SOURCES)}"])
        flags = f"{'B' if name.startswith('lib') else ' '}{chance.choice(' LMH')}{chance.choice('? R')}"
        others = " ".join(chance.sample(_VERSIONS, chance.randrange(3)))
        fixed = chance.choice(["", chance.choice(_VERSIONS)])
        found.append(f"{name},{number},{flags}{'F' if fixed else ' '},{fixed},{others}")
    return found


def data() -> bytes:
    return debian_data(*entries(), advisories=[f"CVE-{number}" for number in range(_ADVISORIES)])


def record() -> list[list[str]]:
    """Return advisory, package and urgency of each line that debsecan prints, sorted."""
    with tempfile.TemporaryDirectory() as folder:
        status = Path(folder, "status")
        status.write_text("\n\n".join(paragraphs()) + "\n")
        Path(folder, "bookworm").write_bytes(data())
        command = ["debsecan", "--suite", "bookworm", "--source", f"file://{folder}/", "--status", str(status)]
        said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    return sorted(_row(line) for line in said.splitlines())


def _row(line: str) -> list[str]:
    found = _SAID.fullmatch(line)
    assert found, line
    urgency = re.search(r"(\w+) urgency", found["notes"] or "")
    return [found["id"], found["package"], urgency[1] if urgency else "unknown"]


if __name__ == "__main__":
    json.dump(record(), sys.stdout, indent=1)
    sys.stdout.write("\n")
