"""Provide the parts that all services share: the app factory, uploads, errors, settings, logs.

Importing this package imports nothing heavy, because the health probe runs every few seconds.
"""
