"""Which failed images are tried again, and how often."""

from __future__ import annotations

import pytest

from slipway.build.progress import Failure
from slipway.build.retries import Retries

BROKEN = Failure("RUN false", "exit code: 1")
LOST = "failed to receive status: rpc error"


def test_each_image_is_tried_again_as_often_as_allowed() -> None:
    retries = Retries(2)
    assert [retries.take("svc-a", BROKEN) for _ in range(3)] == [True, True, False]
    assert (retries.left("svc-a"), retries.left("svc-b")) == (0, 2)


def test_a_failed_image_is_not_retried_unless_allowed() -> None:
    assert not Retries(0).take("svc-a", BROKEN)


def test_a_final_failure_is_not_tried_again() -> None:
    assert not Retries(1).take("svc-a", Failure("", "its label differs", final=True))


@pytest.mark.parametrize("cause", [LOST, "no such job x", "code = Canceled desc", "code = Unavailable desc"])
def test_an_image_that_buildkit_lost_gets_one_more_try(cause: str) -> None:
    retries = Retries(1)
    lost = Failure("", cause)
    assert [retries.take("svc-a", lost) for _ in range(3)] == [True, True, False]
    assert retries.take("svc-b", lost) and retries.left("svc-b") == 1
