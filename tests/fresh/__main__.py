"""``python -m tests.fresh trixie``: run the README's first command, and a smoke test, on a bare Debian of that release.

With ``--tests`` it runs the README's second command, so all tests, instead of the smoke test.

A minimal root of the release runs as a privileged container, with this checkout copied into it. It reaches its
packages with this machine's own settings: apt's sources with the suite changed, pip's configuration, certificate
authorities, proxies. Nothing of it is kept.
"""

from __future__ import annotations

import argparse
import io
import re
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from slipway.setup.debian import AptSource, parse_os_release, read_sources
from tests.rig.outside import LABEL, docker
from tests.rig.packages import packed, pip_configuration, put, reach
from tests.rig.stacks import ROOT

#: "Bare" means: Python as Debian brings it, certificates, and the git that made the clone.
PACKAGES = "python3,python3-venv,ca-certificates,git"
AUTHORITIES = Path("/usr/local/share/ca-certificates")
SMOKE = '. .venv/bin/activate && nox -s "smoke(svc-forms)"'
_LEFT_OUT = {".git", ".venv", ".nox", ".slipway", ".env", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache"}


def main() -> int:
    parser = argparse.ArgumentParser(prog="nox -s fresh --", description=__doc__)
    parser.add_argument("release", choices=["bookworm", "trixie"])
    parser.add_argument("--keep", action="store_true", help="leave the container, to look into it")
    parser.add_argument("--tests", action="store_true", help="run the README's second command, so all tests")
    chosen = parser.parse_args()
    first, second = commands()
    with a_root(chosen.release) as image, a_machine(image, keep=chosen.keep) as machine:
        for command in (first, second if chosen.tests else SMOKE):
            began = time.monotonic()
            code = subprocess.run(["docker", "exec", "--workdir", "/repo", machine, "sh", "-c", command]).returncode
            print(f"{chosen.release}: exit {code} after {time.monotonic() - began:.0f} s: {command}", flush=True)
            if code:
                return 1
    return 0


def commands() -> tuple[str, str]:
    """Return the README's two commands as they stand there."""
    found = re.findall(r"```sh\n(.*?)\n```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)[:2]
    first, second = found
    assert first.endswith("push") and second.endswith("nox"), "the README begins with its two commands"
    return first, second


@contextmanager
def a_root(release: str) -> Iterator[str]:
    """An image of the release's minimal root."""
    began = time.monotonic()
    name = f"slipway-fresh-{release}:latest"
    lines = [line for source in sources(release) for line in one_line(source)]
    made = ["mmdebstrap", "--variant=minbase", f"--include={PACKAGES}", *apt_options(), release, "-", *lines]
    with subprocess.Popen(made, stdout=subprocess.PIPE) as making:
        imported = ["docker", "import", "--change", f"LABEL {LABEL}", "-", name]
        subprocess.run(imported, stdin=making.stdout, check=True, stdout=subprocess.DEVNULL)
    assert making.returncode == 0, "mmdebstrap failed"
    print(f"{release}: a root after {time.monotonic() - began:.0f} s", flush=True)
    try:
        yield name
    finally:
        docker("rmi", "--force", name)


@contextmanager
def a_machine(image: str, *, keep: bool) -> Iterator[str]:
    """A container of it that may run an engine of its own; its id."""
    pip = pip_configuration()
    run = [
        "run",
        "--detach",
        "--init",
        "--privileged",
        "--label",
        LABEL,
        "--volume",
        "/var/lib/docker",
        *reach(pip),
    ]
    container = docker(*run, image, "sleep", "infinity")
    try:
        put(container, "/repo", checkout())
        put(container, "/etc", packed({"pip.conf": "[global]\n" + "".join(f"{k} = {v}\n" for k, v in pip.items())}))
        put(container, str(AUTHORITIES), packed({file.name: file.read_text() for file in AUTHORITIES.glob("*.crt")}))
        docker("exec", container, "update-ca-certificates")
        yield container
    finally:
        if keep:
            print(f"kept: docker exec -it {container[:12]} bash")
        else:
            docker("rm", "--force", "--volumes", container, timeout=900)  # its engine holds 20 GB


def sources(release: str) -> tuple[AptSource, ...]:
    """This machine's own sources of Debian, for the release."""
    _, _, codename = parse_os_release(Path("/etc/os-release").read_text("utf-8"))
    own = read_sources(Path("/etc/apt"), codename)
    assert own, "this machine has no source of Debian that could be taken"
    return tuple(replace(one, suites=tuple(suite.replace(codename, release) for suite in one.suites)) for one in own)


def one_line(source: AptSource) -> Iterator[str]:
    signed = f"[signed-by={source.signed_by}] " if source.signed_by.startswith("/") else ""
    for uri in source.uris:
        for suite in source.suites:
            yield f"deb {signed}{uri} {suite} {' '.join(source.components)}"


def apt_options() -> Iterator[str]:
    """How this machine's apt acquires; mmdebstrap keeps it in the root, so that ``setup`` finds it there."""
    said = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True).stdout
    for line in said.splitlines():
        if re.match(r"Acquire::(Check-|http|https|Retries|Languages)", line) and not line.endswith('"";'):
            yield f"--aptopt={line}"


def checkout() -> bytes:
    packed_ = io.BytesIO()
    with tarfile.open(fileobj=packed_, mode="w") as archive:
        archive.add(ROOT, ".", filter=lambda entry: None if Path(entry.name).name in _LEFT_OUT else entry)
    return packed_.getvalue()


if __name__ == "__main__":
    sys.exit(main())
