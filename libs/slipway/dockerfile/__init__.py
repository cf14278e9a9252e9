"""Read a Dockerfile: the images it builds on, the files it reads, the settings it declares.

Pure. The modules build on each other: expansion → words → text → scope → stages → reading.
"""

from slipway.dockerfile.reading import read
from slipway.dockerfile.text import Dockerfile, Section, parse
from slipway.dockerfile.values import Hazard, Mount, Reading, Source, Stage, Use, is_glob, united

__all__ = [
    "Dockerfile",
    "Hazard",
    "Mount",
    "Reading",
    "Section",
    "Source",
    "Stage",
    "Use",
    "is_glob",
    "parse",
    "read",
    "united",
]
