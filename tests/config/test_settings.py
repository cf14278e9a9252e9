"""Settings: the source of each, and all problems together."""

from __future__ import annotations

from pathlib import Path

import pytest

from slipway.config.definitions import SETTINGS, Setting, Value
from slipway.config.settings import Settings, load, unused
from slipway.core.compression import Compression
from slipway.core.errors import UsageError
from slipway.core.reference import Reference

ROOT = Path(__file__).parents[2]


def given(folder: Path, env: str = "", project: str = "") -> Path:
    if env:
        (folder / ".env").write_text(env, "utf-8")
    if project:
        (folder / "pyproject.toml").write_text(project, "utf-8")
    return folder


def problems(folder: Path, environment: dict[str, str] | None = None) -> list[tuple[str, str, str]]:
    with pytest.raises(UsageError) as caught:
        load(folder, environment=environment or {})
    return [(problem.where, problem.what, problem.hint) for problem in caught.value.problems]


@pytest.mark.fault("C22")
def test_a_flag_beats_the_environment_beats_the_file_beats_the_default(tmp_path: Path) -> None:
    given(tmp_path, "# naming\nREGISTRY=file:1\nOWNER=file\nBASE_VERSION=v-file\n")
    flags = {"REGISTRY": Value("REGISTRY", "flag:1", "--registry")}
    settings = load(tmp_path, flags, {"REGISTRY": "env:1", "OWNER": "env"})
    shown = {name: (value.value, value.source) for name, value in settings.values.items()}
    assert {name: said for name, said in shown.items() if said[1] != "default"} == {
        "REGISTRY": ("flag:1", "--registry"),
        "OWNER": ("env", "environment"),
        "BASE_VERSION": ("v-file", ".env:4"),
    }
    assert shown["PYTHON_IMAGE"] == ("python:3.12-slim", "default")


def test_nothing_given_is_the_defaults(tmp_path: Path) -> None:
    settings = load(tmp_path, environment={})
    assert list(settings.values.values()) == [Value(s.name, s.default, "default") for s in SETTINGS]
    assert settings.extra == {}
    assert settings.project.moving_tags == ("latest",)


def test_versions_of_bases_and_services(tmp_path: Path) -> None:
    one = load(tmp_path, environment={"BASE_VERSION": "v2", "OWNER": "acme/img", "REGISTRY": "reg:1"})
    assert one.reference("svc-ocr", "service") == Reference("reg:1", "acme/img/svc-ocr", "v2")
    two = load(tmp_path, environment={"BASE_VERSION": "v2", "VERSION": "v7"})
    assert (two.version("base"), two.version("service")) == ("v2", "v7")


def test_docker_hub_has_one_name(tmp_path: Path) -> None:
    hub = load(tmp_path, environment={"REGISTRY": "index.docker.io", "OWNER": "me"})
    assert (hub.registry, hub["REGISTRY"], hub.build_args["REGISTRY"]) == (
        "docker.io",
        "index.docker.io",
        "index.docker.io",
    )
    assert str(hub.reference("svc-ocr", "service")) == "docker.io/me/svc-ocr:v0.1.0"


@pytest.mark.fault("C31")
@pytest.mark.parametrize("setting", list(SETTINGS), ids=lambda setting: setting.name)
def test_a_bad_value_is_refused_with_an_example(tmp_path: Path, setting: Setting) -> None:
    """As an example that would do: the hint of a flag names the flag."""
    for name, told in ((setting.name, "environment"), ("--flag", "")):
        flags = {} if told else {setting.name: Value(setting.name, "@ bad", name)}
        environment = {setting.name: "@ bad"} if told else {}
        with pytest.raises(UsageError) as caught:
            load(tmp_path, flags, environment)
        assert [problem.where for problem in caught.value.problems] == [told]
        assert caught.value.problems[0].what.startswith((f"{name}=@ bad: ", f"{name}: not an absolute path"))
        assert caught.value.problems[0].hint, setting.name


def test_a_time_limit_without_its_unit(tmp_path: Path) -> None:
    told = "BUILD_TIMEOUT=5: not a whole number and s, m or h"
    assert problems(tmp_path, {"BUILD_TIMEOUT": "5"}) == [
        ("environment", told, "BUILD_TIMEOUT=5m or 2h or 90s"),
    ]


def test_a_compression_that_builds_do_not_make(tmp_path: Path) -> None:
    told = "COMPRESSION=xz: not gzip or zstd"
    assert problems(tmp_path, {"COMPRESSION": "xz"}) == [("environment", told, "COMPRESSION=gzip or zstd")]
    assert load(tmp_path, environment={"COMPRESSION": "zstd"}).compression is Compression.ZSTD
    assert load(tmp_path, environment={}).compression is Compression.GZIP


def test_a_bad_flag_for_two_settings_is_reported_once(tmp_path: Path) -> None:
    flags = {name: Value(name, "1.0+local", "--version") for name in ("BASE_VERSION", "VERSION")}
    with pytest.raises(UsageError) as caught:
        load(tmp_path, flags, {})
    assert str(caught.value) == "error: --version=1.0+local: not a tag\nhint:  --version=1.0_local"


def test_every_problem_of_the_settings_is_reported_together(tmp_path: Path) -> None:
    given(
        tmp_path,
        "REGISTRY=http://reg\nOWNER=Acme\nBASE_VERSION=\nVERSION=1.0+local\nexport JOBS=1\nPLATFORMS=linux\n"
        "REMOTE_HOST=-oProxyCommand=x\nWHEELHOUSE=wheels\n",
        "[tool.slipway]\nmoving_tags = ['latest']\nbudgets = 3\n",
    )
    assert problems(tmp_path, {"BUILDER": "--x"}) == [
        (".env:5", "'export' is read by bash and python-dotenv, refused by docker", "drop 'export'"),
        (".env:1", "REGISTRY=http://reg: a registry is host[:port]", "drop 'http://': REGISTRY=reg"),
        (".env:2", "OWNER=Acme: not a repository path", "OWNER=acme"),
        (".env:3", "BASE_VERSION is empty", "BASE_VERSION=v0.1.0, or drop the line"),
        (".env:4", "VERSION=1.0+local: not a tag", "VERSION=1.0_local"),
        (
            ".env:6",
            "PLATFORMS=linux: not os/arch[/variant], several joined by commas",
            "PLATFORMS=linux/amd64,linux/arm64",
        ),
        ("environment", "BUILDER=--x: not a builder's name", "BUILDER=NAME, as docker buildx ls shows it"),
        (".env:7", "REMOTE_HOST=-oProxyCommand=x: not an ssh alias or user@host[:port]", "REMOTE_HOST=me@builder:22"),
        (".env:8", "WHEELHOUSE=wheels: not an absolute path", "WHEELHOUSE=/... or ~/..."),
        ("pyproject.toml:2", "unknown key 'moving_tags'", "did you mean moving-tags?"),
        ("pyproject.toml:3", "budgets maps an image to a size such as '200 MB'", ""),
    ]


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    assert problems(tmp_path) == [(".env", "cannot be read: Is a directory", "")]


def with_extra(folder: Path, env: str, environment: dict[str, str] | None = None) -> Settings:
    return load(given(folder, env), environment=environment or {})


def test_a_name_in_env_is_a_build_arg_that_the_environment_overrides(tmp_path: Path) -> None:
    settings = with_extra(tmp_path, "TORCH=2.13\nMODEL=small\n", {"MODEL": "large", "HOME": "/root"})
    assert unused(settings, ["TORCH", "MODEL"]) == {}
    assert settings.build_args == {
        "REGISTRY": "localhost:5000",
        "OWNER": "slipway",
        "BASE_VERSION": "v0.1.0",
        "PYTHON_IMAGE": "python:3.12-slim",
        "TORCH": "2.13",
        "MODEL": "large",
    }


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("BASE_VERISON=v1", "did you mean BASE_VERSION?"),
        ("registry=x", "did you mean REGISTRY?"),
        ("TORCH_VERSIO=1", "did you mean TORCH_VERSION?"),
        ("QQQ=1", "no setting and no Dockerfile's ARG has this name"),
    ],
)
def test_a_name_that_nothing_uses(tmp_path: Path, line: str, hint: str) -> None:
    settings = with_extra(tmp_path, f"OWNER=acme\n{line}\n")
    (problem,) = unused(settings, ["TORCH_VERSION"]).values()
    assert (problem.where, problem.what, problem.hint) == (
        ".env:2",
        f"{line.partition('=')[0]} is used by no image",
        hint,
    )


@pytest.mark.fault("C22")
def test_a_secret_is_shown_as_its_length(tmp_path: Path) -> None:
    settings = with_extra(
        tmp_path, "HF_TOKEN=abc\nDB_PASSWORD=abcdef\nTORCH=abc\nINDEX=https://ann:abcd@pypi.example\n"
    )
    assert {value.name: (value.value, value.source) for value in settings.shown if value.name in settings.extra} == {
        "HF_TOKEN": ("*** (3 characters)", ".env:1"),
        "DB_PASSWORD": ("*** (6 characters)", ".env:2"),
        "TORCH": ("abc", ".env:3"),
        "INDEX": ("https://***@pypi.example", ".env:4"),
    }
    assert {secret.reveal() for secret in settings.secrets} >= {"abc", "abcdef", "abcd"}


@pytest.mark.fault("C22")
def test_the_project_table_is_shown_with_its_lines(tmp_path: Path) -> None:
    given(tmp_path, project="[tool.slipway]\ncontext-limit = '1 GB'\n[tool.slipway.budgets]\nbase-ml = '1.3 GB'\n")
    shown = {value.name: (value.value, value.source) for value in load(tmp_path, environment={}).shown}
    assert shown["context-limit"] == ("1.00 GB", "pyproject.toml:2")
    assert shown["budgets.base-ml"] == ("1.3 GB", "pyproject.toml:4")
    assert shown["moving-tags"] == ("latest", "default")


def test_the_example_holds_every_setting_with_its_default_and_meaning() -> None:
    expected = [line for s in SETTINGS for line in (f"# {s.meaning}", f"#{s.name}={s.default}")]
    text = (ROOT / ".env.example").read_text("utf-8")
    assert [line for line in text.splitlines() if line][2:] == expected


def test_the_example_with_every_line_taken_is_valid(tmp_path: Path) -> None:
    example = (ROOT / ".env.example").read_text("utf-8")
    lines = [f"{s.name}={s.default}" for s in SETTINGS]
    assert all(f"#{line}" in example.splitlines() for line in lines)
    assert load(given(tmp_path, "\n".join(lines)), environment={})["OWNER"] == "slipway"


@pytest.mark.fault("C40")
def test_a_value_of_the_environment_that_is_not_utf_8(tmp_path: Path) -> None:
    given(tmp_path, "GREETING=hello\n")
    assert problems(tmp_path, {"GREETING": "ab\udcff"}) == [("environment", "GREETING: character 3 is not UTF-8", "")]


@pytest.mark.fault("C46")
def test_a_version_that_is_set_is_a_build_arg(tmp_path: Path) -> None:
    assert "VERSION" not in load(tmp_path, environment={"BASE_VERSION": "v2"}).build_args
    assert load(tmp_path, {"VERSION": Value("VERSION", "v3", "--version")}, {}).build_args["VERSION"] == "v3"


@pytest.mark.fault("C45")
def test_build_args_that_no_source_sets_are_listed(tmp_path: Path) -> None:
    given(tmp_path, "OWNER=acme\n")
    flags = {"BASE_VERSION": Value("BASE_VERSION", "v1", "--version")}
    found = load(tmp_path, flags, {"PYTHON_IMAGE": "python:3.12-slim"})
    assert found.unset_args == {"REGISTRY"}
