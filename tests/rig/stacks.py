"""Sample repositories to work in, used as a person would: with ``invoke``."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import CompletedProcess
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from slipway.config.definitions import SETTINGS
from slipway.config.settings import load
from slipway.core.image import RUN_LABEL
from tests.rig.outside import LABEL, docker, machine_docker, machine_lock
from tests.rig.traces import Traces, made_by_runs

if TYPE_CHECKING:
    from tests.rig.fork_server import ForkServer

ROOT = Path(__file__).parent.parent.parent
STACKS = ROOT / "tests/stacks"
ROOT_IMAGE = "t-slipway-root:1"
MANIFESTS = (
    "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json"
)
_BUILT = "built images"
_WORKERS_BUILT = pytest.StashKey[bool]()
#: dash, a few of coreutils, sed and grep with the libraries they load, taken from the root image of the bases.
TINY_ROOT = """\
ARG PYTHON_IMAGE=scratch
FROM ${PYTHON_IMAGE} AS full
WORKDIR /bin
RUN programs="sh cat ls cp rm mkdir sleep sed grep sha256sum base64 env test" \\
    && mkdir --parents /tiny/bin \\
    && cp --dereference $programs /tiny/bin \\
    && cp --parents --dereference $(ldd $programs | grep --only-matching '/[^ ]* (' | sed 's/ (//' | sort -u) /tiny
FROM scratch
COPY --from=full /tiny/ /
"""


PROGRAMS = {
    "python": '#!/bin/sh\n[ "$1" != -c ] || echo "$SLIPWAY_RUN"\n',
    "id": "#!/bin/sh\necho 10001\n",
}


@dataclass(frozen=True)
class Ran:
    """How an ``invoke`` ended."""

    code: int
    stdout: str
    stderr: str
    seconds: float

    @property
    def closing(self) -> str:
        """stderr from its first ``error:`` line on."""
        found = re.search(r"^error: ", self.stderr, re.MULTILINE)
        return self.stderr[found.start() :] if found else ""

    def decent(self) -> Ran:
        """Told as the contract says: no traceback, no escape byte, and a failure closes with its lines on stderr."""
        said = self.stdout + self.stderr
        assert "Traceback" not in said and "\x1b" not in said, said
        if self.code > 0:
            lines = self.closing.splitlines()
            assert lines and all(re.match(r"error: |hint:  |log:   |  ", line) for line in lines), self.stderr
        return self

    def ok(self) -> Ran:
        assert self.code == 0, f"exit {self.code}\n{self.stdout}\n{self.stderr}"
        return self

    @property
    def problems(self) -> list[tuple[str, str]]:
        """Return the place and the code of each problem, from the answer of ``--json``."""
        return [(problem["where"], problem["code"]) for problem in json.loads(self.stdout)["problems"]]

    @property
    def codes(self) -> list[str]:
        """Return the code of each problem, from the answer of ``--json``."""
        return [code for _, code in self.problems]

    def failed(self, code: int, *words: str) -> Ran:
        """Check the exit code, and that the closing lines hold ``words``: objects, not sentences.

        The unit test of a message checks its sentence.
        """
        assert self.code == code, f"exit {self.code}, not {code}\n{self.stdout}\n{self.stderr}"
        for word in words:
            assert word in self.closing, f"{word!r} is not in\n{self.closing}"
        return self


class Invoke(Protocol):
    """Run a command line in the folder ``cwd`` with the environment ``env``, as ``python -m invoke`` does."""

    def __call__(self, *words: str, cwd: Path, env: Mapping[str, str]) -> CompletedProcess[str]: ...


@dataclass
class Repository:
    """A copy of a sample stack, used as a person would use it."""

    root: Path
    settings: dict[str, str]
    #: Runs ``invoke`` to its end.
    run: Invoke
    #: Added to the environment of everything that is started here.
    around: Mapping[str, str] = field(default_factory=dict)
    #: The files of ``.git`` as the test made them; no run may change them.
    git: Mapping[str, bytes] = field(default_factory=dict, kw_only=True)

    @property
    def prefix(self) -> str:
        return f"{self.settings['REGISTRY']}/{self.settings['OWNER']}"

    def reference(self, name: str, tag: str = "v1") -> str:
        return f"{self.prefix}/{name}:{tag}"

    def configure(self, **settings: str) -> None:
        """Settings as lines of ``.env``."""
        self.settings |= settings
        self.write(".env", "".join(f"{name}={value}\n" for name, value in self.settings.items()))

    def write(self, path: str, text: str) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def track(self, *paths: str) -> None:
        """Add ``paths`` to git's index."""
        subprocess.run(["git", "add", "--", *paths], cwd=self.root, check=True)
        self.git = _git_state(self.root)

    def write_programs(self, folder: str) -> None:
        """The programs that the shipped checks run in a container and the small root image does not have."""
        for name, text in PROGRAMS.items():
            self.write(f"{folder}/{name}", text).chmod(0o755)

    def environment(self, more: Mapping[str, str]) -> dict[str, str]:
        """The caller's own without its settings and pip's configuration."""
        names = {setting.name for setting in SETTINGS} | {"CI", "NO_COLOR"}
        kept = {name: value for name, value in os.environ.items() if name not in names and name[:4] != "PIP_"}
        return {**kept, "PIP_CONFIG_FILE": os.devnull, **self.around, **more}

    def start(self, *words: str, **environment: str) -> subprocess.Popen[str]:
        """Start ``python -m invoke``, to be interrupted or killed."""
        return subprocess.Popen(
            [sys.executable, "-m", "invoke", *words],
            cwd=self.root,
            env=self.environment(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def invoke(self, *words: str, **environment: str) -> Ran:
        started = time.monotonic()
        done = self.run(*words, cwd=self.root, env=self.environment(environment))
        return Ran(done.returncode, done.stdout, done.stderr, time.monotonic() - started).decent()

    def json(self, *words: str, **environment: str) -> Any:
        """Return the parsed output of ``--json``."""
        return json.loads(self.invoke(*words, "--json", **environment).ok().stdout)

    def steps(self, *words: str) -> dict[str, tuple[str, str]]:
        """The plan: image → action, reason."""
        plan = self.json(*(words or ("plan",)))
        return {step["image"]: (step["action"], step["reason"]) for step in plan["steps"]}

    def runs(self) -> list[Path]:
        """Directories of the runs so far, newest last."""
        return sorted((self.root / ".slipway/runs").glob("*"), key=lambda path: path.stat().st_mtime_ns)

    def secret_files(self) -> list[Path]:
        """The secret files of runs that live, or were killed and not swept yet."""
        return list(Path(self.around["XDG_RUNTIME_DIR"], "slipway").glob("*/*"))

    def record(self) -> dict[str, dict[str, Any]]:
        """The newest run.json: image → its entry."""
        content = json.loads((self.runs()[-1] / "run.json").read_text())
        return {entry["image"]: entry for entry in content["images"]}

    def error_code(self) -> str:
        """Return the code of the error in the newest run.json."""
        return str(json.loads((self.runs()[-1] / "run.json").read_text())["code"])

    def status(self) -> dict[str, str]:
        return {image: entry["status"] for image, entry in self.record().items()}

    def bakes(self) -> list[list[str]]:
        """The images of each bake of the newest run."""
        journal = self.runs()[-1] / "journal.jsonl"
        lines = journal.read_text().splitlines() if journal.exists() else []
        return [entry["images"] for entry in map(json.loads, lines) if "command" in entry]

    def content(self, name: str) -> str:
        """The reference under the content tag."""
        step = next(step for step in self.json("plan", name)["steps"] if step["image"] == name)
        return str(step["content"])

    def image_id(self, reference: str) -> str:
        """The engine's image, or an empty string."""
        return docker("image", "inspect", "--format", "{{.Id}}", reference, check=False)

    def tags(self) -> set[str]:
        """All tags that the engine has of this repository, without the prefix."""
        listed = docker("images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", f"reference={self.prefix}/*")
        return {line.removeprefix(f"{self.prefix}/") for line in listed.split()}

    def published(self, name: str, tag: str = "v1", login: str = "") -> str:
        """The digest a tag stands for in the registry, or an empty string."""
        url = f"http://{self.settings['REGISTRY']}/v2/{self.settings['OWNER']}/{name}/manifests/{tag}"
        request = urllib.request.Request(url, method="HEAD", headers={"Accept": MANIFESTS})
        if login:
            request.add_header("Authorization", f"Basic {login}")
        try:
            with urllib.request.urlopen(request, timeout=10) as reply:
                return str(reply.headers["Docker-Content-Digest"])
        except urllib.error.HTTPError as error:
            assert error.code == 404, error
            return ""


def make_root_image() -> str:
    """A root image of a few MB with a shell; its build is cached, so the tag stays."""
    build = ["buildx", "build", "--quiet", "--load", "--provenance=false", "--tag", ROOT_IMAGE, "--label", LABEL]
    with machine_lock("images"):
        machine_docker(*build, "--build-arg", f"PYTHON_IMAGE={load(ROOT)['PYTHON_IMAGE']}", "-", stdin=TINY_ROOT)
    return ROOT_IMAGE


@pytest.fixture(scope="session")
def root_image(request: pytest.FixtureRequest) -> Iterator[str]:
    """Afterwards images of the tests that lost their tags to later ones are gone, too."""
    yield make_root_image()
    output = getattr(request.config, "workeroutput", None)
    if output is None:
        _prune()
    else:
        output[_BUILT] = True


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """A worker has ended: note whether it built images."""
    node.config.stash[_WORKERS_BUILT] |= _BUILT in getattr(node, "workeroutput", {})


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_WORKERS_BUILT] = False


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """One worker may need an image that another does not: the images go only when all workers have ended."""
    if session.config.stash[_WORKERS_BUILT]:
        _prune()


def _prune() -> None:
    docker("image", "prune", "--force", "--filter", f"label={LABEL}")


@pytest.fixture
def stack(
    tmp_path: Path, registry: str, root_image: str, traces: Traces, fork_server: ForkServer, engine_client: Any
) -> Iterator[Callable[..., Repository]]:
    """Makes a repository of a sample stack, with an OWNER of its own. Afterwards nothing of it is left anywhere."""
    made: list[Repository] = []

    def make(name: str, **settings: str) -> Repository:
        root = tmp_path / f"{name}-{len(made)}"
        shutil.copytree(STACKS / name, root, symlinks=True)
        repository = Repository(root, {}, fork_server.invoke, traces.environment)
        owner = f"t-{secrets.token_hex(4)}"
        repository.configure(REGISTRY=registry, OWNER=owner, BASE_VERSION="v1", PYTHON_IMAGE=root_image)
        repository.configure(**settings)
        _tell_apart(root, repository.settings["OWNER"])
        subprocess.run(["git", "init", "--quiet", root], check=True)
        repository.git = _git_state(root)
        made.append(repository)
        return repository

    yield make
    runs = {run.name for repository in made for run in repository.runs()}
    left = [name for name, labels in made_by_runs(engine_client) if labels[RUN_LABEL] in runs]
    if left:
        docker("rm", "--force", "--volumes", *left, check=False)
    for owner in {repository.settings["OWNER"] for repository in made}:
        for reference in _references(engine_client, owner):
            engine_client.api.remove_image(reference, force=True)
    assert not left, f"left by the run: {left}"
    for repository in made:
        assert _git_state(repository.root) == repository.git, "a run changed the state of git"
        assert not _unignored(repository.root), "git would add what runs left"


def _tell_apart(root: Path, owner: str) -> None:
    """Let the images differ from those of other tests.

    Equal inputs make one image of two tests, and the end of one would remove it while the other builds.
    """
    for base in root.glob("infra/docker/*.Dockerfile"):
        base.write_text(f"{base.read_text('utf-8').rstrip()}\nLABEL test={owner}\n", "utf-8")
    for sign in root.glob("apps/*/sign.txt"):
        sign.write_text(f"open {owner}\n")


def _references(client: Any, owner: str) -> Iterator[str]:
    """Every tag below ``owner``, and for what lost its tag to a later image the digest that a push gave it."""
    for image in client.api.images(filters={"reference": f"*/{owner}/*"}):
        tags = [tag for tag in image["RepoTags"] or () if f"/{owner}/" in tag]
        tagged = {tag.rpartition(":")[0] for tag in tags}
        digests = [digest for digest in image["RepoDigests"] or () if f"/{owner}/" in digest]
        yield from tags
        yield from (digest for digest in digests if digest.partition("@")[0] not in tagged)


def _git_state(root: Path) -> dict[str, bytes]:
    """Every file of git's own folder."""
    return {str(path): path.read_bytes() for path in (root / ".git").rglob("*") if path.is_file()}


def _unignored(root: Path) -> list[str]:
    """Files of runs that ``git add`` would take."""
    listed = ["git", "ls-files", "--others", "--exclude-standard", "--", ".slipway"]
    return subprocess.run(listed, cwd=root, capture_output=True, text=True, check=True).stdout.split()
