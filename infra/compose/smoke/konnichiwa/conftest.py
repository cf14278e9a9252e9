"""Give the system its key before it comes up."""

from __future__ import annotations

import os

os.environ.setdefault("API_KEY", "system-0123456789abcdef")
