"""Secrets in files in memory: for whom, under which names, and gone with their owner."""

from __future__ import annotations

from pathlib import Path

import pytest

from slipway.core.errors import SmokeError, UsageError
from slipway.testing import secretfiles


@pytest.fixture(autouse=True)
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(secretfiles, "MEMORY", tmp_path)
    return tmp_path


def test_a_folder_of_our_own_holds_the_one_that_all_may_read() -> None:
    folder = secretfiles.folder()
    mounted = Path(secretfiles.write(folder, {"token": "s3cret", "db.password": ""}))
    assert {path.name: path.read_text() for path in mounted.iterdir()} == {"token": "s3cret", "db.password": ""}
    assert [path.stat().st_mode & 0o777 for path in (folder, mounted, mounted / "token")] == [0o700, 0o755, 0o444]
    secretfiles.remove(folder)
    assert not folder.exists()


@pytest.mark.parametrize("name", ["", "..", "a/b", "/etc/passwd", ".hidden", "-x", "a b"])
def test_a_name_that_is_none_is_refused(name: str, memory: Path) -> None:
    with pytest.raises(UsageError, match="not a file's name"):
        secretfiles.write(secretfiles.folder(), {name: "x"})


@pytest.mark.fault("T07")
def test_folders_of_dead_processes_are_removed_and_others_stay(memory: Path) -> None:
    dead, living = secretfiles.folder(), secretfiles.folder()
    (dead / "owner").write_text("someone who is dead")
    (memory / "slipway-of-another").mkdir()
    assert secretfiles.remove_orphans(lambda owner: owner == "someone who is dead") == (str(dead),)
    assert sorted(memory.iterdir()) == sorted([living, memory / "slipway-of-another"])


@pytest.mark.fault("T11")
def test_secrets_are_refused_without_a_file_system_in_memory(memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Never on a disk instead, silently."""
    monkeypatch.setattr(secretfiles, "MEMORY", memory / "absent")
    with pytest.raises(SmokeError, match=r"secrets for a container: .*absent cannot be written"):
        secretfiles.folder()
