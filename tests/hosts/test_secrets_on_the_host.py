"""The secrets of a run on the build host: the host's own scripts run here, in a folder of the test."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from slipway.core.command import Command
from slipway.hosts.remote.jobs import Job, packed
from slipway.hosts.remote.scripts import script, text

pytestmark = pytest.mark.process


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project's folder with a run whose secrets have arrived, and whose job has not started."""
    secret = tmp_path / "runs/old/secrets/token"
    secret.parent.mkdir(parents=True)
    (tmp_path / "runs/old/jobs/1").mkdir(parents=True)
    secret.write_text("s3cr3t")
    return tmp_path


@pytest.fixture
def client(project: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process in the folder of the job, as the script that receives the job."""
    with subprocess.Popen(["sleep", "60"], cwd=project / "runs/old/jobs/1") as process:
        (project / "runs/old/jobs/1/starting").write_text(f"{process.pid}\n")
        yield process
        process.kill()


def prepare_another(project: Path) -> None:
    run(script("prepare", str(project), "new", "3", "true"))


def run(command: Command) -> str:
    return subprocess.run(command.argv, input=command.stdin, check=True, stdout=subprocess.PIPE).stdout.decode()


@pytest.mark.fault("S08")
def test_the_next_run_removes_secrets_whose_job_never_started(project: Path) -> None:
    prepare_another(project)
    assert not (project / "runs/old/secrets").exists()


def test_the_next_run_keeps_secrets_that_arrive_at_this_moment(project: Path, client: subprocess.Popen[bytes]) -> None:
    prepare_another(project)
    assert (project / "runs/old/secrets/token").read_text() == "s3cr3t"
    client.kill()
    client.wait()
    prepare_another(project)
    assert not (project / "runs/old/secrets").exists()


def test_a_later_process_with_the_same_id_keeps_no_secret(project: Path) -> None:
    (project / "runs/old/jobs/1/starting").write_text(f"{os.getpid()}\n")
    prepare_another(project)
    assert not (project / "runs/old/secrets").exists()


def test_a_job_names_its_start_before_its_secrets_arrive(tmp_path: Path) -> None:
    (tmp_path / "whole").touch()
    job = Job(str(tmp_path), 1, (Command(("sh", "-c", "cat ../../secrets/token >&2; cat starting >&2")),))
    until_the_end = ("sh", "-c", "echo $$; while [ -e ../../secrets ]; do sleep 0.01; done")
    words = (job.run, job.name, "60", text("listing"), "", *until_the_end)
    started = run(script("start", *words, stdin=packed(job, {"token": b"s3cr3t\n"})))
    assert (tmp_path / "jobs/1/log-1").read_text() == f"s3cr3t\n{started}"
