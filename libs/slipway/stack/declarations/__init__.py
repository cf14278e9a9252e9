"""Read the images that compose files and bake files define.

Pure: texts in, definitions out. ``document``, ``interpolation`` and ``env_file`` read compose's languages; ``service``,
``overriding`` and ``compose`` give each service its final values; ``builds`` and ``bake`` make definitions of them, and
``naming`` names the images.
"""

from slipway.stack.declarations.bake import bake_targets
from slipway.stack.declarations.builds import built_services, unread_keys
from slipway.stack.declarations.compose import read_compose
from slipway.stack.declarations.naming import name_images

__all__ = ["bake_targets", "built_services", "name_images", "read_compose", "unread_keys"]
