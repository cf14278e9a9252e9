"""The compose file asks for a key."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def key() -> Iterator[str]:
    """Provide the key that the system is started with."""
    made = secrets.token_hex(32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("API_KEY", made)
        yield made
