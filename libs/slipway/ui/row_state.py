"""Name the states of a row in the live tree, beside those that an image's result has."""

from __future__ import annotations

from enum import StrEnum


class RowState(StrEnum):
    """Name the state of a row in the live tree, for an image that has no status yet and for a root image."""

    ROOT = "root"
    WAITING = "waiting"
    RUNNING = "running"
    UPLOADING = "uploading"
    UPLOADED = "uploaded"
