"""For tests of images: the pytest plugin (``plugin``), what its fixtures give, and the checks every image gets.

No production module imports this package.
"""
