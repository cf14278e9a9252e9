"""Tell which images get pip's configuration in each RUN, and refuse a frontend that cannot give it."""

from __future__ import annotations

from collections.abc import Iterable

from slipway.config.inherit import ADDED
from slipway.core.errors import Problem, UsageError
from slipway.core.image import Image
from slipway.dockerfile.frontends import ENV_MOUNT, SINCE, has_env_mounts


def is_inheriting(image: Image) -> bool:
    """Tell whether slipway adds its mounts to a RUN that the image needs."""
    return not set(ADDED).isdisjoint(image.secrets)


def refuse_old_frontends(images: Iterable[Image], engine: str) -> None:
    """Raise UsageError for each image whose frontend cannot give a RUN the variables of ``inherit``.

    ``engine``: the engine's version, or an empty string when it is unknown.
    """
    since = ".".join(map(str, SINCE[ENV_MOUNT]))
    problems = [
        Problem(
            image.dockerfile,
            f'inherit = "run" needs Docker {since}, or docker/dockerfile:1.10: {image.frontend or f"Docker {engine}"}',
            'update it, or set inherit = "mount"',
        )
        for image in images
        if is_inheriting(image) and not has_env_mounts(image.frontend, engine)
    ]
    if problems:
        raise UsageError.of(problems)
