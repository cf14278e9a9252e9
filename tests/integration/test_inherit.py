"""``inherit = "run"``: a plain Dockerfile reaches the index that pip reaches here, and its image keeps no trace."""

from __future__ import annotations

import hashlib
import io
import json
import secrets
import tarfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from slipway.config.root import find_root
from slipway.config.settings import load
from tests.rig.canaries import Canaries, of_build_history, of_folder, of_image
from tests.rig.outside import docker
from tests.rig.package_index import PACKAGE, VERSION, PackageIndex, a_package_index

if TYPE_CHECKING:
    from tests.rig.builders import Builder
    from tests.rig.hosts import BuildHost
    from tests.rig.stacks import Ran, Repository

    Stack = Callable[..., Repository]

pytestmark = pytest.mark.integration
PYTHON_IMAGE = load(find_root(Path(__file__)))["PYTHON_IMAGE"]
PASSWORD, REMARK = (f"{name}/{secrets.token_hex(20)}+&" for name in ("password", "remark"))
#: Other tests may have started fifty builds meanwhile, which is all that the engine's history keeps.
_LOOKS = 4
#: Knows nothing of slipway. Each RUN has another form; one keeps its environment in a layer.
PLAIN = f"""\
ARG PYTHON_IMAGE
FROM ${{PYTHON_IMAGE}}
ARG OWNER
RUN pip install --retries 0 --no-cache-dir {PACKAGE}=={VERSION}
RUN ["sh", "-c", "test -r $APT_CONFIG"]
run env \\
    # with the paths of files
    > /environment
USER 10001:10001
RUN <<EOF
python3 -c 'import urllib.request; urllib.request.urlopen("https://INDEX")' 2>&1 | grep "HTTP Error 401"
EOF
ONBUILD RUN true
CMD ["true"]
"""
#: For the small root image.
SMALL = """\
ARG PYTHON_IMAGE
FROM ${PYTHON_IMAGE}
ARG OWNER
RUN sha256sum < "$SSL_CERT_FILE" && grep --count ann ${XDG_CONFIG_DIRS%%:*}/pip/pip.conf && echo ${OWNER}
"""
TABLE = '\n[tool.slipway]\ninherit = "run"\n'
#: The URL of an index and a CA bundle that only show that they arrive.
SHOWN = ("https://ann:other@index.example/simple", "certificates\n")


@pytest.fixture
def index(tmp_path: Path) -> Iterator[PackageIndex]:
    """An index on the address at which the steps of builds reach this machine."""
    address = docker("network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Gateway}}")
    with a_package_index(tmp_path, address, "ann", PASSWORD) as served:
        yield served


def configured(repository: Repository, url: str, authority: str) -> Repository:
    """Give the operator a pip configuration, in files beside the repository."""
    kept = repository.root.parent
    (kept / "ca.pem").write_text(f"# {REMARK}\n{authority}")
    (kept / "pip.conf").write_text(f"[global]\nindex-url = {url}\ncert = {kept / 'ca.pem'}\n")
    return repository


def invoke(repository: Repository, *words: str) -> Ran:
    return repository.invoke(*words, PIP_CONFIG_FILE=str(repository.root.parent / "pip.conf"))


def inherit(repository: Repository) -> None:
    repository.write("pyproject.toml", (repository.root / "pyproject.toml").read_text() + TABLE)


def paths(parts: Mapping[str, bytes]) -> set[str]:
    """Return the path of each file and folder in the layers among the parts of an image."""
    layers = [file for file in map(io.BytesIO, parts.values()) if tarfile.is_tarfile(file)]
    return {f"/{path}" for layer in layers for path in tarfile.open(fileobj=layer).getnames()}


@pytest.mark.fault("X40")
def test_a_plain_pip_install_reaches_the_index_and_leaves_no_trace(stack: Stack, index: PackageIndex) -> None:
    made = configured(stack("blank", PYTHON_IMAGE=PYTHON_IMAGE), index.url, index.authority)
    made.write("apps/svc_plain/Dockerfile", PLAIN.replace("INDEX", index.url.rpartition("@")[2]))
    invoke(made, "build", "svc-plain").failed(6, f"RUN pip install --retries 0 --no-cache-dir {PACKAGE}", "inherit")
    assert made.error_code() in {"certificate-untrusted", "package-not-found"}, "as the network answers for PyPI"
    assert index.given == []

    inherit(made)
    ran = invoke(made, "build", "svc-plain", "--json").ok()
    recorded: dict[str, bytes] = {}
    for _ in range(_LOOKS):
        if recorded := dict(of_build_history("svc-plain", index.url.rpartition("@")[2])):
            break
        invoke(made, "build", "svc-plain", "--no-cache").ok()
    assert index.given[-1].endswith(".whl")
    reference = made.reference("svc-plain")
    parts = dict(of_image(reference, root=PYTHON_IMAGE))
    canaries = Canaries({"password": PASSWORD, "remark": REMARK, "authority": index.authority.splitlines()[2]})
    assert canaries.where({"control": index.authority.encode()}) == {"control": {"authority"}}
    assert canaries.where(parts) == {}
    assert canaries.where({"stdout": ran.stdout.encode(), "stderr": ran.stderr.encode()}) == {}
    assert canaries.where(of_folder(made.root)) == {}
    assert canaries.where(recorded) == {}

    held = paths(parts)
    assert "/environment" in held and any(path.endswith(f"-packages/{PACKAGE}.py") for path in held)
    assert not [path for path in held if path.startswith(("/dev", "/run"))], "not even a mount point"
    for told in (parts["history"], parts["config"]):
        assert b"dev/slipway" not in told and b"--mount" not in told
    assert b'"OnBuild": [\n                "RUN true"' in parts["config"]
    environment = docker("run", "--rm", reference, "cat", "/environment").splitlines()
    assert "SSL_CERT_FILE=/dev/slipway/ca.crt" in environment

    configured(made, "https://ben:another@index.example/simple", "")
    plan = json.loads(invoke(made, "plan", "svc-plain", "--json").ok().stdout)
    assert [step["action"] for step in plan["steps"]] == ["reuse"], "the configuration is not an input"


@pytest.mark.fault("X40")
def test_so_does_one_on_the_build_host(stack: Stack, build_host: BuildHost) -> None:
    show(configured(stack("blank", **build_host.settings), *SHOWN), "--remote")


@pytest.mark.fault("X40")
def test_so_does_one_by_a_separate_builder(stack: Stack, builder: Builder) -> None:
    show(configured(stack("blank", BUILDER=builder.name), *SHOWN))
    assert builder.asked


def show(made: Repository, *flags: str) -> None:
    """Build an image whose log shows the files that its RUN gets."""
    inherit(made)
    made.write("apps/svc_small/Dockerfile", SMALL)
    invoke(made, "build", "svc-small", *flags).ok()
    log = (made.runs()[-1] / "svc-small.log").read_text().splitlines()
    digest = hashlib.sha256((made.root.parent / "ca.pem").read_bytes()).hexdigest()
    assert log[log.index(f"{digest}  -") + 1] == "1", "pip's configuration names the index"
