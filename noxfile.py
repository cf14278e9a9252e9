"""What a contributor runs: ``nox`` for all of it, or one of ``nox --list``.

``nox -s smoke`` tests every image of this repository, ``nox -s "smoke(svc-ocr)"`` one, and
``nox -s smoke -- --image registry.example.com/acme/svc-ocr:v1`` an image that is already somewhere, and
``nox -s smoke -- --remote`` all of it on the build host.
The sessions run in the environment that holds nox, so they start at once.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2025.2"
nox.options.default_venv_backend = "none"
nox.options.sessions = ["lint", "types", "tests", "integration", "smoke"]

ROOT = Path(__file__).parent
PYTHON = sys.executable
POSARGS = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []
GIVEN_IMAGE = any(argument.split("=")[0] == "--image" for argument in POSARGS)


def paths(*patterns: str) -> list[str]:
    """The files and folders of the repository that match, sorted."""
    found = {path.relative_to(ROOT).as_posix() for pattern in patterns for path in ROOT.glob(pattern)}
    return sorted(path for path in found if not path.startswith("."))


def program(name: str) -> str:
    """A program of this environment, whether or not it is activated."""
    return shutil.which(name, path=str(Path(PYTHON).parent)) or name


def images() -> list[str]:
    """The images by name, bases first, and the tests of several together; one nameless for ``--image REF``."""
    if GIVEN_IMAGE:
        return ["image"]
    bases = [Path(path).name.removesuffix(".Dockerfile") for path in paths("infra/docker/*.Dockerfile")]
    services = [Path(path).parent.name.replace("_", "-") for path in paths("apps/*/Dockerfile")]
    together = [Path(path).stem.removeprefix("test_").replace("_", "-") for path in paths("apps/smoke/test_*.py")]
    return bases + services + together


@nox.session
def lint(session: nox.Session) -> None:
    """ruff, hadolint on every Dockerfile, shellcheck on every shell script."""
    session.run(PYTHON, "-m", "ruff", "check")
    session.run(PYTHON, "-m", "ruff", "format", "--check")
    session.run(program("hadolint"), *paths("infra/**/*Dockerfile", "apps/*/Dockerfile"))
    scripts = paths("infra/**/*.sh", "apps/**/*.sh", "libs/**/*.sh", "tests/**/*.sh")
    session.run(program("shellcheck"), ".ci/run", *scripts)


@nox.session
def types(session: nox.Session) -> None:
    """mypy, strict."""
    session.run(PYTHON, "-m", "mypy")


@nox.session
def tests(session: nox.Session) -> None:
    """The fast tests: no engine, no network."""
    session.run(
        PYTHON, "-m", "pytest", "-m", "not integration and not soak", "tests", *paths("apps/*/tests"), *session.posargs
    )


@nox.session
def integration(session: nox.Session) -> None:
    """The tests that need a real engine, registry or host."""
    session.run(PYTHON, "-m", "pytest", "-m", "integration and not soak", "tests", *session.posargs)


@nox.session
def soak(session: nox.Session) -> None:
    """The long rounds: every request failed in every way, fifty kills, many generated cases. Takes an hour or more."""
    session.run(PYTHON, "-m", "pytest", "-m", "soak", "tests", *session.posargs)
    session.run(PYTHON, "-m", "pytest", "tests/properties", "--hypothesis-profile=soak")


@nox.session
def mutation(session: nox.Session) -> None:
    """Changes the pure modules one place at a time: their tests must notice. ``-- graph --every 10`` for less."""
    session.run(PYTHON, "-m", "tests.mutation", *session.posargs, env={"PYTHONHASHSEED": "0"})


@nox.session
def bench(session: nox.Session) -> None:
    """slipway beside bake, compose and a script of docker builds; ``-- --write`` keeps the figures in docs/."""
    session.run(PYTHON, "-m", "tests.bench", *session.posargs)


@nox.session
def build(session: nox.Session) -> None:
    """Every image; what is already built is reused."""
    session.run(PYTHON, "-m", "invoke", "build", *session.posargs)


@nox.session(requires=[] if GIVEN_IMAGE else ["build"])
@nox.parametrize("image", [nox.param(name, id=name) for name in images()])
def smoke(session: nox.Session, image: str) -> None:
    """The smoke tests of the built images, one after another."""
    names = [] if GIVEN_IMAGE else [image]
    session.run(PYTHON, "-m", "invoke", "smoke", *names, *session.posargs)
