"""Run containers in a sandbox, and test them."""
