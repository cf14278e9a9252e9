"""DO: check this machine, and make it ready."""
