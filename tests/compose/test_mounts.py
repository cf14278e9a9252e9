"""Find the files that a resolved compose file mounts, and give them their paths on a build host."""

from __future__ import annotations

import copy
from typing import Any

from slipway.compose.mounts import Mount, mounts_of, on_build_host, variables_of
from slipway.hosts.host import MountKind, MountSource

PIN = MountSource("/repo/pin", MountKind.SECRET)
SHELF = MountSource("/repo/shelf", MountKind.BIND)
CONFIG: dict[str, Any] = {
    "services": {
        "cart": {
            "user": "10001",
            "secrets": [{"source": "pin", "target": "/run/secrets/pin"}, {"source": "token"}],
            "configs": [{"source": "prices"}, {"source": "inline"}, {"source": "rates"}],
            "volumes": [
                {"type": "bind", "source": "/repo/shelf", "target": "/shelf", "bind": {"create_host_path": True}},
                {"type": "bind", "source": "/run/docker.sock", "target": "/docker.sock"},
                {"type": "volume", "source": "kept", "target": "/kept"},
            ],
        },
        "plain": {},
    },
    "secrets": {"pin": {"file": "/repo/pin"}, "token": {"environment": "TOKEN"}, "unused": {"environment": "UNUSED"}},
    "configs": {"prices": {"file": "/repo/prices"}, "inline": {"content": "x"}, "rates": {"environment": "RATES"}},
}


def test_bind_mounts_and_the_files_of_secrets_and_configs_are_found() -> None:
    assert list(mounts_of(CONFIG)) == [
        Mount("cart", "/shelf", SHELF, made=True, user="10001"),
        Mount("cart", "/docker.sock", MountSource("/run/docker.sock", MountKind.BIND), user="10001"),
        Mount("cart", "pin", PIN, user="10001"),
        Mount("cart", "prices", MountSource("/repo/prices", MountKind.CONFIG), user="10001"),
    ]


def test_a_mount_is_named_by_its_kind() -> None:
    assert [str(mount) for mount in mounts_of(CONFIG)][1:3] == ["bind mount /docker.sock", "secret pin"]


def test_the_variables_of_used_secrets_and_configs_are_found() -> None:
    assert variables_of(CONFIG, MountKind.SECRET) == {"TOKEN"}
    assert variables_of(CONFIG, MountKind.SECRET, MountKind.CONFIG) == {"TOKEN", "RATES"}
    assert variables_of({}, MountKind.SECRET) == frozenset()


def test_each_sent_file_has_its_path_on_the_build_host_and_the_engine_makes_no_folder() -> None:
    before = copy.deepcopy(CONFIG)
    made = on_build_host(CONFIG, {PIN: "/there/pin", SHELF: "/there/shelf"})
    shelf, docker, kept = made["services"]["cart"]["volumes"]
    assert (shelf["source"], shelf["bind"]) == ("/there/shelf", {"create_host_path": False})
    assert (docker["source"], docker["bind"]) == ("/run/docker.sock", {"create_host_path": False})
    assert kept == {"type": "volume", "source": "kept", "target": "/kept"}
    assert made["secrets"]["pin"] == {"file": "/there/pin"}
    assert made["secrets"]["token"] == {"environment": "TOKEN"}
    assert made["configs"] == CONFIG["configs"]
    assert before == CONFIG
