"""The secrets of pip's configuration reach a build and stay nowhere: not in a layer, history, log or record."""

from __future__ import annotations

import base64
import hashlib
import io
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

if TYPE_CHECKING:
    from tests.rig.stacks import Ran, Repository

    Stack = Callable[..., Repository]

pytestmark = pytest.mark.integration
PASSWORD = "corr3ct/h0rse+battery"
ENCODED = quote(PASSWORD, safe="")


def forms(secret: str) -> set[bytes]:
    """The secret in clear, percent-encoded, and in base64 wherever it may begin in a longer text."""
    found = {secret.encode(), quote(secret, safe="").encode()}
    for text in tuple(found):
        for lead in range(3):
            digits = base64.b64encode(b"\0" * lead + text).rstrip(b"=")
            found.add(digits[(0, 2, 3)[lead] : -1])
    return found


FORMS = forms(PASSWORD)


def holds_secret(data: bytes) -> bool:
    unfolded = data.replace(b"\n", b"")
    return any(form in data or form in unfolded for form in FORMS)


@pytest.fixture
def vault(stack: Stack, tmp_path: Path) -> Repository:
    made = stack("vault")
    made.write("libs/seed.txt", made.settings["OWNER"])  # BuildKit leaves secrets out of its cache's keys
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels/tea-1.0-py3-none-any.whl").write_text("leaves")
    (tmp_path / "bundle.pem").write_text(f"-----BEGIN CERTIFICATE-----\n{made.settings['OWNER']}\n")
    return made


def with_pip(vault: Repository, *words: str) -> Ran:
    """Run with a pip configuration of the test's own, given by the environment."""
    folder = vault.root.parent
    return vault.invoke(
        *words,
        PIP_FIND_LINKS=str(folder / "wheels"),
        PIP_INDEX_URL=f"https://ann:{ENCODED}@index.example/simple",
        PIP_CERT=str(folder / "bundle.pem"),
    )


def saved(reference: str) -> Iterator[tuple[str, bytes]]:
    """All that ``docker save`` gives of an image: manifests, configuration with its history, each layer's files."""
    done = subprocess.run(["docker", "save", reference], capture_output=True, check=True, timeout=60)
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        for member in archive:
            if file := archive.extractfile(member):
                yield member.name, file.read()


def where_found(vault: Repository, name: str) -> list[str]:
    reference = vault.reference(name)
    told = subprocess.run(["docker", "history", "--no-trunc", reference], capture_output=True, check=True).stdout
    config = subprocess.run(["docker", "image", "inspect", reference], capture_output=True, check=True).stdout
    everything = [("history", told), ("config", config), *saved(reference)]
    assert len(everything) > 4
    return [place for place, data in everything if holds_secret(data)]


def records_with_secret(vault: Repository) -> list[str]:
    files = [path for path in (vault.root / ".slipway").rglob("*") if path.is_file()]
    assert {"run.json", "plan.json", "journal.jsonl"} <= {path.name for path in files}
    return [str(path) for path in files if holds_secret(path.read_bytes())]


def test_it_reaches_the_build_and_leaves_no_trace(vault: Repository, cli: Callable[..., str]) -> None:
    ran = with_pip(vault, "build", "svc-look").ok()
    log = (vault.runs()[-1] / "svc-look.log").read_text().splitlines()
    password = hashlib.sha256(f"{ENCODED}\n".encode()).hexdigest()
    bundle = hashlib.sha256((vault.root.parent / "bundle.pem").read_bytes()).hexdigest()
    assert f"{password} pip.conf" in log
    assert f"{password} uv.toml" in log
    assert any(line.split() == [bundle, "/etc/ssl/ca.crt"] for line in log)
    assert "tea-1.0-py3-none-any.whl" in log
    assert cli("run", "--rm", vault.reference("svc-look"), "cat", "/tea-1.0-py3-none-any.whl") == "leaves"

    assert where_found(vault, "svc-look") == []
    assert records_with_secret(vault) == []
    assert not holds_secret((ran.stdout + ran.stderr).encode())
    assert not vault.secret_files()
    assert b"index.example" not in b"".join(data for _, data in saved(vault.reference("svc-look")))


def test_a_step_that_says_it_aloud_is_redacted(vault: Repository) -> None:
    ran = with_pip(vault, "build", "svc-talk").ok()
    log = (vault.runs()[-1] / "svc-talk.log").read_text()
    assert "https://***@index.example/simple" in log
    assert records_with_secret(vault) == []
    assert not holds_secret((ran.stdout + ran.stderr).encode())


def test_a_failing_step_that_says_it_aloud_is_redacted(vault: Repository) -> None:
    dockerfile = vault.root / "apps/svc_talk/Dockerfile"
    dockerfile.write_text(dockerfile.read_text().replace("cat /etc/pip.conf &&", "cat /etc/pip.conf && false &&"))
    ran = with_pip(vault, "build", "svc-talk", "--json")
    ran.failed(6, "build svc-talk: RUN")
    assert not holds_secret((ran.stdout + ran.stderr).encode())
    assert records_with_secret(vault) == []


def test_the_scan_finds_a_secret_in_an_image(vault: Repository) -> None:
    """The control: an image that keeps the file is found out, and so is each way to write the secret."""
    with_pip(vault, "build", "svc-leak").ok()
    assert where_found(vault, "svc-leak")
    url = f"https://ann:{ENCODED}@index.example/simple"
    for text in (PASSWORD, url, *(base64.b64encode(b"x" * lead + url.encode()).decode() for lead in range(3))):
        assert holds_secret(f"before {text} after".encode())


def test_another_index_password_builds_nothing_again(vault: Repository) -> None:
    """Secrets are not inputs: a new password or mirror leaves the digest as it is."""
    with_pip(vault, "build", "svc-leak").ok()
    assert vault.steps("plan", "svc-leak")["svc-leak"][0] == "reuse"
