"""A printed command is the command that runs: shells read back every word."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.core.command import Command
from tests.properties.examples import examples

#: Any bytes but NUL, as Python holds arguments: bytes that are not UTF-8 as surrogates.
BYTES = st.binary(max_size=12).map(lambda data: data.replace(b"\0", b"").decode("utf-8", "surrogateescape"))
WORDS = (
    st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=12)
    | st.text("ab'\"\\$`!#~*?[]{}()<>|&;= \t\n\r-+@%^", max_size=12)
    | BYTES
)
ENVIRONMENTS = st.dictionaries(st.from_regex(r"T_[A-Za-z0-9_]{0,8}", fullmatch=True), WORDS, max_size=3)


@pytest.mark.process
@pytest.mark.parametrize("shell", ["sh", "bash", "dash"])
@examples(60)
@given(st.lists(st.tuples(st.lists(WORDS, max_size=6), ENVIRONMENTS), min_size=1, max_size=8))
def test_a_shell_reads_every_word_back(shell: str, commands: list[tuple[list[str], dict[str, str]]]) -> None:
    assert shutil.which(shell), f"{shell} is missing"
    told = [str(Command(("printf", r"%s\0", "argv", *words))) for words, _ in commands]
    told += [str(Command(("printenv", "-0", *names), env=names)) for _, names in commands if names]
    script = "\n".join(told).encode("utf-8", "surrogateescape")
    done = subprocess.run([shell], input=script, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    expected = [word for words, _ in commands for word in ("argv", *words)]
    expected += [value for _, names in commands for value in names.values()]
    assert done.stdout.decode("utf-8", "surrogateescape").split("\0") == [*expected, ""]
