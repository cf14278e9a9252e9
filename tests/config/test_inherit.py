"""The mounts of ``inherit = "run"``: files are secrets, and variables hold paths."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from slipway.config.inherit import ADDED, MOUNTABLE, Inherit, contents, inherit_faults, mounts
from slipway.config.pip import PipConfig
from slipway.secrets.secret import Secret

LOGIN = "https://ann:s3cret@index.example/simple"
PIP = PipConfig(
    index_url=Secret(LOGIN),
    extra_index_urls=(Secret("https://more.example/simple"),),
    find_links=(Secret("https://pages.example/links"),),
    trusted_hosts=("index.example",),
    proxy=Secret("http://proxy.example:3128"),
    no_index=True,
)
WITH_CA = mounts(Inherit.RUN, ca=True).split()


def test_by_default_nothing_is_mounted() -> None:
    assert mounts(Inherit("mount"), ca=True) == ""
    assert mounts(Inherit("run"), ca=True) != ""


def test_every_mount_is_a_secret_that_slipway_gives() -> None:
    ids = {found[1] for flag in WITH_CA if (found := re.fullmatch(r"--mount=type=secret,id=([\w.]+),.+", flag))}
    assert ids == {*ADDED, "ca"} == {*contents(PIP), "ca"}
    assert MOUNTABLE == ("ca", "pip.conf", "uv.toml") and not set(ADDED).intersection(MOUNTABLE)


def test_files_lie_where_no_layer_keeps_a_mount_point_and_any_user_reads_them() -> None:
    files = [flag for flag in WITH_CA if "target=" in flag]
    assert len(files) == 5
    assert all(re.search(r",target=/dev/slipway/[\w/.]+,mode=0444$", flag) for flag in files)


def test_variables_hold_the_paths_of_mounted_files() -> None:
    texts = contents(PIP)
    ca = "/dev/slipway/ca.crt"
    assert {name: texts[id] for id, name in re.findall(r"id=([^,]+),env=(\S+)", " ".join(WITH_CA))} == {
        "XDG_CONFIG_DIRS": "/dev/slipway/config:/etc/xdg",
        "SSL_CERT_FILE": ca,
        "PIP_CERT": ca,
        "REQUESTS_CA_BUNDLE": ca,
        "CURL_CA_BUNDLE": ca,
        "GIT_SSL_CAINFO": ca,
        "NODE_EXTRA_CA_CERTS": ca,
        "APT_CONFIG": "/dev/slipway/apt.conf",
        "WGETRC": "/dev/slipway/wgetrc",
    }
    assert dict(re.findall(r"id=([^,]+),target=([^,]+)", " ".join(WITH_CA))) == {
        "ca": ca,
        "slipway.pip.conf": "/dev/slipway/config/pip/pip.conf",
        "slipway.uv.toml": "/dev/slipway/config/uv/uv.toml",
        "slipway.apt.conf": "/dev/slipway/apt.conf",
        "slipway.wgetrc": "/dev/slipway/wgetrc",
    }
    assert texts["slipway.apt.conf"] == f'Acquire::https::CaInfo "{ca}";\n'
    assert texts["slipway.wgetrc"] == f"ca_certificate = {ca}\n"


def test_without_a_ca_bundle_no_variable_leads_to_one() -> None:
    """BuildKit would set it to an empty text."""
    assert "ca" not in re.findall(r"id=([^,]+)", mounts(Inherit.RUN, ca=False))
    assert re.findall(r"env=(\w+)", mounts(Inherit.RUN, ca=False)) == ["XDG_CONFIG_DIRS"]


def test_another_value_is_a_fault() -> None:
    assert [*inherit_faults("run"), *inherit_faults("mount")] == []
    assert list(inherit_faults("root")) == [("inherit", "inherit is mount or run", 'inherit = "run"')]


def test_a_login_is_in_the_configuration_files_alone() -> None:
    assert {name for name, text in contents(PIP).items() if "s3cret" in text} == {"slipway.pip.conf", "slipway.uv.toml"}


def test_folders_of_this_machine_are_left_out() -> None:
    """They would be inputs of every image."""
    texts = contents(PipConfig(folders=(Path("/wheels"),)))
    assert (texts["slipway.pip.conf"], texts["slipway.uv.toml"]) == ("[global]\n", "")


def test_uv_gets_only_keys_that_an_old_one_knows() -> None:
    assert tomllib.loads(contents(PIP)["slipway.uv.toml"]) == {
        "no-index": True,
        "index-url": LOGIN,
        "extra-index-url": ["https://more.example/simple"],
        "index-strategy": "unsafe-best-match",
        "find-links": ["https://pages.example/links"],
        "allow-insecure-host": ["index.example"],
    }
    assert contents(PipConfig())["slipway.uv.toml"] == ""
