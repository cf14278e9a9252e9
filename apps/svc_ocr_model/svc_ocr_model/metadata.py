"""Define the protocol's answers about the server and its model."""

from __future__ import annotations

from dataclasses import dataclass

from svc_ocr_model.tensors import TensorSpec


@dataclass(frozen=True)
class ServerMetadata:
    """The protocol's ``$metadata_server_response``."""

    name: str
    version: str
    extensions: list[str]


@dataclass(frozen=True)
class ServerLive:
    live: bool


@dataclass(frozen=True)
class ServerReady:
    """The protocol's text calls the field ``live``, KServe ``ready``."""

    live: bool
    ready: bool


@dataclass(frozen=True)
class ModelMetadata:
    """The protocol's ``$metadata_model_response``."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorSpec]
    outputs: list[TensorSpec]


@dataclass(frozen=True)
class ModelReady:
    name: str
    ready: bool
