"""What a Dockerfile stands on, reads and declares. Pure; words → text → scope → stages → reading, and ignore."""

from slipway.dockerfile.reading import Reading, Source, Stage, read
from slipway.dockerfile.text import Dockerfile, parse

__all__ = ["Dockerfile", "Reading", "Source", "Stage", "parse", "read"]
