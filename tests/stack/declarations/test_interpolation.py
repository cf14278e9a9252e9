"""Variables as compose expands them; `tests/integration/test_compose_oracle.py` compares both."""

from __future__ import annotations

import pytest

from slipway.stack.declarations.interpolation import Expanded, InterpolationError, expand

VALUES = {"X": "x", "EMPTY": "", "Y": "y"}


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        *[("plain", "plain"), ("$X", "x"), ("${X}", "x"), ("$X-$Y.", "x-y."), ("a$$X", "a$X"), ("$$$X", "$x")],
        *[
            ("${X:-d}", "x"),
            ("${NO:-d}", "d"),
            ("${EMPTY:-d}", "d"),
            ("${EMPTY-d}", ""),
            ("${NO-d}", "d"),
            ("${NO:-}", ""),
        ],
        *[
            ("${X:+r}", "r"),
            ("${NO:+r}", ""),
            ("${EMPTY:+r}", ""),
            ("${EMPTY+r}", "r"),
            ("${X:?e}", "x"),
            ("${EMPTY?e}", ""),
        ],
        *[
            ("${NO:-${X}}", "x"),
            ("${NO:-${NONE:-$Y}}/z", "y/z"),
            ('${NO:-{"a": 1}}', '{"a": 1}'),
            ("${X:+${Y}-1}", "y-1"),
        ],
        *[("${NO:-$$}", "$"), ("${NO:--}", "-"), ("${NO:-a:-b}", "a:-b")],
    ],
)
def test_a_text_is_expanded(text: str, expanded: str) -> None:
    assert expand(text, VALUES.get) == Expanded(expanded)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("$NO", Expanded("", ("NO",))),
        ("${NO}/$X/${NONE}/$NO", Expanded("/x//", ("NO", "NONE"))),
        ("${EMPTY:-$NO}", Expanded("", ("NO",))),
    ],
)
def test_a_variable_without_value_and_default_is_named(text: str, found: Expanded) -> None:
    assert expand(text, VALUES.get) == found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("${NO:?set it}", "needs the variable NO: set it"),
        ("${NO?}", "needs the variable NO"),
        ("${EMPTY:?is empty for $X}", "needs the variable EMPTY: is empty for x"),
        ("${NO", "a $ begins no variable"),
        ("a $1", "a $ begins no variable"),
        ("$", "a $ begins no variable"),
        ("${}", "a $ begins no variable"),
        ("${X!}", "${X…} is not a variable"),
        ("${X:}", "${X…} is not a variable"),
        ("${NO:-" * 80 + "}" * 80, "its defaults are nested too deeply"),
    ],
)
def test_a_text_that_compose_refuses_is_refused(text: str, message: str) -> None:
    with pytest.raises(InterpolationError) as raised:
        expand(text, VALUES.get)
    assert message in str(raised.value)


def test_a_refusal_does_not_quote_the_text() -> None:
    with pytest.raises(InterpolationError) as raised:
        expand("hunter2$(", VALUES.get)
    assert "hunter2" not in str(raised.value)
