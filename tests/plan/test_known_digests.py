"""The input digests of known trees: equal in every version of slipway that has one FORMAT, or all images are rebuilt.

``python -m tests.plan.test_known_digests > tests/data/digests.json`` records them, after FORMAT or a sample changed.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from slipway.config.settings import load
from slipway.plan.facts import gather_facts
from slipway.plan.repository import read_repository
from slipway.registry import Registry
from slipway.stack.worktree import Worktree
from slipway.testing.fakes import HASTE, FakeEngine

_HERE = Path(__file__).parents[1]
_RECORDED = _HERE / "data/digests.json"
_SAMPLES = ("mill", "shop", "tower", "vault")
_PLATFORM = "linux/amd64"
#: Reads every kind of entry: files and folders with and without modes, links on the way, links inside, named contexts.
_EVERY_KIND = """\
FROM debian:13
COPY kit real /kit/
COPY hop/plain.txt run /srv/
COPY --chmod=755 later /later/
COPY --chmod=644 later/one.txt loose.txt /loose/
COPY --from=slipway-wheelhouse . /wheels/
"""


def _every_kind(root: Path) -> Mapping[str, Path]:
    files = {
        "pyproject.toml": "",
        "apps/every/Dockerfile": _EVERY_KIND,
        "kit/a.py": "a\n",
        "kit/sub/deep/b.py": "b\n",
        "real/plain.txt": "plain\n",
        "real/tree:x/y": "y\n",
        "later/one.txt": "one\n",
        "later/two.txt": "two\n",
        "loose.txt": "loose\n",
        "a via b/run.sh": "#!/bin/sh\n",
        "wheels/kit.whl": "wheel",
    }
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    (root / "kit/empty").mkdir()
    for link, target in {
        "kit/on": "a.py",
        "kit/spaced": "a via tree:x link y",
        "kit/out": "/etc/passwd",
        "hop": "real",
        "run": "a via b/run.sh",
        "real/colon": "tree:x",
    }.items():
        (root / link).symlink_to(target)
    _normal(root)
    (root / "a via b/run.sh").chmod(0o4755)
    (root / "kit/sub").chmod(0o2775)
    return {"slipway-wheelhouse": root / "wheels"}


def _normal(root: Path) -> None:
    """Give every file the mode that git records."""
    for path in (root, *root.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)


def _digests(root: Path, contexts: Mapping[str, Path]) -> dict[str, dict[str, str]]:
    """Image → its input digest, and the one without modes."""
    settings = load(root, environment={"REGISTRY": "127.0.0.1:1", "PLATFORMS": _PLATFORM})
    repository = read_repository(settings, Worktree(root), contexts, _PLATFORM)
    facts = gather_facts(repository, FakeEngine([]), lambda: Registry("127.0.0.1:1", policy=HASTE)).facts
    return {name: {"input": facts.digests[name], "modeless": facts.modeless[name]} for name in facts.digests}


def _all(folder: Path) -> Iterator[tuple[str, dict[str, dict[str, str]]]]:
    for name in _SAMPLES:
        root = Path(shutil.copytree(_HERE / "stacks" / name, folder / name, symlinks=True))
        _normal(root)
        yield name, _digests(root, {})
    (folder / "every").mkdir()
    yield "every kind of entry", _digests(folder / "every", _every_kind(folder / "every"))


def test_the_digests_of_known_trees_stay_the_same(tmp_path: Path) -> None:
    assert dict(_all(tmp_path)) == json.loads(_RECORDED.read_text("utf-8"))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        json.dump(dict(_all(Path(scratch))), sys.stdout, indent=1)
        print()
