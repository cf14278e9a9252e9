"""Define the actions and events of a push, for those who show them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias


class PushAction(StrEnum):
    """Name the actions of a push on an image: upload it, move only its version tag, or nothing."""

    PUSH = "push"
    TAG = "tag"
    REUSE = "reuse"


@dataclass(frozen=True)
class Uploading:
    """Hold the progress of an upload: bytes ``sent`` of the ``size`` that the registry does not have."""

    image: str
    sent: int
    size: int


@dataclass(frozen=True)
class Uploaded:
    """Report that the image is in the registry, and that it is the one that was built."""

    image: str


UploadEvent: TypeAlias = Uploading | Uploaded
OnUpload = Callable[[UploadEvent], None]
