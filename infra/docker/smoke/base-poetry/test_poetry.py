"""Test that base-poetry brings Poetry with its export plugin, and uv."""

from __future__ import annotations

from typing import Any


def test_poetry_exports(container: Any) -> None:
    told = container.exec("poetry", "export", "--help")
    assert told.exit_code == 0 and "--without-urls" in told.output


def test_uv_runs(container: Any) -> None:
    assert container.exec("uv", "--version").output.startswith("uv ")


def test_a_folder_without_a_lock_is_refused(container: Any) -> None:
    told = container.exec("sh", "-c", "cd /tmp && install-poetry-lock /tmp/venv")
    assert told.exit_code != 0 and "pyproject.toml" in told.output
