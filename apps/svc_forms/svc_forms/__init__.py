"""Forms filled from what was found in documents: every value with its source, every doubt told."""
