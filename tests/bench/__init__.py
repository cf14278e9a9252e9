"""The bench: slipway beside what it is measured against, on generated stacks. ``nox -s bench`` runs it."""
