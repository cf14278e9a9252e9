"""Decide how a container may write to a path of its read-only root. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from slipway.smoke.file_modes import merged
from slipway.smoke.image_archive import Layer

_TMP = "/tmp"


def places(
    paths: Sequence[str], volumes: Collection[str], layers: Callable[[], Sequence[Layer]]
) -> tuple[list[str], list[str]]:
    """Return the paths that become volumes of the container, and those that become empty folders in memory.

    ``paths``: those that the image's table names. ``volumes``: those that the image declares. A volume has the content
    and the owner of the image's folder, and any user may write to a folder in memory. So a folder that the image has
    becomes a volume.
    """
    more = [path for path in paths if path not in (*volumes, _TMP)]
    folders = {path for path, (_, member) in merged(layers()).items() if member.kind == "d"} if more else set()
    return [*volumes, *(path for path in more if path in folders)], [path for path in more if path not in folders]
