"""Pushing from a real second host, to a registry that only that host reaches."""

from __future__ import annotations

import base64
import json
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import bcrypt
import pytest

from tests.release.keys import key
from tests.rig.outside import LABEL, machine_docker

if TYPE_CHECKING:
    from tests.rig.hosts import BuildHost
    from tests.rig.stacks import Repository

    Stack = Callable[..., Repository]

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("build host")]
REGISTRY = "localhost:5000"
CLOSED = "localhost:5001"
REGISTRY_IMAGE = "slipway-registry"
PASSWORD = secrets.token_hex(16)
HEAD = (
    "import sys, urllib.request as u; r = u.Request(sys.argv[1], method='HEAD', headers={'Accept': "
    "'application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json', "
    "'Authorization': 'Basic ' + sys.argv[2]}); print(u.urlopen(r).headers['Docker-Content-Digest'])"
)


@pytest.fixture(scope="module")
def there(build_host: BuildHost) -> Iterator[BuildHost]:
    """The host with two registries at its own loopback: one that is open, one that lets in ``ann``.

    They run in the machine's engine and in the host's network, so that no image travels to the host.
    """
    passwords = build_host.folder / "htpasswd"
    passwords.write_bytes(b"ann:" + bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)) + b"\n")
    passwords.chmod(0o644)
    auth = {
        "REGISTRY_AUTH": "htpasswd",
        "REGISTRY_AUTH_HTPASSWD_REALM": "t",
        "REGISTRY_AUTH_HTPASSWD_PATH": "/htpasswd",
    }
    login = [f"--env={name}={value}" for name, value in auth.items()]
    with (
        a_registry_in(build_host, REGISTRY),
        a_registry_in(build_host, CLOSED, f"--volume={passwords}:/htpasswd:ro", *login),
    ):
        yield build_host


@contextmanager
def a_registry_in(host: BuildHost, address: str, *more: str) -> Iterator[None]:
    """Run a registry at an address of the host's loopback while this holds; ``more``: flags of ``docker run``."""
    name = registry_in(host, address)
    flags = ["--name", name, "--label", LABEL, f"--network=container:{host.container}"]
    machine_docker("run", "--detach", *flags, f"--env=REGISTRY_HTTP_ADDR={address}", *more, REGISTRY_IMAGE)
    try:
        yield
    finally:
        machine_docker("rm", "--force", "--volumes", name)


def registry_in(host: BuildHost, address: str) -> str:
    """Return the name of the container."""
    return f"{host.container[:12]}-{address.replace(':', '-')}"


def digest_there(host: BuildHost, repository: Repository, name: str, tag: str = "v1", login: str = "") -> str:
    """Return the digest of a tag in the registry on the host, asked from the host's network."""
    registry, owner = repository.settings["REGISTRY"], repository.settings["OWNER"]
    url = f"http://{registry}/v2/{owner}/{name}/manifests/{tag}"
    return machine_docker("exec", registry_in(host, registry), "python", "-c", HEAD, url, login)


@contextmanager
def watched(host: BuildHost, login: str) -> Iterator[Callable[[], list[str]]]:
    """Look at every process there while this holds; afterwards, which of them had ``login`` or the password."""
    script = (
        "while [ ! -e /run/enough ]; do for p in /proc/[0-9]*; do "
        "grep -qsFf /run/canaries $p/cmdline $p/environ 2>/dev/null && cat $p/comm; done; done > /run/seen 2>/dev/null"
    )
    host.write("/run/canaries", f"{login}\n{PASSWORD}\n")
    host.write("/run/watch", script)
    host.sh(f"ln -sf /bin/sleep /run/control && rm -f /run/enough && (LOGIN={login} setsid /run/control 30 &)")
    host.sh("setsid sh /run/watch >/dev/null 2>&1 &")
    try:
        yield lambda: host.sh("sort -u /run/seen").split()
    finally:
        host.sh("touch /run/enough && pkill -x control; rm /run/canaries")


@pytest.mark.both_stores
def test_a_build_and_a_push_there(stack: Stack, there: BuildHost) -> None:
    shop = stack("shop", REGISTRY=REGISTRY)
    shop.configure(**there.settings)
    shop.invoke("push", "--remote").failed(2, "not built")
    ran = shop.invoke("build-base", "--remote", "push").ok()
    assert set(shop.record()) == {"base-floor", "base-counter"}, "--remote holds for the chain; it built bases alone"
    ran = shop.invoke("build", "--remote", "push").ok()
    assert "5 pushed" in ran.stdout or "3 pushed" in ran.stdout, ran.stdout
    for name, entry in shop.record().items():
        assert digest_there(there, shop, name) == entry["image_digest"]
    again = shop.invoke("push", "--remote").ok()
    assert "pushed" not in again.stdout
    shop.write("apps/svc_cart/cart.txt", "another cart\n")
    shop.invoke("build", "--remote", "push").failed(10, "--force")


@pytest.mark.fault("X06", "X07")
def test_no_login_stays_there(stack: Stack, there: BuildHost, tmp_path: Path) -> None:
    shop = stack("shop", REGISTRY=CLOSED)
    shop.configure(**there.settings)
    login = base64.b64encode(f"ann:{PASSWORD}".encode()).decode()
    (tmp_path / "config.json").write_text(json.dumps({"auths": {CLOSED: {"auth": login}}}))
    shop.invoke("build", "--remote").ok()
    shop.invoke("push", "--remote").failed(7, "wants a login")
    with watched(there, login) as seen:
        shop.invoke("push", "--remote", DOCKER_CONFIG=str(tmp_path)).ok()
    assert set(seen()) == {"control"}, "no process there had it in its words or its environment"
    assert digest_there(there, shop, "svc-till", login=login).startswith("sha256:")
    there.write("/var/tmp/control", f"{login}\n")
    places = "/home /root /etc /var/tmp /tmp /run /var/log"
    found = there.sh(f"grep -rlsF -e {login} -e {PASSWORD} {places} || true").split()
    assert found == ["/var/tmp/control"]
    there.sh("rm /var/tmp/control")


@pytest.mark.fault("S18", "S19")
def test_one_release_at_a_time(stack: Stack, there: BuildHost) -> None:
    shop = stack("shop", REGISTRY=REGISTRY)
    shop.configure(**there.settings)
    shop.invoke("build", "svc-sign", "--remote").ok()
    name = f"push-{shop.settings['REGISTRY']}-{shop.settings['OWNER']}".replace(":", "-")
    lock = f"/var/tmp/slipway/locks/{name}"
    held = "bob@laptop since 2026-11-21 10:00:00"
    there.sh(f"install -d -m 1777 /var/tmp/slipway/locks && install -d -o builder {lock}")
    there.sh(f"echo '{held}' > {lock}/holder && touch {lock}/lease && chown builder {lock}/*")
    push = ("push", "svc-sign", "--remote")
    ran = shop.invoke(*push).failed(11, f"held by {held}")
    assert "--break-lock" not in ran.stderr
    shop.invoke(*push, "--break-lock").failed(11, f"held by {held}")
    there.sh(f"touch -d '10 minutes ago' {lock}/lease")
    ran = shop.invoke(*push).failed(11, f"held by {held}", "--break-lock")
    assert re.search(r"last renewed 6\d\d s ago", ran.closing)
    ran = shop.invoke(*push, "--break-lock")
    assert "expired lock" in ran.stderr and ran.code != 11
    assert there.sh(f"ls -d {lock} 2>/dev/null || true") == ""


def test_a_release_there_is_verified_and_returned_to(stack: Stack, there: BuildHost, tmp_path: Path) -> None:
    """The build, the uploads, the record and its signature are there; the key is here alone."""
    shop = stack("shop", REGISTRY=REGISTRY, SIGN_KEY=key(tmp_path, "alice"))
    shop.write("allowed_signers", f"alice@example.com {(tmp_path / 'alice.pub').read_text()}")
    shop.configure(**there.settings)
    release = ("release", "--no-smoke", "--also", "latest", "--remote")
    shop.invoke(*release).ok()
    first = digest_there(there, shop, "svc-cart")
    assert digest_there(there, shop, "svc-cart", "latest") == first
    assert "released already" in shop.invoke(*release).ok().stdout
    kept = json.loads((shop.root / ".slipway/releases/v1.json").read_text())
    assert {one["digest"]["sha256"] for one in kept["subject"]} >= {first.removeprefix("sha256:")}

    shop.write("apps/svc_cart/cart.txt", "another cart\n")
    shop.invoke(*release, "--version", "v2").ok()
    assert digest_there(there, shop, "svc-cart", "latest") != first
    assert shop.invoke("release.list", "--remote").ok().stdout.split()[0] == "v2"
    shop.invoke("release.rollback", "v1", "--remote", "--yes").ok()
    assert digest_there(there, shop, "svc-cart", "latest") == first
    verified = shop.invoke("release.verify", "v1", "--remote").ok().stdout
    assert "signature   good   alice@example.com, ED25519 key" in verified
    assert there.sh("grep -rlF 'OPENSSH PRIVATE KEY' /var/tmp/slipway /tmp 2>/dev/null || true") == ""
    shop.invoke("release.verify", "v2", "--remote").ok()


@pytest.mark.fault("U01")
def test_a_build_there_takes_the_locked_root_image(stack: Stack, there: BuildHost) -> None:
    """Only the build host reaches the registry of the root image, and its engine does not have the locked one."""
    shop = stack("shop", REGISTRY=REGISTRY)
    root, engines_own = shop.reference("root", "1"), shop.settings["PYTHON_IMAGE"]
    shop.configure(**there.settings)
    shop.invoke("build", "base-floor", "--remote").ok()  # sends the small image that the test's root images stand on
    shop.configure(PYTHON_IMAGE=root)

    def publish(word: str) -> None:
        dockerfile = f"FROM {engines_own}\\nRUN echo {word} > /word\\n"
        there.sh(f"printf '{dockerfile}' | docker build --quiet --tag {root} - && docker push --quiet {root}")
        there.sh(f"docker image rm --force $(docker image ls --quiet {root})")

    publish("first")
    shop.invoke("base-outdated", "--update", "--remote").ok()
    publish("second")
    shop.invoke("build", "base-floor", "--remote").ok()
    assert there.sh(f"docker run --rm {shop.reference('base-floor')} cat /word") == "first"
