"""Test that all stores of bytes keep one contract: a folder, and a bucket of a server that speaks S3.

The server is moto's, on loopback.
"""

from __future__ import annotations

import hashlib
import io
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from svc_ingestion.contents import Contents, FolderContents
from svc_ingestion.minio_contents import MinioContents

BYTES = b"a document" * 100_000
ID = hashlib.sha256(BYTES).hexdigest()


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    from moto.server import ThreadedMotoServer  # slow to import, and one worker uses it

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(params=["folder", "bucket"])
def contents(request: pytest.FixtureRequest, tmp_path: Path, server: str) -> Contents:
    if request.param == "folder":
        return FolderContents(tmp_path / "contents")
    bucket = MinioContents(server, "key", "secret", f"bucket-{hashlib.sha256(str(tmp_path).encode()).hexdigest()[:16]}")
    bucket.prepare()
    return bucket


def put(contents: Contents, content: bytes = BYTES) -> str:
    id = hashlib.sha256(content).hexdigest()
    contents.put(id, io.BytesIO(content), len(content))
    return id


def test_bytes_come_back_as_they_went(contents: Contents) -> None:
    put(contents)
    put(contents)
    assert b"".join(contents.read(ID, len(BYTES))) == BYTES
    assert contents.holds(ID, len(BYTES))


def test_reading_a_missing_content_raises_immediately(contents: Contents) -> None:
    for _ in range(2):
        assert not contents.holds(ID, len(BYTES))
        with pytest.raises(KeyError):
            contents.read(ID, len(BYTES))
        put(contents, b"another")


def test_a_cut_content_is_seen_and_replaced(contents: Contents) -> None:
    contents.put(ID, io.BytesIO(BYTES[:100]), 100)
    assert not contents.holds(ID, len(BYTES))
    with pytest.raises(KeyError):
        contents.read(ID, len(BYTES))
    put(contents)
    assert b"".join(contents.read(ID, len(BYTES))) == BYTES


def test_a_store_is_prepared_more_than_once(contents: Contents) -> None:
    put(contents)
    contents.prepare()
    contents.check()
    assert contents.holds(ID, len(BYTES))


def test_a_check_makes_no_bucket(server: str) -> None:
    bucket = MinioContents(server, "key", "secret", "unprepared")
    for _ in range(2):
        with pytest.raises(OSError, match="the bucket 'unprepared' is missing"):
            bucket.check()
    with pytest.raises(OSError, match="NoSuchBucket"):
        put(bucket)
    bucket.prepare()
    bucket.check()


def test_a_changed_byte_is_seen(tmp_path: Path) -> None:
    contents = FolderContents(tmp_path)
    put(contents)
    (tmp_path / ID[:2] / ID).write_bytes(b"A" + BYTES[1:])
    assert not contents.holds(ID, len(BYTES))
    with pytest.raises(KeyError):
        contents.read(ID, len(BYTES))


def test_files_that_a_killed_service_left_are_removed(tmp_path: Path) -> None:
    put(FolderContents(tmp_path))
    (tmp_path / ".incoming" / "half").write_bytes(b"half")
    again = FolderContents(tmp_path)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [ID]
    assert again.holds(ID, len(BYTES))


def test_files_that_an_earlier_version_left_beside_documents_are_removed(tmp_path: Path) -> None:
    put(FolderContents(tmp_path))
    (tmp_path / ".incoming").rmdir()
    for folder in (ID[:2], "zz"):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / ".incoming-x1y2").write_bytes(b"half")
    again = FolderContents(tmp_path)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [ID]
    assert again.holds(ID, len(BYTES))


def test_a_store_out_of_reach_is_an_os_error() -> None:
    away = MinioContents("http://127.0.0.1:9", "key", "hunter2-hunter2", "documents")
    for use in (away.check, away.prepare, lambda: put(away)):
        with pytest.raises(OSError, match="MinIO") as caught:
            use()
        assert "hunter2" not in str(caught.value)


def test_a_server_that_hangs_costs_a_check_a_second() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        hanging = MinioContents(f"http://127.0.0.1:{deaf.getsockname()[1]}", "key", "secret", "documents")
        started = time.monotonic()
        with pytest.raises(OSError, match="MinIO"):
            hanging.check()
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("url", ["minio:9000", "ftp://minio", "http://minio/path"])
def test_a_wrong_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="MINIO_URL"):
        MinioContents(url, "key", "secret", "documents")
