"""Check that an image may be shipped: no root user, no secret, no file that anyone may change.

When only these checks fail, ``smoke`` reports the image as refused by policy, not as broken.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest

from slipway.config.smoke import SmokeRules
from slipway.core.rules import Rule
from slipway.smoke.file_modes import setuid_complaints, writable_complaints
from slipway.smoke.image_archive import complaints, secrets_in_history
from slipway.testing.image import BuiltImage
from slipway.testing.plugin import Container

pytestmark = pytest.mark.policy
ROOT = re.compile(r"root|0+")
NUMBER = re.compile(r"[0-9]+(:[0-9]+)?")


def or_allow(rule: Rule, config: pytest.Config) -> str:
    """Return the line that lets the image break ``rule``, and the page that explains it."""
    return f'or [tool.slipway.allow] {config.option.slipway_name or "NAME"} = {{ {rule} = "why" }}; {rule.page}'


def explained(told: Sequence[str], hint: str) -> str:
    """Return the lines of ``told``; the first one has the hint, because summaries show only that line."""
    first, *rest = told
    return "\n".join((f"{first}; {hint}", *rest))


def test_its_user_is_a_number_and_not_root(image: BuiltImage, rules: SmokeRules, pytestconfig: pytest.Config) -> None:
    """Check USER. The tables of the image may let it be root or in root's group, or have a name."""
    user = str(image.config.get("User") or "")
    uid, _, gid = user.partition(":")
    if not uid or ROOT.fullmatch(uid) or ROOT.fullmatch(gid):
        is_root = "is in root's group" if uid and not ROOT.fullmatch(uid) else "is root"
        line = or_allow(Rule.ROOT, pytestconfig)
        assert rules.root, f"USER {user or '(none)'} {is_root}; USER 10001:10001, {line}"
    elif not NUMBER.fullmatch(user):
        line = f'user = "a name is needed: why" in {rules.header}'
        assert rules.named, f"USER {user}: not a number such as 10001:10001; a number, or {line}"


@pytest.mark.needs_service
def test_its_processes_are_not_root(container: Container, rules: SmokeRules, pytestconfig: pytest.Config) -> None:
    users = container.users
    assert users, "the engine sees no process of it"
    if rules.root:
        return
    assert "0" not in users, f"a process of it runs as root; USER 10001:10001, {or_allow(Rule.ROOT, pytestconfig)}"


@pytest.mark.policy(strict=True)
def test_it_carries_no_key_credential_or_env_file(
    image: BuiltImage, rules: SmokeRules, pytestconfig: pytest.Config
) -> None:
    """Refuse keys, credentials and ``.env`` in any layer, except files that policy or the image's table let pass."""
    layers = image.layers()
    assert layers, "no layer was read"
    told = complaints(layers, pytestconfig.option.slipway_known_file, rules.keys)
    line = rules.or_allow('"key:/path"')
    assert not told, explained(told, f"{line}; {Rule.CONTEXT_FILE.page}")


def test_its_history_tells_no_secret(image: BuiltImage, pytestconfig: pytest.Config) -> None:
    if not {Rule.SECRET_NAME, Rule.SECRET_VALUE}.isdisjoint(pytestconfig.option.slipway_allow):
        return
    lines = [entry["CreatedBy"] for entry in image.history]
    told = secrets_in_history(lines, image.config.get("Env") or ())
    assert not told, explained(told, or_allow(Rule.SECRET_NAME, pytestconfig))


def test_no_program_lends_rights(image: BuiltImage, pytestconfig: pytest.Config) -> None:
    """Refuse setuid and setgid programs beside Debian's and those that the project allows."""
    allowed = pytestconfig.option.slipway_allow
    paths = [key.removeprefix(f"{Rule.SETUID}:") for key in allowed if key.startswith(f"{Rule.SETUID}:")]
    told = setuid_complaints(image.layers(), paths)
    assert not told or Rule.SETUID in allowed, explained(told, or_allow(Rule.SETUID, pytestconfig))


@pytest.mark.allowable("open-files")
def test_nothing_that_anyone_may_change(image: BuiltImage, rules: SmokeRules) -> None:
    """Refuse files and folders that anyone may change, and programs owned by the user who runs them."""
    told = writable_complaints(image.layers(), image.config)
    assert not told, explained(told, rules.or_allow("open-files"))
