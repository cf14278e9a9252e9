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


class MinioContents:
    """Keep ``Contents`` in ``bucket`` of the server at ``url`` (``http://minio:9000``).

    The first document creates a missing bucket. Raises ValueError when ``url`` is not such a URL.
    """

    def __init__(self, url: str, access_key: str, secret_key: str, bucket: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.path.strip("/"):
            raise ValueError(f"MINIO_URL={url!r} is not a URL such as http://minio:9000")
        self._bucket = bucket

        def client(http: PoolManager) -> Minio:
            secure = parts.scheme == "https"
            return Minio(parts.netloc, access_key=access_key, secret_key=secret_key, secure=secure, http_client=http)

        retries = Retry(total=2, backoff_factor=0.2)
        self._client = client(PoolManager(timeout=Timeout(connect=5, read=60), retries=retries))
        self._asked = client(PoolManager(timeout=Timeout(connect=1, read=2), retries=False))

    def check(self) -> None:
        """Raise OSError unless the server answers and accepts the keys.

        A missing bucket is not an error, because the first document creates it.
        """
        with _as_os_error():
            self._asked.bucket_exists(self._bucket)

    def put(self, id: str, content: BinaryIO, size: int) -> None:
        with _as_os_error():
            if not self._client.bucket_exists(self._bucket):
                self._client.make_bucket(self._bucket)
            self._client.put_object(self._bucket, id, content, size)

    def read(self, id: str) -> Iterator[bytes]:
        with _as_os_error():
            try:
                reply = self._client.get_object(self._bucket, id)
            except S3Error as error:
                if error.code in ("NoSuchKey", "NoSuchBucket"):
                    raise KeyError(id) from None
                raise
        return _pieces(reply)


def _pieces(reply: BaseHTTPResponse) -> Iterator[bytes]:
    try:
        yield from reply.stream(PIECE)
    finally:
        reply.close()
        reply.release_conn()


@contextmanager
def _as_os_error() -> Iterator[None]:
    """Convert errors of the server to OSError, which a failing disk also raises."""
    try:
        yield
    except (MinioException, HTTPError) as error:
        raise OSError(f"MinIO: {error}") from error
