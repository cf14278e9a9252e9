"""slipway: container images for Python monorepos whose services share layered bases.

The folders are the architecture. A run knows, decides, does and tells, in this order of rooms:

- values: ``secrets`` ``core`` ``dockerfile``
- edges: ``engine`` ``registry`` ``config`` ``runs``
- know: ``stack``
- decide: ``plan``
- do: ``hosts`` ``build`` ``push`` ``smoke`` ``setup`` ``compose`` ``audit``
- tell: ``ui``
- ``tasks`` are Invoke's tasks. ``testing`` is public: the pytest plugin and the fakes.

A room imports only rooms that stand before it. import-linter holds that (``pyproject.toml``).
"""
