"""DO: carry a plan out with buildx bake, and verify what it made."""
