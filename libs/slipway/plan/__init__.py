"""DECIDE: gather facts, decide what happens to each image, say why."""
