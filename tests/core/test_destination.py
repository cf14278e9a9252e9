"""What a build host is called."""

from __future__ import annotations

import pytest

from slipway.core.destination import HostName
from slipway.core.errors import UsageError


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("builder", HostName("builder")),
        ("me@builder.example:2222", HostName("builder.example", "me", 2222)),
        ("me@10.0.0.1", HostName("10.0.0.1", "me")),
        ("me@[fe80::1]:22", HostName("fe80::1", "me", 22)),
        ("_alias", HostName("_alias")),
    ],
)
def test_what_is_a_host(text: str, host: HostName) -> None:
    assert HostName.parse(text) == host
    assert str(host) == text


@pytest.mark.parametrize(
    "text",
    ["", "-x", "-oProxyCommand=x", "me@-x", "-me@x", "a b", "x:0", "x:65536", "x:99999", "x:", "@x", "x\n", "$x"],
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(UsageError, match="REMOTE_HOST="):
        HostName.parse(text)
