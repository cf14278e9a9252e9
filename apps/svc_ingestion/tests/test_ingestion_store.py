"""Test the stores of documents: their bytes and their records."""

from __future__ import annotations

import hashlib
import io
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from svc_ingestion.contents import FolderContents, hash_of
from svc_ingestion.documents import Delivery, Document, State, clean_name, media_type
from svc_ingestion.ledger import Ledger

BYTES = b"a document" * 100_000
ID = hashlib.sha256(BYTES).hexdigest()


class Broken(io.BytesIO):
    """Read from a source that fails halfway."""

    def read(self, size: int | None = -1) -> bytes:
        if self.tell():
            raise OSError("cut")
        return super().read(size)


def document(id: str, received: str = "2026-03-03T00:00:00.000+00:00", delivery: Delivery | None = None) -> Document:
    return Document(id, "a.pdf", "application/pdf", 3, received, delivery or Delivery())


def test_the_hash_leaves_the_content_ready_to_be_read() -> None:
    content = io.BytesIO(BYTES)
    content.read(7)
    assert hash_of(content) == (ID, len(BYTES))
    assert content.tell() == 0


def test_a_source_that_breaks_leaves_nothing(tmp_path: Path) -> None:
    contents = FolderContents(tmp_path)
    with pytest.raises(OSError, match="cut"):
        contents.put(ID, Broken(BYTES), len(BYTES))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    with pytest.raises(KeyError):
        contents.read(ID, len(BYTES))


def test_the_first_to_add_a_document_adds_it(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    assert ledger.add(document("a")) is True
    assert ledger.add(document("a", received="2027")) is False
    assert ledger.get("a") == document("a")
    assert ledger.get("b") is None


def test_a_check_writes_nothing_and_waits_for_no_writer(tmp_path: Path) -> None:
    ledger, contents = Ledger(tmp_path / "ledger.sqlite"), FolderContents(tmp_path / "contents")
    changed = (tmp_path / "contents").stat().st_mtime_ns
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        before = writer.execute("PRAGMA data_version").fetchone()
        ledger.check()
        writer.execute("ROLLBACK")
        assert writer.execute("PRAGMA data_version").fetchone() == before
    contents.check()
    assert (tmp_path / "contents").stat().st_mtime_ns == changed
    (tmp_path / "contents" / ".incoming").rmdir()
    with pytest.raises(OSError, match="cannot be written"):
        contents.check()


def test_the_newest_come_first_in_pages(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    for day in (2, 3, 1):
        ledger.add(document(str(day), received=f"2026-03-0{day}"))
    assert [entry.id for entry in ledger.newest(2, 0)] == ["3", "2"]
    assert [entry.id for entry in ledger.newest(2, 2)] == ["1"]
    assert ledger.count() == 3


def test_a_list_is_of_one_state_and_has_no_results(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.add(document("done", delivery=Delivery(State.DELIVERED, 1, result=["x" * 1000])))
    ledger.add(document("bad", delivery=Delivery(State.FAILED, 1, "no")))
    assert [entry.id for entry in ledger.newest(10, 0, State.FAILED)] == ["bad"]
    assert [ledger.count(state) for state in (None, State.FAILED, State.QUARANTINED)] == [2, 1, 0]
    assert all(entry.delivery.result is None for entry in ledger.newest(10, 0))


def test_all_failed_documents_are_delivered_again(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    for id in ("a", "b"):
        ledger.add(document(id, delivery=Delivery(State.FAILED, 20, "no", due=9.0, crashes=1)))
    ledger.add(document("bad", delivery=Delivery(State.QUARANTINED, 3, "no", crashes=3)))
    assert ledger.deliver_again(State.FAILED) == 2
    assert ledger.deliver_again(State.FAILED) == 0
    assert ledger.pending(10) == [document("a"), document("b")]


def test_a_ledger_of_the_first_version_is_read(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as old, old:
        old.execute(
            "CREATE TABLE document (id TEXT PRIMARY KEY, name TEXT, media_type TEXT, size INTEGER, received TEXT,"
            " state TEXT, attempts INTEGER, reason TEXT, result TEXT, due REAL)"
        )
        received = document("a").received
        old.execute(
            "INSERT INTO document VALUES ('a', 'a.pdf', 'application/pdf', 3, ?, 'pending', 0, '', 'null', 0)",
            (received,),
        )
    for _ in range(2):
        assert Ledger(tmp_path / "ledger.sqlite").get("a") == document("a")


def test_pending_documents_outlive_the_process(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.add(document("late", delivery=Delivery(State.PENDING, 1, "down", due=9.0)))
    ledger.add(document("soon", delivery=Delivery(State.PENDING, due=1.0)))
    ledger.add(document("done"))
    arrived = Delivery(State.DELIVERED, 1, result={"pages": ["ä"]})
    ledger.record("done", arrived)
    again = Ledger(tmp_path / "ledger.sqlite")
    assert [entry.id for entry in again.pending(10)] == ["soon", "late"]
    assert again.get("done") == document("done", delivery=arrived)


def test_the_due_time_is_nobodys_business() -> None:
    shown = document("a", delivery=Delivery(State.PENDING, 1, "down", due=9.0)).as_json()["delivery"]
    assert shown == {"state": "pending", "attempts": 1, "reason": "down", "result": None}
    assert document("a").as_entry()["delivery"] == {"state": "pending", "attempts": 0, "reason": ""}


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\scan.pdf", "scan.pdf"),
        ("Rechnung März.pdf", "Rechnung März.pdf"),
        ("a\r\nSet-Cookie: x\x00.pdf", "aSet-Cookie: x.pdf"),
        ("x" * 300, "x" * 200),
        ("dir/", "unnamed"),
        (None, "unnamed"),
    ],
)
def test_names_are_cleaned(sent: str | None, kept: str) -> None:
    assert clean_name(sent) == kept


@pytest.mark.parametrize(
    ("declared", "name", "expected"),
    [
        ("Text/Plain; charset=utf-8", "a.pdf", "text/plain"),
        ("application/octet-stream", "a.pdf", "application/pdf"),
        (None, "a.png", "image/png"),
        ("x\r\ny", "unknown", "application/octet-stream"),
        ("", "a", "application/octet-stream"),
    ],
)
def test_media_types(declared: str | None, name: str, expected: str) -> None:
    assert media_type(declared, name) == expected
