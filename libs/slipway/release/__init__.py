"""Raise the version of the bases, and find bases whose content changed without a new version."""
