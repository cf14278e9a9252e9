"""Use a registry over HTTP: look up references and digests, move tags, read the sizes of layers.

The protocol is the OCI distribution specification 1.1. "Not found" and "denied" are answers, which slipway never
retries. It retries 429 (with Retry-After), 5xx and lost connections within a budget. This includes a manifest PUT,
which is idempotent.
"""

from slipway.registry.client import Registry
from slipway.registry.greeting import NO_ANSWER, Greeting
from slipway.registry.manifest import ImageManifest

__all__ = ["NO_ANSWER", "Greeting", "ImageManifest", "Registry"]
