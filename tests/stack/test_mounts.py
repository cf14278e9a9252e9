"""The sources of secret and ssh mounts, and the errors without a source."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path

import pytest

from slipway.config.settings import Settings, load, unused
from slipway.core.errors import PrerequisiteError, Problem, UsageError
from slipway.stack.discovery import Assembly
from slipway.stack.mounts import Given, file_name, given, notes
from tests.stack.assembling import assemble_texts

SVC = "apps/svc_cart/Dockerfile"
TABLE = (
    '[tool.slipway]\nssh = ["default"]\n[tool.slipway.secrets]\ngh = { env = "GH_TOKEN" }\nnpm/rc = { file = "n.rc" }\n'
)
TABLE = TABLE.replace("npm/rc =", '"npm/rc" =')


def assembled(*mounts: str) -> Assembly:
    text = "FROM scratch\n" + "".join(f"RUN --mount={mount} x\n" for mount in mounts)
    return assemble_texts({SVC: text})


def settings(root: Path, table: str = TABLE, **environment: str) -> Settings:
    (root / "pyproject.toml").write_text(table)
    return load(root, environment=environment)


def given_to(settings: Settings, assembly: Assembly, **more: object) -> Given:
    options: Mapping[str, object] = {"ca": False, "agent": "", **more}
    return given(settings, assembly, ["svc-cart"], **options)  # type: ignore[arg-type]


def problems(settings: Settings, assembly: Assembly, **more: object) -> tuple[Problem, ...]:
    with pytest.raises(UsageError) as caught:
        given_to(settings, assembly, **more)
    return caught.value.problems


@pytest.mark.fault("C47")
def test_a_build_gets_only_the_secrets_it_mounts(tmp_path: Path) -> None:
    (tmp_path / "n.rc").write_text("of-the-file")
    known = settings(tmp_path, GH_TOKEN="of-the-environment")
    assert given_to(known, assembled()) == Given()
    found = given_to(known, assembled("type=secret,id=gh,required=true", "type=secret,id=npm/rc,target=/x"))
    assert {name: value.reveal() for name, value in found.values.items()} == {"gh": "of-the-environment"}
    assert found.files == {"npm/rc": tmp_path / "n.rc"}
    assert {secret.reveal() for secret in found.secrets} == {"of-the-environment", "of-the-file"}
    assert given(known, assembled("type=secret,id=gh"), [], ca=False, agent="") == Given()


@pytest.mark.fault("C47")
def test_a_mount_without_a_source_is_noted_or_refused(tmp_path: Path) -> None:
    optional = assembled("type=secret,id=other", "type=ssh,id=git", "type=secret,id=pip.conf", "type=secret,id=gh")
    project = settings(tmp_path, GH_TOKEN="x").project
    assert list(notes(optional, project)) == [
        f"{SVC}:2: the secret other has no source, so its step runs without it; "
        '[tool.slipway.secrets] other = { env = "NAME" }, or { file = "path" }',
        f'{SVC}:3: ssh git has no source, so its step runs without it; [tool.slipway] ssh = ["git"]',
    ]
    given_to(settings(tmp_path, GH_TOKEN="x"), optional)
    required = assembled(
        "type=secret,id=other,required", "type=ssh,required=true,id=git", "type=secret,id=ca,required=1"
    )
    assert list(notes(required, project)) == []
    assert problems(settings(tmp_path), required) == (
        Problem(
            f"{SVC}:2",
            "the secret other is required and has no source",
            '[tool.slipway.secrets] other = { env = "NAME" }, or { file = "path" }',
        ),
        Problem(f"{SVC}:3", "ssh git is required and has no source", '[tool.slipway] ssh = ["git"]'),
        Problem(f"{SVC}:4", "the secret ca is required and has no source", "CA_BUNDLE, or pip's cert"),
    )
    assert given_to(settings(tmp_path), assembled("type=secret,id=ca,required"), ca=True) == Given()


@pytest.mark.fault("C47")
def test_a_source_that_is_missing(tmp_path: Path) -> None:
    both = assembled("type=secret,id=gh", "type=secret,id=npm/rc")
    gone, unset = f"{tmp_path}/n.rc: No such file or directory", "GH_TOKEN=… in the environment"
    assert problems(settings(tmp_path), both) == (
        Problem("pyproject.toml:4: secret gh", "GH_TOKEN is not set", unset),
        Problem("pyproject.toml:5: secret npm/rc", gone),
    )
    (tmp_path / "n.rc").mkdir()
    assert problems(settings(tmp_path, GH_TOKEN="x"), both)[0].what == f"{tmp_path}/n.rc is a folder"
    (tmp_path / "n.rc").rmdir()
    (tmp_path / "n.rc").write_bytes(b"x" * (500 * 1024 + 1))
    assert "is larger than 500 KiB" in problems(settings(tmp_path, GH_TOKEN="x"), both)[0].what


@pytest.mark.fault("C48")
def test_sshs_agent(tmp_path: Path) -> None:
    known, mounting = settings(tmp_path), assembled("type=ssh")
    with pytest.raises(PrerequisiteError, match="SSH_AUTH_SOCK is not set"):
        given_to(known, mounting)
    with pytest.raises(PrerequisiteError, match="SSH_AUTH_SOCK=/nowhere is not a socket"):
        given_to(known, mounting, agent="/nowhere")
    with socket.socket(socket.AF_UNIX) as listener:
        agent = str(tmp_path / "agent")
        listener.bind(agent)
        assert given_to(known, mounting, agent=agent) == Given(ssh=("default",), agent=agent)
        assert given_to(known, assembled(), agent=agent) == Given(), "an agent without a mount is not given"


@pytest.mark.fault("C47")
def test_a_secret_from_env_is_neither_a_build_arg_nor_shown(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("GH_TOKEN=geheim-12\nPLAIN=x\n")
    known = settings(tmp_path, TABLE.replace("GH_TOKEN", "PLAIN"))
    assert "PLAIN" not in known.build_args and known.build_args["GH_TOKEN"] == "geheim-12"
    assert [problem.what for problem in unused(known, ()).values()] == ["GH_TOKEN is used by no image"]
    shown = {value.name: value.value for value in known.shown}
    assert (shown["PLAIN"], shown["secrets.gh"], shown["ssh"]) == ("*** (1 characters)", "env PLAIN", "default")
    assert "x" in [secret.reveal() for secret in known.secrets]
    assert settings(tmp_path, GH_TOKEN="of the environment").secret_values["GH_TOKEN"].reveal() == "of the environment"


@pytest.mark.parametrize(("name", "file"), [("gh_token", "gh_token"), ("a/../b c", "a%2F..%2Fb%20c")])
def test_a_secrets_file_stays_in_its_folder(name: str, file: str) -> None:
    assert file_name(name) == file
