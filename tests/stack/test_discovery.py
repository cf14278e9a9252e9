"""From Dockerfiles to the stack, and the problems of those that do not make one."""

from __future__ import annotations

import pytest

from slipway.config.project import Project
from slipway.core.errors import UsageError
from slipway.core.image import Image
from slipway.core.reference import Reference
from slipway.plan.policy import notes
from slipway.stack.definition import Definition, name_of
from slipway.stack.discovery import Assembly, assemble
from slipway.stack.parents import Naming
from tests.stack.assembling import assemble_texts

HEAD = "ARG REGISTRY\nARG OWNER\nARG BASE_VERSION\n"
RUNTIME = "ARG PYTHON_IMAGE\nFROM ${PYTHON_IMAGE}\nCOPY libs/servicekit /app/\n"
ARGS = {"REGISTRY": "reg:5000", "OWNER": "acme", "BASE_VERSION": "v1", "PYTHON_IMAGE": "python:3.12-slim"}
NAMING = Naming("reg:5000", "acme", "v1", "v2", ("latest",))


def on(name: str, more: str = "", tag: str = "${BASE_VERSION}") -> str:
    return f"{HEAD}FROM ${{REGISTRY}}/${{OWNER}}/{name}:{tag}\n{more}"


def assembled(texts: dict[str, str], **more: object) -> Assembly:
    return assemble_texts(texts, NAMING, args=ARGS, **more)


def problems(texts: dict[str, str]) -> list[tuple[str, str, str]]:
    stack = assembled(texts).stack
    with pytest.raises(UsageError) as caught:
        stack.refuse(stack.faults)
    return [(problem.where, problem.what, problem.hint) for problem in caught.value.problems]


BASE, ML, OCR = "infra/docker/base-runtime.Dockerfile", "infra/docker/base-ml.Dockerfile", "apps/svc_ocr/Dockerfile"


@pytest.mark.parametrize(
    ("path", "name"),
    [(ML, "base-ml"), (OCR, "svc-ocr"), ("apps/svc-forms/Dockerfile", "svc-forms")],
)
def test_the_folder_or_file_names_the_image(path: str, name: str) -> None:
    assert name_of(path) == name


def test_a_stack_in_order() -> None:
    stack = assembled({OCR: on("base-ml"), ML: on("base-runtime"), BASE: RUNTIME}).stack
    assert stack.images == (
        Image(
            "base-runtime",
            BASE,
            kind="base",
            reference=Reference("reg:5000", "acme/base-runtime", "v1"),
            roots=("python:3.12-slim",),
            stages={"0": "python:3.12-slim"},
            args=stack.images[0].args,
            foundation="python:3.12-slim",
        ),
        Image(
            "base-ml",
            ML,
            kind="base",
            reference=Reference("reg:5000", "acme/base-ml", "v1"),
            parents=("base-runtime",),
            links={"reg:5000/acme/base-runtime:v1": "base-runtime"},
            stages={"0": "base-runtime"},
            args=stack.images[1].args,
            foundation="base-runtime",
        ),
        Image(
            "svc-ocr",
            OCR,
            reference=Reference("reg:5000", "acme/svc-ocr", "v2"),
            aliases=("reg:5000/acme/svc_ocr:latest",),
            parents=("base-ml",),
            links={"reg:5000/acme/base-ml:v1": "base-ml"},
            stages={"0": "base-ml"},
            args=stack.images[2].args,
            foundation="base-ml",
        ),
    )
    assert [tuple(image.args) for image in stack] == [
        ("PYTHON_IMAGE",),
        ("BASE_VERSION", "OWNER", "REGISTRY"),
        ("BASE_VERSION", "OWNER", "REGISTRY"),
    ]
    assert assembled({BASE: RUNTIME}).declared_args >= {"PYTHON_IMAGE"}


def test_known_secrets_are_looked_for() -> None:
    text = "FROM scratch\nRUN echo geheim12\n"
    assert assembled({BASE: text}).readings["base-runtime"].hazards == ()
    (hazard,) = assembled({BASE: text}, secrets=("geheim12",)).readings["base-runtime"].hazards
    assert hazard.line == 2


def test_another_version_or_registry_is_a_root_image() -> None:
    pinned = assembled({BASE: RUNTIME, OCR: on("base-runtime", tag="v0")}).stack["svc-ocr"]
    assert (pinned.parents, pinned.roots) == ((), ("reg:5000/acme/base-runtime:v0",))
    foreign = assembled({BASE: RUNTIME, OCR: "FROM ghcr.io/acme/base-runtime:v1\n"}).stack["svc-ocr"]
    assert (foreign.parents, foreign.roots) == ((), ("ghcr.io/acme/base-runtime:v1",))


HUB_ARGS = {**ARGS, "REGISTRY": "docker.io", "OWNER": "me"}


@pytest.mark.fault("P30")
@pytest.mark.parametrize("prefix", ["docker.io/me/", "index.docker.io/me/", "me/"])
def test_every_form_of_docker_hubs_name_means_the_parent(prefix: str) -> None:
    texts = {BASE: RUNTIME, OCR: f"FROM {prefix}base-runtime:v1\n"}
    found = assemble_texts(texts, Naming("docker.io", "me", "v1", "v1"), args=HUB_ARGS).stack["svc-ocr"]
    assert (found.parents, found.roots) == (("base-runtime",), ())
    assert found.links == {f"{prefix}base-runtime:v1": "base-runtime"}


@pytest.mark.parametrize("prefix", ["registry-1.docker.io/me/", "DOCKER.IO/me/", "docker.io:443/me/", "", "you/"])
def test_another_name_is_not_the_parent_on_docker_hub(prefix: str) -> None:
    root = f"{prefix}base-runtime:v1"
    texts = {BASE: RUNTIME, OCR: f"FROM {root}\n"}
    found = assemble_texts(texts, Naming("docker.io", "me", "v1", "v1"), args=HUB_ARGS).stack["svc-ocr"]
    assert (found.parents, found.roots) == ((), (root,))


@pytest.mark.parametrize("text", ["base-runtime:v1", "library/base-runtime:v1", "docker.io/base-runtime:v1"])
def test_docker_hubs_own_images_have_a_parent_without_an_owner(text: str) -> None:
    texts = {BASE: RUNTIME, OCR: f"FROM {text}\n"}
    found = assemble_texts(texts, Naming("docker.io", "library", "v1", "v1"), args=ARGS).stack["svc-ocr"]
    assert found.links == {text: "base-runtime"}


@pytest.mark.fault("P32")
@pytest.mark.parametrize(
    ("root", "told"),
    [
        ("base-runtime", "docker.io/library/base-runtime:latest"),
        ("you/base-runtime:v1", "docker.io/you/base-runtime:v1"),
        ("docker.io/you/base-runtime:v1", ""),
        ("svc-forms", ""),
        ("python:3.12-slim", ""),
    ],
)
def test_a_base_named_without_its_registry_is_pointed_out(root: str, told: str) -> None:
    texts = {BASE: RUNTIME, "apps/svc_forms/Dockerfile": RUNTIME, OCR: f"# a comment\nFROM {root}\n"}
    meant = "the base of this stack is ${REGISTRY}/${OWNER}/base-runtime:${BASE_VERSION}"
    assert notes(assembled(texts), Project(), ()) == ((f"{OCR}:2: {root} is {told}; {meant}",) if told else ())


def test_a_root_image_of_a_named_context_is_not_pointed_out() -> None:
    one = Definition("svc", "svc/Dockerfile", contexts={"floor": "docker-image://you/base-runtime:v1"})
    texts = {BASE: RUNTIME, "svc/Dockerfile": "FROM floor\n"}
    found = assemble((Definition("base-runtime", BASE, base=True), one), texts, naming=NAMING, args=ARGS)
    assert found.stack["svc"].roots == ("you/base-runtime:v1",)
    assert notes(found, Project(), ()) == ()


def test_a_base_may_have_the_name_of_its_root_image() -> None:
    assert notes(assembled({BASE: "FROM base-runtime:1\n"}), Project(), ()) == ()


def test_a_stage_copied_from_a_base_without_its_registry_is_pointed_out() -> None:
    texts = {BASE: RUNTIME, OCR: "FROM scratch\nCOPY --from=base-runtime /a /a\n"}
    (said,) = notes(assembled(texts), Project(), ())
    assert said.startswith(f"{OCR}:2: base-runtime is docker.io/library/base-runtime:latest; ")


def test_a_cycle_is_reported_as_a_path() -> None:
    assert problems({BASE: on("base-ml"), ML: on("base-runtime")}) == [
        (BASE, "cycle: base-runtime -> base-ml -> base-runtime", "change the FROM of one of them")
    ]
    assert problems({BASE: on("base-runtime")})[0][1] == "cycle: base-runtime -> base-runtime"


def test_an_unknown_parent_is_reported_with_the_nearest_name() -> None:
    assert problems({BASE: RUNTIME, OCR: on("base-runtme")}) == [
        (
            f"{OCR}:4",
            "FROM reg:5000/acme/base-runtme:v1: base-runtme matches no image",
            "did you mean base-runtime?",
        )
    ]


@pytest.mark.fault("C51")
@pytest.mark.parametrize(
    ("text", "line", "by"),
    [
        ("FROM x\nRUN true\nCOPY --from=reg:5000/acme/base-runtme:v1 a b\n", 3, "COPY --from"),
        ("FROM x\nRUN --mount=type=bind,from=reg:5000/acme/base-runtme:v1,target=/m true\n", 2, "RUN --mount"),
        ("FROM x\nFROM reg:5000/acme/base-runtme:v1\nCOPY --from=reg:5000/acme/base-runtme:v1 a b\n", 2, "FROM"),
    ],
)
def test_an_unknown_parent_is_reported_at_its_line_in_every_instruction(text: str, line: int, by: str) -> None:
    assert problems({BASE: RUNTIME, OCR: text}) == [
        (
            f"{OCR}:{line}",
            f"{by} reg:5000/acme/base-runtme:v1: base-runtme matches no image",
            "did you mean base-runtime?",
        )
    ]


@pytest.mark.parametrize("other", ["apps/svc-ocr/Dockerfile", "apps/SVC_OCR/Dockerfile"])
def test_names_that_collide(other: str) -> None:
    told = problems({OCR: "FROM x\n", other: "FROM x\n"})
    assert (other, f"the name {name_of(other)} is taken by {OCR}", "rename one of them") in told


@pytest.mark.parametrize(
    ("folder", "name"),
    [("Svc", "svc"), ("my service", "my-service"), ("svc.v2", "svc-v2"), ("svc_", "svc"), ("-svc", "svc")],
)
def test_a_name_has_only_lower_case_letters_digits_and_dashes(folder: str, name: str) -> None:
    assert [image.name for image in assembled({f"apps/{folder}/Dockerfile": "FROM x\n"}).stack] == [name]


def test_a_folder_that_can_name_no_image() -> None:
    path = "apps/ü/Dockerfile"
    hint = '"apps/ü/Dockerfile" = { name = "…" } in [tool.slipway.images]'
    assert problems({path: "FROM x\n"}) == [(path, "its path gives the image no name", hint)]


def test_the_problems_of_every_file_are_reported_together() -> None:
    told = problems({BASE: "COPY a b\n", ML: on("nobody"), OCR: "FROM ${NOWHERE}\n"})
    assert [where.partition(":")[0] for where, _, _ in told] == [BASE, ML, OCR]


@pytest.mark.fault("C50")
@pytest.mark.parametrize(
    ("existing", "fitting"),
    [
        ({"apps/svc_ocr/main.py"}, ("apps/svc_ocr",)),
        ({"main.py"}, (".",)),
        ({"main.py", "apps/svc_ocr/main.py"}, ("apps/svc_ocr", ".")),
        ({"main.py", "apps/main.py", "libs/main.py"}, ("apps", ".")),
        ({"libs/main.py"}, ()),
        (set(), ()),
    ],
)
def test_the_context_is_the_nearest_folder_that_has_all_sources(existing: set[str], fitting: tuple[str, ...]) -> None:
    found = assembled({OCR: "FROM x\nCOPY main.py /app/\n"}, exists=existing.__contains__)
    assert found.fitting["svc-ocr"] == fitting
    assert found.stack["svc-ocr"].context == (fitting[0] if fitting else ".")


@pytest.mark.fault("C50")
@pytest.mark.parametrize(
    ("text", "context"),
    [
        ("COPY requirements.txt /\nCOPY . /app/\n", "apps/svc_ocr"),  # as a service's own folder is written
        ("COPY . /app/\n", "apps/svc_ocr"),
        ("ADD . /app/\n", "apps/svc_ocr"),
        ("RUN --mount=type=bind,target=/src true\n", "apps/svc_ocr"),
        ("RUN --mount=type=bind,source=libs,target=/src true\n", "."),
        ("COPY apps/svc_ocr/main.py libs/kit /app/\n", "."),
        ("COPY ${WHERE}/main.py /app/\n", "."),  # as its args say
        ("COPY *.py /app/\n", "apps/svc_ocr"),
        ("RUN true\n", "."),
        ("COPY --from=other:1 /main.py /app/\n", "."),
    ],
)
def test_contexts_of_usual_dockerfiles(text: str, context: str) -> None:
    there = {"apps/svc_ocr/requirements.txt", "apps/svc_ocr/main.py", "libs", "libs/kit", "requirements.txt"}
    folders = {"apps/svc_ocr", "apps", "."}
    found = assembled({OCR: f"FROM x\nARG WHERE=apps/svc_ocr\n{text}"}, exists=(there | folders).__contains__)
    assert found.stack["svc-ocr"].context == context


@pytest.mark.fault("C50")
def test_a_file_added_elsewhere_does_not_change_the_context() -> None:
    text = "FROM x\nCOPY requirements.txt /\n"
    beside = {"apps/svc_ocr/requirements.txt"}
    for added in ("requirements.txt", "apps/requirements.txt", "apps/other/requirements.txt"):
        found = assembled({OCR: text}, exists={*beside, added}.__contains__)
        assert found.stack["svc-ocr"].context == "apps/svc_ocr"


def test_an_image_lists_its_secrets_contexts_and_frontend() -> None:
    text = (
        "FROM ${PYTHON_IMAGE}\nRUN --mount=type=secret,id=one --mount=type=secret,id=two true\n"
        "COPY --from=wheels a /\nCOPY --from=wheels b /\n"
    )
    (image,) = assembled({OCR: f"ARG PYTHON_IMAGE\n{text}"}, contexts=["wheels"]).stack
    assert (image.secrets, image.given_contexts, image.frontend) == (("one", "two"), ("wheels",), "")
    (image,) = assembled({OCR: f"# syntax=docker/dockerfile:1.7\nARG PYTHON_IMAGE\n{text}"}, contexts=["wheels"]).stack
    assert image.frontend == "docker/dockerfile:1.7"


@pytest.mark.parametrize("platform", ["linux/amd64", "linux/arm64"])
def test_the_platform_is_the_one_built_for(platform: str) -> None:
    text = "FROM scratch\nARG TARGETARCH\nCOPY ${TARGETARCH} /\n"
    more = {} if platform == "linux/amd64" else {"platforms": [platform]}
    (reading,) = assembled({OCR: text}, **more).readings.values()
    assert reading.sources[0].paths == (platform.partition("/")[2],)


def test_a_name_without_a_near_one_is_refused_with_all_known_names() -> None:
    found = problems({OCR: on("nothing-of-the-kind"), ML: RUNTIME})
    assert [hint for _, _, hint in found] == ["known: base-ml, svc-ocr"]


def test_a_parent_named_by_tag_and_digest() -> None:
    digest = f"sha256:{'0' * 64}"
    texts = {OCR: on("base-ml", tag="${BASE_VERSION}@" + digest), ML: RUNTIME}
    image = assembled(texts).stack["svc-ocr"]
    assert (image.parents, image.roots) == ((), (f"reg:5000/acme/base-ml:v1@{digest}",))


@pytest.mark.parametrize(
    ("existing", "context"),
    [
        ({"main.py"}, "."),
        ({"apps/svc_ocr/main.py"}, "."),
        ({"apps/svc_ocr/main.py", "apps/svc_ocr/more.py"}, "apps/svc_ocr"),
        ({"apps/svc_ocr/main.py", "apps/svc_ocr/more.py", "more.py", "a.txt"}, "apps/svc_ocr"),
        ({"main.py", "more.py", "apps/svc_ocr/main.py", "apps/svc_ocr/a.txt"}, "."),
    ],
)
def test_patterns_do_not_decide_on_the_context(existing: set[str], context: str) -> None:
    text = f"{RUNTIME.rpartition('COPY')[0]}COPY main.py more.py *.txt a? [b]c /app/\n"
    assert assembled({OCR: text}, exists=existing.__contains__).stack["svc-ocr"].context == context


@pytest.mark.fault("B32")
def test_an_image_takes_the_sources_of_every_platform() -> None:
    text = (
        "FROM a:1 AS src-amd64\nCOPY amd64.txt /\nFROM b:1 AS src-arm64\nCOPY arm64.txt /\n"
        "FROM --platform=$BUILDPLATFORM src-${TARGETARCH} AS made\nFROM scratch\nCOPY --from=made / /"
    )
    made = assembled({OCR: text}, platforms=["linux/amd64", "linux/arm64"], builder="linux/s390x")
    image, reading = made.stack["svc-ocr"], made.readings["svc-ocr"]
    assert [source.paths for source in reading.sources] == [("amd64.txt",), ("arm64.txt",)]
    assert image.roots == ("a:1", "b:1")
    assert image.stages == {
        "0 for linux/amd64": "a:1",
        "2 for linux/amd64": "src-amd64 for linux/s390x",
        "3 for linux/amd64": "scratch",
        "1 for linux/arm64": "b:1",
        "2 for linux/arm64": "src-arm64 for linux/s390x",
        "3 for linux/arm64": "scratch",
    }


def test_a_problem_of_every_platform_is_reported_once() -> None:
    found = assembled({OCR: "FROM ${NOWHERE}\n"}, platforms=["linux/amd64", "linux/arm64"])
    assert len(found.stack.faults["svc-ocr"].error.problems) == 1


@pytest.mark.fault("B30")
def test_triggers_of_a_parent_run_in_its_children_alone() -> None:
    texts = {
        BASE: "FROM scratch\nONBUILD ARG WHO\nONBUILD COPY req.txt /\nONBUILD COPY --from=made /x /\n",
        ML: on("base-runtime", "ONBUILD COPY model.bin /\n").replace("FROM", "FROM scratch AS made\nFROM"),
        OCR: on("base-ml", "COPY main.py /\n"),
    }
    made = assembled(texts)
    read_by = {
        name: [path for source in reading.sources for path in source.paths] for name, reading in made.readings.items()
    }
    assert read_by == {"base-runtime": [], "base-ml": ["req.txt"], "svc-ocr": ["model.bin", "main.py"]}
    assert {image.name: image.content for image in made.stack} == {
        "base-runtime": (),
        "base-ml": ("WHO",),
        "svc-ocr": (),
    }


@pytest.mark.fault("B30")
def test_triggers_of_a_root_image_are_read() -> None:
    texts = {BASE: RUNTIME, OCR: on("base-runtime", tag="v0"), ML: "FROM python:3.11"}
    onbuild = {"python:3.12-slim": ["COPY a /"], "reg:5000/acme/base-runtime:v0": ["COPY b /"]}
    readings = assembled(texts, onbuild=onbuild).readings
    assert [len(readings[name].sources) for name in ("base-runtime", "svc-ocr", "base-ml")] == [2, 1, 0]


@pytest.mark.fault("B30")
def test_the_context_has_the_files_that_triggers_read() -> None:
    texts = {BASE: "FROM scratch\nONBUILD COPY requirements.txt /\n", OCR: on("base-runtime")}
    stack = assembled(texts, exists={"apps/svc_ocr/requirements.txt"}.__contains__).stack
    assert stack["svc-ocr"].context == "apps/svc_ocr"


TOOL = "infra/docker/base-tool.Dockerfile"
PREFIX = "${REGISTRY}/${OWNER}"


@pytest.mark.parametrize(
    ("text", "foundation"),
    [
        (on("base-runtime"), "base-runtime"),
        (
            f"{HEAD}FROM {PREFIX}/base-tool:v1 AS tool\nFROM {PREFIX}/base-runtime:v1\nCOPY --from=tool /x /x\n",
            "base-runtime",
        ),
        (
            f"{HEAD}FROM {PREFIX}/base-tool:v1 AS tool\nFROM python:3.12-slim\nCOPY --from=tool /x /x\n",
            "python:3.12-slim",
        ),
        (f"{HEAD}FROM {PREFIX}/base-runtime:v1 AS a\nFROM a AS b\nFROM b\n", "base-runtime"),
        (f"{HEAD}FROM {PREFIX}/base-runtime:v1 AS a\nFROM scratch\nCOPY --from=a /x /x\n", ""),
    ],
)
def test_the_last_stage_gives_the_foundation_of_an_image(text: str, foundation: str) -> None:
    """An image that it only mounts or copies from is a parent, and no more."""
    stack = assembled({BASE: RUNTIME, TOOL: "FROM scratch\nCOPY x /x\n", OCR: text}).stack
    assert stack["svc-ocr"].foundation == foundation
    assert stack.below("svc-ocr") == (("base-runtime",) if foundation == "base-runtime" else ())


@pytest.mark.parametrize(
    ("tool", "child", "are_tools"),
    [
        ("FROM scratch\nCOPY x /x\n", on("base-tool"), (True, True)),
        ("FROM scratch\nCOPY x /x\n", on("base-tool", "CMD /x\n"), (True, False)),
        ('FROM scratch\nCOPY x /x\nENTRYPOINT ["/x"]\n', on("base-tool"), (False, False)),
        ("FROM python:3.12-slim\n", on("base-tool"), (False, False)),
        (f"{HEAD}FROM {PREFIX}/base-runtime:v1\nFROM scratch\n", on("base-runtime"), (True, False)),
    ],
)
def test_a_tool_starts_nothing(tool: str, child: str, are_tools: tuple[bool, bool]) -> None:
    """The program of a root image is unknown here, so an image on one is taken for a service."""
    assembly = assembled({BASE: RUNTIME, TOOL: tool, OCR: child})
    assert (assembly.is_tool("base-tool"), assembly.is_tool("svc-ocr")) == are_tools


@pytest.mark.parametrize(
    ("below", "own", "user"),
    [("USER 10001:10001\n", "", "10001:10001"), ("USER 10001\n", "USER app\n", "app"), ("", "", "")],
)
def test_an_image_has_the_user_of_the_nearest_dockerfile_that_sets_one(below: str, own: str, user: str) -> None:
    assembly = assembled({BASE: RUNTIME + below, OCR: on("base-runtime", own)})
    assert assembly.user("svc-ocr") == user
