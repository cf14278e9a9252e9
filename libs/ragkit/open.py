"""Open the index in a folder or in Qdrant, as the settings say."""

from __future__ import annotations

import logging
from pathlib import Path

from pydantic import SecretStr

from ragkit.protocol import Index
from servicekit.settings import ServiceSettings

log = logging.getLogger("ragkit")


class IndexSettings(ServiceSettings):
    """Hold the place of the index: Qdrant when QDRANT_URL is set, else the folder DATA_DIR."""

    data_dir: Path = Path("/data")
    qdrant_url: str = ""
    qdrant_api_key: SecretStr = SecretStr("")
    qdrant_collection: str = "passages"


def open_index(settings: IndexSettings) -> Index:
    """Return the index, without reading or creating it.

    Only the libraries of the index in use are imported, because each takes a second.
    """
    if not settings.qdrant_url:
        from ragkit.file_index import FileIndex

        return FileIndex(settings.data_dir)
    from qdrant_client import QdrantClient

    from ragkit.qdrant_index import QdrantIndex

    key = settings.qdrant_api_key.get_secret_value() or None
    return QdrantIndex(QdrantClient(url=settings.qdrant_url, api_key=key), settings.qdrant_collection)


def report_former_index(settings: IndexSettings) -> None:
    """Log a warning when DATA_DIR has an index of an earlier version, which kept its vectors in files of faiss.

    Call it once the service logs.
    """
    if settings.qdrant_url or not (settings.data_dir / "CURRENT").is_file():
        return
    former = [path for path in settings.data_dir.iterdir() if path.stem.isdigit() or path.name in ("CURRENT", "lock")]
    log.warning(
        "DATA_DIR has an index of an earlier version, which is not read: send its documents again, remove its files",
        extra={"folder": str(settings.data_dir), "files": sorted(path.name for path in former)},
    )
