"""Check this machine, and install the missing prerequisites."""
