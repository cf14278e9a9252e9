"""Check that an image may be shipped: no root user, no secret, no file that anyone may change.

When only these checks fail, ``smoke`` reports the image as refused by policy, not as broken.
"""

from __future__ import annotations

import re

import pytest

from slipway.smoke.file_modes import setuid_complaints, writable_complaints
from slipway.smoke.image_archive import complaints, secrets_in_history
from slipway.testing.image import BuiltImage
from slipway.testing.plugin import Container

pytestmark = pytest.mark.policy
ALLOWED = "or [tool.slipway.allow-root] says why"


def test_its_user_is_a_number_and_not_root(image: BuiltImage, pytestconfig: pytest.Config) -> None:
    user = image.config.get("User", "")
    if pytestconfig.option.slipway_allow_root and user in ("", "0", "0:0", "root"):
        return
    uid, _, gid = user.partition(":")
    assert re.fullmatch(r"[0-9]+(:[0-9]+)?", user), (
        f"USER {user or '(none, so root)'}: not a number such as 10001:10001"
    )
    assert int(uid) != 0, f"USER {user} is root; USER 10001:10001, {ALLOWED}"
    assert not gid or int(gid) != 0, f"USER {user} is in root's group"


@pytest.mark.needs_process
def test_its_processes_are_not_root(container: Container, pytestconfig: pytest.Config) -> None:
    users = container.users
    assert users, "the engine sees no process of it"
    if pytestconfig.option.slipway_allow_root:
        return
    assert "0" not in users, f"a process of it runs as root; USER 10001:10001, {ALLOWED}"


def test_it_carries_no_key_credential_or_env_file(image: BuiltImage) -> None:
    layers = image.layers()
    assert layers, "no layer was read"
    assert not complaints(layers), "\n".join(complaints(layers))


def test_its_history_tells_no_secret(image: BuiltImage) -> None:
    lines = [entry["CreatedBy"] for entry in image.history]
    told = secrets_in_history(lines, image.config.get("Env") or ())
    assert not told, "\n".join(told)


def test_no_program_lends_rights(image: BuiltImage, pytestconfig: pytest.Config) -> None:
    """Refuse setuid and setgid programs beside Debian's and those in ``allow-setuid``."""
    told = setuid_complaints(image.layers(), pytestconfig.option.slipway_allow_setuid)
    assert not told, "\n".join(told)


def test_nothing_that_anyone_may_change(image: BuiltImage) -> None:
    """Refuse files and folders that anyone may change, and programs owned by the user who runs them."""
    told = writable_complaints(image.layers(), image.config)
    assert not told, "\n".join(told)
