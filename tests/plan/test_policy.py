"""Rules that depend on the engine's version."""

from __future__ import annotations

import pytest

from slipway.core.errors import PrerequisiteError
from slipway.plan.policy import refuse_missing_checks


@pytest.mark.fault("B54")
@pytest.mark.parametrize("engine", ["26.1.5+dfsg1", "v25.0"])
def test_an_engine_without_checks_is_refused_for_strict(engine: str) -> None:
    with pytest.raises(PrerequisiteError, match=f"engine {engine[:4]}") as refused:
        refuse_missing_checks(engine)
    assert (refused.value.exit_code, "27.0" in refused.value.hint) == (3, True)


@pytest.mark.parametrize("engine", ["27.0.1", "28.5.2+dfsg4", "", "a builder"])
def test_an_engine_with_checks_or_of_unknown_version_passes(engine: str) -> None:
    refuse_missing_checks(engine)
