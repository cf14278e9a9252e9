"""Name the shared libraries that a container's processes load between two moments."""

from __future__ import annotations

import json

from slipway.testing.plugin import Container

#: Writes the paths of all loaded libraries into a file in the container, or prints those that this file does not have.
#: The whole list may be longer than the engine returns in one piece.
_SCRIPT = """
import contextlib, glob, json, pathlib, sys
found, known = set(), pathlib.Path("/tmp/trial-libraries")
for path in glob.glob("/proc/[0-9]*/maps"):
    with contextlib.suppress(OSError), open(path) as lines:  # a process of another user, or one that ends
        found.update(words[-1] for words in map(str.split, lines) if ".so" in words[-1])
if sys.argv[1] == "note":
    known.write_text(json.dumps(sorted(found)))
    print(len(found))
else:
    print(json.dumps(sorted(found.difference(json.loads(known.read_text())))[:20]))
"""


def note_libraries(container: Container) -> int:
    """Note the libraries that the processes have loaded, and return their number."""
    return int(_run(container, "note"))


def new_libraries(container: Container) -> list[str]:
    """Return the paths of up to twenty libraries that were loaded since ``note_libraries``."""
    new: list[str] = json.loads(_run(container, "compare"))
    return new


def _run(container: Container, part: str) -> str:
    ended = container.exec("python3", "-I", "-S", "-c", _SCRIPT, part)
    assert ended.exit_code == 0, ended.output
    return ended.output
