"""Find what slipway made and nothing needs any more, and remove it: in the engine, in the registry, on the disk.

``items``, ``needed``, ``images``, ``layers`` and ``contents`` decide, and are pure. The other modules look and remove.
"""
