"""Services of compose files, from texts to definitions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from slipway.config.secret_source import SecretSource
from slipway.core.errors import UsageError
from slipway.stack.declarations import built_services, read_compose, unread_keys
from slipway.stack.declarations.found import Found


def found(
    files: Mapping[str, str], environment: Mapping[str, str] | None = None, declared: Sequence[str] = ("compose.yaml",)
) -> dict[str, Found]:
    composition = read_compose(declared, files.get, environment or {})
    return {one.key: one for one in built_services(composition, declared[0], "/repo")}


def one(build: str, environment: Mapping[str, str] | None = None, env_file: str = "", more: str = "") -> Found:
    """Return the one service of a file with ``build``, in flow style."""
    text = f"services:\n  api:\n    build: {build}\n{more}"
    return found({"compose.yaml": text, ".env": env_file}, environment)["api"]


def problems(build: str) -> list[tuple[str, str]]:
    return [(problem.where, problem.what) for problem in one(build).problems]


def test_a_build_is_a_folder_or_a_table() -> None:
    short = one("./api").definition
    assert (short.context, short.dockerfile, short.where) == ("api", "api/Dockerfile", "compose.yaml:2")
    table = one("{context: ./api, dockerfile: ../docker/api.Dockerfile, target: app}").definition
    assert (table.context, table.dockerfile, table.target) == ("api", "docker/api.Dockerfile", "app")
    assert (one("{target: app}").definition.context, one("/repo/api").definition.context) == (".", "api")


def test_a_service_without_build_is_not_an_image() -> None:
    assert found({"compose.yaml": "services: {db: {image: postgres}, web: {build: }, x: }"}) == {}
    assert found({"compose.yaml": "volumes: {data: }"}) == {}


def test_args_are_a_table_or_a_list() -> None:
    environment = {"TAG": "v1", "GIVEN": "g"}
    table = one("{args: {A: 1.10, B: 'x${TAG}', GIVEN: , NO: , E: '', T: true}}", environment)
    assert table.definition.args == {"A": "1.1", "B": "xv1", "GIVEN": "g", "E": "", "T": "true"}
    listed = one("{args: [A=1.10, 'B=x${TAG}', GIVEN, NO, E=]}", environment)
    assert listed.definition.args == {"A": "1.10", "B": "xv1", "GIVEN": "g", "E": ""}


def test_a_variable_without_value_and_default_gives_no_arg() -> None:
    args = one("{args: {A: '${NO}', B: '$NO$NONE', C: '${NO:-}', D: 'v${NO}', E: '${EMPTY}'}}", {"EMPTY": ""})
    assert args.definition.args == {"C": "", "D": "v", "E": ""}


def test_a_variable_has_its_value_from_the_environment_then_from_the_env_file() -> None:
    build = "{args: {A: '$A', B: '$B', C: }}"
    assert one(build, {"A": "env"}, "A=file\nB=$A-${X:-d}\nC=c").definition.args == {"A": "env", "B": "env-d", "C": "c"}


def test_named_contexts_are_folders_images_and_services() -> None:
    built = one("{context: api, additional_contexts: {lib: ./libs, img: 'docker-image://alpine:3', dep: 'service:db'}}")
    assert built.definition.contexts == {"lib": "libs", "img": "docker-image://alpine:3"}
    assert built.links == {"dep": "db"}
    assert one("{additional_contexts: [lib=libs]}").definition.contexts == {"lib": "libs"}


def test_secrets_have_the_sources_of_the_top_level_table() -> None:
    more = "secrets: {tok: {environment: TOK}, key: {file: ./keys/key}, far: {file: ~/x}}"
    built = one("{secrets: [tok, {source: key, target: id}, far]}", more=more).definition.secrets
    assert built == {
        "tok": SecretSource(env="TOK"),
        "id": SecretSource(file="keys/key"),
        "far": SecretSource(file="~/x"),
    }


def test_a_secret_without_a_source_is_a_problem() -> None:
    built = one("{secrets: [tok]}", more="secrets: {tok: {external: true}}")
    assert [problem.what for problem in built.problems] == [
        "service api: the secret tok has neither file nor environment"
    ]


def test_platforms_are_those_of_the_build_or_that_of_the_service() -> None:
    assert one("{platforms: [linux/amd64, linux/arm64, linux/amd64]}").definition.platforms == (
        "linux/amd64",
        "linux/arm64",
    )
    assert one(".", more="    platform: linux/arm64\n").definition.platforms == ("linux/arm64",)


def test_the_image_is_expanded() -> None:
    built = one(".", {"TAG": "2"}, more='    image: "${REPO:-acme}/api:${TAG}"\n')
    assert built.images == ("acme/api:2",)
    assert one(".", more='    image: "${REPO:?set it}/api"\n').images == ()


@pytest.mark.parametrize(
    ("build", "what"),
    [
        ("..", "its context .. is outside the repository"),
        ("/elsewhere", "its context /elsewhere is outside the repository"),
        ("~/x", "its context ~/x is outside the repository"),
        ("https://me:pw@github.com/a/b.git", "is not a folder of the repository"),
        ("git@github.com:a/b.git", "its context git@github.com:a/b.git is not a folder of the repository"),
        ("{dockerfile: ../Dockerfile}", "its Dockerfile ../Dockerfile is outside the repository"),
        ("{dockerfile_inline: FROM scratch}", "slipway does not read dockerfile_inline"),
        ("{additional_contexts: {x: ../x}}", "its additional context x ../x is outside the repository"),
        ("{context: '${DIR}/x'}", "context needs the variable DIR"),
        ("{dockerfile: '${DIR:?name it}/x'}", "dockerfile needs the variable DIR: name it"),
        ("{args: {A: '${X:?}'}}", "arg A needs the variable X"),
        ("{args: {A: [1]}}", "args: A is not a text"),
        ("{args: 3}", "args is a mapping or a list of NAME=value"),
        ("[a]", "build is a folder or a mapping"),
    ],
)
def test_a_build_that_slipway_cannot_read_is_a_problem_of_that_service(build: str, what: str) -> None:
    ((where, said),) = problems(build)
    assert where == "compose.yaml:3"
    assert said.startswith("service api: ") and said.endswith(what)
    assert "me:pw" not in said


def test_a_service_extends_one_of_its_file() -> None:
    text = """\
services:
  base: {image: acme/base, build: {context: src, target: app, args: {A: 1, B: 1}}}
  api: {extends: base, image: acme/api, build: {args: [B=2, C=3]}}
  job: {extends: {service: api}, build: {target: !reset null, args: !override {D: 4}}}
"""
    api, job = (found({"compose.yaml": text})[name] for name in ("api", "job"))
    assert (api.definition.context, api.definition.target, api.images) == ("src", "app", ("acme/api",))
    assert api.definition.args == {"A": "1", "B": "2", "C": "3"}
    assert (job.definition.target, job.definition.args, job.images) == ("", {"D": "4"}, ("acme/api",))


def test_paths_of_an_extended_file_refer_to_its_folder() -> None:
    files = {
        "compose.yaml": "services: {api: {extends: {file: deploy/base.yaml, service: web}, build: {args: {A: 1}}}}",
        "deploy/base.yaml": "services: {web: {extends: {file: ../all.yaml, service: all}, build: {context: ../src}}}",
        "all.yaml": "services: {all: {build: {context: ., additional_contexts: {lib: libs}}}}",
    }
    api = found(files)["api"].definition
    assert (api.context, api.contexts, api.args) == ("src", {"lib": "libs"}, {"A": "1"})


@pytest.mark.parametrize(
    ("extends", "what"),
    [
        ("no", "extends no, which compose.yaml does not have"),
        ("{file: no.yaml, service: x}", "extends no.yaml, which does not exist"),
        ("api", "extends itself"),
        ("{service: '${NO:?}'}", "extends: needs the variable NO"),
    ],
)
def test_a_service_that_extends_nothing_is_a_problem_of_that_service(extends: str, what: str) -> None:
    text = f"services:\n  api:\n    build: .\n    extends: {extends}\n  web: {{build: web}}\n"
    services = found({"compose.yaml": text})
    assert [problem.what for problem in services["api"].problems] == [f"service api: {what}"]
    assert services["api"].problems[0].where == "compose.yaml:4"
    assert services["web"].problems == ()


def test_a_long_chain_is_a_problem() -> None:
    chain = "".join(f"  s{n}: {{extends: s{n + 1}, build: .}}\n" for n in range(300))
    services = found({"compose.yaml": f"services:\n{chain}  s300: {{build: .}}\n"})
    what = "service s0: extends a chain of more than 50 services"
    assert [problem.what for problem in services["s0"].problems] == [what]
    assert services["s290"].problems == ()
    files = {f"{n}.yaml": f"include: [{n + 1}.yaml]" for n in range(300)}
    with pytest.raises(UsageError, match="is in a chain of more than 50 includes"):
        found({**files, "compose.yaml": "include: [0.yaml]"})


def test_a_later_file_overrides_an_earlier_one() -> None:
    files = {
        "compose.yaml": "services: {api: {build: {context: a, args: {A: 1}}}, web: {build: web}}",
        "deploy/prod.yaml": "services: {api: {build: {context: b, args: {B: 2}}}, web: !reset null}",
    }
    services = found(files, declared=("compose.yaml", "deploy/prod.yaml"))
    assert list(services) == ["api"]
    assert (services["api"].definition.context, services["api"].definition.args) == ("b", {"A": "1", "B": "2"})


def test_a_mark_concerns_its_own_service_and_not_those_that_extend_it() -> None:
    files = {
        "compose.yaml": "services: {a: {build: {target: t, args: {A: 1}}}, b: {build: {target: t, args: {B: 1}}}}",
        "over.yaml": """\
services:
  a: {build: {target: !reset null, args: !override {C: 1}}}
  b: {extends: a, build: {context: b}}
  c: {extends: a, build: {args: !reset null}}
""",
    }
    services = found(files, declared=("compose.yaml", "over.yaml"))
    shown = {name: (one.definition.target, one.definition.args) for name, one in services.items()}
    assert shown == {"a": ("", {"C": "1"}), "b": ("t", {"B": "1", "C": "1"}), "c": ("", {})}
    files["compose.yaml"] = "services: {c: {build: {args: {A: 1}}}}"
    assert found(files, declared=("compose.yaml", "over.yaml"))["c"].definition.args == {}


def test_documents_of_one_file_override_each_other() -> None:
    text = "services: {api: {build: {context: a, target: x}}}\n---\nservices: {api: {build: {context: b}}}\n"
    api = found({"compose.yaml": text})["api"].definition
    assert (api.context, api.target) == ("b", "x")


def test_an_included_file_has_its_own_folder_and_variables() -> None:
    files = {
        "compose.yaml": "include: [team/compose.yaml, {path: [x/a.yaml, x/b.yaml], project_directory: y, env_file: e}]",
        ".env": "TAG=ours\n",
        "team/compose.yaml": "services: {api: {build: {context: api, args: {TAG: '$TAG', OWN: '$OWN'}}}}",
        "team/.env": "TAG=theirs\nOWN=1\n",
        "x/a.yaml": "services: {web: {build: {context: web, target: a, args: {E: '$E'}}}}",
        "x/b.yaml": "services: {web: {build: {target: b}}}",
        "e": "E=e\n",
    }
    services = found(files)
    assert services["api"].definition.context == "team/api"
    assert services["api"].definition.args == {"TAG": "ours", "OWN": "1"}
    web = services["web"].definition
    assert (web.context, web.target, web.args) == ("y/web", "b", {"E": "e"})


def test_a_remote_include_is_a_note() -> None:
    files = {"compose.yaml": "include:\n  - oci://registry/x\nservices: {api: {build: .}}"}
    composition = read_compose(["compose.yaml"], files.get, {})
    assert [str(note) for note in composition.notes] == [
        "compose.yaml:2: slipway does not read this include: it is not a file of the repository"
    ]
    assert list(composition.services.entries) == ["api"]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "compose.yaml: compose.yaml does not exist"),
        ({"compose.yaml": "include: [no.yaml]"}, "compose.yaml:1: no.yaml does not exist"),
        ({"compose.yaml": "include: [compose.yaml]"}, "compose.yaml:1: compose.yaml includes itself"),
        ({"compose.yaml": "include: ['${NO:?}']"}, "compose.yaml:1: needs the variable NO"),
        (
            {"compose.yaml": "include: [{path: a.yaml, env_file: no.env}]", "a.yaml": ""},
            "compose.yaml:1: no.env does not exist",
        ),
        ({"compose.yaml": "a: [\n", ".env": ""}, "compose.yaml:2: not YAML"),
        ({"compose.yaml": "", ".env": "A='"}, ".env:1: A: its quote is not closed"),
    ],
)
def test_a_file_that_cannot_be_read_is_an_error(files: Mapping[str, str], message: str) -> None:
    with pytest.raises(UsageError) as raised:
        found(files)
    assert message in raised.value.message


def test_keys_that_slipway_does_not_read_are_noted() -> None:
    text = (
        "services:\n  api:\n    build: {context: ., network: host, ssh: [default], labels: [a=b]}\n  web: {build: .}\n"
    )
    composition = read_compose(["compose.yaml"], {"compose.yaml": text}.get, {})
    assert [str(note) for note in unread_keys(composition)] == [
        "compose.yaml:3: service api: slipway does not read network, ssh of build"
    ]
