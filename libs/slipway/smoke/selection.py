"""Choose the tests of an image by the paths of test files. A base's tests run for every image that is built on it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path, PurePosixPath

BASE_TESTS = "infra/docker/smoke"
TOGETHER = "apps/smoke/test_"


def select_tests(name: str, ancestors: Sequence[str], existing: Collection[str]) -> tuple[str, ...]:
    """The test paths of image ``name``: those of each base it stands on (and of itself as a base), then its own.

    ``ancestors`` are the bases' names, lowest first; ``existing`` the paths there are: ``infra/docker/smoke/<base>``,
    ``apps/<dir>/smoke``, and ``apps/smoke/test_<name>.py`` for tests of several images together.
    """
    wanted = [f"{BASE_TESTS}/{base}" for base in (*ancestors, name)]
    wanted += [path for path in sorted(existing) if _service_of(path) == name]
    wanted.append(f"{TOGETHER}{name.replace('-', '_')}.py")
    return tuple(path for path in wanted if path in existing)


def find_tests(root: Path) -> frozenset[str]:
    """Every path under ``root`` that ``select_tests`` may choose from."""
    patterns = (f"{BASE_TESTS}/*/", "apps/*/smoke/", f"{TOGETHER}*.py")
    return frozenset(found.relative_to(root).as_posix() for pattern in patterns for found in root.glob(pattern))


def together(existing: Collection[str]) -> tuple[str, ...]:
    """The names of the tests of several images together: ``apps/smoke/test_chain.py`` is ``chain``."""
    files = (PurePosixPath(path) for path in sorted(existing) if path.endswith(".py"))
    return tuple(path.stem.removeprefix("test_").replace("_", "-") for path in files)


def _service_of(path: str) -> str:
    """``apps/svc_ocr/smoke`` → ``svc-ocr``."""
    pure = PurePosixPath(path)
    if pure.name != "smoke" or pure.parent.parent != PurePosixPath("apps"):
        return ""
    return pure.parent.name.replace("_", "-")
