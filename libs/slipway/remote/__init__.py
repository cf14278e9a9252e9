"""A build host over SSH: what it must have, and what is looked at before anything is asked of it."""
