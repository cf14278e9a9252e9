"""The sample repositories that compose and bake build, as slipway reads them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from slipway.config.settings import Settings, load
from slipway.core.command import Command, Result
from slipway.core.errors import UsageError
from slipway.plan.declared import Bake, read_declarations
from slipway.plan.repository import Repository, read_repository
from slipway.stack.declared import Declared
from slipway.stack.worktree import Worktree

HERE = Path(__file__).parent.parent
FORGE = (HERE / "data/bake-forge.json").read_text("utf-8")


class FakeBake:
    """Answer each call of bake, in order."""

    def __init__(self, *answers: Result) -> None:
        self.answers, self.asked = list(answers), list[Command]()

    def __call__(self, command: Command, *, timeout: float | None = None) -> Result:
        assert timeout
        self.asked.append(command)
        return self.answers.pop(0)


@pytest.fixture
def stack(tmp_path: Path) -> Callable[[str], Path]:
    """Return a copy of a sample repository."""
    return lambda name: Path(shutil.copytree(HERE / "stacks" / name, tmp_path / name))


def settings_of(root: Path) -> Settings:
    return load(root, environment={"REGISTRY": "127.0.0.1:1", "OWNER": "me", "BASE_VERSION": "v1"})


def declared(root: Path, bake: FakeBake | None = None, **environment: str) -> Declared:
    project = settings_of(root).project
    place = project.places["declarations"]
    run = Bake(bake or FakeBake(), ("docker", "buildx"))
    return read_declarations(project.declarations, place, Worktree(root), environment, run)


def repository(root: Path, found: Declared) -> Repository:
    return read_repository(settings_of(root), Worktree(root), {}, declared=found)


def test_the_images_of_compose_files(stack: Callable[[str], Path]) -> None:
    found = {one.name: one for one in declared(stack("market")).definitions}
    assert {name: (one.where, one.dockerfile, one.context) for name, one in found.items()} == {
        "fish": ("stalls/compose.yaml:2", "stalls/fish/Dockerfile", "stalls/fish"),
        "gate": ("compose.override.yaml:2", "docker/gate.Dockerfile", "."),
        "ground": ("compose.yaml:25", "ground/Dockerfile", "ground"),
        "hands": ("compose.yaml:30", "hands/Dockerfile", "hands"),
        "sweeper": ("compose.yaml:35", "hands/Dockerfile", "hands"),
    }
    assert found["gate"].args == {"EDITION": "second", "PRICE": "1.5", "DEBUG": "true"}
    assert (found["gate"].target, found["gate"].aliases) == ("open", ("acme/gate:latest",))
    assert found["gate"].contexts == {"signs": "signs", "ground": "target:ground"}
    assert found["hands"].args == {"ROLE": "worker", "IDLE": "16"}
    assert found["sweeper"].args == {"ROLE": "sweeper"}
    assert found["fish"].args == {"CATCH": "herring of Friday"}


def test_the_environment_comes_before_the_env_file_of_compose(stack: Callable[[str], Path]) -> None:
    found = {one.name: one for one in declared(stack("market"), CHANNEL="beta", DAY="Monday").definitions}
    assert found["gate"].aliases == ("acme/gate:beta",)
    assert found["fish"].args == {"DAY": "Monday", "CATCH": "herring of Monday"}


def test_a_service_that_slipway_cannot_build_is_at_fault_alone(stack: Callable[[str], Path]) -> None:
    root = stack("market")
    (root / "stalls/compose.yaml").write_text("services:\n  booth:\n    build: {dockerfile_inline: FROM scratch}\n")
    planned = repository(root, declared(root)).stack
    assert [str(fault) for fault in planned.faults.values()] == [
        "booth cannot be planned: stalls/compose.yaml:3: service booth: slipway does not read dockerfile_inline"
    ]
    assert [image.name for image in planned] == ["ground", "gate", "hands", "sweeper"]


def test_the_targets_of_bake_files(stack: Callable[[str], Path]) -> None:
    root, bake = stack("forge"), FakeBake(Result(0, FORGE))
    found = {one.name: one for one in declared(root, bake).definitions}
    assert [(name, one.where, one.dockerfile) for name, one in found.items()] == [
        ("anvil", "docker-bake.hcl:19", "anvil/Dockerfile"),
        ("python-3-12", "docker-bake.hcl", "python/Dockerfile"),
        ("python-3-13", "docker-bake.hcl", "python/Dockerfile"),
        ("toolbox", "docker-bake.hcl:25", "tools/Dockerfile.tools"),
    ]
    assert found["anvil"].args == {"SMITH": "Hephaestus", "YEAR": "2026"}
    assert found["anvil"].aliases == ("acme/anvil:latest", "ghcr.io/acme/anvil")
    assert found["toolbox"].contexts == {"anvil": "target:anvil", "handles": "handles"}
    assert str(bake.asked[0]).endswith("--file docker-bake.hcl --file docker-bake.override.hcl default")
    assert bake.asked[0].cwd == str(root)


def test_a_bake_file_without_default_targets_is_read_whole(stack: Callable[[str], Path]) -> None:
    root = stack("forge")
    (root / "slipway.toml").write_text('declarations = ["docker-bake.hcl"]\n')
    printed = FORGE.replace('"python-3-12": {', '"_common": {}, "helper": {"context": "none"}, "python-3-12": {')
    bake = FakeBake(Result(1, "", "ERROR: failed to find target default\n"), Result(0, printed))
    assert [one.name for one in declared(root, bake).definitions] == ["anvil", "python-3-12", "python-3-13", "toolbox"]
    assert [command.argv[-1] for command in bake.asked] == ["default", "*"]


def test_the_words_of_bake_explain_its_refusal(stack: Callable[[str], Path]) -> None:
    said = 'docker-bake.hcl:3\n   1 |\nERROR: undefined variable "NO"\n'
    with pytest.raises(UsageError) as raised:
        declared(stack("forge"), FakeBake(Result(1, "", said)))
    assert raised.value.message == (
        'docker-bake.hcl: buildx bake: docker-bake.hcl:3    1 | ERROR: undefined variable "NO"'
    )


def test_a_pattern_names_several_compose_files(tmp_path: Path) -> None:
    (tmp_path / "slipway.toml").write_text('declarations = ["{name}/compose.yaml"]\n')
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "compose.yaml").write_text(f"services: {{{folder}: {{build: .}}}}\n")
    assert [one.dockerfile for one in declared(tmp_path).definitions] == ["a/Dockerfile", "b/Dockerfile"]


def test_a_missing_dockerfile_is_a_problem_of_its_image(stack: Callable[[str], Path]) -> None:
    root = stack("market")
    (root / "ground/Dockerfile").unlink()
    faults = repository(root, declared(root)).stack.faults
    assert str(faults["ground"]) == (
        "ground cannot be planned: compose.yaml:25: ground: its Dockerfile ground/Dockerfile does not exist"
    )
    assert str(faults["gate"]) == "gate cannot be planned: it stands on ground"


@pytest.mark.parametrize(
    ("entry", "message", "hint"),
    [
        ("compos.yaml", "slipway.toml:1: declarations: compos.yaml does not exist", "did you mean compose.yaml?"),
        ("no/compose.yaml", "slipway.toml:1: declarations: no/compose.yaml does not exist", ""),
        ("{name}/bake.hcl", "slipway.toml:1: declarations: {name}/bake.hcl does not exist", ""),
        ("latin.yaml", "latin.yaml: byte 2 is not UTF-8", "save the file as UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_is_an_error(
    stack: Callable[[str], Path], entry: str, message: str, hint: str
) -> None:
    root = stack("market")
    (root / "latin.yaml").write_bytes(b"# \xe4\n")
    (root / "slipway.toml").write_text(f'declarations = ["{entry}"]\n')
    with pytest.raises(UsageError) as raised:
        declared(root)
    assert (raised.value.message, raised.value.hint) == (message, hint)


def test_a_secret_of_compose_has_its_source_in_the_settings(tmp_path: Path) -> None:
    (tmp_path / "slipway.toml").write_text('declarations = ["compose.yaml"]\n')
    (tmp_path / "Dockerfile").write_text("FROM scratch\nRUN --mount=type=secret,id=key true\n")
    text = "services: {a: {build: {context: ., secrets: [key]}}}\nsecrets: {key: {file: ./key.txt}}\n"
    (tmp_path / "compose.yaml").write_text(text)
    read = repository(tmp_path, declared(tmp_path))
    assert read.settings.project.secrets["key"].file == "key.txt"
    assert read.settings.project.places["secrets.key"] == "compose.yaml:1"


def test_two_sources_of_one_secret_are_a_problem_of_the_second_image(tmp_path: Path) -> None:
    (tmp_path / "slipway.toml").write_text('declarations = ["compose.yaml"]\n')
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY slipway.toml /\n")
    (tmp_path / "compose.yaml").write_text(
        "services:\n"
        "  a: {build: {context: ., secrets: [key]}}\n"
        "  b: {build: {context: ., secrets: [{source: other, target: key}]}}\n"
        "secrets: {key: {file: ./key.txt}, other: {environment: OTHER}}\n"
    )
    faults = repository(tmp_path, declared(tmp_path)).stack.faults
    assert [str(fault) for fault in faults.values()] == [
        "b cannot be planned: compose.yaml:3: the secret key has another source in compose.yaml:2"
    ]
