"""CI systems of the tests' own: they run the jobs of a workflow file in a container, with the variables of each system.

They know the keys and expressions that docs/ci uses, and fail for any other.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.rig.engines import make_image
from tests.rig.hosts import make_host_image
from tests.rig.outside import LABEL, machine_docker
from tests.rig.packages import packed, pip_configuration, put, reach

IMAGE = "slipway-ci-job"
_SOCKET = "/var/run/docker.sock"
_JOB_KEYS = {"if", "needs", "runs-on", "outputs", "steps", "strategy", "name", "permissions", "concurrency"}
_GITLAB_KEYS = {"workflow", "variables", "default", "stages"}


@dataclass
class Runner:
    """A container with git, Python, docker's CLI and this machine's engine, in which jobs run one after another.

    ``folder``: is at the same path in the container. ``origin``: the repository that jobs clone. ``done``: the jobs
    that ran, each with its folder. ``installed``: the installations that ran. Later jobs
    find their packages, and do not repeat them.
    """

    container: str
    folder: Path
    origin: Path
    done: dict[str, Path] = field(default_factory=dict)
    installed: set[str] = field(default_factory=set)

    def clone(self, job: str, ref: str, depth: int) -> Path:
        """Return the folder of a job, with the commits that its checkout has: ``depth`` of them, 0 for all."""
        place = self.folder / f"job-{len(list(self.folder.glob('job-*')))}"
        limit = ["--depth", str(depth)] if depth else []
        clone = ["git", "clone", "-q", *limit, "--branch", ref, f"file://{self.origin}", str(place)]
        subprocess.run(clone, check=True)
        self.done[job] = place
        return place

    def run(self, place: Path, env: Mapping[str, str], script: str, shell: Sequence[str] = ("bash", "-e")) -> str:
        """Run a script as a step of a job. Return its output."""
        installs = {line for line in script.splitlines() if line.startswith("pip install ")}
        for line in installs & self.installed:
            script = script.replace(line, "true")
        self.installed |= installs
        given = [word for name, value in env.items() for word in ("--env", f"{name}={value}")]
        argv = ["docker", "exec", "-i", "--workdir", str(place), *given, self.container, *shell]
        ran = subprocess.run(argv, input=script, capture_output=True, text=True, timeout=300)
        assert ran.returncode == 0, f"{script}\nexit {ran.returncode}\n{ran.stdout}\n{ran.stderr}"
        return ran.stdout


@contextmanager
def a_runner(folder: Path, origin: Path, env: Mapping[str, str]) -> Iterator[Runner]:
    """Start a runner that installs from where this machine does. ``env``: the variables of all its jobs."""
    make_image(IMAGE, "ci-job.Dockerfile", f"HOST_IMAGE={make_host_image()}")
    pip = pip_configuration()
    given = [word for name, value in env.items() for word in ("--env", f"{name}={value}")]
    shared = ["--volume", f"{_SOCKET}:{_SOCKET}", "--volume", f"{folder}:{folder}"]
    run = ["run", "--detach", "--init", "--network", "host", "--label", LABEL, *shared, *reach(pip), *given]
    container = machine_docker(*run, IMAGE, "sleep", "infinity")
    try:
        put(container, "/etc", packed({"pip.conf": "[global]\n" + "".join(f"{key} = {pip[key]}\n" for key in pip)}))
        bundle = Path("/etc/ssl/certs/ca-certificates.crt")
        if bundle.is_file():
            put(container, str(bundle.parent), packed({bundle.name: bundle.read_text("utf-8")}))
        yield Runner(container, folder, origin)
    finally:
        machine_docker("rm", "--force", "--volumes", container)


@dataclass
class Actions:
    """GitHub's or Gitea's way to run a workflow. ``secrets``, ``env``: what the user sets there."""

    runner: Runner
    secrets: Mapping[str, str]
    env: Mapping[str, str]

    def run(self, file: Path, event: str, ref: str, base: str = "") -> list[str]:
        """Run the workflow for an event on the branch ``ref``; return the names of the jobs that ran."""
        workflow = yaml.safe_load(file.read_text("utf-8"))
        assert event in workflow[True], "YAML 1.1 reads the key on as true"
        github = {"event_name": event, "base_ref": base, "ref_name": ref}
        needs: dict[str, Any] = {}
        ran = []
        for name, job in workflow["jobs"].items():
            assert job.keys() <= _JOB_KEYS, job.keys()
            below = [job["needs"]] if "needs" in job else []
            if not all(one in needs for one in below):
                continue  # a job is skipped with a job below it
            env = {**workflow["env"], **self.env}
            context = {"github": github, "needs": needs, "secrets": self.secrets, "env": env}
            if "if" in job and not _value(job["if"], context):
                continue
            for matrix in self._matrix(job, context):
                inside = {**context, "matrix": matrix, "steps": {}}
                title = _filled(job.get("name", name), inside)
                self._run_steps(title, job, inside)
                needs[name] = {"outputs": {key: _filled(text, inside) for key, text in job.get("outputs", {}).items()}}
                ran.append(title)
        return ran

    def _matrix(self, job: Mapping[str, Any], context: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        if "strategy" not in job:
            return [{}]
        entries = _value(job["strategy"]["matrix"].removeprefix("${{").removesuffix("}}").strip(), context)["include"]
        assert 0 < len(entries) <= 256, "GitHub refuses an empty matrix and a larger one"
        return list(entries)

    def _run_steps(self, title: str, job: Mapping[str, Any], context: dict[str, Any]) -> None:
        github = context["github"]
        place = self.runner.folder
        for number, step in enumerate(job["steps"]):
            if "if" in step and not _value(step["if"], context):
                continue
            if "uses" in step:
                action = step["uses"].partition("@")[0]
                assert action in ("actions/checkout", "actions/setup-python"), action
                if action == "actions/checkout":
                    place = self.runner.clone(title, github["ref_name"], step.get("with", {}).get("fetch-depth", 1))
                continue
            output = place / f".git/output-{number}"
            output.touch()
            env = {key: _filled(text, context) for key, text in {**context["env"], **step.get("env", {})}.items()}
            own = {
                "CI": "true",
                "GITHUB_ACTIONS": "true",
                "GITHUB_ACTOR": "ann",
                "GITHUB_BASE_REF": github["base_ref"],
                "GITHUB_EVENT_NAME": github["event_name"],
                "GITHUB_OUTPUT": str(output),
                "GITHUB_REF_NAME": github["ref_name"],
                "GITHUB_WORKSPACE": str(place),
            }
            self.runner.run(place, {**own, **env}, step["run"])
            lines = output.read_text("utf-8").splitlines()
            context["steps"][step.get("id", "")] = {"outputs": dict(line.split("=", 1) for line in lines)}


def _filled(text: str, context: Mapping[str, Any]) -> str:
    """Return a text with the values of its ``${{ }}``."""
    return re.sub(r"\$\{\{ (.*?) \}\}", lambda found: str(_value(found[1], context)), text)


def _value(expression: str, context: Mapping[str, Any]) -> Any:
    """Return the value of an expression: a path, ``fromJSON(path)`` or ``path == 'text'``."""
    if found := re.fullmatch(r"([\w.-]+) == '([^']*)'", expression):
        return _value(found[1], context) == found[2]
    if found := re.fullmatch(r"fromJSON\(([\w.-]+)\)", expression):
        return json.loads(_value(found[1], context))
    value: Any = context
    for part in expression.split("."):
        value = value[part]
    return value


@dataclass
class GitLab:
    """GitLab's way to run a pipeline. ``variables``: those that GitLab sets, without those of one pipeline."""

    runner: Runner
    variables: Mapping[str, str]

    def run(self, file: str, ref: str, **variables: str) -> list[str]:
        """Run the pipeline of the file in the repository, on the branch ``ref``; return the names of its jobs."""
        given = {**self.variables, "CI": "true", "GITLAB_CI": "true", "CI_CONFIG_PATH": file, **variables}
        config = yaml.safe_load((self.runner.origin / file).read_text("utf-8"))
        return list(self._run(config, ref, given))

    def _run(self, config: Mapping[str, Any], ref: str, given: Mapping[str, str]) -> Iterator[str]:
        """Run a pipeline, and yield the name of each job, also of child pipelines, when it has ended."""
        assert any(_holds(rule["if"], given) for rule in config["workflow"]["rules"]), "no pipeline"
        jobs = {name: self._extended(job, config) for name, job in config.items() if name not in _GITLAB_KEYS}
        here = {name: job for name, job in jobs.items() if name[0] != "." and _runs(job, given)}
        assert here, "GitLab refuses a pipeline without jobs"
        for name in _ordered(here):
            if "trigger" in here[name]:
                (include,) = here[name]["trigger"]["include"]
                child = yaml.safe_load((self.runner.done[include["job"]] / include["artifact"]).read_text("utf-8"))
                yield from self._run(child, ref, {**given, "CI_PIPELINE_SOURCE": "parent_pipeline"})
            else:
                self._run_job(name, here[name], config, ref, given)
                yield name

    def _run_job(
        self, name: str, job: Mapping[str, Any], config: Mapping[str, Any], ref: str, given: Mapping[str, str]
    ) -> None:
        variables = {**config["variables"], **job.get("variables", {})}
        own = {key: re.sub(r"\$(\w+)", lambda found: given[found[1]], text) for key, text in variables.items()}
        place = self.runner.clone(name, ref, int(own["GIT_DEPTH"]))
        packages = self.runner.folder / "venv"  # all jobs have one, so that only the first one installs
        packages.mkdir(exist_ok=True)
        (place / ".venv").symlink_to(packages)
        lines = [*job.get("before_script", config["default"]["before_script"]), *job["script"]]
        self.runner.run(place, {**given, **own}, "\n".join(lines), ("bash", "-eo", "pipefail"))

    def _extended(self, job: Mapping[str, Any], config: Mapping[str, Any]) -> Mapping[str, Any]:
        return {**config[job["extends"]], **job} if "extends" in job else job


def _runs(job: Mapping[str, Any], given: Mapping[str, str]) -> bool:
    assert "rules" in job, "GitLab adds no job without rules to a pipeline of a merge request"
    return any(_holds(rule["if"], given) for rule in job["rules"])


def _holds(rule: str, given: Mapping[str, str]) -> bool:
    """Tell whether ``$NAME == "text"`` or ``$NAME == $NAME`` holds, or several of these, joined by ``&&``.

    A variable that is not set equals nothing.
    """
    return all(_equal(term, given) for term in rule.split(" && "))


def _equal(term: str, given: Mapping[str, str]) -> bool:
    left, right = term.split(" == ")
    text = right.strip('"') if right.startswith('"') else given.get(right[1:])
    return left[1:] in given and given[left[1:]] == text


def _ordered(jobs: Mapping[str, Any]) -> Iterator[str]:
    """Yield each job after those that it needs."""
    ready: list[str] = []
    while len(ready) < len(jobs):
        name = next(one for one in jobs if one not in ready and set(jobs[one].get("needs", ())) <= {*ready})
        ready.append(name)
        yield name
