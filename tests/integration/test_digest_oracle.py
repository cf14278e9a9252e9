"""BuildKit as the judge of the input digest.

A made-up repository is built through slipway and then edited, again and again. When the digest says that nothing
changed, BuildKit must find every step in its cache. The other way round is allowed, but counted: a digest that
changes in vain costs a build.
"""

from __future__ import annotations

import os
import random
import re
import secrets
import subprocess
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from slipway.build.executor import BuildRun, build
from slipway.build.rawjson import RawJson
from slipway.config.environment import surroundings
from slipway.config.settings import Settings, load
from slipway.core.errors import SlipwayError
from slipway.engine import Engine
from slipway.hosts.local import LocalBuilder
from slipway.hosts.runner import run
from slipway.plan.decide import plan_build
from slipway.plan.facts import Snapshot, gather_facts
from slipway.plan.repository import read_repository
from slipway.registry import Registry
from slipway.runs.run import Run
from slipway.runs.workspace import hide
from slipway.stack.changes import Part, differences
from slipway.stack.mounts import Given
from slipway.stack.worktree import StatCache, Worktree

if TYPE_CHECKING:
    from tests.rig.stacks import Repository

pytestmark = pytest.mark.integration
#: In so many repositories each kind of edit is met once.
HANDS = 5
#: BuildKit's cache outlives the test: what it finds there must come from this one.
NONCE = secrets.token_hex(4)
WORDS = ["alpha", "beta", "gamma", "delta"]
FOLDERS = ["libs", "libs/kit", "libs/kit/deep", "apps/svc_a", "apps/svc_b", "data"]
FILES = ["a.txt", "b.txt", "c.py", "run.sh", "note.md"]
SOURCES = [
    "libs",
    "libs/",
    "libs/kit",
    "libs/kit/deep",
    "data",
    "data/.",
    "apps/svc_b",
    ".",
    "libs/*.txt",
    "libs/[ab].*",
    "*/a.txt",
    "libs/k*",
    "apps/*/*.py",
    "da?a",
    "./libs/kit/../a.txt",
    "data/link",
    "libs/folder",
    "libs/folder/a.txt",
    "/data/a.txt",
    *(f"{folder}/{name}" for folder in FOLDERS[:3] for name in FILES[:3]),
]
IGNORES = [
    "**/*.md",
    "data/b.txt",
    "libs/kit/deep",
    "apps/*/note.md",
    "libs/kit\n!libs/kit/a.txt",
    "*\n!libs\n!data\n!apps",
    "*\n!libs/**\n!data/a.txt\n!apps/*/c.py",
    "**/run.sh\n!libs/run.sh",
    "!data",
]
#: Only the repository's root has it, so that is the context of what reads it.
PINNED = "pyproject.toml"
ALWAYS = f".env\n.slipway\n**/.dockerignore\n!{PINNED}\n"


@dataclass
class Tally:
    """How the verdicts fell, and which edits changed a digest in vain."""

    verdicts: Counter[str] = field(default_factory=Counter)
    in_vain: Counter[str] = field(default_factory=Counter)


def made_dockerfile(dice: random.Random, parent: str) -> str:
    """Stages with steps that read the context; ``parent`` is scratch, ${PYTHON_IMAGE} or a base's reference."""
    shell = parent != "scratch"

    def step(number: int) -> str:
        source = dice.choice(SOURCES)
        kinds = ["COPY", "COPY", "COPY --link", "COPY --chmod=755", "ADD"] + (["bind", "echo"] if shell else [])
        kind = dice.choice(kinds)
        if kind == "echo":
            return f'RUN echo "{dice.choice(WORDS)} ${{NOTE}}" > /echo{number}'
        if kind == "bind":
            at = dice.choice(["", "source=libs,", "source=libs/kit,", "source=data/a.txt,", "source=/data,"])
            return f"RUN --mount=type=bind,{at}target=/seen echo {dice.choice(WORDS)} > /bind{number}"
        return f"{kind} {source} /to{number}/"

    args = "ARG REGISTRY\nARG OWNER\nARG BASE_VERSION\nARG PYTHON_IMAGE\n"
    idle = f"FROM scratch AS idle\nCOPY {dice.choice(SOURCES)} /idle/\n" if dice.random() < 0.3 else ""
    made = f"FROM scratch AS made\nCOPY {PINNED} {dice.choice(SOURCES)} /made/\n" if dice.random() < 0.3 else ""
    declared = dice.choice(["", "ARG NOTE", "ARG NOTE=none", "ARG UNUSED=1", "ARG OWNER BASE_VERSION"])
    own = f"FROM {parent}\nCOPY {PINNED} /pinned/\n{declared}\n"
    steps = [step(number) for number in range(dice.randint(1, 3))]
    taken = ["COPY --from=made /made /made"] if made else []
    late = [f"ONBUILD COPY {dice.choice(SOURCES)} /late/", "ONBUILD ARG NOTE"] if dice.random() < 0.3 else []
    return args + idle + made + own + "\n".join(steps + taken + late) + "\n"


def fill(root: Path, dice: random.Random) -> None:
    """Files, links, ignore files and two to four Dockerfiles."""
    for folder in FOLDERS:
        (root / folder).mkdir(parents=True, exist_ok=True)
        for name in FILES:
            (root / folder / name).write_text(f"{dice.choice(WORDS)} {NONCE}\n" * dice.randint(1, 2))
    (root / "data/link").symlink_to("a.txt")
    (root / "libs/folder").symlink_to(dice.choice(["kit", "../data"]))
    (root / "libs/kit/broken").symlink_to("nowhere")
    (root / ".dockerignore").write_text("\n".join(dice.sample(IGNORES, dice.randint(0, 2))) + "\n" + ALWAYS)
    floor = "${REGISTRY}/${OWNER}/base-floor:${BASE_VERSION}"
    (root / "infra/docker").mkdir(parents=True)
    base = root / "infra/docker/base-floor.Dockerfile"
    base.write_text(made_dockerfile(dice, "${PYTHON_IMAGE}"))
    if dice.random() < 0.4:
        base.with_name(f"{base.name}.dockerignore").write_text(dice.choice(IGNORES) + "\n" + ALWAYS)
    for service in ("svc_a", "svc_b", "svc_c")[: dice.randint(1, 3)]:
        (root / "apps" / service).mkdir(exist_ok=True)
        parent = dice.choice(["scratch", "${PYTHON_IMAGE}", floor, floor])
        (root / "apps" / service / "Dockerfile").write_text(made_dockerfile(dice, parent))


def files_of(root: Path) -> list[Path]:
    found = (path for folder in ("libs", "data", "apps") for path in (root / folder).rglob("*"))
    return sorted(path for path in found if path.is_file() and not path.is_symlink() and path.name != "Dockerfile")


def content(root: Path, dice: random.Random) -> None:
    dice.choice(files_of(root)).write_text(f"{dice.random()}\n")


def content_in_disguise(root: Path, dice: random.Random) -> None:
    """Other bytes, the same size and mtime."""
    file = dice.choice(files_of(root))
    status = file.stat()
    file.write_bytes(dice.randbytes(status.st_size))
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


def mode(root: Path, dice: random.Random) -> None:
    path = dice.choice([*files_of(root), *(root / folder for folder in FOLDERS)])
    path.chmod(dice.choice([0o755, 0o775, 0o700] if path.is_dir() else [0o644, 0o755, 0o600, 0o4755]))


def link(root: Path, dice: random.Random) -> None:
    path, targets = dice.choice(
        [
            (root / "data/link", ["a.txt", "b.txt", "../libs/a.txt"]),
            (root / "libs/folder", ["kit", "../data", "kit/deep"]),
            (root / "libs/kit/broken", ["nowhere", "elsewhere", "a.txt"]),
        ]
    )
    path.unlink()
    path.symlink_to(dice.choice(targets))


def rename(root: Path, dice: random.Random) -> None:
    file = dice.choice(files_of(root))
    file.rename(file.with_name(f"{dice.choice('xyz')}{file.suffix}"))


def touch(root: Path, dice: random.Random) -> None:
    os.utime(dice.choice([*files_of(root), root / dice.choice(FOLDERS)]), (10**9, 10**9 + dice.randint(0, 10**6)))


def add(root: Path, dice: random.Random) -> None:
    folder = root / dice.choice(FOLDERS)
    (folder / f"new{dice.randint(0, 99)}{dice.choice(['.txt', '.md', '.py'])}").write_text("new\n")


def add_folder(root: Path, dice: random.Random) -> None:
    (root / dice.choice(FOLDERS) / f"empty{dice.randint(0, 99)}").mkdir(exist_ok=True)


def hard_link(root: Path, dice: random.Random) -> None:
    file = dice.choice(files_of(root))
    other = root / dice.choice(FOLDERS) / f"hard{dice.randint(0, 10**6)}.txt"
    other.hardlink_to(file)


def remove(root: Path, dice: random.Random) -> None:
    dice.choice(files_of(root)).unlink()


def comment(root: Path, dice: random.Random) -> None:
    file = dice.choice(sorted([*root.glob("apps/*/Dockerfile"), *root.glob("infra/docker/*.Dockerfile")]))
    file.write_text(f"{file.read_text()}# {dice.choice(WORDS)}\n")


def argument(root: Path, dice: random.Random) -> None:
    kept = [line for line in (root / ".env").read_text().splitlines() if not line.startswith("NOTE=")]
    (root / ".env").write_text("\n".join([*kept, f"NOTE={dice.choice(WORDS)}"]) + "\n")


def ignored(root: Path, dice: random.Random) -> None:
    file = root / ".dockerignore"
    file.write_text(
        f"{dice.choice(['nothing-here', '**/*.pyc', '# a comment', 'apps/svc_a/note.md'])}\n" + file.read_text()
    )


def owner(root: Path, dice: random.Random) -> None:
    if os.geteuid() == 0:
        os.chown(dice.choice(files_of(root)), dice.randint(1, 9), dice.randint(1, 9))


def attribute(root: Path, dice: random.Random) -> None:
    path = dice.choice([*files_of(root), *(root / folder for folder in FOLDERS)])
    os.setxattr(path, "user.note", dice.choice(WORDS).encode())


EDIT_KINDS: tuple[Callable[[Path, random.Random], None], ...] = (
    content, content_in_disguise, mode, link, rename, touch, add, add_folder, hard_link, remove, comment, argument,
    ignored, owner, attribute,
)  # fmt: skip


def snapshot_of(root: Path) -> tuple[Settings, Snapshot]:
    """As slipway sees it at this moment, with its stat cache read again."""
    hide(root / ".slipway")
    settings = load(root, environment={})
    worktree = Worktree(root, StatCache(root.with_name("stat.json")))
    repository = read_repository(settings, worktree, {})
    snapshot = gather_facts(repository, Engine(), lambda: Registry(settings.registry))
    repository.worktree.cache.save()
    return settings, snapshot


def build_all(settings: Settings, snapshot: Snapshot) -> None:
    plan = plan_build(snapshot.stack, tuple(snapshot.facts.digests), snapshot.facts)
    with Run(settings.root / ".slipway") as record:
        builder = LocalBuilder.of(snapshot.repository, run, Given())
        outcomes = build(BuildRun(snapshot, plan, Engine(), builder, record, lambda event: None))
    assert all(outcome.ok for outcome in outcomes), outcomes


def rebuilt(settings: Settings, snapshot: Snapshot) -> Mapping[str, list[str]]:
    """Image → the steps that BuildKit does not find in its cache, as plain ``docker buildx build`` runs them."""
    worktree = snapshot.repository.worktree
    contexts = {image.name: settings.root / worktree.context(image.context) for image in snapshot.stack}

    def steps(name: str) -> list[str]:
        image, context = snapshot.stack[name], contexts[name]
        given = [word for arg, value in settings.build_args.items() for word in ("--build-arg", f"{arg}={value}")]
        argv = [*surroundings().buildx, "build", "--progress", "rawjson", "--output", "type=cacheonly", *given]
        argv += ["--file", str(settings.root / image.dockerfile), str(context)]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr[-2000:]
        return _uncached(done.stderr)

    names = list(snapshot.facts.digests)
    with ThreadPoolExecutor(3) as pool:
        return dict(zip(names, pool.map(steps, names), strict=True))


def _uncached(rawjson: str) -> list[str]:
    finished: dict[str, tuple[str, bool]] = {}
    reader = RawJson()
    for entry in (found for line in rawjson.splitlines() for found in reader.read(line) if isinstance(found, dict)):
        for vertex in entry.get("vertexes") or ():
            is_step = re.match(r"\[([a-z0-9-]+ )?\d+/\d+\] (?!FROM )", vertex["name"])
            if is_step and vertex.get("completed"):
                finished[vertex["digest"]] = vertex["name"], bool(vertex.get("cached"))
    return sorted(name for name, cached in finished.values() if not cached)


def start(make: Callable[..., Repository], dice: random.Random) -> tuple[Repository, Snapshot]:
    """A repository that slipway can read; BuildKit has built every image of it."""
    while True:
        repository = make("blank", NOTE="first")
        fill(repository.root, dice)
        text = "".join(path.read_text() for path in repository.root.rglob("*ockerfile"))
        if "ARG NOTE" not in text:
            continue
        try:
            settings, snapshot = snapshot_of(repository.root)
        except SlipwayError:
            continue
        build_all(settings, snapshot)
        rebuilt(settings, snapshot)
        return repository, snapshot


def judge(
    edit: str, before: Snapshot, after: Snapshot, steps: Mapping[str, list[str]], tally: Tally, root: Path
) -> None:
    for name, now in after.facts.digests.items():
        was = before.facts.digests[name]
        if now == was:
            assert not steps[name], (
                f"{edit}: {name} keeps {now[:19]} but BuildKit runs {steps[name]}; ignores"
                f" {(root / '.dockerignore').read_text()!r}\n{after.facts.manifests[name].dockerfile}"
            )
            tally.verdicts["kept"] += 1
            continue
        changes = differences(before.facts.manifests[name], after.facts.manifests[name])
        if steps[name]:
            tally.verdicts["changed"] += 1
        elif all(change.part is Part.PARENT for change in changes):
            tally.verdicts["changed through the parent"] += 1
        else:
            tally.verdicts["in vain"] += 1
            tally.in_vain[edit] += 1


@pytest.mark.parametrize(
    "seeds", [range(HANDS), pytest.param(range(100, 100 + 10 * HANDS), marks=pytest.mark.soak)], ids=["ci", "soak"]
)
def test_an_unchanged_digest_means_that_buildkit_has_every_step(
    seeds: Sequence[int],
    stack: Callable[..., Repository],
    record_property: Callable[[str, object], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    tally = Tally()
    edits = Counter[str]()
    for number, seed in enumerate(seeds):
        dice = random.Random(seed)
        repository, before = start(stack, dice)
        root = repository.root
        for edit in EDIT_KINDS[number % HANDS :: HANDS]:
            edit(root, dice)
            try:
                settings, after = snapshot_of(root)
            except SlipwayError:
                break  # the edit took away what a step reads
            steps = rebuilt(settings, after)
            judge(f"seed {seed}: {edit.__name__}", before, after, steps, tally, root)
            edits[edit.__name__] += 1
            _, before = snapshot_of(root)
            assert before.facts.digests == after.facts.digests
    report = f"{sum(edits.values())} edits in {len(seeds)} repositories: {dict(tally.verdicts)}"
    in_vain = Counter(name.partition(": ")[2] for name in tally.in_vain.elements())
    with capsys.disabled():
        print(f"\n  digest oracle: {report}; in vain after {dict(in_vain)}")
    record_property("digest oracle", report)
    assert set(edits) == {edit.__name__ for edit in EDIT_KINDS}
    assert tally.verdicts["kept"] > edits.total() and tally.verdicts["changed"] > edits.total() / 5, report
