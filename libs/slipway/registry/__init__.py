"""The registry, over HTTP: does a reference exist, its digest, move a tag, layer sizes.

Follows the OCI distribution specification 1.1. "Not found" and "denied" are answers and never retried; 429 (with
Retry-After), 5xx and cut connections are, within a budget. A manifest PUT is idempotent, so it is retried too.
"""

from slipway.registry.client import Registry
from slipway.registry.greeting import NO_ANSWER, Greeting
from slipway.registry.manifest import Manifest

__all__ = ["NO_ANSWER", "Greeting", "Manifest", "Registry"]
