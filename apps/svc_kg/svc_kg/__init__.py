"""A knowledge graph read from text: who and what stands in it, how they relate, and where that was said."""
