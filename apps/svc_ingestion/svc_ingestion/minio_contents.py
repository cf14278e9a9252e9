"""Keep the bytes of documents in a bucket of MinIO, or of another server that speaks S3."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO
from urllib.parse import urlsplit

from minio import Minio
from minio.error import MinioException, S3Error
from urllib3 import BaseHTTPResponse, PoolManager, Retry, Timeout
from urllib3.exceptions import HTTPError

from svc_ingestion.contents import PIECE

_MISSING = ("NoSuchKey", "NoSuchBucket")


class MinioContents:
    """Keep ``Contents`` in ``bucket`` of the server at ``url`` (``http://minio:9000``).

    The server keeps checksums of the bytes, so a content that has its size is whole. Raises ValueError when ``url`` is
    not such a URL.
    """

    def __init__(self, url: str, access_key: str, secret_key: str, bucket: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.path.strip("/"):
            raise ValueError(f"MINIO_URL={url!r} is not a URL such as http://minio:9000")
        self._bucket = bucket

        def client(http: PoolManager) -> Minio:
            secure = parts.scheme == "https"
            return Minio(parts.netloc, access_key=access_key, secret_key=secret_key, secure=secure, http_client=http)

        # A server that hangs holds a thread of the service for at most 42 s, a check for 2 s.
        retries = Retry(total=1, backoff_factor=0.2)
        self._client = client(PoolManager(timeout=Timeout(connect=1, read=20), retries=retries))
        self._asked = client(PoolManager(timeout=Timeout(connect=1, read=1), retries=False))

    def prepare(self) -> None:
        with _as_os_error():
            if self._client.bucket_exists(self._bucket):
                return
            try:
                self._client.make_bucket(self._bucket)
            except S3Error as error:
                if error.code not in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
                    raise

    def check(self) -> None:
        """Raise OSError unless the server answers, accepts the keys and has the bucket."""
        with _as_os_error():
            found = self._asked.bucket_exists(self._bucket)
        if not found:
            raise OSError(f"MinIO: the bucket {self._bucket!r} is missing")

    def put(self, id: str, content: BinaryIO, size: int) -> None:
        with _as_os_error():
            self._client.put_object(self._bucket, id, content, size)

    def holds(self, id: str, size: int) -> bool:
        with _as_os_error():
            try:
                return self._client.stat_object(self._bucket, id).size == size
            except S3Error as error:
                if error.code in _MISSING:
                    return False
                raise

    def read(self, id: str, size: int) -> Iterator[bytes]:
        with _as_os_error():
            try:
                reply = self._client.get_object(self._bucket, id)
            except S3Error as error:
                if error.code in _MISSING:
                    raise KeyError(id) from None
                raise
        if reply.headers.get("content-length") != str(size):
            _discard(reply)
            raise KeyError(id)
        return _pieces(reply)


def _discard(reply: BaseHTTPResponse) -> None:
    reply.close()
    reply.release_conn()


def _pieces(reply: BaseHTTPResponse) -> Iterator[bytes]:
    try:
        yield from reply.stream(PIECE)
    finally:
        _discard(reply)


@contextmanager
def _as_os_error() -> Iterator[None]:
    """Convert errors of the server to OSError, which a failing disk also raises."""
    try:
        yield
    except (MinioException, HTTPError) as error:
        raise OSError(f"MinIO: {error}") from error
