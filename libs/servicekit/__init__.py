"""What the services share: an app with its health and metrics, settings from the environment, JSON logs.

Importing this package imports nothing heavy: the health probe runs every few seconds.
"""
