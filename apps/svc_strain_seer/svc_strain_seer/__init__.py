"""Read tensile tests: a CSV in; modulus, strengths and elongation out, each with its uncertainty.

``table`` → ``curve`` → ``elastic`` → ``analysis`` → ``chart``, ``report`` are pure; ``app`` is the page.
"""
