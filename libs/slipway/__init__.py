"""slipway: container images for Python monorepos whose services share layered bases.

One module per noun, in layers; a module imports only from the layers above it
(``tests/test_layers.py`` holds this). DESIGN in one line: know → decide → do → tell.
"""
