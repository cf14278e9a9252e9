"""Define the error of a file that cannot be read."""

from __future__ import annotations


class Unreadable(Exception):
    """Report a file of a known kind that cannot be read. The message names the cause."""
