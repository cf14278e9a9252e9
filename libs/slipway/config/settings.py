"""Read the settings: flags over the environment over ``.env`` over Invoke's configuration over the default.

Each setting holds its source. ``[tool.slipway]`` in pyproject.toml, or slipway.toml, holds the values that belong to
the repository and not to a machine: moving tags, size budgets and the limit of a context.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from slipway.config.configured import Level, read_configured
from slipway.config.definitions import SETTINGS, Setting, Value
from slipway.config.dotenv import Assignment, OddLine, read_env
from slipway.config.environment import variables
from slipway.config.images_lock import ImagesLock, read_lock
from slipway.config.project import Project, read_project
from slipway.config.secret_source import SecretSource
from slipway.core.compression import Compression
from slipway.core.errors import Problem, UsageError, one_line, suggestion
from slipway.core.platform import in_order
from slipway.core.reference import Reference, refuse_login, registry_name
from slipway.secrets.patterns import MASK, login_secrets, url_secrets, without_logins
from slipway.secrets.secret import Secret

#: Broader than the rules of the policy, because masking a harmless value costs nothing.
_SECRET_NAME = re.compile(r"PASSWORD|PASSWD|SECRET|TOKEN|CREDENTIAL|API_?KEY|PRIVATE", re.IGNORECASE)

_NAMING = ("REGISTRY", "OWNER", "BASE_VERSION", "PYTHON_IMAGE")


@dataclass(frozen=True)
class Settings:
    """Hold every setting with its source, the build args that ``.env`` adds, and the project's own table.

    ``secret_values``: the name of a build secret's source → its value in the environment or ``.env``. ``odd``: the
    lines of ``.env`` that other tools read differently, and that set no setting. ``lock``: images.lock.
    """

    root: Path
    values: Mapping[str, Value]
    extra: Mapping[str, Value]
    project: Project
    secret_values: Mapping[str, Secret] = field(default_factory=dict)
    odd: tuple[OddLine, ...] = ()
    lock: ImagesLock = field(default_factory=ImagesLock)

    def __getitem__(self, name: str) -> str:
        return self.values[name].value

    @property
    def registry(self) -> str:
        """Return REGISTRY as Docker's full names write it."""
        return registry_name(self["REGISTRY"])

    @property
    def owner(self) -> str:
        return self["OWNER"]

    @property
    def platforms(self) -> tuple[str, ...]:
        return in_order(filter(None, self["PLATFORMS"].split(",")))

    @property
    def compression(self) -> Compression:
        return Compression(self["COMPRESSION"])

    @property
    def build_seconds(self) -> int:
        """Return BUILD_TIMEOUT in seconds."""
        text = self["BUILD_TIMEOUT"]
        return int(text[:-1]) * {"s": 1, "m": 60, "h": 3600}[text[-1]]

    def version(self, kind: str) -> str:
        """Return the version tag of a ``base`` or a ``service``."""
        return self["BASE_VERSION"] if kind == "base" or not self["VERSION"] else self["VERSION"]

    def reference(self, name: str, kind: str) -> Reference:
        return Reference(self.registry, f"{self.owner}/{name}", self.version(kind))

    @property
    def shown(self) -> tuple[Value, ...]:
        """Return every setting, the build args of ``.env``, and the project's table.

        A secret appears as *** with its length.
        """
        extra = [
            Value(name, _masked(value.value, self._is_secret(name)), value.source) for name, value in self.extra.items()
        ]
        return (*self.values.values(), *extra, *(Value(*entry) for entry in self.project.shown))

    @property
    def withheld(self) -> tuple[Secret, ...]:
        """Return the values that no image may hold.

        These are the secrets of builds, and the values of ``.env`` whose name marks them as secret.
        """
        named = (Secret(value.value) for name, value in self.extra.items() if _SECRET_NAME.search(name))
        return (*self.secret_values.values(), *named)

    def _is_secret(self, name: str) -> bool:
        return name in self.secret_values or bool(_SECRET_NAME.search(name))

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Return the values that no output may show.

        These are ``withheld``, the logins in URLs of ``.env``, and any login in a setting.
        """
        of_extra = (secret for value in self.extra.values() for secret in url_secrets(value.value))
        return (*self.withheld, *of_extra, *(s for value in self.values.values() for s in login_secrets(value.value)))

    @property
    def build_args(self) -> dict[str, str]:
        """Return the build args that Dockerfiles may declare.

        These are the naming settings, the root image, VERSION if it is set, and the names in ``.env`` without the
        secrets.
        """
        named = {name: self[name] for name in (*_NAMING, *(("VERSION",) if self["VERSION"] else ()))}
        extra = {name: value.value for name, value in self.extra.items() if name not in self.secret_values}
        return named | extra

    def with_secrets(self, sources: Mapping[str, SecretSource], places: Mapping[str, str]) -> Settings:
        """Return the settings with more sources of build secrets, by id. The repository's table takes precedence.

        ``places``: id → the ``file:line`` that names the source.
        """
        new = {name: source for name, source in sources.items() if name not in self.project.secrets}
        known = {**{name: value.value for name, value in self.extra.items()}, **variables()}
        values = {source.env: Secret(known[source.env]) for source in new.values() if known.get(source.env)}
        project = replace(
            self.project,
            secrets={**self.project.secrets, **new},
            places={**self.project.places, **{f"secrets.{name}": places[name] for name in new}},
        )
        return replace(self, project=project, secret_values={**self.secret_values, **values})

    @property
    def unset_args(self) -> frozenset[str]:
        """Return the names of those build args that the user did not set."""
        return frozenset(name for name in _NAMING if self.values[name].source == "default")


def load(
    root: Path,
    flags: Mapping[str, Value] | None = None,
    environment: Mapping[str, str] | None = None,
    learn: Callable[[tuple[Secret, ...]], object] = lambda secrets: None,
    configured: Sequence[Level] = (),
) -> Settings:
    """Read the settings from all sources. Raises UsageError with every problem; contacts no server.

    ``learn`` receives every secret in the sources before the function reports a problem. ``configured``: the sources
    of Invoke's configuration, lowest first.
    """
    environment = variables() if environment is None else environment
    entries, odd, problems = _read_env(root / ".env")
    from_file = {entry.name: Value(entry.name, entry.value, f".env:{entry.line}") for entry in entries}
    known = {setting.name for setting in SETTINGS}
    from_invoke, wrong = read_configured(configured)
    values: dict[str, Value] = {}
    found = [*problems, *wrong, *(line.problem for line in odd if line.name in known)]
    for setting in SETTINGS:
        value = _choose(setting, from_file, environment, flags or {}, from_invoke)
        values[setting.name] = value
        found += _check(setting, value)
    extra = {
        name: Value(name, environment[name], "environment") if name in environment else value
        for name, value in from_file.items()
        if name not in known
    }
    found += [problem for value in extra.values() for problem in _undecodable(value)]
    project, more = read_project(root)
    policy, unknown = project.policy.with_flag((flags or {}).get("policy"))
    project = replace(project, policy=policy)
    images, wrong_lock = read_lock(root)
    found += [*more, *unknown, *wrong_lock]
    names = {source.env for source in project.secrets.values() if source.env}
    sources = {**{name: value.value for name, value in from_file.items()}, **environment}
    secret_values = {name: Secret(sources[name]) for name in sorted(names) if sources.get(name)}
    found += [problem for name in secret_values for problem in _undecodable(Value(name, sources[name], "environment"))]
    found += [line.problem for line in odd if line.name in names]
    unused = tuple(line for line in odd if line.name not in known | names)
    if project.mirror_roots:
        images = replace(images, mirror=f"{registry_name(values['REGISTRY'].value)}/{values['OWNER'].value}/roots")
    settings = Settings(root, values, extra, project, secret_values, unused, images)
    learn(settings.secrets)
    if found:
        raise UsageError.of(found)
    return settings


def unused(settings: Settings, declared: Collection[str]) -> Mapping[str, Problem]:
    """Return a problem for each name in ``.env`` that no image uses.

    A used name is a setting, an ARG of a Dockerfile, or the source of a secret.
    """
    used = {*declared, *(source.env for source in settings.project.secrets.values())}
    values = {value.name: value for value in settings.extra.values() if value.name not in used}
    return _Unused(values, (*settings.values, *sorted(used - {""})))


class _Unused(Mapping[str, Problem]):
    """Make the problem of a name when slipway reports it: a ``.env`` of compose has many names, and few problems."""

    def __init__(self, values: Mapping[str, Value], known: Sequence[str]) -> None:
        self._values, self._known = values, known

    def __getitem__(self, name: str) -> Problem:
        hint = suggestion(name, self._known, "no setting and no Dockerfile's ARG has this name")
        return Problem(self._values[name].source, f"{name} is used by no image", hint)

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def _choose(
    setting: Setting,
    file: Mapping[str, Value],
    environment: Mapping[str, str],
    flags: Mapping[str, Value],
    configured: Mapping[str, Value],
) -> Value:
    if setting.name in flags:
        return flags[setting.name]
    if setting.name in environment:
        return Value(setting.name, environment[setting.name], "environment")
    default = Value(setting.name, setting.default, "default")
    return file.get(setting.name) or configured.get(setting.name) or default


def _check(setting: Setting, value: Value) -> list[Problem]:
    if not value.value:
        if value.source == "default" or not setting.default:
            return []
        return [Problem(value.source, f"{value.name} is empty", f"{value.name}={setting.default}, or drop the line")]
    flag = value.source.startswith("-")
    name = value.source if flag else value.name
    try:
        refuse_login(value.value, name)
        setting.check(value.value, name)
    except UsageError as error:
        hint = error.hint or f"{name}={setting.default}"
        return [Problem("" if flag else value.source, one_line(error.message), hint)]
    return []


def _undecodable(value: Value) -> list[Problem]:
    """Return a problem for a value that is not UTF-8.

    The environment may hold any bytes, but BuildKit accepts only UTF-8.
    """
    try:
        value.value.encode("utf-8")
    except UnicodeEncodeError as error:
        return [Problem(value.source, f"{value.name}: character {error.start + 1} is not UTF-8")]
    return []


def _masked(value: str, secret: bool) -> str:
    """Return a secret as *** with its length, a URL without its login, and any other value unchanged."""
    if secret:
        return f"{MASK} ({len(value)} characters)"
    return without_logins(value)


def _read_env(path: Path) -> tuple[tuple[Assignment, ...], tuple[OddLine, ...], tuple[Problem, ...]]:
    """Return the entries of ``.env``, its odd lines, and the reasons why it cannot be read."""
    if path.exists() and not path.is_file() and not path.is_dir():
        return (), (), (Problem(path.name, "is not a regular file; slipway does not open it"),)
    try:
        return *read_env(path.read_bytes(), path.name), ()
    except FileNotFoundError:
        return (), (), ()
    except UsageError as error:
        return (), (), tuple(error.problems)
    except OSError as error:
        return (), (), (Problem(path.name, f"cannot be read: {error.strerror}"),)
