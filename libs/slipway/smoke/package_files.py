"""Name the files of an image that describe its packages, and keep the lines of them that slipway reads.

Pure. The files are the metadata of Python's packages, dpkg's database with the copyright files, ``pyvenv.cfg`` of
virtual environments, and ``os-release``. Debian's policy manual (sections 5 and 12.5) and PyPA's core metadata
specification say what they contain.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_METADATA = re.compile(r"\.dist-info/METADATA$|\.egg-info(/PKG-INFO)?$|(^|/)pyvenv\.cfg$")
_STATUS = re.compile(r"var/lib/dpkg/(status|status\.d/[^/]+(?<!\.md5sums))")
_COPYRIGHT = re.compile(r"usr/share/doc/[^/]+/copyright")
_RELEASE = re.compile(r"(etc|usr/lib)/os-release")
#: Nearly all of the hundred thousand files of an image end otherwise.
_ENDS = ("METADATA", "PKG-INFO", ".egg-info", "pyvenv.cfg", "dpkg/status", "/copyright", "/os-release")
_STATUS_FOLDER = "dpkg/status.d/"
#: The fields of dpkg's database that slipway reads. The others are three quarters of it.
_FIELDS = ("Package", "Status", "Version", "Architecture", "Source", "Pre-Depends", "Depends", "Provides")
_FIELD = re.compile(rf"({'|'.join(_FIELDS)}):.*(?:\n[ \t].*)*", re.MULTILINE)
_LICENCE = re.compile(r"^License:[ \t]*(\S.*?)[ \t]*$", re.MULTILINE)
_MACHINE_READABLE = re.compile(r"Format(-Specification)?:", re.IGNORECASE)

#: In bytes. dpkg's database of a desktop has 4 MB.
LARGEST = 32 << 20


def describes_packages(path: str) -> bool:
    """Tell whether the file ``path`` of a layer, without a leading slash, describes packages or their system."""
    if not (path.endswith(_ENDS) or _STATUS_FOLDER in path):
        return False
    found = (_METADATA.search(path), *(form.fullmatch(path) for form in (_STATUS, _COPYRIGHT, _RELEASE)))
    return any(found)


def kept(path: str, text: str) -> str:
    """Return the lines of a file that slipway reads."""
    if _METADATA.search(path):
        return text.partition("\n\n")[0]  # the description follows the first empty line
    if _STATUS.fullmatch(path):
        return "\n\n".join(filter(None, map(_fields, re.split(r"\n[ \t]*\n", text))))
    if _COPYRIGHT.fullmatch(path):
        return "\n".join(f"License: {name}" for name in _licences(text))
    return text


def _fields(paragraph: str) -> str:
    return "\n".join(found[0] for found in _FIELD.finditer(paragraph))


def _licences(text: str) -> Iterator[str]:
    """Yield each licence that a machine-readable copyright file declares, once."""
    if _MACHINE_READABLE.match(text):
        yield from dict.fromkeys(_LICENCE.findall(text))
