"""BuildKit as the judge of what the input digest leaves out.

A made-up stack of two images is built, and built again after each of many single changes: of a file, a build arg, a
setting. When the digest says that nothing changed, BuildKit must have made the very same image, for every platform.
The image's id stands for all of it: layers, configuration, history. FROM a named context is left out: BuildKit
never finds it in its cache.

This is plain ``docker buildx bake``, with every arg given to every image: slipway's part is the digest alone.
"""

from __future__ import annotations

import json
import random
import secrets
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from slipway.config.settings import load
from slipway.core.platform import this_platform
from slipway.engine import Engine
from slipway.plan.facts import gather_facts
from slipway.plan.repository import read_repository
from slipway.registry import Registry
from slipway.stack.worktree import Worktree
from slipway.testing.fakes import HASTE
from tests.rig.outside import LABEL, docker

pytestmark = pytest.mark.integration
#: BuildKit's cache outlives the test: what it finds there must come from this one.
NONCE = secrets.token_hex(4)
FLOOR = "${REGISTRY}/${OWNER}/base-floor:${BASE_VERSION}"
IMAGES = {"base-floor": "infra/docker/base-floor.Dockerfile", "svc-top": "apps/svc_top/Dockerfile"}
FILES = [
    *["main.txt", "late.txt", "root.txt", "amd64.txt", "arm64.txt", "one.txt", "two.txt", "none.txt", "alpha.txt"],
    *["libs/a.txt", "libs/deep/b.txt", "kit/k"],
]
#: A named context, beside the repository; the repository has a folder of that name, too.
KIT = "the named context's k"
#: Seeds whose worlds, between them, read every file and use every arg.
REACHING = (0, 27, 57)
ARGS = (
    "ARG REGISTRY\nARG OWNER\nARG BASE_VERSION\nARG PYTHON_IMAGE ROOT\nARG WHICH=one\nARG NOTE=none\n"
    "ARG DERIVED=${NOTE}-${OWNER}\n"
)
STAGES = (
    "FROM scratch AS one\nCOPY one.txt /stage/\n",
    "FROM scratch AS two\nARG NOTE\nCOPY two.txt /stage/\n",
    "FROM scratch AS src-amd64\nCOPY amd64.txt /src/\n",
    "FROM scratch AS src-arm64\nARG BASE_VERSION\nCOPY arm64.txt /src/\n",
    "FROM ${WHICH} AS picked\nARG TARGETARCH\n",
)
STEPS = (
    "COPY main.txt /main/",
    "COPY libs /libs/",
    "ADD libs/*.txt /glob/",
    "COPY kit /own/",
    "COPY --from=kit . /kit/",
    "COPY --from=picked /stage /picked/",
    "COPY --from=src-amd64 /src /amd64/",
    "ARG NOTE\nCOPY ${NOTE}.txt /note/",
    "ARG NOTE=own",
    "ARG NOTE",
    "ARG DERIVED",
    "ARG OWNER\nLABEL owner=$OWNER",
    "ARG BASE_VERSION",
    "ARG TARGETARCH\nCOPY $TARGETARCH.txt /arch/",
    "ARG BUILDARCH UNUSED=1",
    "ENV WHO=$NOTE",
)
RUNS = (
    "RUN echo ran > /ran",
    "RUN --mount=type=bind,source=libs,target=/seen cat /seen/a.txt > /bound",
    "RUN --mount=type=bind,from=kit,target=/seen cat /seen/k > /bound-kit",
    "RUN --mount=type=bind,from=picked,target=/seen echo picked > /bound-picked",
)
ONBUILD = (
    "ONBUILD COPY late.txt /late/",
    "ONBUILD ARG NOTE\nONBUILD COPY ${NOTE}.txt /late-note/",
    "ONBUILD ARG BASE_VERSION",
    "ONBUILD COPY --from=picked /stage /late-picked/",
    "ONBUILD ADD libs /late-libs/",
)


@dataclass(frozen=True)
class World:
    """All that the stack is made of: path → text of its files, its settings and args, its platforms."""

    files: Mapping[str, str]
    env: Mapping[str, str]
    platforms: tuple[str, ...]

    def lay(self, root: Path) -> Path:
        """Write it to ``root``, and the named context beside it.

        BuildKit recognizes a context by the last part of its path, so each world has another one.
        """
        env = {**self.env, "PLATFORMS": ",".join(self.platforms)}
        texts = {
            **self.files,
            "pyproject.toml": "[project]\nname = 'world'\n",
            ".env": "".join(f"{name}={value}\n" for name, value in env.items()),
        }
        for path, text in texts.items():
            file = kit_of(root) / "k" if path == KIT else root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return root


def kit_of(root: Path) -> Path:
    return root.with_name(f"kit-{root.name}")


def made_dockerfile(dice: random.Random, base: str, *, shell: bool, triggers: int) -> str:
    """Every stage of ``STAGES`` and a last one on ``base``."""
    steps = [*dice.sample(STEPS, dice.randint(2, 5)), *(dice.sample(RUNS, dice.randint(0, 2)) if shell else [])]
    dice.shuffle(steps)
    lines = ["COPY main.txt /first/", *steps, *dice.sample(ONBUILD, triggers)]
    return f"{ARGS}{''.join(STAGES)}FROM {base}\n" + "\n".join(lines) + "\n"


def made_world(dice: random.Random, roots: Sequence[str], root_image: str) -> World:
    """Where something runs, only this machine's platform is built for: nothing here runs another's programs."""
    several = dice.random() < 0.5
    floor = dice.choice(["scratch"] if several else ["${PYTHON_IMAGE}", "${ROOT}"])
    chosen = ["${WHICH}", "src-${TARGETARCH}", "--platform=$BUILDPLATFORM src-$BUILDARCH"]
    top = dice.choice([FLOOR] * 4 + chosen + ([] if several else ["${PYTHON_IMAGE}", "${ROOT}"]))
    shell = "${PYTHON_IMAGE}"
    texts = {
        IMAGES["base-floor"]: made_dockerfile(dice, floor, shell=floor == shell, triggers=dice.randint(2, 4)),
        IMAGES["svc-top"]: made_dockerfile(
            dice, top, shell=(floor if top == FLOOR else top) == shell, triggers=dice.randint(0, 1)
        ),
    }
    files = {path: f"{path} {NONCE} {dice.random()}\n" for path in (*FILES, KIT)}
    env = {"REGISTRY": "127.0.0.1:1", "OWNER": "one", "BASE_VERSION": "v1", "PYTHON_IMAGE": root_image}
    env |= {
        "ROOT": roots[dice.random() < 0.8],
        "WHICH": dice.choice(["one", "two"]),
        "NOTE": dice.choice(["none", "alpha"]),
    }
    return World({**files, **texts}, env, ("linux/amd64", "linux/arm64") if several else (this_platform(),))


def changes(world: World, roots: Sequence[str]) -> Iterator[tuple[str, World]]:
    """Every change of one input: its name, and the world after it."""
    for path in (*FILES, KIT):
        yield path, replace(world, files={**world.files, path: f"{path} {NONCE} changed\n"})
    others = {
        "REGISTRY": ["127.0.0.1:2"],
        "OWNER": ["two"],
        "BASE_VERSION": ["v2"],
        "WHICH": ["one", "two"],
        "NOTE": ["none", "alpha"],
        "ROOT": roots,
    }
    for name, values in others.items():
        for value in values:
            if value != world.env[name]:
                yield name, replace(world, env={**world.env, name: value})
    yield "NOTE unset", replace(world, env={name: value for name, value in world.env.items() if name != "NOTE"})


def digests(root: Path) -> Mapping[str, str]:
    """Image → its input digest, as slipway sees it at this moment."""
    settings = load(root, environment={})
    found = read_repository(settings, Worktree(root), {"kit": kit_of(root)})
    return gather_facts(found, Engine(), lambda: Registry(settings.registry, policy=HASTE)).facts.digests


def target(number: int, name: str, platform: str, world: World, root: Path) -> dict[str, object]:
    """An image of ``world`` for one platform, as bake has it."""
    contexts = {"kit": str(kit_of(root))}
    floor = FLOOR
    for arg in ("REGISTRY", "OWNER", "BASE_VERSION"):
        floor = floor.replace(f"${{{arg}}}", world.env[arg])
    if FLOOR in world.files[IMAGES[name]]:
        contexts[floor] = f"target:{mark(number, 'base-floor', platform)}"
    return {
        "context": str(root),
        "dockerfile": IMAGES[name],
        "args": dict(world.env),
        "contexts": contexts,
        "platforms": [platform],
        "labels": dict([LABEL.split("=")]),
        "output": ["type=docker"],
    }


def mark(number: int, name: str, platform: str) -> str:
    return f"{name}-{number}-{platform.replace('/', '-')}"


def baked(
    worlds: Mapping[int, tuple[World, Path]], wanted: Sequence[tuple[int, str]], folder: Path
) -> Mapping[tuple[int, str], tuple[str, ...]]:
    """The ids of the images that BuildKit made, one for each platform; ``wanted``: the world's number and the name."""
    made = {
        mark(number, name, platform): target(number, name, platform, world, root)
        for number, (world, root) in worlds.items()
        for platform in world.platforms
        for name in IMAGES
    }
    every = [mark(*each, platform) for each in wanted for platform in worlds[each[0]][0].platforms]
    file = json.dumps({"group": {"every": {"targets": every}}, "target": made})
    told = folder / "metadata.json"
    command = ["docker", "buildx", "bake", "--file", "-", "--progress", "plain", "--metadata-file", str(told), "every"]
    done = subprocess.run(command, cwd=folder, input=file.encode(), capture_output=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    ids = {
        name: entry["containerimage.config.digest"]
        for name, entry in json.loads(told.read_text()).items()
        if name in every
    }
    return {each: tuple(ids[mark(*each, platform)] for platform in worlds[each[0]][0].platforms) for each in wanted}


@pytest.fixture(scope="module")
def roots(root_image: str) -> Iterator[Sequence[str]]:
    """Root images that the engine alone has: without ONBUILD and with it."""
    kept = f"FROM scratch\nCOPY --from={root_image} /bin/env /kept\n"
    triggers = "ONBUILD COPY root.txt /by-root/\nONBUILD ARG NOTE\n"
    texts = {f"t-slipway-{NONCE}:without": kept, f"t-slipway-{NONCE}:with": kept + triggers}
    for name, text in texts.items():
        docker("buildx", "build", "--quiet", "--load", "--label", LABEL, "--tag", name, "-", stdin=text)
    yield list(texts)
    docker("rmi", "--force", *texts)


def judged(seed: int, roots: Sequence[str], root_image: str, folder: Path, tally: Counter[tuple[str, str]]) -> None:
    dice = random.Random(seed)
    before = made_world(dice, roots, root_image)
    tried = [("", before), *changes(before, roots)]
    laid = {number: (world, world.lay(folder / f"{NONCE}-{seed}-{number}")) for number, (_, world) in enumerate(tried)}
    said = {number: digests(root) for number, (_, root) in laid.items()}
    kept = [(number, name) for number in laid if number for name in IMAGES if said[number][name] == said[0][name]]
    made = {**baked(laid, [(0, name) for name in IMAGES], folder), **baked(laid, kept, folder)}
    for number, name in kept:
        assert made[number, name] == made[0, name], (
            f"seed {seed}, {tried[number][0]}: {name} keeps {said[0][name][:19]}, but BuildKit makes another image\n"
            f"{before.files[IMAGES[name]]}"
        )
    for number, (change, _) in list(enumerate(tried))[1:]:
        for name in IMAGES:
            tally[change, "kept" if (number, name) in kept else "changed"] += 1


@pytest.mark.parametrize(
    "rounds", [REACHING, pytest.param(range(100, 160), marks=pytest.mark.soak)], ids=["ci", "soak"]
)
def test_an_unchanged_digest_means_the_very_same_image(
    rounds: Sequence[int],
    roots: Sequence[str],
    root_image: str,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    tally = Counter[tuple[str, str]]()
    for seed in rounds:
        judged(seed, roots, root_image, tmp_path, tally)
    verdicts = Counter(verdict for _, verdict in tally.elements())
    report = f"{verdicts.total()} images after a change: {dict(verdicts)}"
    with capsys.disabled():
        print(f"\n  result oracle: {report}")
    record_property("result oracle", report)
    changed = {change for change, verdict in tally if verdict == "changed"}
    assert changed == {change for change, _ in tally} - {"REGISTRY"}, "a change that never mattered proves nothing"
