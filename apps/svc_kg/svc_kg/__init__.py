"""Read a knowledge graph from text: entities, their relations, and the sentences that state them."""
