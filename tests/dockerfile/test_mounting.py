"""Mounts that slipway adds to RUN instructions: in which forms, and in which not."""

from __future__ import annotations

import pytest

from slipway.dockerfile.mounting import with_mounts

OWN = ("ca", "pip.conf")


def added(text: str) -> str:
    return with_mounts(text, "--mount=M", OWN)


@pytest.mark.parametrize(
    ("run", "with_it"),
    [
        ("RUN pip install x", "RUN --mount=M pip install x"),
        ("run\tpip install x", "run --mount=M\tpip install x"),
        ("  Run  a  ", "  Run --mount=M  a  "),
        ('RUN ["pip", "install", "x"]', 'RUN --mount=M ["pip", "install", "x"]'),
        ("RUN a \\\n  # RUN no\n\n  && RUN", "RUN --mount=M a \\\n  # RUN no\n\n  && RUN"),
        ("RUN \\\n  --network=none \\\n  a", "RUN --mount=M \\\n  --network=none \\\n  a"),
        ("RUN\\\n  a", "RUN --mount=M\\\n  a"),
        ("RUN <<EOF\nRUN no\nEOF\nRUN a", "RUN --mount=M <<EOF\nRUN no\nEOF\nRUN --mount=M a"),
        ("RUN <<-'A' cat <<B\n\tRUN no\n\tA\nRUN no\nB", "RUN --mount=M <<-'A' cat <<B\n\tRUN no\n\tA\nRUN no\nB"),
        ("COPY <<EOF /x\nRUN no\nEOF\nRUN a", "COPY <<EOF /x\nRUN no\nEOF\nRUN --mount=M a"),
        ("RUN a\r\nRUN b\r", "RUN --mount=M a\r\nRUN --mount=M b\r"),
        ("RUN --mount=type=cache,target=/c a", "RUN --mount=M --mount=type=cache,target=/c a"),
        ("RUN --mount=type=secret,id=token a", "RUN --mount=M --mount=type=secret,id=token a"),
        ("RUN --mount=type=secret,id=${NAME} a", "RUN --mount=M --mount=type=secret,id=${NAME} a"),
        ("RUN --mount=nonsense a", "RUN --mount=M --mount=nonsense a"),
        ("FROM b\nRUN a\nFROM scratch\nRUN c", "FROM b\nRUN --mount=M a\nFROM scratch\nRUN --mount=M c"),
    ],
)
def test_each_form_of_run_gets_them_in_its_first_line(run: str, with_it: str) -> None:
    assert added(f"FROM a AS b\n{run}\nUSER 1\n") == f"FROM a AS b\n{with_it}\nUSER 1\n"


@pytest.mark.parametrize(
    "lines",
    [
        "RUN --mount=type=secret,id=ca,target=/ca a",
        "RUN --mount=type=cache,target=/c --mount=TYPE=SECRET,target=/etc/pip.conf a",
        "RUN --mount=nonsense --mount=type=secret,id=ca a",
        "ONBUILD RUN a",
        "# RUN a\nCMD RUN a\nHEALTHCHECK CMD RUN a\nLABEL a=RUN",
        'SHELL ["RUN", "-c"]',
        "RU\\\nN a",
    ],
)
def test_other_lines_stay(lines: str) -> None:
    """An ONBUILD would keep them in the image's configuration."""
    assert added(f"FROM a\n{lines}\n") == f"FROM a\n{lines}\n"


def test_the_escape_character_and_a_byte_order_mark_stay() -> None:
    assert added("# escape=`\nFROM a\nRUN a `\n b") == "# escape=`\nFROM a\nRUN --mount=M a `\n b"
    assert added("\ufeffFROM a\nRUN a") == "\ufeffFROM a\nRUN --mount=M a"


def test_a_text_that_cannot_be_parsed_stays() -> None:
    assert added("FROM a\nRUN a\nNONSENSE") == "FROM a\nRUN a\nNONSENSE"
