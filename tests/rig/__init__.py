"""The bench of the tests that need real things: repositories, registries, engines, and what looks at them."""
