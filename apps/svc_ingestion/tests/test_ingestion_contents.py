"""Test that all stores of bytes keep one contract: a folder, and a bucket of a server that speaks S3.

The server is moto's, on loopback.
"""

from __future__ import annotations

import hashlib
import io
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
    return MinioContents(server, "key", "secret", f"bucket-{hashlib.sha256(str(tmp_path).encode()).hexdigest()[:16]}")


def put(contents: Contents, content: bytes = BYTES) -> str:
    id = hashlib.sha256(content).hexdigest()
    contents.put(id, io.BytesIO(content), len(content))
    return id


def test_bytes_come_back_as_they_went(contents: Contents) -> None:
    put(contents)
    put(contents)
    assert b"".join(contents.read(ID)) == BYTES


def test_reading_a_missing_content_raises_immediately(contents: Contents) -> None:
    with pytest.raises(KeyError):
        contents.read(ID)
    put(contents, b"another")
    with pytest.raises(KeyError):
        contents.read(ID)


def test_a_check_makes_nothing(contents: Contents) -> None:
    """Test that the first document creates the bucket, and a probe does not."""
    contents.check()
    with pytest.raises(KeyError):
        contents.read(ID)


def test_a_store_out_of_reach_is_an_os_error() -> None:
    away = MinioContents("http://127.0.0.1:9", "key", "hunter2-hunter2", "documents")
    for use in (away.check, lambda: put(away)):
        with pytest.raises(OSError, match="MinIO") as caught:
            use()
        assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("url", ["minio:9000", "ftp://minio", "http://minio/path"])
def test_a_wrong_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="MINIO_URL"):
        MinioContents(url, "key", "secret", "documents")
