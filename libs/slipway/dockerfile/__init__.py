"""What a Dockerfile stands on, reads and declares. Pure: expansion → words → text → scope → stages → reading."""

from slipway.dockerfile.reading import read
from slipway.dockerfile.text import Dockerfile, parse
from slipway.dockerfile.values import Hazard, Mount, Reading, Rule, Source, Stage, Use, is_glob, united

__all__ = [
    "Dockerfile",
    "Hazard",
    "Mount",
    "Reading",
    "Rule",
    "Source",
    "Stage",
    "Use",
    "is_glob",
    "parse",
    "read",
    "united",
]
