"""Choose an image's tests by the place of its Dockerfile. A base's tests run for every image that stands on it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path, PurePosixPath

from slipway.core.image import Image, Stack
from slipway.core.reference import Reference

_IMAGES, _TOGETHER = "tests/images", "apps/smoke"

#: Tells whether a path from the repository's root exists.
Exists = Callable[[str], bool]


def select_tests(name: str, stack: Stack, given: Mapping[str, str], exists: Exists) -> tuple[str, ...]:
    """Return the test paths of image ``name``: those of each image below it, lowest first, then its own.

    ``given``: image → the path that its table names. It stands for the usual places.
    """
    names = [image.name for image in stack.known]
    found: dict[str, None] = {}
    for one in (*stack.below(name), name):
        paths = [given[one]] if one in given else own_tests(stack[one], names, exists)
        found |= dict.fromkeys(paths)
    return tuple(found)


def own_tests(image: Image, names: Collection[str], exists: Exists) -> tuple[str, ...]:
    """Return the test paths of an image, of those that exist.

    - ``smoke/`` beside its Dockerfile: the folder with the image's name in it, else the whole folder. A ``smoke/``
      with a folder for one of ``names`` is none for all images whose Dockerfiles lie beside it.
    - ``tests/images/<name>/``, ``tests/images/test_<name>.py``.
    """
    beside = str(PurePosixPath(image.dockerfile).parent / "smoke")
    if any(exists(f"{beside}/{name}") for name in names):
        beside = f"{beside}/{image.name}"
    paths = (beside, f"{_IMAGES}/{image.name}", f"{_IMAGES}/{_file_of(image.name)}")
    return tuple(path for path in paths if exists(path))


def image_of(reference: Reference, images: Iterable[Image]) -> str:
    """Return the image that a reference in any registry names; empty when no image has its name.

    Its version does not matter, except for images that only their tags tell apart.
    """
    same = [image for image in images if image.reference.name == reference.name]
    tagged = [image for image in same if image.reference.tag == reference.tag]
    found = same if len(same) == 1 else tagged
    return found[0].name if len(found) == 1 else ""


def find_system_tests(root: Path) -> dict[str, str]:
    """Return the tests of several images together, name → path: ``apps/smoke/test_chain.py`` is ``chain``."""
    return {_name_of(path): path for path in _files(root, _TOGETHER)}


def find_strays(root: Path, names: Collection[str]) -> tuple[str, ...]:
    """Return the files in ``tests/images/`` that no image of ``names`` runs, where another file there tests one.

    Without such another file the folder has some other purpose.
    """
    files = _files(root, _IMAGES)
    of_images = {f"{_IMAGES}/{_file_of(name)}" for name in names}
    return tuple(path for path in files if path not in of_images) if of_images & {*files} else ()


def _files(root: Path, folder: str) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.glob(f"{folder}/{_file_of('*')}"))


def _name_of(path: str) -> str:
    return PurePosixPath(path).stem.removeprefix("test_").replace("_", "-")


def _file_of(name: str) -> str:
    return f"test_{name.replace('-', '_')}.py"
