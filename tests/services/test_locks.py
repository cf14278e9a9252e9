"""The locks of the images: each fits its short list, and the locks of the bases below."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
SOURCES = sorted([*ROOT.glob("libs/requirements*.in"), *ROOT.glob("apps/*/requirements*.in")])


@pytest.fixture(scope="module")
def noxfile() -> ModuleType:
    """Load it once for all tests: nox refuses to register a session twice."""
    return importlib.import_module("noxfile")


def requirements(file: Path) -> list[Requirement]:
    lines = re.sub(r"\\\n", " ", file.read_text("utf-8")).splitlines()
    return [Requirement(line.partition(" --hash")[0]) for line in lines if line and line[0] not in "#-"]


def versions(lock: Path) -> dict[str, str]:
    """Name → version. A name that is there twice, for two Pythons, would be two images under one digest."""
    found = [(canonicalize_name(one.name), str(one.specifier).removeprefix("==")) for one in requirements(lock)]
    assert len(dict(found)) == len(found), f"{lock.name} names a package twice"
    return dict(found)


def test_there_is_a_lock_for_each_short_list(noxfile: ModuleType) -> None:
    assert {path.name for path in SOURCES} == {path.name for path in noxfile.sources()}
    mounted = {
        found
        for path in [*ROOT.glob("infra/docker/*.Dockerfile"), *ROOT.glob("apps/*/Dockerfile")]
        for found in re.findall(r"source=([^,\s]*requirements[^,\s]*\.txt)", path.read_text("utf-8"))
    }
    locks = {path.with_suffix(".txt").relative_to(ROOT).as_posix() for path in SOURCES}
    assert mounted - locks == {"libs/requirements-torch.txt"} and locks <= mounted


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
class TestALock:
    def test_a_lock_was_made_of_its_short_list(self, source: Path, noxfile: ModuleType) -> None:
        first = source.with_suffix(".txt").read_text("utf-8").splitlines(keepends=True)[0]
        assert first == noxfile.heading(source), "run: nox -s lock"

    def test_a_lock_fits_its_short_list(self, source: Path) -> None:
        locked = versions(source.with_suffix(".txt"))
        for wanted in requirements(source):
            assert wanted.specifier.contains(locked[canonicalize_name(wanted.name)]), f"{wanted}: run nox -s lock"

    def test_a_lock_has_hashes_and_no_paths_of_a_machine(self, source: Path) -> None:
        text = source.with_suffix(".txt").read_text("utf-8")
        entries = re.findall(r"^[A-Za-z0-9].*(?:\n    .*)*", text, re.MULTILINE)
        assert len(entries) == len(versions(source.with_suffix(".txt")))
        assert [entry for entry in entries if "--hash=sha256:" not in entry] == []
        assert not re.search(r"://|^-|^/|@ ", text, re.MULTILINE)

    def test_a_lock_agrees_with_the_locks_of_its_bases(self, source: Path, noxfile: ModuleType) -> None:
        own = versions(source.with_suffix(".txt"))
        for base in noxfile.bases(source):
            below = versions(base.with_suffix(".txt"))
            shared = own.keys() & below
            assert {name: (own[name], below[name]) for name in shared if own[name] != below[name]} == {}

    def test_no_lock_has_torch(self, source: Path) -> None:
        assert not {name for name in versions(source.with_suffix(".txt")) if re.match("torch|nvidia|cuda|triton", name)}


@pytest.mark.parametrize("edited", ["requirements.in", "requirements-base.txt"])
def test_a_lock_is_old_once_its_inputs_changed(noxfile: ModuleType, tmp_path: Path, edited: str) -> None:
    (tmp_path / "requirements.in").write_text("-c requirements-base.txt\nsix\n")
    (tmp_path / "requirements-base.txt").write_text("six==1.17.0\n")
    before = noxfile.heading(tmp_path / "requirements.in")
    (tmp_path / edited).write_text((tmp_path / edited).read_text() + "# edited\n")
    assert noxfile.heading(tmp_path / "requirements.in") != before
