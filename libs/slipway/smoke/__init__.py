"""DO: run containers in a sandbox, and test them."""
