"""Which line of the table would let a container come up."""

from __future__ import annotations

import pytest

from slipway.config.smoke import SmokeRules
from slipway.engine.container_state import State
from slipway.smoke.advice import advice

RULES = SmokeRules(header="[tool.slipway.smoke.svc-a]")


def ended(code: int) -> State:
    return State("exited", code, False, "", "", "", 0)


@pytest.mark.fault("T37")
@pytest.mark.parametrize(
    ("line", "folder"),
    [
        ("touch: cannot touch '/srv/cache/x': Read-only file system", "/srv/cache"),
        ("/entry.sh: 10: cannot create /etc/app/x.conf: Read-only file system", "/etc/app"),
        ("OSError: [Errno 30] Read-only file system: '/app/data/x.db'", "/app/data"),
        ('nginx: [emerg] mkdir() "/var/cache/nginx/temp" failed (30: Read-only file system)', "/var/cache/nginx"),
        ("Error: EROFS: read-only file system, open '/app/out.json'", "/app"),
        ("mkdir: cannot create directory '/data': Read-only file system", "/data"),
        ("http://host/a: the disk is a Read-only filesystem", "/path"),
    ],
)
def test_a_container_that_writes_to_its_root_needs_a_folder(line: str, folder: str) -> None:
    said = advice(RULES, ended(1), f"starting\n{line}\nbye", "10001")
    assert said == (f'its root is read-only; writable = ["{folder}"] in [tool.slipway.smoke.svc-a] lets it write there')


@pytest.mark.fault("T35")
def test_a_container_that_ends_with_0_may_be_a_job() -> None:
    assert advice(RULES, ended(0), "done", "10001") == "job = true in [tool.slipway.smoke.svc-a] if it ends by itself"
    assert advice(RULES, ended(1), "done", "10001") == ""
    assert advice(SmokeRules(job=True), ended(0), "done", "10001") == ""


@pytest.mark.fault("T37")
@pytest.mark.parametrize(
    ("user", "why", "log", "told"),
    [
        ("", "", "chown: /data: Operation not permitted", True),
        ("root", "", "PermissionError: [Errno 13] Permission denied", True),
        ("0:0", "", "Error: EPERM, chown", True),
        ("0:0", "", "connection refused", False),
        ("10001", "", "Permission denied", False),
        ("", "it gives files away", "Operation not permitted", False),
    ],
)
def test_root_that_needs_capabilities_needs_a_reason(user: str, why: str, log: str, told: bool) -> None:
    rules = SmokeRules(root=why, header=RULES.header)
    line = 'user = "root is needed: why" in [tool.slipway.smoke.svc-a]'
    assert (line in advice(rules, ended(1), log, user)) is told
