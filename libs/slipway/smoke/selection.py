"""Choose an image's tests by the paths of test files. A base's tests run for every image that is built on it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path, PurePosixPath

BASE_TESTS = "infra/docker/smoke"
SYSTEM_TESTS = "apps/smoke/test_"


def select_tests(name: str, ancestors: Sequence[str], existing: Collection[str]) -> tuple[str, ...]:
    """Return the test paths of image ``name``: those of each of its bases, then its own.

    ``ancestors``: the names of its bases, lowest first. ``existing``: the paths that exist:
    ``infra/docker/smoke/<base>``, ``apps/<dir>/smoke``, and ``apps/smoke/test_<name>.py`` for tests of several images
    (system tests). The tests of the image itself as a base come directly after those of its bases.
    """
    wanted = [f"{BASE_TESTS}/{base}" for base in (*ancestors, name)]
    wanted += [path for path in sorted(existing) if _service_of(path) == name]
    wanted.append(f"{SYSTEM_TESTS}{name.replace('-', '_')}.py")
    return tuple(path for path in wanted if path in existing)


def find_tests(root: Path) -> frozenset[str]:
    """Return every path under ``root`` that ``select_tests`` may choose."""
    patterns = (f"{BASE_TESTS}/*/", "apps/*/smoke/", f"{SYSTEM_TESTS}*.py")
    return frozenset(found.relative_to(root).as_posix() for pattern in patterns for found in root.glob(pattern))


def system_tests(existing: Collection[str]) -> tuple[str, ...]:
    """Return the names of the system tests, each of several images: ``apps/smoke/test_chain.py`` is ``chain``."""
    files = (PurePosixPath(path) for path in sorted(existing) if path.endswith(".py"))
    return tuple(path.stem.removeprefix("test_").replace("_", "-") for path in files)


def _service_of(path: str) -> str:
    """Return the service whose tests are in ``path``, or an empty string: ``apps/svc_ocr/smoke`` → ``svc-ocr``."""
    pure = PurePosixPath(path)
    if pure.name != "smoke" or pure.parent.parent != PurePosixPath("apps"):
        return ""
    return pure.parent.name.replace("_", "-")
