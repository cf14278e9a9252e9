"""Secret files lie outside of all that builds are sent, for their owner alone, as long as their run lives."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from slipway.core.errors import PrerequisiteError, SlipwayError
from slipway.runs.secret_folder import Places, SecretFolder, remove_orphans


def mode(path: Path) -> str:
    return f"{path.lstat().st_mode & 0o777:o}"


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """A runtime folder that is there, a state folder that is not, and a repository."""
    for name in ("runtime", "repository"):
        (tmp_path / name).mkdir()
    state, repository = tmp_path / "home/.local/state", tmp_path / "repository"
    return Places(str(tmp_path / "runtime"), str(state), lambda: [repository])


@pytest.mark.fault("X32")
def test_files_are_for_their_owner_alone_and_go_with_the_run(places: Places) -> None:
    before = os.umask(0)
    try:
        one, two = SecretFolder(places), SecretFolder(places)
        first, second = one.write("pip.conf", "token é"), two.write("pip.conf", "other")
        assert one.write("uv.toml", "token").parent == first.parent != second.parent
    finally:
        os.umask(before)
    assert first.read_text("utf-8") == "token é"
    assert (mode(first), mode(first.parent), mode(first.parents[1])) == ("600", "700", "700")
    one.remove()
    one.remove()
    assert not first.parent.exists() and second.read_text() == "other"
    two.remove()
    assert list(Path(places.runtime).iterdir()) == [], "nothing is left"
    assert not Path(places.state).exists()


@pytest.mark.fault("X32")
@pytest.mark.parametrize("runtime", ["", "relative", "/not-there"])
def test_the_state_folder_is_used_without_a_runtime_folder(
    tmp_path: Path, runtime: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "relative").mkdir()
    state = tmp_path / "home/.local/state"
    assert Places(runtime, str(state)).choose() == state / "slipway"
    assert mode(state / "slipway") == "700"


@pytest.mark.fault("X32")
def test_a_runtime_folder_of_another_user_does_not_serve(places: Places) -> None:
    """As after ``sudo``, which may leave XDG_RUNTIME_DIR as it was."""
    if os.geteuid() == 0:
        os.chown(places.runtime, 65534, 65534)
    else:
        places = replace(places, runtime="/")
    assert places.choose() == Path(places.state, "slipway")


@pytest.mark.fault("X32")
def test_a_place_that_builds_are_sent_does_not_serve(tmp_path: Path, places: Places) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "repository")
    (tmp_path / "repository/run").mkdir()
    inside = Places(str(link / "run"), places.state, places.sent)
    assert inside.choose() == Path(places.state, "slipway")
    home = Places("", str(tmp_path / "repository/.local/state"), places.sent)
    with pytest.raises(PrerequisiteError, match="which builds can read"):
        home.choose()
    assert not (tmp_path / "repository/.local").exists(), "and nothing is made there"
    with pytest.raises(PrerequisiteError, match="no home folder"):
        Places("", "~/.local/state").choose()


@pytest.mark.fault("X32")
@pytest.mark.parametrize("kind", ["foreign", "link", "dead link", "file", "open to others"])
def test_a_folder_that_is_not_the_users_own_is_refused(tmp_path: Path, places: Places, kind: str) -> None:
    own = Path(places.runtime, "slipway")
    if kind in ("link", "dead link"):
        if kind == "link":
            (tmp_path / "elsewhere").mkdir()
        own.symlink_to(tmp_path / "elsewhere")
    elif kind == "file":
        own.write_text("")
    else:
        own.mkdir(mode=0o700)
    if kind == "foreign":
        places = replace(places, runtime="", state=places.runtime, user=os.geteuid() + 1)
    if kind == "open to others":
        own.chmod(0o750)
    with pytest.raises(SlipwayError) as caught:
        SecretFolder(places).write("pip.conf", "token")
    assert caught.value.exit_code == 3
    assert str(own) in caught.value.message
    remove_orphans(places)
    assert not list(tmp_path.glob("elsewhere/*"))


KILLED = """
import os, signal, sys
from slipway.runs.secret_folder import Places, SecretFolder
folder = SecretFolder(Places(sys.argv[1]))
print(folder.write("uv.toml", "token"), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.process
@pytest.mark.fault("X10")
def test_files_of_a_killed_run_are_swept_and_a_living_runs_are_not(places: Places) -> None:
    died = subprocess.run([sys.executable, "-c", KILLED, places.runtime], capture_output=True, text=True)
    assert died.returncode == -9
    left = Path(died.stdout.strip())
    assert (mode(left.parent), mode(left), left.read_text()) == ("700", "600", "token")
    (left.parents[1] / "without-a-lock").mkdir()
    living = SecretFolder(places)
    kept = living.write("uv.toml", "token")
    remove_orphans(places)
    assert not left.parent.exists() and not (left.parents[1] / "without-a-lock").exists()
    assert kept.read_text() == "token"
    living.remove()
    subprocess.run([sys.executable, "-c", KILLED, places.runtime], capture_output=True)
    remove_orphans(places)
    assert list(Path(places.runtime).iterdir()) == []


def test_a_sweep_of_nothing_does_nothing(places: Places) -> None:
    remove_orphans(places)
    remove_orphans(Places())
    assert list(Path(places.runtime).iterdir()) == []
