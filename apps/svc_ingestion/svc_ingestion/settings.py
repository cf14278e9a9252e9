"""Read the settings, and open the stores and the destination that they name."""

from __future__ import annotations

from pathlib import Path

from pydantic import (
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    ValidationInfo,
    field_validator,
)

from servicekit.settings import HttpUrl, ServiceSettings
from svc_ingestion.contents import Contents, FolderContents
from svc_ingestion.delivery import Patience
from svc_ingestion.destinations import Destination, HttpDestination, NatsDestination


class Settings(ServiceSettings):
    """Hold the settings.

    Without FORWARD_URL and NATS_URL, documents wait in the outbox until a client collects them. ``writers`` uploads are
    stored at the same time and ``max_waiting`` more wait; ``couriers`` documents are delivered at the same time.
    HTTPS_PROXY and NO_PROXY hold for an https:// FORWARD_URL; http:// receivers are reached without a proxy.
    """

    data_dir: Path = Path("/data")
    max_bytes: PositiveInt = 50 << 20
    writers: PositiveInt = 16
    max_waiting: NonNegativeInt = 64
    body_seconds: PositiveFloat = 300
    forward_url: HttpUrl = ""
    forward_seconds: PositiveFloat = 300
    forward_attempts: PositiveInt = 20
    forward_crashes: PositiveInt = 3
    couriers: PositiveInt = 4
    retry_seconds: NonNegativeFloat = 2
    retry_longest: PositiveFloat = 3600
    nats_url: str = ""
    nats_subject: str = "documents.received"
    minio_url: HttpUrl = ""
    minio_access_key: SecretStr = SecretStr("")
    minio_secret_key: SecretStr = SecretStr("")
    minio_bucket: str = "documents"

    @field_validator("nats_url")
    @classmethod
    def one_destination(cls, nats_url: str, others: ValidationInfo) -> str:
        """Raise ValueError when both destinations are set, because one delivery has one outcome."""
        if nats_url and others.data.get("forward_url"):
            raise ValueError("FORWARD_URL and NATS_URL are both set; a document is handed on to one of them")
        return nats_url

    @property
    def patience(self) -> Patience:
        return Patience(self.forward_attempts, self.retry_seconds, self.retry_longest, self.forward_crashes)


def open_contents(settings: Settings) -> Contents:
    """Return the bucket in MinIO when MINIO_URL is set, else the folder in DATA_DIR."""
    if settings.minio_url:
        from svc_ingestion.minio_contents import MinioContents

        keys = settings.minio_access_key.get_secret_value(), settings.minio_secret_key.get_secret_value()
        return MinioContents(settings.minio_url, *keys, settings.minio_bucket)
    return FolderContents(settings.data_dir / "contents")


def open_destination(settings: Settings) -> Destination | None:
    """Return the destination of documents, or None when they wait in the outbox."""
    if settings.forward_url:
        return HttpDestination(settings.forward_url, settings.forward_seconds)
    if settings.nats_url:
        return NatsDestination(settings.nats_url, settings.nats_subject)
    return None
