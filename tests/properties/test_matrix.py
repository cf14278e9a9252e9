"""The CI matrix of random edits in generated monorepos, against the input digests of two real checkouts.

The oracle checks the earlier commit out, and plans it and the present files with an engine: every image whose digest
differs is in the matrix. An image is in it for no change only when it cannot be planned.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.config import inherit
from slipway.config.settings import load
from slipway.core.errors import SlipwayError
from slipway.core.image import Stack
from slipway.plan.facts import gather_facts
from slipway.plan.repository import read_repository
from slipway.registry import Registry
from slipway.stack.worktree import Worktree
from slipway.testing.fakes import HASTE, FakeEngine
from tests.plan.test_facts import PYTHON
from tests.properties.examples import examples
from tests.tasks.monorepo import Monorepo

pytestmark = pytest.mark.process
HEAD = "ARG REGISTRY\nARG OWNER\nARG BASE_VERSION\nARG PYTHON_IMAGE\nARG DEPTH=1\n"
KITS = ("kit", "net", "odd name")


@dataclass(frozen=True)
class Draft:
    """``bases``, ``services``: for each image, the number of the base that it stands on; -1 is the root image.

    ``reads``: the folders of libs/ that each image copies.
    """

    bases: tuple[int, ...]
    services: tuple[int, ...]
    reads: tuple[frozenset[str], ...]

    def write(self, root: Path) -> None:
        for kit in KITS:
            _write(root / f"libs/{kit}/a.py", "1\n")
            _write(root / f"libs/{kit}/deep/b.py", "1\n")
        for number, below in enumerate(self.bases):
            _write(root / f"infra/docker/base-{number}.Dockerfile", self._text(below, number, f"RUN base {number}\n"))
        for number, below in enumerate(self.services):
            folder = f"apps/svc_{number}"
            _write(root / f"{folder}/app/main.py", "1\n")
            _write(root / f"{folder}/smoke/test_it.py", "def test_it(): pass\n")
            own = f"COPY {folder}/app /app/\nARG DEPTH\nRUN make $DEPTH\n"
            _write(root / f"{folder}/Dockerfile", self._text(below, len(self.bases) + number, own))
        _write(root / "pyproject.toml", "[project]\nname = 'sample'\n")

    def _text(self, below: int, image: int, more: str) -> str:
        base = "${PYTHON_IMAGE}" if below < 0 else f"${{REGISTRY}}/${{OWNER}}/base-{below}:${{BASE_VERSION}}"
        copies = "".join(f'COPY ["libs/{kit}", "/libs/{kit}"]\n' for kit in sorted(self.reads[image % len(self.reads)]))
        return f"{HEAD}FROM {base}\n{copies}{more}"


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


@st.composite
def drafts(draw: st.DrawFn) -> Draft:
    bases = tuple(draw(st.integers(-1, number - 1)) for number in range(draw(st.integers(1, 3))))
    services = tuple(draw(st.lists(st.integers(-1, len(bases) - 1), min_size=1, max_size=3)))
    return Draft(bases, services, tuple(draw(st.lists(st.frozensets(st.sampled_from(KITS)), min_size=1, max_size=5))))


def _delete(root: Path, path: str) -> None:
    (root / path).unlink()


def _rename(root: Path, path: str) -> None:
    (root / path).rename((root / path).with_name("renamed.py"))


def _append(root: Path, path: str) -> None:
    (root / path).write_text((root / path).read_text() + "# more\n")


def _add(root: Path, path: str) -> None:
    _write((root / path).with_name("added.py"), "")


def _execute(root: Path, path: str) -> None:
    (root / path).chmod(0o755)


def _link(root: Path, path: str) -> None:
    (root / path).unlink()
    (root / path).symlink_to("elsewhere.py")


def _default(root: Path, path: str) -> None:
    (root / path).write_text((root / path).read_text().replace("DEPTH=1", "DEPTH=2"))


def _break(root: Path, path: str) -> None:
    (root / path).write_text((root / path).read_text() + "COPY missing /\n")


def _ignore(root: Path, path: str) -> None:
    _write(root / f"{path}.dockerignore", "**/b.py\n")


def _new_service(root: Path, path: str) -> None:
    _write(root / "apps/svc_new/Dockerfile", (root / path).read_text())


def _remove_folder(root: Path, path: str) -> None:
    shutil.rmtree((root / path).parent)


def _configure(root: Path, path: str) -> None:
    _write(root / "invoke.yaml", "slipway:\n  base_version: v9\n")
    _write(root / "pyproject.toml", '[tool.slipway]\ninherit = "run"\n')


OF_FILES = [_delete, _rename, _append, _add, _execute, _link]
OF_DOCKERFILES = [_append, _default, _break, _ignore, _new_service, _configure]


@st.composite
def edits(draw: st.DrawFn, draft: Draft) -> Sequence[tuple[Callable[[Path, str], None], str]]:
    """Edits of different files, so that each can be made."""
    files = [f"libs/{kit}/{name}" for kit in KITS for name in ("a.py", "deep/b.py")]
    services = range(len(draft.services))
    files += [f"apps/svc_{number}/{name}" for number in services for name in ("app/main.py", "smoke/test_it.py")]
    dockerfiles = [f"infra/docker/base-{number}.Dockerfile" for number in range(len(draft.bases))]
    dockerfiles += [f"apps/svc_{number}/Dockerfile" for number in services]
    of_file = st.tuples(st.sampled_from(OF_FILES), st.sampled_from(files))
    of_dockerfile = st.tuples(st.sampled_from(OF_DOCKERFILES), st.sampled_from(dockerfiles))
    last = [
        (_remove_folder, path) for path in draw(st.lists(st.sampled_from(dockerfiles[len(draft.bases) :]), max_size=1))
    ]
    return draw(st.lists(of_file | of_dockerfile, max_size=3, unique_by=lambda edit: edit[1])) + last


def planned(root: Path) -> tuple[Mapping[str, str], set[str], Stack | None]:
    """Return the digests by a plan with an engine, the images that cannot be planned, and the stack."""
    try:
        settings = load(root, environment={})
        mounts = inherit.mounts(settings.project.inherit, ca=False)
        repository = read_repository(settings, Worktree(root), {}, mounts=mounts)
        found = gather_facts(repository, FakeEngine([PYTHON]), lambda: Registry("127.0.0.1:1", policy=HASTE))
    except SlipwayError:  # no image can be planned
        bases = {path.stem for path in root.glob("infra/docker/*.Dockerfile")}
        return {}, bases | {path.parent.name.replace("_", "-") for path in root.glob("apps/*/Dockerfile")}, None
    return found.facts.digests, set(found.stack.faults), found.stack


@examples(20)
@given(st.data())
def test_every_image_whose_inputs_differ_is_in_the_matrix(data: st.DataObject) -> None:
    draft = data.draw(drafts())
    with tempfile.TemporaryDirectory(prefix="slipway-matrix-") as folder:
        draft.write(Path(folder, "now"))
        repo = Monorepo.begin(Path(folder, "now"))
        shutil.copytree(repo.root, Path(folder, "before"), symlinks=True)
        for edit, path in data.draw(edits(draft)):
            edit(repo.root, path)
        if data.draw(st.booleans()):
            repo.commit()
        before, _, _ = planned(Path(folder, "before"))
        now, faults, stack = planned(repo.root)
        found = repo.matrix("--since", repo.git("rev-list", "--max-parents=0", "HEAD"))
        built = {one["image"] for one in found["images"] if one["build"]}
        assert {name for name in now if before.get(name) != now[name]} | faults <= built
        assert built - faults == {name for name in now if before.get(name) != now[name]}
        if stack:
            _check_levels(found, stack)


def _check_levels(found: Mapping[str, Any], stack: Stack) -> None:
    """Each image is in one level, above all images of the matrix below it; each job waits for those of these images."""
    level = {name: number for number, names in enumerate(found["levels"]) for name in names}
    assert sum(map(len, found["levels"])) == len(level) == found["count"]
    built = {one["image"] for one in found["images"] if one["build"]}
    for image in stack:
        if image.name in level:
            below = [level[name] for name in image.parents if name in built]
            assert level[image.name] == max(below, default=-1) + 1
    jobs = {job["name"]: job for job in found["jobs"]}
    assert sorted(name for job in found["jobs"] for name in job["images"].split()) == sorted(level)
    assert all(jobs[name]["level"] < job["level"] for job in found["jobs"] for name in job["needs"])
