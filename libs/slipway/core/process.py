"""Tell whether a process of this machine is running."""

from __future__ import annotations

import os


def lives(process: int) -> bool:
    """Tell whether the process with this id exists on this machine."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
