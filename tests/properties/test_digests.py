"""The input digest of real files: of what they are, not of where, when, by whom and in which order they were made."""

from __future__ import annotations

import inspect
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from slipway.dockerfile import Source
from slipway.stack.digest import Manifest, input_digest
from slipway.stack.worktree import Worktree
from tests.properties.examples import examples

#: Bytes, as a file system has them; some are not UTF-8. Names that slipway never lets into an image are left out.
NAMES = st.one_of(
    st.sampled_from(
        [b"a", b"b.py", "é".encode(), "e\u0301".encode(), b"\xff\xfe", b"new\nline", b"-rf", b" ", b"\xee\x80\x80"]
    ),
    st.binary(min_size=1, max_size=5).map(
        lambda name: name.replace(b"/", b"-").replace(b"\0", b"-").replace(b".", b",")
    ),
)
MODES = st.sampled_from([0o644, 0o755, 0o600, 0o444, 0o4755])


@dataclass(frozen=True)
class File:
    """``link``: the target, when it is a symbolic link."""

    content: bytes
    mode: int
    link: bytes = b""


FILES = st.builds(File, st.binary(max_size=8), MODES) | st.builds(File, st.just(b""), st.just(0o777), NAMES)
TREES = st.dictionaries(
    st.tuples(st.sampled_from([b"", b"sub", b"sub/deep"]), NAMES), FILES, min_size=1, max_size=6
).filter(lambda tree: not {name for _, name in tree} & {b"sub", b"deep"})
Tree = Mapping[tuple[bytes, bytes], File]


@contextmanager
def made(tree: Tree, *, turned: bool = False, umask: int = 0o022, when: int = 0, owner: int = -1) -> Iterator[Path]:
    """The tree in a folder of its own below ``libs``; ``when`` (seconds) is its every mtime if not zero."""
    former = os.umask(umask)
    try:
        with tempfile.TemporaryDirectory(prefix="slipway-digests-") as root:
            for folder in ("libs", "libs/sub", "libs/sub/deep"):
                Path(root, folder).mkdir()
                Path(root, folder).chmod(0o755)
            for (place, name), file in list(tree.items())[:: -1 if turned else 1]:
                path = Path(root, "libs", os.fsdecode(place), os.fsdecode(name))
                if file.link:
                    path.symlink_to(os.fsdecode(file.link))
                else:
                    path.write_bytes(file.content)
                if owner >= 0 and os.geteuid() == 0:
                    os.chown(path, owner, owner, follow_symlinks=False)
                if not file.link:
                    path.chmod(file.mode)
                if when:
                    os.utime(path, (when, when), follow_symlinks=False)
            yield Path(root)
    finally:
        os.umask(former)


def digest(root: Path) -> str:
    """Of an image that copies ``libs``."""
    files = Worktree(root).files("Dockerfile", ".", [Source("", ("libs",), (), "copy", 1)])
    return input_digest(Manifest("FROM scratch", files.entries))


#: ``digest`` for another process, which need not load the tests.
DIGEST = f"""
import sys
from pathlib import Path
from slipway.dockerfile import Source
from slipway.stack.digest import Manifest, input_digest
from slipway.stack.worktree import Worktree
{inspect.getsource(digest)}
print(digest(Path(sys.argv[1])))
"""


def digest_of(tree: Tree) -> str:
    with made(tree) as root:
        return digest(root)


@examples(40)
@given(TREES, st.sampled_from([0o022, 0o077, 0o000]), st.integers(1, 2**31), st.integers(0, 60000))
def test_order_time_owner_and_umask_do_not_count(tree: Tree, umask: int, when: int, owner: int) -> None:
    with made(tree, turned=True, umask=umask, when=when, owner=owner) as root:
        assert digest(root) == digest_of(tree)


@examples(60)
@given(TREES, st.data())
def test_content_mode_link_target_and_name_count(tree: Tree, data: st.DataObject) -> None:
    (folder, name), file = data.draw(st.sampled_from(list(tree.items())))
    other = data.draw(st.one_of(FILES, st.just(File(file.content + b"\0", file.mode, file.link and file.link + b"x"))))
    renamed = data.draw(NAMES.filter(lambda name: name not in (b"sub", b"deep")))
    assume(other != file and (folder, renamed) not in tree)
    rest = {key: value for key, value in tree.items() if key != (folder, name)}
    changed = [{**rest, (folder, name): other}, {**rest, (folder, renamed): file}, rest]
    assert digest_of(tree) not in map(digest_of, changed)


ODD: Tree = {
    (b"", "é".encode()): File(b"1", 0o644),
    (b"", b"\xff"): File(b"2", 0o644),
    (b"", b"\xee\x80\x80"): File(b"3", 0o755),
    (b"sub", b"new\nline"): File(b"4", 0o644),
    (b"sub", b"B"): File(b"5", 0o644),
    (b"sub", b"a"): File(b"6", 0o644),
    (b"sub/deep", b"link"): File(b"", 0o777, b"../\xfe"),
}


@pytest.mark.process
def test_locale_hash_seed_umask_and_clock_do_not_count() -> None:
    surroundings: list[dict[str, str]] = [
        {"LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "1", "TZ": "UTC"},
        {"LC_ALL": "C", "PYTHONHASHSEED": "2", "TZ": "Asia/Kolkata"},
        {"LC_ALL": "POSIX", "PYTHONHASHSEED": "3", "PYTHONUTF8": "1"},
        {"LC_ALL": "C", "PYTHONHASHSEED": "4", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"LANG": "xx_XX.nonsense", "LC_ALL": "tr_TR.UTF-8"},
    ]
    here = Path(__file__).parents[2]
    seen = set()
    with made(ODD) as root:
        shutil.copytree(root, root / "copy", symlinks=True)
        for number, more in enumerate(surroundings):
            done = subprocess.run(
                [sys.executable, "-c", DIGEST, str(root if number % 2 else root / "copy")],
                cwd=here,
                env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{here}/libs", **more},
                umask=0o077 if number % 2 else 0o000,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            seen.add(done.stdout.strip())
        assert seen == {digest(root)}
