"""Say hello, and describe the running service to the holder of its key."""
