"""Give builds this machine's pip configuration: indexes, find-links, proxy; as uv.toml, pip.conf and a wheelhouse.

URLs may hold credentials, so they are Secrets from the moment they are parsed.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from slipway.secrets.patterns import url_secrets, without_login
from slipway.secrets.secret import NO_SECRET, Secret

#: Where a build finds the find-links folders of this machine.
MOUNT = "/wheelhouse"
#: Says whether a local path is a folder.
IsFolder = Callable[[Path], bool]

_VARIABLES = ":env:"
_SECTIONS = ("global", "install", _VARIABLES)  # pip's order: the later wins


@dataclass(frozen=True)
class PipConfig:
    """Hold the part of pip's configuration that builds can use.

    ``find_links`` are pages over http(s), ``folders`` are local folders. ``left`` lists what builds cannot use and
    why, a line each, without credentials.
    """

    index_url: Secret = NO_SECRET
    extra_index_urls: tuple[Secret, ...] = ()
    find_links: tuple[Secret, ...] = ()
    folders: tuple[Path, ...] = ()
    cert: str = ""
    trusted_hosts: tuple[str, ...] = ()
    proxy: Secret = NO_SECRET
    no_index: bool = False
    left: tuple[str, ...] = ()

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Return the user names and passwords in its URLs."""
        return tuple(secret for url in self._urls for secret in url_secrets(url.reveal()))

    @property
    def withheld(self) -> tuple[Secret, ...]:
        """Return the secrets that no image may hold: passwords in its URLs, or a user name that is a token."""
        parts = (urlsplit(url.reveal()) for url in self._urls)
        found = (part.password or part.username for part in parts)
        return tuple(Secret(form) for value in found if value for form in dict.fromkeys((value, unquote(value))))

    @property
    def _urls(self) -> tuple[Secret, ...]:
        return (self.index_url, *self.extra_index_urls, *self.find_links, self.proxy)


def read_pip_config(
    variables: Mapping[str, str], prefix: Path, home: Path, is_folder: IsFolder = Path.is_dir
) -> PipConfig:
    """Read pip's configuration for the environment at ``prefix``: its files, and the PIP_* variables.

    Running pip takes longer than a whole plan. A file that cannot be read goes into ``left``; nothing is raised.
    """
    found: dict[tuple[str, str], str] = {}
    left: list[str] = []
    for file in pip_files(variables, prefix, home):
        try:
            found |= _settings(file.read_text("utf-8"))
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            left.append(f"pip's {file} could not be read: {type(error.__cause__ or error).__name__}")
    named = {name.removeprefix("PIP_"): value for name, value in variables.items() if name.startswith("PIP_")}
    found |= {(_VARIABLES, _key(name)): value for name, value in named.items()}
    config = parse_pip_config(found, is_folder)
    return replace(config, left=(*left, *config.left))


def pip_files(variables: Mapping[str, str], prefix: Path, home: Path) -> tuple[Path, ...]:
    """Return the files that pip reads on Linux and macOS; later ones win (pip's docs, "Configuration files")."""
    own = variables.get("PIP_CONFIG_FILE", "")
    if own == os.devnull:
        return ()
    shared = [Path(folder) for folder in (variables.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":") if folder]
    users = [home / ".pip/pip.conf", Path(variables.get("XDG_CONFIG_HOME") or home / ".config") / "pip/pip.conf"]
    if sys.platform == "darwin":
        shared = [Path("/Library/Application Support")]
        library = home / "Library/Application Support/pip"
        users[1] = library / "pip.conf" if library.is_dir() else home / ".config/pip/pip.conf"
    everywhere = [*(folder / "pip/pip.conf" for folder in shared), Path("/etc/pip.conf")]
    theirs = [] if own and Path(own).exists() else users
    return (*everywhere, *theirs, prefix / "pip.conf", *([Path(own)] if own else []))


def parse_pip_config(found: Mapping[tuple[str, str], str], is_folder: IsFolder = Path.is_dir) -> PipConfig:
    """Parse ``found``, (section, key) → value. The environment wins over [install], which wins over [global]."""
    known = [(key, found[where, key].strip()) for section in _SECTIONS for where, key in found if where == section]
    values = {key: value for key, value in known if value}
    config = PipConfig(
        cert=values.get("cert", ""),
        trusted_hosts=tuple(values.get("trusted-host", "").split()),
        proxy=Secret(values.get("proxy", "")),
        no_index=values.get("no-index", "").lower() in ("1", "true", "yes", "on"),
    )
    if url := values.get("index-url", ""):
        config = _with_index(config, url, default=True)
    for url in values.get("extra-index-url", "").split():
        config = _with_index(config, url, default=False)
    for place in values.get("find-links", "").split():
        config = _with_find_links(config, place, is_folder)
    return config


def uv_toml(config: PipConfig) -> str:
    """Return uv's configuration (/etc/uv/uv.toml). With extra indexes the best version of all wins, as with pip."""
    places = [MOUNT] * bool(config.folders) + [url.reveal() for url in config.find_links]
    lines = ["system-certs = true"]
    if config.no_index:
        lines.append("no-index = true")
    if places:
        lines.append(f"find-links = {_toml(places)}")
    if config.extra_index_urls:
        lines.append('index-strategy = "unsafe-best-match"')
    if config.trusted_hosts:
        lines.append(f"allow-insecure-host = {_toml(list(config.trusted_hosts))}")
    if config.proxy:
        proxy = _toml(config.proxy.reveal())
        lines += [f"http-proxy = {proxy}", f"https-proxy = {proxy}"]
    for url in config.extra_index_urls:
        lines += ["", "[[index]]", f"url = {_toml(url.reveal())}"]
    if config.index_url:
        lines += ["", "[[index]]", f"url = {_toml(config.index_url.reveal())}", "default = true"]
    return "\n".join(lines) + "\n"


def uv_variables(config: PipConfig, bundle: str) -> dict[str, str]:
    """Return the variables with which uv on this machine uses pip's indexes. ``bundle``: the CA bundle, if any.

    Without an index in pip's configuration, uv uses its own.
    """
    places = [*map(str, config.folders), *(url.reveal() for url in config.find_links)]
    proxy = config.proxy.reveal()
    values = {
        "UV_SYSTEM_CERTS": "1",
        "SSL_CERT_FILE": bundle,
        "UV_DEFAULT_INDEX": config.index_url.reveal(),
        "UV_INDEX": " ".join(url.reveal() for url in config.extra_index_urls),
        "UV_INDEX_STRATEGY": "unsafe-best-match" if config.extra_index_urls else "",
        "UV_FIND_LINKS": ",".join(places),
        "UV_INSECURE_HOST": " ".join(config.trusted_hosts),
        "HTTP_PROXY": proxy,
        "HTTPS_PROXY": proxy,
    }
    return {name: value for name, value in values.items() if value}


def plain_uv_toml(config: PipConfig) -> str:
    """Return uv's configuration without the CA bundle and the proxy, in keys that every uv since 0.4 knows.

    uv ends with an error at a key that it does not know.
    """
    lines = ["no-index = true"] * config.no_index
    if config.index_url:
        lines.append(f"index-url = {_toml(config.index_url.reveal())}")
    if config.extra_index_urls:
        lines.append(f"extra-index-url = {_toml([url.reveal() for url in config.extra_index_urls])}")
        lines.append('index-strategy = "unsafe-best-match"')
    if config.find_links:
        lines.append(f"find-links = {_toml([url.reveal() for url in config.find_links])}")
    if config.trusted_hosts:
        lines.append(f"allow-insecure-host = {_toml(list(config.trusted_hosts))}")
    return "".join(f"{line}\n" for line in lines)


def pip_conf(config: PipConfig) -> str:
    """Return pip's configuration (/etc/pip.conf) for a build. The CA bundle is a separate secret."""
    places = [MOUNT] * bool(config.folders) + [url.reveal() for url in config.find_links]
    settings = {
        "no-index": ["true"] * config.no_index,
        "index-url": [config.index_url.reveal()] * bool(config.index_url),
        "extra-index-url": [url.reveal() for url in config.extra_index_urls],
        "find-links": places,
        "trusted-host": list(config.trusted_hosts),
        "proxy": [config.proxy.reveal()] * bool(config.proxy),
    }
    lines = [f"{name} = {_indented(values)}" for name, values in settings.items() if values]
    return "\n".join(["[global]", *lines]) + "\n"


def notes(config: PipConfig) -> tuple[str, ...]:
    """Return notes for the user, a line each: what builds cannot use, and what an extra index means."""
    if not config.extra_index_urls:
        return config.left
    hosts = ", ".join(sorted({urlsplit(url.reveal()).hostname or "" for url in config.extra_index_urls}))
    return (*config.left, f"extra-index-url {hosts}: any index may answer for any name; prefer one index-url")


def travels(config: PipConfig) -> tuple[str, ...]:
    """Return what builds can use, a line each, without credentials."""
    lines = [f"index-url {without_login(config.index_url.reveal())}"] * bool(config.index_url)
    lines += [f"extra-index-url {without_login(url.reveal())}" for url in config.extra_index_urls]
    lines += [f"find-links {without_login(url.reveal())}" for url in config.find_links]
    lines += [f"find-links {folder}" for folder in config.folders]
    lines += [f"cert {config.cert}"] * bool(config.cert)
    lines += [f"trusted-host {host}" for host in config.trusted_hosts]
    lines += [f"proxy {without_login(config.proxy.reveal())}"] * bool(config.proxy)
    lines += ["no-index"] * config.no_index
    return tuple(lines)


def _settings(text: str) -> dict[tuple[str, str], str]:
    """Parse a file into (section, key) → raw value: ``%`` has no meaning. Raises ValueError from the parser's error."""
    import configparser

    parser = configparser.RawConfigParser()
    try:
        parser.read_string(text)
    except configparser.Error as error:
        raise ValueError(error.message) from error
    return {(section, _key(name)): value for section in parser.sections() for name, value in parser.items(section)}


def _key(name: str) -> str:
    """Normalize a name as pip does: ``PIP_Index_URL``, ``--index-url`` and ``index_url`` are equal."""
    return name.lower().replace("_", "-").removeprefix("--")


def _with_index(config: PipConfig, url: str, *, default: bool) -> PipConfig:
    name = "index-url" if default else "extra-index-url"
    if urlsplit(url).scheme not in ("http", "https"):
        return _leave(config, f"{name} {without_login(url)}: not over http(s), a build does not see it")
    if default:
        return replace(config, index_url=Secret(url))
    return replace(config, extra_index_urls=(*config.extra_index_urls, Secret(url)))


def _with_find_links(config: PipConfig, place: str, is_folder: IsFolder) -> PipConfig:
    if urlsplit(place).scheme in ("http", "https"):
        return replace(config, find_links=(*config.find_links, Secret(place)))
    if "://" in place and not place.startswith("file:"):
        return _leave(config, f"find-links {without_login(place)}: neither a folder nor over http(s)")
    folder = Path(unquote(urlsplit(place).path) if place.startswith("file:") else place).expanduser()
    if not is_folder(folder):
        return _leave(config, f"find-links {without_login(place)}: no such folder here")
    return replace(config, folders=(*config.folders, folder.absolute()))


def _leave(config: PipConfig, note: str) -> PipConfig:
    return replace(config, left=(*config.left, note))


def _toml(value: str | list[str]) -> str:
    """Write a string or list of strings as TOML: JSON, except for DEL, which no URL holds."""
    return json.dumps(value, ensure_ascii=False)


def _indented(values: list[str]) -> str:
    return values[0] if len(values) == 1 else "".join(f"\n    {value}" for value in values)
