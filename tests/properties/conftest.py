"""``nox -s soak`` tries the same properties with the profile ``soak``."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("soak", max_examples=2000, deadline=None)
