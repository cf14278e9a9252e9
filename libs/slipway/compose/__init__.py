"""Bring up the containers of a system, which a compose file describes, and take them down."""
