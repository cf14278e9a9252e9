"""Systems on a real second host: containers run there, and their ports are reached from here."""

from __future__ import annotations

import hashlib
import json
import signal
import socket
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.rig.systems import RemoteSystem, cart, uses_a_shell

pytestmark = pytest.mark.integration
PIN, TOKEN = "geheim-4711", "geheim-0815"
FILES = {
    "secrets/pin": PIN,
    "infra/compose/prices.txt": "apple 3\n",
    "shelf/deep/list.txt": "apples\n",
    "shelf/.slipway/own": "",
    "rules.txt": "no returns\n",
}
#: In the order in which the test reads them.
READ = ("infra/compose/prices.txt", "shelf/deep/list.txt", "rules.txt")
ON_THE_HOST = "/srv/only-there"
READY = ": > /tmp/ready; trap 'exit 0' TERM; while :; do sleep 0.1; done"


def reader(till: RemoteSystem, *paths: str, **more: Any) -> dict[str, Any]:
    """A service that runs as a numeric user without capabilities, and logs the hashes of files."""
    command = f"sha256sum {' '.join(paths)}; {READY}".replace("$", "$$")
    safe = {"user": "10001:10001", "cap_drop": ["ALL"], "tmpfs": ["/tmp"]}
    probe = {"test": ["CMD", "test", "-f", "/tmp/ready"], "interval": "30s"}
    return cart(till.shop, **safe, command=["sh", "-c", command], healthcheck=probe, **more)


def logged(till: RemoteSystem, service: str) -> list[str]:
    """The hashes that a reader logged since its last start."""
    lines = map(json.loads, till.shop.invoke("logs", service, "--remote", "--json").ok().stdout.splitlines())
    return [line["text"].split()[0] for line in lines]


def ids(containers: Mapping[str, Any]) -> dict[str, str]:
    return {service: one["Id"] for service, one in containers.items()}


def mode(path: Path) -> str:
    return f"{stat.S_IMODE(path.stat().st_mode):o} builder"


def hashes(*texts: str) -> list[str]:
    return [hashlib.sha256(text.encode()).hexdigest() for text in texts]


def test_a_system_comes_up_on_the_build_host_and_is_reached_from_here(remote_system: RemoteSystem) -> None:
    till = remote_system
    shop = till.shop
    prompt = {"PS1": "ready> "}
    till.write({"cart": cart(shop, ports=["8080"], volumes=["kept:/kept"], environment=prompt)}, volumes={"kept": {}})
    with till.host.few_sessions(2), shop.start("up", "till", "--remote", "--forward") as process:
        assert process.stdout
        row = next(line for line in process.stdout if line.startswith("cart"))
        address, _, port = row.split()[4].rpartition(":")
        socket.create_connection((address.removeprefix("http://"), int(port)), 10).close()
        logins = till.host.processes().count("sshd: builder") + till.host.processes().count("sshd-session: builder")
        assert logins > 1, "slipway opens further connections"
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    [shown] = shop.json("ps", "--remote")["containers"]
    assert (shown["state"], shown["planned"]) == ("healthy", "as planned")
    assert "port" in shown["urls"][0] and till.containers() == {}
    assert "cart begins" in shop.invoke("logs", "--remote").ok().stdout
    assert till.there() != {}
    uses_a_shell(shop, "shell", "till", "cart", "--remote")
    shop.invoke("down", "--remote", "--volumes", "--yes").ok()


def test_containers_on_the_build_host_read_secrets_configs_and_files_of_the_checkout(
    remote_system: RemoteSystem,
) -> None:
    till, shop = remote_system, remote_system.shop
    for path, text in FILES.items():
        shop.write(path, text)
    (shop.root / "secrets/pin").chmod(0o600)
    till.host.write(ON_THE_HOST, "of the host\n")
    paths = ("/run/secrets/pin", "/etc/prices", "/shelf/deep/list.txt", "/rules.txt", "/there")
    till.write(
        {
            "vault": reader(
                till,
                *paths,
                read_only=True,
                secrets=["pin"],
                configs=[{"source": "prices", "target": "/etc/prices"}],
                volumes=["../../shelf:/shelf:ro", "../../rules.txt:/rules.txt", f"{ON_THE_HOST}:/there:ro"],
            ),
            "open": reader(till, "/run/secrets/token", "/inline", secrets=["token"], configs=["inline"]),
        },
        secrets={"pin": {"file": "../../secrets/pin"}, "token": {"environment": "SHOP_TOKEN"}},
        configs={"prices": {"file": "prices.txt"}, "inline": {"content": "given inline\n"}},
    )

    first = bring_up(till)
    assert logged(till, "vault") == hashes(PIN, *(FILES[path] for path in READ), "of the host\n")
    assert logged(till, "open") == hashes(TOKEN, "given inline\n")
    sources = {mount["Destination"]: mount["Source"] for mount in first["vault"]["Mounts"]}
    assert sources.pop("/there") == ON_THE_HOST
    assert sources.keys() == {"/run/secrets/pin", "/etc/prices", "/shelf", "/rules.txt"}
    folder = till.host.sh(f"echo {till.folder}")
    assert all(source.startswith(f"{folder}/") for source in sources.values())
    assert till.copies() == {
        "pin": "444 builder",
        "prices.txt": "444 builder",
        "rules.txt": mode(shop.root / "rules.txt"),
        "shelf": mode(shop.root / "shelf"),
        "shelf/deep": mode(shop.root / "shelf/deep"),
        "shelf/deep/list.txt": mode(shop.root / "shelf/deep/list.txt"),
    }
    assert set(till.host.sh(f"find {folder} -maxdepth 1 -type d -printf '%m %u\\n'").splitlines()) == {"700 builder"}
    till.host.add_user("other", groups="")
    for source in (sources["/run/secrets/pin"], folder):
        assert till.host.sh(f"cat {source} 2>&1; ls {source} 2>&1 || true", user="other").count("denied") == 2

    # The file that runs can be kept. It has the names of the secrets, not their values.
    kept = shop.root / "kept.yaml"
    kept.write_text("")
    shop.invoke("up", "till", "--remote", "--write", str(kept), SHOP_TOKEN=TOKEN).ok()
    assert sources["/run/secrets/pin"] in kept.read_text() and stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert PIN not in kept.read_text() and TOKEN not in kept.read_text()

    # A second up replaces the containers of changed files alone, and keeps no older copy.
    assert ids(bring_up(till)) == ids(first)
    shop.write("secrets/pin", "geheim-4712")
    shop.write("rules.txt", "returns\n")
    second = bring_up(till)
    assert second["open"]["Id"] == first["open"]["Id"] and second["vault"]["Id"] != first["vault"]["Id"]
    assert logged(till, "vault")[:1] == hashes("geheim-4712") and len(till.copies()) == 6

    shop.invoke("down", "--remote").ok()
    assert till.left_there() == ""
    till.host.sh(f"rm {ON_THE_HOST}; userdel --remove other 2>/dev/null")


def bring_up(till: RemoteSystem) -> dict[str, Any]:
    """Bring the system up, and return its containers. No output, record or command line shows a secret."""
    with till.shop.start("--echo", "up", "till", "--remote", SHOP_TOKEN=TOKEN) as process:
        assert process.stderr
        lines = []
        for line in process.stderr:
            lines.append(line)
            if "starting" in line:
                lines.append(till.host.processes())
                lines += [path.read_text("utf-8", "replace") for path in Path("/proc").glob("[0-9]*/cmdline")]
        stdout, _ = process.communicate(timeout=60)
    assert process.returncode == 0, "".join(lines)
    records = [path.read_text() for path in (till.shop.root / ".slipway").rglob("*") if path.is_file()]
    assert any("docker-compose" in line for line in lines), "the commands are shown"
    for text in (stdout, *lines, *records):
        assert "geheim" not in text
    return till.there()
