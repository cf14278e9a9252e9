"""Find the line of ``[tool.slipway.smoke.NAME]`` that lets a container come up, from its end and its log. Pure."""

from __future__ import annotations

import posixpath
import re

from slipway.config.smoke import SmokeRules
from slipway.engine.container_state import State

_READ_ONLY = re.compile(r"read-only file ?system", re.IGNORECASE)
_DENIED = re.compile(r"operation not permitted|permission denied|\bE(PERM|ACCES)\b", re.IGNORECASE)
_PATH = re.compile(r"(?<![\w.:/])/[^\s\"'`‘’:;,()]+")


def advice(rules: SmokeRules, state: State, log: str, user: str) -> str:
    """Return the line to add and its effect; empty when no line of the table would help.

    ``user``: the user that the container was started as.
    """
    if refused := next((line for line in log.splitlines() if _READ_ONLY.search(line)), ""):
        return f'its root is read-only; writable = ["{_folder(refused)}"] in {rules.header} lets it write there'
    if state.status == "exited" and state.exit_code == 0 and not rules.job:
        return f"job = true in {rules.header} if it ends by itself"
    if not rules.root and user.partition(":")[0] in ("", "0", "root") and _DENIED.search(log):
        return f'as root it has no capability; user = "root is needed: why" in {rules.header} leaves it Docker\'s'
    return ""


def _folder(line: str) -> str:
    """Return the folder of the path that could not be written, from the line that says so.

    A program names the path after its own, and before or after the reason.
    """
    reason = _READ_ONLY.search(line)
    end = reason.end() if reason else len(line)
    paths = [*_PATH.findall(line[:end])[-1:], *_PATH.findall(line[end:])]
    path = next(iter(paths), "/path")
    folder = posixpath.dirname(path)
    return path if folder == "/" else folder
