"""The documents that a push stores beside each image, from the table."""

from __future__ import annotations

from slipway.config.attach import Attachment
from slipway.config.project import parse_project


def test_each_document_is_named_once_in_the_order_of_the_table() -> None:
    project, problems = parse_project(b"[tool.slipway]\nattach = ['provenance', 'sbom', 'provenance']\n")
    assert problems == ()
    assert project.attach == (Attachment.PROVENANCE, Attachment.SBOM)
    assert ("attach", "provenance, sbom", "pyproject.toml:2") in project.shown


def test_by_default_there_is_none() -> None:
    assert parse_project(b"[tool.slipway]\n")[0].attach == ()
