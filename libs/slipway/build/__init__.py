"""Execute a plan: pull and tag images, build the others with buildx bake, and verify every built image."""
