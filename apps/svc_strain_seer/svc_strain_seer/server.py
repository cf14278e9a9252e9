"""Serve the page of ``app.py``: ``streamlit run svc_strain_seer/server.py``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from starlette.middleware import Middleware
from streamlit.runtime import get_instance
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.starlette import App

from svc_strain_seer.uploads import UploadRoom


def kept() -> Mapping[str, int]:
    """Return the bytes of the files that Streamlit keeps for each page."""
    files = get_instance().uploaded_file_mgr
    assert isinstance(files, MemoryUploadedFileManager)
    return {page: sum(len(file.data) for file in list(own.values())) for page, own in list(files.file_storage.items())}


app = App(Path(__file__).with_name("app.py"), middleware=[Middleware(UploadRoom, kept=kept)])
