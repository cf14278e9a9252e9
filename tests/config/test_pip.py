"""pip's configuration becomes what a build can use, and its credentials never show."""

from __future__ import annotations

import ast
import configparser
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from slipway.config.pip import (
    PipConfig,
    notes,
    parse_pip_config,
    pip_conf,
    pip_files,
    read_pip_config,
    travels,
    uv_toml,
)
from slipway.secrets.secret import Secret

DEVELOPER = """\
:env:.cert='/etc/ssl/certs/ca-certificates.crt'
:env:.default-timeout='180'
:env:.disable-pip-version-check='1'
:env:.find-links='/opt/wheels'
global.cert='/etc/other.pem'
global.extra-index-url='file:///opt/pypi/simple file:///opt/pypi-more/simple'
global.find-links='/opt/else'
"""

COMPANY = """\
global.extra-index-url='\\nhttps://ann:s3cret@one.example/simple\\nhttps://two.example/simple'
global.index-url='https://ann:s3cret@pypi.example/simple'
global.proxy='http://ann:s3cret@proxy.example:3128'
global.trusted-host='one.example two.example:8080'
install.find-links='https://ann:s3cret@links.example/cpu.html /opt/wheels file:///opt/more%20wheels /gone'
install.no-index='false'
list.format='columns'
"""


def listed(text: str) -> dict[tuple[str, str], str]:
    """Return the output of ``pip config list``, a ``section.key='value'`` each line, as (section, key) → value.

    pip 26.3 lists every source, the strongest first.
    """
    pairs = [line.partition("=") for line in text.splitlines() if line]
    found = [((name.partition(".")[0], name.partition(".")[2]), ast.literal_eval(value)) for name, _, value in pairs]
    return dict(reversed(found))


def anywhere(path: Path) -> bool:
    return path != Path("/gone")


def test_environment_wins_over_files_and_file_indexes_stay() -> None:
    config = parse_pip_config(listed(DEVELOPER), anywhere)
    assert config == PipConfig(
        folders=(Path("/opt/wheels"),),
        cert="/etc/ssl/certs/ca-certificates.crt",
        left=(
            "extra-index-url file:///opt/pypi/simple: not over http(s), a build does not see it",
            "extra-index-url file:///opt/pypi-more/simple: not over http(s), a build does not see it",
        ),
    )
    assert notes(config) == config.left


def test_everything_a_company_sets() -> None:
    config = parse_pip_config(listed(COMPANY), anywhere)
    assert config == PipConfig(
        index_url=Secret("https://ann:s3cret@pypi.example/simple"),
        extra_index_urls=(
            Secret("https://ann:s3cret@one.example/simple"),
            Secret("https://two.example/simple"),
        ),
        find_links=(Secret("https://ann:s3cret@links.example/cpu.html"),),
        folders=(Path("/opt/wheels"), Path("/opt/more wheels")),
        trusted_hosts=("one.example", "two.example:8080"),
        proxy=Secret("http://ann:s3cret@proxy.example:3128"),
        left=("find-links /gone: no such folder here",),
    )


@pytest.mark.parametrize("told", [repr, travels, notes, lambda config: str(config)])
def test_credentials_never_show(told: Callable[[PipConfig], object]) -> None:
    config = parse_pip_config(listed(COMPANY.replace("/gone", "/gone ftp://ann:s3cret@old.example/")), anywhere)
    assert "s3cret" not in str(told(config))


def test_uv_reads_the_configuration_of_pip() -> None:
    table = tomllib.loads(uv_toml(parse_pip_config(listed(COMPANY), anywhere)))
    assert table == {
        "system-certs": True,
        "find-links": ["/wheelhouse", "https://ann:s3cret@links.example/cpu.html"],
        "index-strategy": "unsafe-best-match",
        "allow-insecure-host": ["one.example", "two.example:8080"],
        "http-proxy": "http://ann:s3cret@proxy.example:3128",
        "https-proxy": "http://ann:s3cret@proxy.example:3128",
        "index": [
            {"url": "https://ann:s3cret@one.example/simple"},
            {"url": "https://two.example/simple"},
            {"url": "https://ann:s3cret@pypi.example/simple", "default": True},
        ],
    }


def test_pip_reads_the_configuration_again() -> None:
    config = parse_pip_config(listed(COMPANY), anywhere)
    parser = configparser.RawConfigParser()
    parser.read_string(pip_conf(config))
    section = {name: value.split() for name, value in parser["global"].items()}
    assert section == {
        "index-url": ["https://ann:s3cret@pypi.example/simple"],
        "extra-index-url": ["https://ann:s3cret@one.example/simple", "https://two.example/simple"],
        "find-links": ["/wheelhouse", "https://ann:s3cret@links.example/cpu.html"],
        "trusted-host": ["one.example", "two.example:8080"],
        "proxy": ["http://ann:s3cret@proxy.example:3128"],
    }


def test_an_empty_configuration_names_no_wheelhouse() -> None:
    assert uv_toml(PipConfig()) == "system-certs = true\n"
    assert pip_conf(PipConfig()) == "[global]\n"
    assert notes(PipConfig()) == travels(PipConfig()) == ()


def test_no_index_is_kept() -> None:
    config = parse_pip_config({(":env:", "no-index"): "1", (":env:", "find-links"): "/opt/wheels"}, anywhere)
    assert tomllib.loads(uv_toml(config)) == {
        "system-certs": True,
        "no-index": True,
        "find-links": ["/wheelhouse"],
    }
    assert pip_conf(config) == "[global]\nno-index = true\nfind-links = /wheelhouse\n"


def test_passwords_are_withheld_and_user_names_only_when_they_are_tokens() -> None:
    config = PipConfig(
        index_url=Secret("https://ann:s3%20cret@one.example/simple"),
        extra_index_urls=(Secret("https://t0ken@two.example/simple"), Secret("https://three.example/simple")),
    )
    assert [secret.reveal() for secret in config.withheld] == ["s3%20cret", "s3 cret", "t0ken"]
    assert {secret.reveal() for secret in config.secrets} >= {"ann", "s3 cret", "t0ken"}


@pytest.mark.fault("U03")
def test_an_extra_index_is_worth_a_word() -> None:
    config = PipConfig(extra_index_urls=(Secret("https://ann:s3cret@one.example/simple"),))
    assert notes(config) == ("extra-index-url one.example: any index may answer for any name; prefer one index-url",)


def test_a_file_that_cannot_be_read_is_reported(tmp_path: Path) -> None:
    file = tmp_path / "pip.conf"
    file.write_text("index-url = https://ann:s3cret@pypi.example/simple\n")
    config = read_pip_config({"PIP_CONFIG_FILE": str(file), "PIP_CERT": "/etc/ca.pem"}, tmp_path / "nowhere", tmp_path)
    assert config.cert == "/etc/ca.pem"
    assert f"pip's {file} could not be read: MissingSectionHeaderError" in config.left
    assert "s3cret" not in str(config)


def test_no_file_is_read_when_the_environment_says_so(tmp_path: Path) -> None:
    assert pip_files({"PIP_CONFIG_FILE": os.devnull}, tmp_path, tmp_path) == ()


@pytest.mark.process
@pytest.mark.parametrize("own", ["", "own.conf", "absent.conf"])
def test_slipway_and_pip_read_the_same_configuration(own: str, tmp_path: Path) -> None:
    """``pip config list`` over files at every place of a user, and variables in odd spellings."""
    prefix = Path(sys.prefix)
    (tmp_path / "site/pip").mkdir(parents=True)
    (tmp_path / "home/.pip").mkdir(parents=True)
    (tmp_path / "home/.config/pip").mkdir(parents=True)
    (tmp_path / "site/pip/pip.conf").write_text("[global]\ntimeout = 9\nindex_url = https://shared.example/%s\n")
    (tmp_path / "home/.pip/pip.conf").write_text("[global]\nproxy = http://old.example\n[install]\nno-index = no\n")
    (tmp_path / "home/.config/pip/pip.conf").write_text(
        "[global]\nproxy = http://new.example\nfind-links =\n    /a\n    /b\n[install]\nproxy = http://in.example\n"
    )
    (tmp_path / "own.conf").write_text("[global]\n--Index-URL = https://own.example/simple\ntrusted-host =\n")
    variables = {"XDG_CONFIG_DIRS": str(tmp_path / "site"), "PIP_Extra_Index_URL": "https://x.example", "PIP_CERT": ""}
    variables |= {"PIP_CONFIG_FILE": str(tmp_path / own)} if own else {}
    kept = {name: value for name, value in os.environ.items() if name[:4] not in ("PIP_", "XDG_")}
    asked = [sys.executable, "-m", "pip", "--no-cache-dir", "config", "list"]
    done = subprocess.run(
        asked, env={**kept, **variables, "HOME": str(tmp_path / "home")}, capture_output=True, text=True, check=True
    )
    everywhere = lambda path: True  # noqa: E731
    read = read_pip_config(variables, prefix, tmp_path / "home", everywhere)
    assert read == parse_pip_config(listed(done.stdout), everywhere)
