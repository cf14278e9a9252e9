"""Gather the facts, decide the action for each image, and give the reason."""
