"""Find the system that a task works on, and resolve its compose file."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from slipway.compose import variables
from slipway.compose.containers import engine_errors
from slipway.compose.failures import compose_problem, warnings
from slipway.compose.files import ComposeFile, find_systems, slug
from slipway.compose.mounts import mounts_of, variables_of
from slipway.compose.report import Shown, near_url
from slipway.compose.running_file import project_name
from slipway.compose.sources import secret_texts, sent, unusable
from slipway.compose.system import Config, System, read_system
from slipway.compose.up import Project
from slipway.config import environment
from slipway.core.command import Result
from slipway.core.errors import PrerequisiteError, UsageError
from slipway.hosts.host import MountKind, MountSource
from slipway.secrets.secret import Secret
from slipway.tasks.selection import only
from slipway.tasks.session import Session

_NO_COMPOSE = ("unknown command", "is not a docker command", "unknown shorthand flag", "unknown flag")


def talks_to_engine(run: Callable[..., None]) -> Callable[..., None]:
    """Make a task's work report what the engine refuses, or that the engine is lost, as an error about the task."""
    task = run.__name__.removeprefix("run_")

    @functools.wraps(run)
    def reporting(session: Session, *given: Any, **named: Any) -> None:
        with engine_errors(session.host.engine, task):
            run(session, *given, **named)

    return reporting


def chosen_file(session: Session, names: Sequence[str], task: str) -> ComposeFile:
    """Return the compose file of the named system, or of the only one. ``task``: for the hint.

    Raises UsageError for an unknown name, for several names, and for none where there are several systems.
    """
    found = _systems(session)
    chosen = only(names, tuple(found), "system")
    if len(chosen) > 1:
        said = "are several systems" if names else "are this repository's systems"
        raise UsageError(f"{', '.join(chosen)}: {said}; name one", hint=f"invoke {task} {chosen[0]}")
    return found[chosen[0]]


def chosen_services(session: Session, names: Sequence[str], task: str) -> tuple[ComposeFile, tuple[str, ...]]:
    """Return the compose file of a system, and the services that ``names`` hold beside the system.

    The system comes first; it may be left out where there is only one. Raises UsageError as ``chosen_file`` does.
    """
    found = _systems(session)
    named = bool(names) and (names[0] in found or len(found) > 1)
    return chosen_file(session, names[:1] if named else (), task), tuple(names[1:] if named else names)


def _systems(session: Session) -> Mapping[str, ComposeFile]:
    found = find_systems(session.settings.root)
    if not found:
        hint = "infra/compose/<system>.yaml, or a compose.yaml in one of its folders"
        raise UsageError("this repository has no compose file", hint=hint)
    return found


def compose_variables(session: Session) -> Mapping[str, str]:
    """Return the variables that slipway gives compose: its naming settings, and the other names of ``.env``."""
    settings = session.settings
    own = {name: settings[name] for name in ("REGISTRY", "OWNER", "BASE_VERSION", "PYTHON_IMAGE")}
    extra = {name: value.value for name, value in settings.extra.items()}
    secret = {name: value.reveal() for name, value in settings.secret_values.items()}
    return {**own, "VERSION": settings.version("service"), **extra, **secret}


def project_of(session: Session, file: ComposeFile, name: str) -> Project:
    """Return the project of a system; with ``name``, that one. Raises UsageError for a name that compose refuses."""
    root = session.settings.root.resolve()
    if name and name != slug(name):
        raise UsageError(f"--project {name}: not a project name", hint=f"--project {slug(name)}")
    engine = session.container_access.docker_host
    variables = {**compose_variables(session), **({"DOCKER_HOST": engine} if engine else {})}
    called = name or project_name(str(root), file.system)
    return Project(called, str(root / file.folder), variables, environment.surroundings().compose)


def mounts_to_send(session: Session, file: ComposeFile, system: System) -> tuple[MountSource, ...]:
    """Return the files of this machine that a build host needs for the system's containers; none without a build host.

    Raises UsageError with all files that are missing or unreadable.
    """
    if not runs_elsewhere(session) and not session.host.engine.endpoint.is_near:
        return ()  # the engine's machine has other files
    root, mounts = str(session.settings.root.resolve()), tuple(mounts_of(system.config))
    sources = sent(mounts, root) if runs_elsewhere(session) else ()
    users = {one.name: session.repository.assembly.user(one.built) for one in system.services if one.built}
    if problems := tuple(unusable(mounts, sources, file.files[0], root, users)):
        raise UsageError.of(problems)
    return sources


def learn_secrets(session: Session, system: System) -> None:
    """Keep the secrets of a system out of all output, also out of the last lines of a container that failed."""
    given = {**environment.variables(), **compose_variables(session)}
    values = (given.get(name, "") for name in variables_of(system.config, MountKind.SECRET))
    session.redactor.learn(Secret(text) for text in (*values, *secret_texts(mounts_of(system.config))))


def runs_elsewhere(session: Session) -> bool:
    """Tell whether the containers run on another machine, which does not have this machine's files."""
    return bool(session.container_access.ports)


def shown_address(session: Session, near: Mapping[int, int] = MappingProxyType({})) -> Shown:
    """Return the function that tells where a published port is reached.

    ``near``: port of the build host → port of 127.0.0.1 here, while it is forwarded.
    """
    if not runs_elsewhere(session):
        return near_url
    host = session.settings["REMOTE_HOST"]
    return lambda address, port: near_url(address, near[port]) if port in near else f"{host}: port {port}"


def resolve(session: Session, file: ComposeFile, project: Project) -> Config:
    """Return the compose file with every variable replaced and every path absolute.

    Raises UsageError for a file that compose refuses, and for required variables without a value: all together.
    """
    root = session.settings.root.resolve()
    files = tuple(word for name in file.files for word in ("--file", str(root / name)))
    result = session.run(project.command(*files, "config", "--format", "json"))
    folder_env = Path(project.folder, ".env")
    there = folder_env.read_text("utf-8", "replace") if folder_env.is_file() else ""
    values = {**dict.fromkeys(variables.named_in(there), "there"), **environment.variables(), **project.variables}
    if not result.ok:  # compose names only the first variable
        listed = session.run(project.command(*files, "config", "--variables", "--format", "json"))
        if problems := variables.missing(listed.stdout if listed.ok else "", values, file.files[0]):
            raise UsageError.of(problems)
    resolved: Config = json.loads(_answer(session, result, file))
    named = variables_of(resolved, MountKind.SECRET, MountKind.CONFIG)
    if problems := variables.without_value(named, values, file.files[0]):
        raise UsageError.of(problems)
    return resolved


def system_of(session: Session, file: ComposeFile, config: Config) -> System:
    """Return the system that a resolved file describes, with the images of this stack that it runs."""
    stack, settings = session.repository.stack, session.settings
    references = {alias: image.name for image in stack.known for alias in image.aliases}
    references |= {str(image.reference): image.name for image in stack.known}
    dockerfiles: dict[str, dict[str, str]] = {}
    for image in stack.known:
        dockerfiles.setdefault(image.dockerfile, {})[image.target] = image.name
    return read_system(file.system, config, references, dockerfiles, str(settings.root.resolve()))


def _answer(session: Session, result: Result, file: ComposeFile) -> str:
    """Return the output of a command of compose that only reads. Raises UsageError with compose's reason."""
    if result.exit_code == 127 or (result.exit_code and any(text in result.stderr for text in _NO_COMPOSE)):
        raise PrerequisiteError("docker compose: missing or too old", hint="invoke setup")
    if not result.ok:
        problem = compose_problem(result.stderr, file.system, file.files[0])
        said = problem.what.partition(": ")[2]
        raise UsageError(f"{file.files[0]}: {said}", hint=problem.hint, code=problem.code)
    for text in warnings(result.stderr):
        session.note(f"{file.files[0]}: {text}")
    return result.stdout
