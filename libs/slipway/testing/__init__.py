"""Test built images: the pytest plugin, its fixtures, and the checks that every image gets.

No production module imports this package.
"""
