"""The name of a build host."""

from __future__ import annotations

import pytest

from slipway.core.destination import Destination
from slipway.core.errors import UsageError


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("builder", Destination("builder")),
        ("me@builder.example:2222", Destination("builder.example", "me", 2222)),
        ("me@10.0.0.1", Destination("10.0.0.1", "me")),
        ("me@[fe80::1]:22", Destination("fe80::1", "me", 22)),
        ("_alias", Destination("_alias")),
    ],
)
def test_a_destination_is_parsed_and_printed_back(text: str, host: Destination) -> None:
    assert Destination.parse(text) == host
    assert str(host) == text


@pytest.mark.parametrize(
    "text",
    ["", "-x", "-oProxyCommand=x", "me@-x", "-me@x", "a b", "x:0", "x:65536", "x:99999", "x:", "@x", "x\n", "$x"],
)
def test_a_text_that_is_not_a_destination_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="REMOTE_HOST="):
        Destination.parse(text)
