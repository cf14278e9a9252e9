"""List the shared libraries that a container's processes have loaded."""

from __future__ import annotations

import json

from slipway.testing.plugin import Container

_LIST = """
import contextlib, glob, json
found = set()
for path in glob.glob("/proc/[0-9]*/maps"):
    with contextlib.suppress(OSError), open(path) as lines:  # a process of another user, or one that ends
        found.update(words[-1] for words in map(str.split, lines) if ".so" in words[-1])
print(json.dumps(sorted(found)))
"""


def libraries(container: Container) -> set[str]:
    """Return the paths of the libraries. The processes run as the container's user."""
    # -S: the process that lists loads no packages of its own
    listed = container.exec("python3", "-I", "-S", "-c", _LIST)
    assert listed.exit_code == 0, listed.output
    return set(json.loads(listed.output))
