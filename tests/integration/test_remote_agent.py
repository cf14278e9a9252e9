"""Builds on the build host that mount ssh's agent of this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from tests.rig.agents import ssh_add

if TYPE_CHECKING:
    from tests.rig.agents import Agent
    from tests.rig.hosts import BuildHost
    from tests.rig.stacks import Repository

    Stack = Callable[..., Repository]
    Until = Callable[..., None]

pytestmark = pytest.mark.integration
CART = "apps/svc_cart/Dockerfile"
FIRST = """\
COPY apps/svc_cart/tools /tools
RUN --mount=type=ssh,required=true {ssh_add} -l > /keys
"""
#: Waits until a key is listed, for as long as a link may take that is lost.
LATER = """\
RUN --mount=type=ssh,required=true echo waiting for {key}; n=0; \\
    until {ssh_add} -l | grep {key} >> /keys; do n=$((n + 1)); [ "$n" -lt 400 ] || exit 1; sleep 0.1; done
"""


@pytest.fixture
def shop(stack: Stack, build_host: BuildHost) -> Iterator[Repository]:
    """svc-cart needs ssh's agent, and the project gives it."""
    made = stack("shop")
    made.configure(**build_host.settings)
    ask = ssh_add(made.root / "apps/svc_cart/tools")("/tools")
    dockerfile = (made.root / CART).read_text() + FIRST.format(ssh_add=ask)
    made.write(CART, dockerfile + "".join(LATER.format(ssh_add=ask, key=key) for key in ("second", "third")))
    table = (made.root / "pyproject.toml").read_text()
    made.write("pyproject.toml", table.replace("[tool.slipway]", '[tool.slipway]\nssh = ["default"]'))
    yield made
    made.invoke("remote-clean", "--yes").ok()
    made.invoke("build", "svc-sign").ok()
    assert made.secret_files() == [], "the next build removes the secrets of a client that was killed"


def listening(host: BuildHost) -> str:
    """Return the sockets of agents on which sshd listens on the build host, without their accepted connections."""
    return host.sh(r"sed -n 's!^\([^ ]* \)\{3\}00010000 .* \(/[^ ]*ssh[^ ]*agent.*\)$!\2!p' /proc/net/unix")


def linked(host: BuildHost) -> str:
    """Where agents in the folders of runs lead to."""
    return host.sh("find /var/tmp/slipway -name 'agent*' -not -path '*/tree/*' -exec readlink -f {} ';'")


@pytest.mark.fault("C48", "C62")
def test_a_build_there_gets_the_agent_by_whatever_connection_there_is(
    shop: Repository, build_host: BuildHost, agent: Agent, until: Until
) -> None:
    around = {"SSH_AUTH_SOCK": str(agent.socket)}
    keys = [agent.add("first")]
    log = "svc-cart.log"

    def waits_for(key: str) -> bool:
        logs = [run / log for run in shop.runs() if (run / log).exists()]
        return any(f"waiting for {key}" in file.read_text() for file in logs)

    with shop.start("build", "svc-cart", "--remote", **around) as client:
        try:
            until(lambda: waits_for("second"), "the first key", 120)
            first = linked(build_host)
            assert first and first == listening(build_host)
            assert build_host.cut()
            until(lambda: linked(build_host) not in ("", first), "the agent over the next connection", 60)
            keys.append(agent.add("second"))
            until(lambda: waits_for("third"), "the second key", 60)
        finally:
            client.kill()
            client.communicate(timeout=30)
    until(lambda: listening(build_host) == "" == linked(build_host), "the end of the agent with its client")
    keys.append(agent.add("third"))
    shop.invoke("remote-attach", **around).ok()
    assert shop.status() == {"base-floor": "built", "svc-cart": "built"}
    said = build_host.sh(f"docker run --rm {shop.reference('svc-cart')} cat /keys")
    assert [key for key in keys if key in said] == keys
    until(lambda: listening(build_host) == "" == linked(build_host), "the end of the agent with its run")


@pytest.mark.fault("C64")
def test_a_host_that_forwards_no_agent(shop: Repository, build_host: BuildHost, agent: Agent) -> None:
    """Its own agent, which its shell's start-up file names, is not given to the build in place of ours."""
    around = {"SSH_AUTH_SOCK": str(agent.socket)}
    build_host.add_user("strict", shell="/bin/bash")
    key = build_host.key.with_suffix(".pub").read_text()
    build_host.write("/home/strict/.ssh/authorized_keys", f"no-agent-forwarding {key}")
    config = build_host.options("strict", User="strict")
    hint = "AllowAgentForwarding yes"
    for own in ("", "/run/docker.sock"):
        build_host.write("/home/strict/.bashrc", f"export SSH_AUTH_SOCK={own}\n")
        ran = shop.invoke("build", "svc-cart", "--remote", SSH_CONFIG=config, **around)
        ran.failed(4, "sshd on the host forwards no agent", hint)
        assert own in ran.stderr
    assert build_host.sh("find /var/tmp/slipway/strict -path '*/runs/*'") == ""
    assert build_host.sh(f"docker images --quiet '{shop.prefix}/*'") == ""


@pytest.mark.fault("C65")
def test_no_agent_goes_where_no_build_mounts_it(shop: Repository, build_host: BuildHost, agent: Agent) -> None:
    around = {"SSH_AUTH_SOCK": str(agent.socket)}
    with build_host.instead(
        "setsid", '#!/bin/sh\necho "${SSH_AUTH_SOCK:-none}" >>/tmp/seen\nexec /usr/bin/setsid "$@"\n'
    ):
        shop.invoke("build", "svc-sign", "--remote", **around).ok()
    assert set(build_host.sh("cat /tmp/seen && rm /tmp/seen").split()) == {"none"}
    shop.invoke("plan", "svc-cart", "--remote", SSH_AUTH_SOCK="").failed(3, "SSH_AUTH_SOCK is not set", "ssh-agent")
