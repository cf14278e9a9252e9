"""Recognize secrets, and keep them out of all output, files and images."""
