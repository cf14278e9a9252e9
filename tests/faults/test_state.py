"""State that cannot be written: what only reads works, what needs to write says which path; never a traceback.

root may write everywhere, so slipway runs without the capabilities that let it.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.rig import in_process
from tests.rig.capabilities import modes_count

if TYPE_CHECKING:
    from tests.rig.stacks import Repository

    Stack = Callable[..., Repository]

_HEEDS_MODES = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search,-fowner", "--inh-caps", "-all")


def invoke(
    root: Path, *words: str, environment: dict[str, str], prepare: Callable[[], None] | None = None
) -> subprocess.CompletedProcess[str]:
    argv = [*(_HEEDS_MODES if os.geteuid() == 0 else ()), sys.executable, "-m", "invoke", *words]
    ran = subprocess.run(
        argv, cwd=root, env=environment, capture_output=True, text=True, timeout=180, preexec_fn=prepare
    )
    assert "Traceback" not in ran.stdout + ran.stderr
    assert ran.returncode != 1, f"a bug: {ran.stderr}"
    return ran


def read_only(root: Path) -> None:
    root.chmod(0o555)


def of_another(root: Path) -> None:
    """As after ``sudo invoke plan``: root's, and closed to others."""
    (root / ".slipway/cache").mkdir(parents=True)
    if os.geteuid() == 0:
        for folder in (root / ".slipway/cache", root / ".slipway"):
            os.chown(folder, 65534, 65534)
    for folder in (root / ".slipway/cache", root / ".slipway"):
        folder.chmod(0o555)


def a_file(root: Path) -> None:
    (root / ".slipway").write_text("")


def a_dead_link(root: Path) -> None:
    (root / ".slipway").symlink_to("not/there")


def clean(root: Path) -> None:
    home = root / ".slipway"
    if home.is_symlink() or home.is_file():
        home.unlink()
    elif home.exists():
        shutil.rmtree(home)


READS = (("plan",), ("images",), ("build", "--dry-run"))


@pytest.mark.integration
@pytest.mark.fault("X33")
def test_a_task_that_only_reads_leaves_the_checkout_unchanged(stack: Stack) -> None:
    """Also one that may be written: no ``.slipway``, and no file, folder or time of it changes."""
    shop = stack("shop")

    def listing() -> dict[str, int]:
        return {str(path): path.lstat().st_mtime_ns for path in (shop.root, *shop.root.rglob("*"))}

    before = listing()
    for words in (*READS, ("config",), ("doctor",)):
        ran = invoke(shop.root, *words, environment=shop.environment({}))
        assert ran.returncode in (0, 3) if words == ("doctor",) else ran.returncode == 0, ran.stderr
    assert listing() == before


@pytest.mark.integration
@pytest.mark.fault("X33")
@pytest.mark.parametrize("spoil", [read_only, of_another, a_file, a_dead_link])
def test_in_a_read_only_checkout_plan_works_and_build_names_the_path(
    stack: Stack, spoil: Callable[[Path], None]
) -> None:
    shop = stack("shop")
    spoil(shop.root)
    try:
        for words in READS:
            ran = invoke(shop.root, *words, environment=shop.environment({}))
            assert (ran.returncode, ran.stderr) == (0, "")
        ran = invoke(shop.root, "build", environment=shop.environment({}))
    finally:
        shop.root.chmod(0o755)
        clean(shop.root)
    assert ran.returncode == 3
    assert ran.stderr.startswith(f"error: {shop.root}/.slipway") and "cannot be written: " in ran.stderr
    assert ran.stderr.splitlines()[-1].startswith("hint:  ")


@pytest.mark.integration
@pytest.mark.fault("X33")
def test_a_full_disk(stack: Stack) -> None:
    """No file can grow: as on a full disk it is made, and the first byte is refused."""

    def full() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

    shop = stack("shop")
    for words in READS:
        ran = invoke(shop.root, *words, environment=shop.environment({}), prepare=full)
        assert (ran.returncode, ran.stderr) == (0, "")
    ran = invoke(shop.root, "build", environment=shop.environment({}), prepare=full)
    assert ran.returncode == 3
    assert f"error: {shop.root}/.slipway/.gitignore: cannot be written: File too large" in ran.stderr
    assert not (shop.root / ".slipway/.gitignore").exists(), "an empty one would stay"
    clean(shop.root)


@pytest.mark.integration
@pytest.mark.fault("X33")
def test_a_home_that_cannot_be_written(stack: Stack, tmp_path: Path) -> None:
    shop = stack("shop")
    home = tmp_path / "home"
    home.mkdir(mode=0o555)
    given = shop.environment({"HOME": str(home), "XDG_RUNTIME_DIR": "", "XDG_STATE_HOME": ""})
    for words in (*READS, ("config",)):
        ran = invoke(shop.root, *words, environment=given)
        assert (ran.returncode, ran.stderr) == (0, "")
    assert invoke(shop.root, "doctor", environment=given).returncode in (0, 3)
    ran = invoke(shop.root, "build", environment=given)
    assert ran.returncode == 3
    assert f"error: {home}/.local: cannot be written: Permission denied" in ran.stderr


@pytest.mark.fault("X34")
@pytest.mark.parametrize(
    ("path", "named"),
    [
        (".env", ".env"),
        ("pyproject.toml", "pyproject.toml"),
        (".dockerignore", ".dockerignore"),
        ("infra/docker/base-runtime.Dockerfile.dockerignore", "infra/docker/base-runtime.Dockerfile.dockerignore"),
        ("apps/svc_ocr/Dockerfile", "apps/svc_ocr/Dockerfile"),
        ("apps/svc_ocr", "apps/svc_ocr/Dockerfile"),
        ("apps", "apps"),
        ("libs/kit/kit.py", "infra/docker/base-runtime.Dockerfile"),
        ("libs/kit", "infra/docker/base-runtime.Dockerfile"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(repository: Path, path: str, named: str) -> None:
    (repository / "tasks.py").write_text("from slipway.tasks import namespace\n")
    closed = repository / path
    if not closed.exists():
        closed.write_text("")
    mode = closed.stat().st_mode
    closed.chmod(0)
    try:
        with modes_count():
            ran = in_process.invoke("build", cwd=repository, env=os.environ)
    finally:
        closed.chmod(mode)
    assert ran.returncode == 2
    assert [line for line in ran.stderr.splitlines() if line.startswith(f"error: {named}")], ran.stderr
    assert "cannot be read: Permission denied" in ran.stderr
    assert not (repository / ".slipway").exists(), "nothing was written"
