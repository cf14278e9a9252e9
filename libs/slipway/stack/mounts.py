"""What RUN mounts of secrets and of ssh's agent are given: by slipway itself, or by ``[tool.slipway]``.

Only the builds that mount something are given it, and only while they run. Values are no inputs: ids stand in the
Dockerfile.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from slipway.config.project import Project
from slipway.config.settings import Settings
from slipway.core.errors import PrerequisiteError, Problem, UsageError
from slipway.dockerfile import Mount
from slipway.secrets.secret import Secret
from slipway.stack.discovery import Assembly

#: What slipway gives by itself: pip's configuration, and the CA bundle where there is one.
OWN = ("ca", "pip.conf", "uv.toml")
#: BuildKit takes no larger secret.
_LARGEST = 500 * 1024


@dataclass(frozen=True)
class Given:
    """``files``: id → file of a secret · ``values``: id → a secret that is still to be written to one · ``ssh``: ids of
    agents to forward, each of them the one whose socket here is ``agent``."""

    files: Mapping[str, Path] = field(default_factory=dict)
    values: Mapping[str, Secret] = field(default_factory=dict)
    ssh: tuple[str, ...] = ()
    agent: str = ""

    @property
    def secrets(self) -> Iterator[Secret]:
        """All that may be shown nowhere."""
        yield from self.values.values()
        for file in self.files.values():
            yield Secret(file.read_bytes().decode("utf-8", "replace"))


def notes(assembly: Assembly, project: Project) -> Iterator[str]:
    """A line for each mount that is not required and that nobody gives."""
    for where, mount in _mounts(assembly, assembly.readings):
        if not mount.required and not _is_given(mount, project):
            yield f"{where}: nobody gives {_called(mount)}, its step runs without; {_way_to_give(mount)}"


def given(settings: Settings, assembly: Assembly, images: Collection[str], *, ca: bool, agent: str) -> Given:
    """What the builds of ``images`` mount and the project gives.

    ``ca``: there is a CA bundle; ``agent``: the socket of ssh's agent here.

    Raises UsageError for a required mount that nobody gives, and a source that is missing; PrerequisiteError when no
    agent runs here.
    """
    project, problems = settings.project, dict[Problem, None]()
    files: dict[str, Path] = {}
    values: dict[str, Secret] = {}
    ssh: dict[str, None] = {}
    for where, mount in _mounts(assembly, images):
        if not _is_given(mount, project) or (mount.id == "ca" and mount.id not in project.secrets and not ca):
            if mount.required:
                what = f"{_called(mount)} is required, and nobody gives it"
                problems[Problem(where, what, _way_to_give(mount))] = None
        elif mount.kind == "ssh":
            ssh[mount.id] = None
        elif source := project.secrets.get(mount.id):
            place = f"{project.places[f'secrets.{mount.id}']}: secret {mount.id}"
            if source.env:
                value = settings.secret_values.get(source.env)
                if value:
                    values[mount.id] = value
                else:
                    problems[Problem(place, f"{source.env} is not set", f"{source.env}=… in the environment")] = None
            else:
                files[mount.id] = settings.root / Path(source.file).expanduser()
                problems |= dict.fromkeys(_faults(files[mount.id], place))
    if problems:
        raise UsageError.of(list(problems))
    if ssh and (why := no_agent(agent)):
        raise PrerequisiteError(f"ssh's agent: {why}", hint="eval $(ssh-agent) && ssh-add")
    return Given(files, values, tuple(ssh), agent if ssh else "")


def no_agent(agent: str) -> str:
    """Why there is no agent here, by SSH_AUTH_SOCK; empty when there is one."""
    if not agent:
        return "SSH_AUTH_SOCK is not set"
    return "" if Path(agent).is_socket() else f"SSH_AUTH_SOCK={agent} is not a socket"


def file_name(secret: str) -> str:
    """What the file of a secret is called, which may have any id."""
    return quote(secret, safe="")


def _mounts(assembly: Assembly, images: Iterable[str]) -> Iterator[tuple[str, Mount]]:
    for image in assembly.stack:
        if image.name in images:
            for mount in assembly.readings[image.name].mounts:
                yield f"{image.dockerfile}:{mount.line}", mount


def _is_given(mount: Mount, project: Project) -> bool:
    return mount.id in (project.ssh if mount.kind == "ssh" else (*OWN, *project.secrets))


def _called(mount: Mount) -> str:
    return f"ssh {mount.id}" if mount.kind == "ssh" else f"the secret {mount.id}"


def _way_to_give(mount: Mount) -> str:
    if mount.kind == "ssh":
        return f'[tool.slipway] ssh = ["{mount.id}"]'
    if mount.id == "ca":
        return "CA_BUNDLE, or pip's cert"
    return f'[tool.slipway.secrets] {mount.id} = {{ env = "NAME" }}, or {{ file = "path" }}'


def _faults(file: Path, place: str) -> Sequence[Problem]:
    try:
        if file.is_dir():
            return [Problem(place, f"{file} is a folder")]
        with file.open("rb") as opened:
            size = len(opened.read(_LARGEST + 1))
    except OSError as error:
        return [Problem(place, f"{file}: {error.strerror}")]
    return [Problem(place, f"{file} is larger than 500 KiB, which BuildKit takes at most")] if size > _LARGEST else []
