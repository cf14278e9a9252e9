"""Serve the page of ``app.py``: ``python -m svc_strain_seer.server``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from starlette.middleware import Middleware
from streamlit.runtime import get_instance
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.starlette import App
from streamlit.testing.v1 import AppTest

from svc_strain_seer.heads import ShortHeads
from svc_strain_seer.uploads import UploadRoom

_PAGE = Path(__file__).with_name("app.py")
#: In seconds: the page loads its libraries within this time, also from a slow disk.
_LOADING = 120.0


def load(page: Path) -> None:
    """Run the page with its example once. Raises RuntimeError when the page fails.

    The first run of a page imports numpy, scipy, pandas, pyarrow and matplotlib. Python holds its global lock while the
    disk reads such a library. A page that did this for its first visitor would keep the health probe waiting.
    """
    visit = AppTest.from_file(page, default_timeout=_LOADING).run()
    if not visit.exception:
        visit.toggle(key="example").set_value(True).run()
    if visit.exception:
        raise RuntimeError(f"{page.name} fails: {visit.exception[0].message}")


def kept() -> Mapping[str, int]:
    """Return the bytes of the files that Streamlit keeps for each page."""
    files = get_instance().uploaded_file_mgr
    assert isinstance(files, MemoryUploadedFileManager)
    return {page: sum(len(file.data) for file in list(own.values())) for page, own in list(files.file_storage.items())}


if __name__ == "__main__":
    load(_PAGE)
    App(_PAGE, middleware=[Middleware(ShortHeads), Middleware(UploadRoom, kept=kept)]).run()
