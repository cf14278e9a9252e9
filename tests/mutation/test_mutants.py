"""The mutants that mutation testing makes: small, many, and each in one place."""

from __future__ import annotations

from pathlib import Path

from tests.mutation.mutants import mutants

SOURCE = '''
"""Not this."""
import re
LINE = re.compile(r"[^a]+b*")

def small(number: int, text: str = "") -> bool:
    """Nor this."""
    if number < 3 and not text.startswith("x"):
        return sorted(text, key=len) == 4
    return False
'''
MADE = r"""
m: `re.compile('[^a]+b*')` → `re.compile('[a]+b*')`
m: `re.compile('[^a]+b*')` → `re.compile('[^a]*b*')`
m: `re.compile('[^a]+b*')` → `re.compile('[^a]+b+')`
m.small: `''` → `'~'`
m.small: `number < 3 and (not text.startswith('x'))` → `not (number < 3 and (not text.startswith('x')))`
m.small: `number < 3 and (not text.startswith('x'))` → `number < 3 or not text.startswith('x')`
m.small: `number < 3` → `number <= 3`
m.small: `number < 3` → `number < 4`
m.small: `number < 3 and (not text.startswith('x'))` → `number < 3 and text.startswith('x')`
m.small: `text.startswith('x')` → `text.endswith('x')`
m.small: `text.startswith('x')` → `text.startswith('x~')`
m.small: `return sorted(text, key=len) == 4` → `return`
m.small: `sorted(text, key=len) == 4` → `sorted(text) == 4`
m.small: `sorted(text, key=len)` → `list(text, key=len)`
m.small: `sorted(text, key=len) == 4` → `sorted(text, key=len) != 4`
m.small: `sorted(text, key=len) == 4` → `sorted(text, key=len) == 5`
m.small: `return False` → `return`
m.small: `False` → `True`
"""


def test_every_place_is_changed_once_in_each_way(tmp_path: Path) -> None:
    file = tmp_path / "m.py"
    file.write_text(SOURCE)
    found = list(mutants("m", file))
    assert sorted(mutant.told for mutant in found) == sorted(MADE.split("\n")[1:-1])


def test_a_mutant_is_the_module_but_for_its_change(tmp_path: Path) -> None:
    file = tmp_path / "m.py"
    file.write_text(SOURCE)
    swapped = next(mutant for mutant in mutants("m", file) if "endswith" in mutant.told)
    space: dict[str, object] = {}
    exec(swapped.code, space)
    names = space["small"].__code__.co_names  # type: ignore[attr-defined]
    assert ("endswith" in names, "startswith" in names, "sorted" in names) == (True, False, True)
    assert swapped.line == 8
