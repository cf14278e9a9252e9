"""Provide the secrets and ssh agents that RUN mounts use, from slipway itself or from the repository's table.

Only builds with such a mount get them, and only while they run. The values are not inputs: the Dockerfile holds ids.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from slipway.config.inherit import ADDED, MOUNTABLE
from slipway.config.project import Project
from slipway.config.settings import Settings
from slipway.core.errors import PrerequisiteError, Problem, UsageError
from slipway.dockerfile import Mount
from slipway.secrets.secret import Secret
from slipway.stack.discovery import Assembly

#: The secrets that slipway itself provides: pip's configuration, and the CA bundle if there is one.
OWN = (*MOUNTABLE, *ADDED)
#: The largest secret that BuildKit accepts, in bytes.
_LARGEST = 500 * 1024


@dataclass(frozen=True)
class Given:
    """Hold the secrets and ssh agents for builds.

    ``files``: id → a secret's file. ``values``: id → a secret that slipway has yet to write to a file. ``ssh``: the
    ids of agents to forward; each of them is the agent on this machine whose socket is ``agent``.
    """

    files: Mapping[str, Path] = field(default_factory=dict)
    values: Mapping[str, Secret] = field(default_factory=dict)
    ssh: tuple[str, ...] = ()
    agent: str = ""

    @property
    def secrets(self) -> Iterator[Secret]:
        """Yield every secret, which no output may show."""
        yield from self.values.values()
        for file in self.files.values():
            yield Secret(file.read_bytes().decode("utf-8", "replace"))


def notes(assembly: Assembly, project: Project) -> Iterator[str]:
    """Yield a line for each optional mount that neither slipway nor the project provides."""
    for where, mount in _mounts(assembly, assembly.readings):
        if not mount.required and not _is_given(mount, project):
            what = f"{_called(mount)} has no source, so its step runs without it"
            yield f"{where}: {what}; {_way_to_give(mount, project)}"


def given(settings: Settings, assembly: Assembly, images: Collection[str], *, ca: bool, agent: str) -> Given:
    """Return the secrets and ssh agents for the builds of ``images``, as far as the project provides them.

    ``ca``: whether there is a CA bundle. ``agent``: the socket of ssh's agent on this machine.

    Raises UsageError for a required mount without a source, and for a missing source. Raises PrerequisiteError
    when no agent runs on this machine.
    """
    project, problems = settings.project, dict[Problem, None]()
    files: dict[str, Path] = {}
    values: dict[str, Secret] = {}
    ssh: dict[str, None] = {}
    for where, mount in _mounts(assembly, images):
        if not _is_given(mount, project) or (mount.id == "ca" and mount.id not in project.secrets and not ca):
            if mount.required:
                what = f"{_called(mount)} is required and has no source"
                problems[Problem(where, what, _way_to_give(mount, project))] = None
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
    """Return the reason why this machine has no ssh agent, or an empty string when it has one.

    ``agent``: the value of SSH_AUTH_SOCK.
    """
    if not agent:
        return "SSH_AUTH_SOCK is not set"
    return "" if Path(agent).is_socket() else f"SSH_AUTH_SOCK={agent} is not a socket"


def file_name(secret: str) -> str:
    """Return a file name for the secret with this id, which may hold any character."""
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


def _way_to_give(mount: Mount, project: Project) -> str:
    if mount.kind == "ssh":
        return f'{project.header()} ssh = ["{mount.id}"]'
    if mount.id == "ca":
        return "CA_BUNDLE, or pip's cert"
    return f'{project.header("secrets")} {mount.id} = {{ env = "NAME" }}, or {{ file = "path" }}'


def _faults(file: Path, place: str) -> Sequence[Problem]:
    try:
        if file.is_dir():
            return [Problem(place, f"{file} is a folder")]
        with file.open("rb") as opened:
            size = len(opened.read(_LARGEST + 1))
    except OSError as error:
        return [Problem(place, f"{file}: {error.strerror}")]
    return [Problem(place, f"{file} is larger than 500 KiB, which BuildKit takes at most")] if size > _LARGEST else []
