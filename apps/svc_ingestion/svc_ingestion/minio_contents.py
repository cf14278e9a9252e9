"""The bytes of documents in a bucket of MinIO, or of anything else that speaks S3."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO
from urllib.parse import urlsplit

from minio import Minio
from minio.error import S3Error
from urllib3 import PoolManager, Retry, Timeout

from svc_ingestion.contents import PIECE


class MinioContents:
    """``Contents`` in ``bucket`` of the server at ``url`` (``http://minio:9000``); made when it is missing."""

    def __init__(self, url: str, access_key: str, secret_key: str, bucket: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.path.strip("/"):
            raise ValueError(f"MINIO_URL={url!r} is no URL such as http://minio:9000")
        http = PoolManager(timeout=Timeout(connect=5, read=60), retries=Retry(total=2, backoff_factor=0.2))
        self._bucket = bucket
        self._client = Minio(
            parts.netloc, access_key=access_key, secret_key=secret_key, secure=parts.scheme == "https", http_client=http
        )

    def check(self) -> None:
        if not self._client.bucket_exists(self._bucket):
            self._client.make_bucket(self._bucket)

    def put(self, id: str, content: BinaryIO, size: int) -> None:
        self.check()
        self._client.put_object(self._bucket, id, content, size)

    def read(self, id: str) -> Iterator[bytes]:
        try:
            reply = self._client.get_object(self._bucket, id)
        except S3Error as error:
            if error.code == "NoSuchKey":
                raise KeyError(id) from None
            raise
        return reply.stream(PIECE)
