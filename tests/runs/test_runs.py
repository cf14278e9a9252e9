"""Records that only their owner reads, a lock that says who holds it, and inputs that are found again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from threading import Barrier

import pytest

from slipway.core.errors import LockedError, UnwritableError
from slipway.core.threads import map_concurrently
from slipway.runs.lock import lock
from slipway.runs.run import Run, records
from slipway.runs.secret_folder import Places
from slipway.runs.workspace import hide, remove_orphans
from slipway.secrets.redactor import Redactor
from slipway.secrets.secret import Secret
from slipway.stack import manifests
from slipway.stack.digest import Manifest, input_digest
from slipway.stack.entries import Encoded, FileEntry, Kind, decode
from slipway.stack.manifests import load_inputs, save_inputs


def mode(path: Path) -> str:
    return f"{path.stat().st_mode & 0o777:o}"


def test_all_is_for_its_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with Run(tmp_path) as run:
            run.log("svc-ocr", "line")
            run.journal(upload="x")
            run.write("run.json", {})
            assert {str(path.relative_to(run.directory)): mode(path) for path in run.directory.rglob("*")} == {
                "svc-ocr.log": "600",
                "journal.jsonl": "600",
                "run.json": "600",
            }
            assert mode(run.directory) == "700"
    finally:
        os.umask(before)


@pytest.mark.fault("X33")
def test_a_full_disk_during_a_run_is_reported_with_its_path(tmp_path: Path) -> None:
    with Run(tmp_path) as run:
        (run.directory / "svc-ocr.log").symlink_to("/dev/full")
        with pytest.raises(UnwritableError, match=r"svc-ocr\.log: cannot be written: No space left on device"):
            run.log("svc-ocr", "line")
        run.log("svc-till", "line")
    assert (run.directory / "svc-till.log").read_text() == "line\n"


@pytest.mark.fault("X32")
def test_secret_files_are_gone_when_the_run_is_closed(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), Run(tmp_path / "home", places=Places(str(tmp_path))) as run:
        file = run.secret_file("ca", "pem")
        assert file.read_text() == "pem" and file.parents[1] == tmp_path / "slipway"
        raise RuntimeError
    assert list(run.directory.rglob("*")) == []
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


def test_records_are_read_oldest_first_and_one_that_is_broken_is_left_out(tmp_path: Path) -> None:
    assert records(tmp_path) == []
    for age, name in enumerate(("newest", "broken", "older", "oldest")):
        with Run(tmp_path) as run:
            path = run.write("run.json", {"name": name})
            os.utime(path, (1000 - age, 1000 - age))
            if name == "broken":
                path.write_text("{")
    with Run(tmp_path):
        assert records(tmp_path) == [{"name": "oldest"}, {"name": "older"}, {"name": "newest"}]


@pytest.mark.fault("X08")
def test_everything_written_is_redacted(tmp_path: Path) -> None:
    with Run(tmp_path, Redactor([Secret("hunter2")])) as run:
        run.log("svc-ocr", "token hunter2 \udcff")
        run.journal(command="x hunter2")
        run.write("run.json", {"detail": "hunter2", "lines": ["hun\nter2", {"hunter2": 2}]})
    texts = [path.read_text() for path in run.directory.iterdir()]
    assert len(texts) == 3
    assert all("hunter2" not in text and "***" in text for text in texts)


def test_a_run_writes_its_logs_journal_and_record(tmp_path: Path) -> None:
    with Run(tmp_path) as run:
        run.log("svc-ocr", "one")
        run.log("svc-ocr", "two")
        run.journal(moved="reg/x:1", digest="sha256:1")
        run.write("run.json", {"ok": True})
        run.write("run.json", {"ok": False})
        (entry,) = [json.loads(line) for line in (run.directory / "journal.jsonl").read_text().splitlines()]
    assert (run.directory / "svc-ocr.log").read_text() == "one\ntwo\n"
    assert abs(entry.pop("at") - time.time()) < 60
    assert entry == {"moved": "reg/x:1", "digest": "sha256:1"}
    assert json.loads((run.directory / "run.json").read_text()) == {"ok": False}
    assert run.log_path("svc-ocr") == f".slipway/runs/{run.id}/svc-ocr.log"


def test_the_last_twenty_runs_are_kept(tmp_path: Path) -> None:
    ids = []
    for age in range(23, 0, -1):
        with Run(tmp_path) as run:
            ids.append(run.id)
        os.utime(run.directory, (time.time() - age, time.time() - age))
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == sorted(ids[-20:])


def test_a_record_that_another_run_removes_is_skipped(tmp_path: Path) -> None:
    """A link to nowhere is listed and cannot be looked at, as an entry that is gone a moment later."""
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs/gone").symlink_to("nowhere")
    with Run(tmp_path) as run:
        assert run.directory.is_dir()


HOLDER = """
import sys
from pathlib import Path
from threading import Barrier
from slipway.core.threads import map_concurrently
from slipway.runs.lock import lock
with lock(Path(sys.argv[1]), "build"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.process
def test_a_lock_names_its_holder_and_ends_with_it(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout and holder.stdout.readline() == "held\n"
        with pytest.raises(LockedError) as caught, lock(tmp_path, "build"):
            pass
        day = time.strftime("%Y-%m-%d")
        assert caught.value.message.startswith(f"build: held by process {holder.pid} since {day} ")
        assert caught.value.exit_code == 11
        with lock(tmp_path, "push"):
            pass
    finally:
        holder.kill()
        holder.communicate()
    with lock(tmp_path, "build"):
        assert f"process {os.getpid()} since" in (tmp_path / "locks/build").read_text()


def test_a_lock_is_free_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), lock(tmp_path, "build"):
        raise RuntimeError
    with lock(tmp_path, "build"):
        pass


FILES = {"libs": decode("40755 tree:11 via real"), "a.py": decode("100644 aa")}
MANIFEST = Manifest("FROM x", FILES, {"A": "1"}, {"b": "sha256:2"})
TREES = {"11": {"x.py": Encoded("100644 bb")}, "99": {"other": Encoded("100644 cc")}}


def test_inputs_are_found_again(tmp_path: Path) -> None:
    digest = input_digest(MANIFEST)
    save_inputs(tmp_path, {digest: MANIFEST}, TREES, images=0)
    assert load_inputs(tmp_path, digest) == (MANIFEST, {"11": TREES["11"]})
    assert load_inputs(tmp_path, "sha256:00") == (None, {})


def test_inputs_saved_by_an_earlier_slipway_are_read(tmp_path: Path) -> None:
    """The form of ``.slipway/inputs`` outlives versions: a reader of its own would lose what stands there."""
    kept = {
        "dockerfile": "FROM x",
        "files": {"libs": "40755 tree:11 via real", "a.py": "100644 aa", "b.py": "- bb cc via a via b"},
        **{part: {} for part in ("args", "parents", "roots", "settings", "stages")},
        "contexts": {"kit": "40755 tree:22"},
    }
    (tmp_path / "inputs").mkdir()
    (tmp_path / "inputs/ab.json").write_text(json.dumps(kept))
    (tmp_path / "inputs/11.json").write_text('{"x.py": "100644 bb", "on": "link a via b"}')
    manifest, trees = load_inputs(tmp_path, "sha256:ab")
    assert manifest is not None
    assert manifest.files == {
        "libs": FileEntry(Kind.TREE, 0o40755, "11", via="real"),
        "a.py": FileEntry(Kind.FILE, 0o100644, "aa"),
        "b.py": FileEntry(Kind.FILE, None, "bb", "cc", "a via b"),
    }
    assert manifest.contexts == {"kit": FileEntry(Kind.TREE, 0o40755, "22")}
    assert trees == {"11": {"x.py": "100644 bb", "on": "link a via b"}}


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"dockerfile": "x", "odd": 1}', "3", '{"dockerfile": "x", "files": {"a": "?"}, "contexts": {}}'],
)
def test_broken_inputs_are_as_good_as_none(tmp_path: Path, text: str) -> None:
    digest = input_digest(MANIFEST)
    save_inputs(tmp_path, {digest: MANIFEST}, TREES, images=0)
    (tmp_path / "inputs" / f"{digest.removeprefix('sha256:')}.json").write_text(text)
    assert load_inputs(tmp_path, digest) == (None, {})


def test_a_large_stack_keeps_the_inputs_of_all_its_images(tmp_path: Path) -> None:
    trees = {f"{number:064x}": {"x.py": Encoded(f"100644 {number}")} for number in range(400)}
    apps = [{"apps": FileEntry(Kind.TREE, 0o40755, tree)} for tree in trees]
    made = {f"sha256:{number}": Manifest(str(number), files) for number, files in enumerate(apps)}
    save_inputs(tmp_path, made, trees, images=400)
    assert all(load_inputs(tmp_path, digest)[0] == manifest for digest, manifest in made.items())


def test_inputs_used_lately_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifests, "_KEPT_INPUTS", 4)
    digest = input_digest(MANIFEST)
    for number in range(5):
        save_inputs(tmp_path, {f"sha256:{number}": Manifest(str(number))}, {}, images=0)
        save_inputs(tmp_path, {digest: MANIFEST}, TREES, images=0)
        for file in (tmp_path / "inputs").iterdir():
            os.utime(file, (file.stat().st_mtime - 10, file.stat().st_mtime - 10))
    assert len(list((tmp_path / "inputs").iterdir())) == 4
    assert load_inputs(tmp_path, digest) == (MANIFEST, {"11": TREES["11"]})
    assert load_inputs(tmp_path, "sha256:0") == (None, {})


@pytest.mark.process
@pytest.mark.fault("X10")
def test_half_written_files_of_a_killed_run_are_swept(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    files = [tmp_path / path for path in ("inputs/ab.json", "inputs/ab.{}")]
    written = [Path(str(file).format(pid)) for file in files for pid in (dead.pid, os.getpid(), 1)]
    for file in written:
        file.parent.mkdir(exist_ok=True)
        file.write_text("{}")
    remove_orphans(tmp_path)
    assert {file for file in written if not file.exists()} == {file for file in written if str(dead.pid) in file.name}


def test_files_with_other_names_stay(tmp_path: Path) -> None:
    others = [tmp_path / "inputs" / name for name in ("v1.2-rc", "ab.7z", "ab.1²")]
    for other in others:
        other.mkdir(parents=True)
    remove_orphans(tmp_path)
    assert all(other.is_dir() for other in others)


def test_the_gitignore_is_written_once(tmp_path: Path) -> None:
    home = tmp_path / ".slipway"
    hide(home)
    assert (home / ".gitignore").read_text() == "*\n"
    (home / ".gitignore").write_text("mine\n")
    hide(home)
    assert (home / ".gitignore").read_text() == "mine\n"


def test_lines_of_several_threads_are_all_kept(tmp_path: Path) -> None:
    """Images are uploaded concurrently, and the first lines of a run may arrive together."""
    for _ in range(50):
        with Run(tmp_path) as record:
            together = Barrier(4)

            def write(number: int, record: Run = record, together: Barrier = together) -> None:
                together.wait()
                record.journal(number=number)
                record.log("svc-a", f"line {number}")

            map_concurrently(write, range(4), at_once=4)
            entries = (record.directory / "journal.jsonl").read_text("utf-8").splitlines()
            assert sorted(json.loads(entry)["number"] for entry in entries) == [0, 1, 2, 3]
            lines = (record.directory / "svc-a.log").read_text("utf-8").splitlines()
            assert sorted(lines) == ["line 0", "line 1", "line 2", "line 3"]
