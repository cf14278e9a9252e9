"""Secrets and ssh's agent that ``[tool.slipway]`` gives to builds, here and on a build host."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.rig.agents import Agent
    from tests.rig.hosts import BuildHost
    from tests.rig.stacks import Repository

    Stack = Callable[..., Repository]

pytestmark = pytest.mark.integration
TOKEN, FILE = "geheim-token-4711", "geheim file\nof two lines\n"
SIGN, CART = "apps/svc_sign/Dockerfile", "apps/svc_cart/Dockerfile"
TABLE = """
[tool.slipway.secrets]
gh_token = { env = "GH_TOKEN" }
"npm/rc" = { file = "home/npm.rc" }
"""
MOUNTS = """
ARG PYTHON_IMAGE
FROM ${PYTHON_IMAGE}
COPY apps/svc_sign/sign.txt /sign.txt
RUN --mount=type=secret,id=gh_token,required=true --mount=type=secret,id=npm/rc,target=/rc \\
    sha256sum < /run/secrets/gh_token > /sums && sha256sum < /rc >> /sums && cat /run/secrets/gh_token
RUN --mount=type=secret,id=other test ! -e /run/secrets/other
"""


@pytest.fixture
def shop(stack: Stack) -> Repository:
    made = stack("shop", GH_TOKEN=TOKEN)
    made.write("pyproject.toml", (made.root / "pyproject.toml").read_text() + TABLE)
    made.write("home/npm.rc", FILE)
    made.write(SIGN, MOUNTS)
    made.write("apps/svc_sign/sign.txt", made.settings["OWNER"])  # BuildKit leaves secrets out of its cache's keys
    return made


def sums() -> str:
    digests = [hashlib.sha256(text.encode()).hexdigest() for text in (TOKEN, FILE)]
    return "\n".join(f"{digest}  -" for digest in digests)


def kept(shop: Repository) -> list[str]:
    """Files of the repository's runs that hold a secret."""
    files = [path for path in (shop.root / ".slipway").rglob("*") if path.is_file()]
    return [str(path) for path in files if any(secret in path.read_bytes() for secret in (TOKEN.encode(), b"geheim f"))]


@pytest.mark.fault("C47")
def test_a_build_gets_its_mounted_secrets_and_nothing_keeps_them(shop: Repository, cli: Callable[..., str]) -> None:
    ran = shop.invoke("build", "svc-sign").ok()
    assert f"note: {SIGN}:7: the secret other " in ran.stderr
    assert cli("run", "--rm", shop.reference("svc-sign"), "cat", "/sums") == sums()
    assert kept(shop) == [] and "geheim" not in ran.stdout + ran.stderr
    assert "***" in (shop.runs()[-1] / "svc-sign.log").read_text(), "the step said it aloud"
    (shop.root / "home/npm.rc").unlink()
    shop.configure(GH_TOKEN="another")
    assert shop.steps("plan", "svc-sign")["svc-sign"][0] == "reuse", "values are not inputs"
    shop.write("apps/svc_sign/sign.txt", "edited")
    for task in (("plan", "svc-sign"), ("build", "svc-sign")):
        shop.invoke(*task).failed(2, "secret npm/rc: ", "home/npm.rc: No such file or directory")
    shop.write(SIGN, MOUNTS.replace("id=other", "id=other,required=true"))
    shop.write("home/npm.rc", FILE)
    shop.invoke("plan", "svc-sign").failed(2, f"error: {SIGN}:7: the secret other ")


@pytest.mark.fault("C47")
def test_so_does_one_on_the_build_host(shop: Repository, build_host: BuildHost) -> None:
    shop.configure(**build_host.settings)
    shop.write(SIGN, MOUNTS.replace(" && cat /run/secrets/gh_token", ""))
    ran = shop.invoke("build", "svc-sign", "--remote").ok()
    assert build_host.sh(f"docker run --rm {shop.reference('svc-sign')} cat /sums") == sums()
    assert kept(shop) == [] and "geheim" not in ran.stdout + ran.stderr
    assert build_host.sh("grep -rlE 'geheim-token|geheim file' /var/tmp/slipway || true") == ""


def with_agent(shop: Repository) -> None:
    """svc-cart needs ssh's agent, and the project gives it."""
    shop.write(CART, (shop.root / CART).read_text() + 'RUN --mount=type=ssh,required=true test -S "$SSH_AUTH_SOCK"\n')
    table = (shop.root / "pyproject.toml").read_text()
    shop.write("pyproject.toml", table.replace("[tool.slipway]", '[tool.slipway]\nssh = ["default"]'))


@pytest.mark.fault("C48")
def test_sshs_agent_is_forwarded(shop: Repository, agent: Agent) -> None:
    with_agent(shop)
    shop.invoke("build", "svc-cart", SSH_AUTH_SOCK="").failed(3, "ssh's agent: SSH_AUTH_SOCK is not set", "ssh-agent")
    shop.invoke("build", "svc-cart", SSH_AUTH_SOCK=str(agent.socket)).ok()
    assert shop.status()["svc-cart"] == "built"
