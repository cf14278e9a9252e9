"""The Dockerfile reader; what real BuildKit says of it is in integration/test_dockerfile_oracle.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from slipway.core.errors import UsageError
from slipway.core.rules import Rule
from slipway.dockerfile import Hazard, Reading, Source, Stage, parse, read, united


@dataclass(frozen=True)
class Case:
    text: str
    expected: Reading
    args: Mapping[str, str] = field(default_factory=dict)
    target: str = ""
    contexts: tuple[str, ...] = ()
    platform: str = "linux/amd64"
    builder: str = ""


def copy(line: int, *paths: str, context: str = "", kind: str = "copy", excludes: tuple[str, ...] = ()) -> Source:
    return Source(context, paths, excludes, kind, line)


def named_secret(name: str, line: int) -> Hazard:
    hint = f"RUN --mount=type=secret,id={name.lower()} instead of ARG or ENV"
    return Hazard(line, Rule.SECRET_NAME, f"{name} would stand in the image's history", hint)


unpinned = "ADD {} is not pinned: its content may change"


SCRATCH = (Stage("", 0, "scratch", "", 1),)


CASES = {
    "a service": Case(
        """\
# svc-ocr
ARG REGISTRY=localhost:5000 OWNER=acme
ARG BASE_VERSION UNUSED
FROM ${REGISTRY}/${OWNER}/base-ml:${BASE_VERSION}
RUN --mount=type=bind,source=apps/ocr/requirements.txt,target=/r.txt \\
    --mount=type=cache,target=/c --mount=type=tmpfs,target=/tmp \\
    # a remark
    --mount=type=secret,id=pip.conf,target=/etc/pip.conf --mount=type=ssh echo ${NOT:?read}
COPY libs/kit/ ./apps/ocr/main.py /app/
USER app
EXPOSE 8080
HEALTHCHECK CMD true
CMD ["run"]
""",
        Reading(
            stages=(Stage("", 0, "r.io/acme/base-ml:v1", "", 4),),
            bases=("r.io/acme/base-ml:v1",),
            sources=(copy(5, "apps/ocr/requirements.txt", kind="mount"), copy(9, "libs/kit", "apps/ocr/main.py")),
            args=("BASE_VERSION", "OWNER", "REGISTRY"),
            naming=("BASE_VERSION", "OWNER", "REGISTRY"),
            secrets=("pip.conf",),
            user="app",
            healthcheck=True,
            exposed=("8080/tcp",),
            entry=True,
        ),
        args={"REGISTRY": "r.io", "BASE_VERSION": "v1", "NOT_DECLARED": "x"},
    ),
    "what the target does not need contributes nothing": Case(
        """\
ARG A=1 B=2
FROM one:${A} AS Used
ARG X
COPY x /
FROM two:${B} AS unused
ARG Y
COPY y /
ADD https://example.com/y /
FROM used AS last
COPY --from=three:3 /z /z
COPY --from=USED /z /z
COPY --from=0 /z /z
FROM four AS after
""",
        Reading(
            stages=(Stage("used", 0, "one:1", "", 2), Stage("last", 2, "used", "", 9)),
            bases=("one:1", "three:3"),
            sources=(copy(4, "x"),),
            args=("A", "X"),
            naming=("A",),
        ),
        target="last",
    ),
    "named contexts stand in for stages, images and from": Case(
        "FROM scratch AS wheels\nFROM base:v1\nRUN --mount=from=wheels,target=/w --mount=from=other,src=c,dst=/c true\n"
        "COPY --from=docker.io/library/python:latest a /",
        Reading(
            stages=(Stage("", 1, "base:v1", "", 2),),
            named=(
                Source("base:v1", ("",), (), "from", 2),
                copy(3, "", context="wheels", kind="mount"),
                copy(3, "c", context="other", kind="mount"),
                copy(4, "a", context="python"),
            ),
        ),
        contexts=("wheels", "base:v1", "other", "python"),
    ),
    "a byte order mark, CRLF, any case and the other escape": Case(
        "\ufeff# Escape = `\r\nfrom scratch as A\r\ncopy `\r\n  # no\r\n\r\n  one\\two `\r\n  /x\r\nUser `$A\r\n",
        Reading(stages=(Stage("a", 0, "scratch", "", 2),), sources=(copy(3, "one\\two"),), user="$A"),
    ),
    "heredocs are not files": Case(
        """\
FROM scratch
COPY <<one <<-"two" three /x/
COPY no /
one
	COPY no /
	two
RUN cat <<A && echo "<<B"
COPY no /
A
COPY <<E four /x
$x
E
ADD ["<no", "a b", "/x"]
""",
        Reading(stages=SCRATCH, sources=(copy(2, "three"), copy(10, "four"), copy(13, "<no", "a b", kind="add"))),
    ),
    "scopes of ARG and ENV": Case(
        """\
ARG V=1 W=$V U=${V}x
FROM scratch AS a
ARG V W=3
ENV E=$V$W
ENV V=9 F=$V
COPY $V $W $E $F "$U" ${U:-u} /x/
FROM a
ARG G=$V
COPY $G$W /x
""",
        Reading(
            stages=(Stage("a", 0, "scratch", "", 2), Stage("", 1, "a", "", 7)),
            sources=(copy(6, "9", "3", "53", "5", "", "u"), copy(9, "93")),
            args=("G", "V", "W"),
        ),
        args={"V": "5", "U": "0"},
    ),
    "the platform": Case(
        "FROM --platform=$BUILDPLATFORM scratch AS b\nARG TARGETPLATFORM TARGETARCH TARGETVARIANT=no\n"
        "COPY $TARGETPLATFORM/$TARGETARCH$TARGETVARIANT$TARGETOS /x",
        Reading(
            stages=(Stage("b", 0, "scratch", "linux/arm/v7", 1),),
            sources=(copy(3, "linux/arm/v7/armno"),),
            args=("TARGETVARIANT",),
            builder=True,
        ),
        platform="linux/arm/v7",
    ),
    "the platform of who builds": Case(
        "FROM --platform=$BUILDPLATFORM one:1 AS b\nARG BUILDARCH TARGETARCH\nCOPY $BUILDARCH-to-$TARGETARCH /x\n"
        "FROM scratch\nCOPY --from=b /x /x",
        Reading(
            stages=(Stage("b", 0, "one:1", "linux/amd64", 1), Stage("", 1, "scratch", "", 4)),
            bases=("one:1",),
            sources=(copy(3, "amd64-to-arm64"),),
            builder=True,
        ),
        platform="linux/arm64",
        builder="linux/amd64",
    ),
    "flags of COPY and ADD": Case(
        """\
FROM scratch
COPY --link --chown=1:1 --chmod=644 --exclude=*.md --exclude=a/b --exclude="c d" src/ /x/
COPY --parents ./a/./b/**/*.py /c//d ./e/ /x/
ADD --checksum=sha256:ab https://example.com/a git@github.com:a/b.git#v1 local/*.tgz /x/
ADD git://example.com/a /x/
""",
        Reading(
            stages=SCRATCH,
            sources=(
                Source("", ("src",), ("*.md", "a/b", "c d"), "copy", 2, modes=False),
                Source("", ("a/./b/**/*.py", "c/d", "e"), (), "copy", 3, parents=True),
                copy(4, "local/*.tgz", kind="add"),
            ),
            remotes=("https://example.com/a", "git@github.com:a/b.git#v1", "git://example.com/a"),
            hazards=(
                Hazard(4, Rule.UNPINNED_ADD, unpinned.format("https://example.com/a"), "pin it: --checksum=sha256:…"),
                Hazard(5, Rule.UNPINNED_ADD, unpinned.format("git://example.com/a"), "pin it: #<commit>"),
            ),
        ),
    ),
    "ONBUILD runs in the stages above": Case(
        "FROM scratch AS a\nONBUILD COPY a /\nFROM a AS b\nONBUILD COPY b /\nFROM b\nONBUILD RUN c",
        Reading(
            stages=(Stage("a", 0, "scratch", "", 1), Stage("b", 1, "a", "", 3), Stage("", 2, "b", "", 5)),
            sources=(copy(2, "a"), copy(4, "b")),
            onbuild=("RUN c",),
        ),
    ),
    "names that look like secrets": Case(
        "FROM scratch\nARG GITHUB_TOKEN KEYBOARD TOKEN_FILE\nENV Password=x PUBLIC_KEY=y",
        Reading(
            stages=SCRATCH,
            args=("GITHUB_TOKEN", "KEYBOARD", "TOKEN_FILE"),
            hazards=(
                Hazard(
                    2,
                    Rule.SECRET_NAME,
                    "GITHUB_TOKEN has no value; given one, it would stand in the image's history",
                    "RUN --mount=type=secret,id=github_token instead of ARG or ENV",
                    refused=False,
                ),
                named_secret("Password", 3),
            ),
            weighed=frozenset({"GITHUB_TOKEN", "TOKEN_FILE", "PUBLIC_KEY", "Password"}),
        ),
    ),
    "settings are inherited from stage to stage": Case(
        "FROM scratch AS a\nUSER a\nEXPOSE 1-2/udp\nHEALTHCHECK CMD x\nCMD x\nFROM a\nENTRYPOINT []\nEXPOSE 3 1/udp",
        Reading(
            stages=(Stage("a", 0, "scratch", "", 1), Stage("", 1, "a", "", 6)),
            user="a",
            healthcheck=True,
            exposed=("1/udp", "2/udp", "3/tcp"),
        ),
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_reading(case: Case) -> None:
    got = read(
        parse(case.text),
        case.args,
        target=case.target,
        contexts=case.contexts,
        platform=case.platform,
        builder=case.builder,
    )
    assert got == case.expected


USES = {
    "in FROM alone": ("ARG A\nFROM one:$A", "A", ""),
    "in the platform of a FROM alone": ("ARG A\nFROM --platform=linux/$A one:1", "A", ""),
    "in FROM, and declared in the stage": ("ARG A\nFROM one:$A\nARG A", "", "A"),
    "in FROM, and declared in another stage": ("ARG A\nFROM one:$A AS s\nFROM s\nARG A", "", "A"),
    "in FROM, and declared in an unneeded stage": ("ARG A\nFROM one:$A AS s\nARG A\nFROM one:$A", "A", ""),
    "declared in the stage, and read by nothing": ("FROM one:1\nARG A", "", "A"),
    "declared before FROM, and read by nothing": ("ARG A\nFROM one:1", "", ""),
    "in the default of one in FROM": ("ARG A\nARG B=$A\nFROM one:$B", "A B", ""),
    "in the default of one declared in the stage": ("ARG A\nARG B=$A\nFROM one:1\nARG B", "", "A B"),
    "in the defaults of both": ("ARG A\nARG B=$A C=$A\nFROM one:$B\nARG C", "B", "A C"),
    "in a default that the stage does not take": ("ARG A\nARG B=$A\nFROM one:$A\nARG B=own", "A", "B"),
    "heeded by BuildKit itself": ("ARG SOURCE_DATE_EPOCH\nFROM one:$SOURCE_DATE_EPOCH", "", "SOURCE_DATE_EPOCH"),
    "of the platform, and given": ("FROM one:$TARGETARCH AS s\nFROM s\nARG TARGETOS", "TARGETARCH", "TARGETOS"),
}


@pytest.mark.fault("B31")
@pytest.mark.parametrize(("text", "naming", "content"), USES.values(), ids=USES)
def test_an_arg_counts_by_its_use(text: str, naming: str, content: str) -> None:
    given = dict.fromkeys(["A", "SOURCE_DATE_EPOCH", "TARGETARCH", "TARGETOS"], "1")
    reading = read(parse(text), given)
    assert " ".join(reading.naming) == naming
    assert " ".join(arg for arg in reading.args if arg not in reading.naming) == content


@pytest.mark.fault("B32")
@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("FROM --platform=$BUILDPLATFORM one:1", True),
        ("FROM one:$BUILDARCH", True),
        ("ARG A=$BUILDOS\nFROM one:$A", True),
        ("ARG A=$BUILDOS\nFROM one:1\nARG A", True),
        ("ARG A=$BUILDOS\nFROM one:1", False),
        ("FROM one:1\nARG BUILDVARIANT", True),
        ("FROM one:1\nARG TARGETARCH", False),
        ("FROM one:1 AS s\nARG BUILDARCH\nFROM one:1", False),
        ("FROM one:1\nARG BUILDARCH=mine", False),
        ("FROM one:1\nRUN echo $BUILDARCH", False),
    ],
)
def test_a_use_of_the_builder_s_platform_is_noticed(text: str, asked: bool) -> None:
    assert read(parse(text)).builder == asked
    assert not read(parse(text), {f"BUILD{part}": "linux" for part in ("ARCH", "OS", "VARIANT", "PLATFORM")}).builder


TRIGGERED = {
    "its sources": (["COPY a /", "ADD b c /"], "FROM base:1\nCOPY d /", ["a", "b", "c", "d"]),
    "its mounts": (["RUN --mount=source=a,target=/a true"], "FROM base:1", ["a"]),
    "its variables": (["ARG A=a", "ENV B=b"], "FROM base:1\nCOPY $A $B /", ["a", "b"]),
    "its args, which are given": (["ARG G", "COPY $G /"], "FROM base:1", ["given"]),
    "in each stage on it": (["COPY a /"], "FROM base:1 AS s\nFROM base:1\nCOPY --from=s / /", ["a", "a"]),
    "once: not in a stage on such a stage": (["COPY a /"], "FROM base:1 AS s\nFROM s\nFROM 1\nFROM s", ["a"]),
    "the stage's own as well": (["COPY a /"], "FROM base:1 AS s\nONBUILD COPY b /\nFROM s", ["a", "b"]),
    "not of what is only copied from": (["COPY a /"], "FROM scratch\nCOPY --from=base:1 / /", []),
    "not in an unneeded stage": (["COPY a /"], "FROM base:1 AS s\nFROM scratch", []),
    "not of another image": (["COPY a /"], "FROM base:2", []),
    "of a named context, as of an image": (["COPY a /"], "FROM wheels", ["a"]),
    "from a stage of the file": (["COPY --from=s / /"], "FROM scratch AS s\nCOPY a /\nFROM base:1", ["a"]),
}


@pytest.mark.fault("B30")
@pytest.mark.parametrize(("onbuild", "text", "sources"), TRIGGERED.values(), ids=TRIGGERED)
def test_triggers_of_an_image_are_read_where_it_is_built_upon(
    onbuild: list[str], text: str, sources: list[str]
) -> None:
    triggers = {"base:1": onbuild, "wheels": onbuild}
    reading = read(parse(text), {"G": "given"}, contexts=["wheels"], triggers=lambda image: triggers.get(image, ()))
    assert [path for source in reading.sources for path in source.paths] == sources


def test_a_problem_of_a_trigger_names_the_from_line() -> None:
    onbuild = ["COPY a /", "ARG B", "EXPOSE $B x", "COPY", " "]
    reading = read(parse("# two\nFROM base:1"), triggers=lambda image: onbuild[:2])
    assert reading.sources == (Source("", ("a",), (), "copy", 2, onbuild="base:1"),)
    assert (reading.args, reading.naming, reading.onbuild) == (("B",), (), ())
    with pytest.raises(UsageError) as caught:
        read(parse("# two\nFROM base:1"), triggers=lambda image: onbuild)
    assert [str(problem) for problem in caught.value.problems] == [
        "Dockerfile:2: ONBUILD COPY of base:1: COPY requires at least one source and a destination",
        "Dockerfile:2: ONBUILD   of base:1: an ONBUILD without an instruction",
    ]
    with pytest.raises(UsageError, match=r"Dockerfile:2: EXPOSE \(ONBUILD of base:1\): x is not a port"):
        read(parse("# two\nFROM base:1"), triggers=lambda image: onbuild[:3])


def test_one_reading_of_several_platforms() -> None:
    text = (
        "ARG A B\nFROM one:$A AS src-amd64\nCOPY x /\nRUN --mount=type=secret,id=s true\n"
        "FROM two:$B AS src-arm64\nARG A BUILDOS\nCOPY --from=wheels y /\n"
        "FROM src-${TARGETARCH}\nARG TARGETARCH\nCOPY last /\nADD https://$TARGETARCH.example/a /\nUSER $TARGETARCH"
    )
    given = {"A": "1", "B": "2"}
    read_for = [read(parse(text), given, contexts=["wheels"], platform=f"linux/{arch}") for arch in ("amd64", "arm64")]
    both = united(read_for)
    assert united(read_for[:1]) is read_for[0]
    assert both == Reading(
        stages=(
            Stage("src-amd64", 0, "one:1", "", 2),
            Stage("", 2, "src-amd64", "", 8),
            Stage("src-arm64", 1, "two:2", "", 5),
            Stage("", 2, "src-arm64", "", 8),
        ),
        bases=("one:1", "two:2"),
        sources=(copy(3, "x"), copy(10, "last")),
        named=(Source("wheels", ("y",), (), "copy", 7),),
        args=("A", "B"),
        naming=("B",),
        builder=True,
        remotes=("https://amd64.example/a", "https://arm64.example/a"),
        secrets=("s",),
        hazards=(*read_for[0].hazards, *read_for[1].hazards),
        user="amd64",
    )


def test_a_stage_on_a_replaced_stage_reads_the_whole_context() -> None:
    reading = read(parse("FROM scratch AS wheels\nCOPY never /\nFROM wheels"), contexts=["wheels"])
    assert reading == Reading(stages=(Stage("", 1, "wheels", "", 3),), named=(Source("wheels", ("",), (), "from", 3),))


@pytest.mark.parametrize(
    ("text", "line", "what", "hint"),
    [
        ("FROM r/${OWNER}/b:${BASE_VERSION}", 1, "BASE_VERSION and OWNER are empty", "ARG BASE_VERSION"),
        ("ARG BASE_VERSION\nFROM r/b:${BASE_VERSION}", 2, "BASE_VERSION is empty", "set BASE_VERSION"),
        ("ARG BASE_VERSION=1\nFROM r/b:${BASE_VERISON}", 2, "BASE_VERISON is empty", "BASE_VERSION?"),
        ("FROM ${NONE}", 1, "NONE is empty", "ARG NONE"),
        ("FROM scratch AS builder\nFROM Builder", 2, "Builder is not an image reference", "stage builder?"),
        ("FROM a\nCOPY --from=later x /\nFROM b AS later\nFROM a\nCOPY --from=0 / /", 2, "later stage", ""),
        (
            "FROM a AS x\nCOPY --from=y y /\nFROM a AS y\nCOPY --from=x x /\nFROM b",
            2,
            "from y: a stage cannot read a later",
            "",
        ),
        ("FROM a AS x\nCOPY --from=x y /\nFROM b", 2, "COPY from x: a stage cannot read itself", ""),
        ("FROM a AS me\nCOPY --from=me x /", 2, "cannot read itself", ""),
        ("FROM a\nCOPY --from=7 x /", 2, "stage 7: no such stage", ""),
        ("FROM a\nCOPY --from=$X x /", 2, "--from takes no variable", "FROM … AS name"),
        ("FROM a\nCOPY $X/y /", 2, "X in $X/y is set nowhere", "ARG X"),
        ("FROM a\nWORKDIR ${X!}", 2, "unsupported modifier (!)", ""),
        ("FROM scratch\nUSER ${X:?who}", 2, "X: who", ""),
        ("FROM a\nCOPY http://x/y /", 2, "http://x/y is not a file", "ADD"),
        ("FROM --platform=$P a", 1, "P is empty", ""),
        ("ARG A B\nFROM r/${B}/${A}", 2, "A and B are empty", "set A and B, or give the ARG a default"),
        ("FROM ${X!}", 1, "FROM ${X!}: unsupported modifier (!)", ""),
        ("ARG P=lynux\nFROM --platform=$P a", 2, "FROM --platform: lynux is not a platform", ""),
        ("FROM --platform=linux/ a", 1, "linux/ is not a platform", ""),
        ("FROM --platform=/amd64 a", 1, "/amd64 is not a platform", ""),
        ('FROM a\nRUN --mount=type=bind,\\"x true', 2, 'RUN: the mount type=bind,"x cannot be read', ""),
        ("FROM a\nCOPY --from=+ x /", 2, "COPY from +: neither a stage nor an image reference", ""),
        ("FROM a\nCOPY --from=a!b x /", 2, "COPY from a!b: neither a stage nor an image reference", ""),
        ("FROM a\nCOPY --from=1 x /", 2, "COPY from stage 1: no such stage", ""),
        ("FROM a AS x\nCOPY --from=1 y /\nFROM b\nFROM x", 2, "COPY from 1: a stage cannot read a later stage", ""),
        ("FROM --platform=lynux a", 1, "FROM --platform: lynux is not a platform", ""),
        ("FROM --platform=linux/arm/v7/x a", 1, "linux/arm/v7/x is not a platform", ""),
        ('FROM a\nRUN --mount=type=bind,"x" true', 2, "RUN: a mount has no x", ""),
        ("FROM a\nRUN --mount=type=bind,sorce=x true", 2, "a mount has no sorce", "source?"),
        ("FROM a\nRUN --mount=type=bind,source,target=/x true", 2, "the mount's source needs a value", ""),
        ("FROM a\nRUN --mount=type=bnd,target=/x true", 2, "unknown mount type bnd", "bind"),
        ("FROM a\nCOPPY b c", 2, "unknown instruction COPPY", "COPY?"),
        ("FROM a\nCOPY --form=b c d", 2, "no flag --form", "--from?"),
        ('FROM a\nCOPY "b c" /', 2, "a double quote is not closed", '["a name", "/"]'),
        ("FROM a\n\nRUN <<E\nx", 3, "heredoc E is not closed", ""),
        ("RUN x\nFROM a", 1, "before the first FROM", ""),
    ],
)
def test_a_dockerfile_that_buildkit_refuses_is_refused_at_its_line(text: str, line: int, what: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(parse(text, path="x/Dockerfile"))
    problem = caught.value.problems[0]
    assert problem.where == f"x/Dockerfile:{line}"
    assert what in problem.what
    assert hint in problem.hint


def test_all_problems_of_a_dockerfile_are_reported_together() -> None:
    with pytest.raises(UsageError) as caught:
        parse("RUN x\nFROM\nFROM a\nCOPPY b\nENV c\nFROM b AS 1")
    assert [problem.where for problem in caught.value.problems] == [f"Dockerfile:{n}" for n in (1, 2, 4, 5, 6)]
    with pytest.raises(UsageError) as caught:
        read(parse("FROM ${A}\nFROM b:${C}"))
    assert [problem.where for problem in caught.value.problems] == ["Dockerfile:1", "Dockerfile:2"]


@pytest.mark.fault("C51")
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("FROM Apache Spark 3.4.1\nENV a=b\nRUN x\nCOPY a b\n", [1]),
        ("FROM a\nRUN x\nFROM b AS 1\nCOPY --from=1 a b\nRUN y\n", [3]),
        ("RUN x\nENV a=b\nCOPY a b\nFROM a\n", [1]),
        ("FROM\nCOPPY b\n", [1, 2]),
    ],
)
def test_one_bad_line_is_one_problem(text: str, told: list[int]) -> None:
    with pytest.raises(UsageError) as caught:
        read(parse(text))
    assert [problem.where for problem in caught.value.problems] == [f"Dockerfile:{line}" for line in told]


@pytest.mark.fault("C51")
def test_a_file_without_from_gets_one_problem() -> None:
    with pytest.raises(UsageError, match="no FROM: a Dockerfile needs one") as caught:
        parse("ENV a=b\nRUN x\nCOPY a b\n")
    assert len(caught.value.problems) == 1


def test_the_escape_character_holds_for_defaults_before_the_first_from() -> None:
    text = "# escape=`\nARG NAME=a`$b\nARG OTHER=c\nFROM r.io/x:${OTHER}\nARG NAME\nCOPY $NAME /\n"
    assert [source.paths for source in read(parse(text)).sources] == [("a$b",)]


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        ("CMD x", True),
        ("CMD []", False),
        ('ENTRYPOINT ["x"]', True),
        ("ENTRYPOINT []", False),
        ("CMD x\nENTRYPOINT []", True),
        ("ENTRYPOINT []\nCMD x", True),
        ("ENTRYPOINT x\nCMD []", True),
        ("CMD x\nFROM b\nENTRYPOINT []", False),
        ("ENTRYPOINT x\nFROM b\nCMD []", True),
        ("CMD x\nFROM b", True),
        ("RUN x", False),
    ],
)
def test_whether_a_container_has_something_to_run(text: str, entry: bool) -> None:
    """An ENTRYPOINT takes away the CMD of what it stands on."""
    assert read(parse(f"FROM a AS b\n{text}")).entry is entry


@pytest.mark.parametrize(
    ("text", "healthcheck"), [("CMD x", True), ("--interval=1s CMD x", True), ("NONE", False), ("none", False)]
)
def test_whether_health_is_checked(text: str, healthcheck: bool) -> None:
    assert read(parse(f"FROM a\nHEALTHCHECK {text}")).healthcheck is healthcheck


@pytest.mark.parametrize(
    ("text", "ports"),
    [
        ("80", ["80/tcp"]),
        ("80/UDP 80", ["80/udp", "80/tcp"]),
        ("8-10/sctp", ["8/sctp", "9/sctp", "10/sctp"]),
        ("127.0.0.1:1:80 :81", ["80/tcp", "81/tcp"]),
    ],
)
def test_ports_that_are_exposed(text: str, ports: list[str]) -> None:
    assert list(read(parse(f"FROM a\nEXPOSE {text}")).exposed) == ports


@pytest.mark.parametrize("port", ["x", "80-", "-80", "80/ip", "127.0.0.1:", "80/"])
def test_an_expose_that_is_not_a_port_is_refused(port: str) -> None:
    with pytest.raises(UsageError, match=f"EXPOSE: {port} is not a port"):
        read(parse(f"FROM a\nEXPOSE {port}"))


@pytest.mark.parametrize(
    "text",
    [
        "STOPSIGNAL {}",
        "VOLUME /x {}",
        "WORKDIR {}",
        "USER {}",
        "COPY x {}",
        "COPY --chown={} x /",
        "COPY --chmod={} x /",
        "COPY <<E /x\n{}\nE",
        "COPY <<E /x\n'{}'\nE",
        "ENV A={}",
        "LABEL {}=a",
        "ARG A={}",
    ],
)
def test_a_variable_that_must_be_set_is_asked_for_wherever_it_stands(text: str) -> None:
    with pytest.raises(UsageError, match="NONE: say-it"):
        read(parse("FROM scratch\n" + text.format("${NONE:?say-it}")))


def test_a_quoted_heredoc_is_not_expanded() -> None:
    assert read(parse("FROM scratch\nCOPY <<'E' /x\n${NONE:?say it}\nE\n")).sources == ()


def test_add_fetches_urls_and_git_repositories_only() -> None:
    remote = "git@r.io:a/b.git#" + "0" * 40
    reading = read(parse(f"FROM a\nADD {remote} x/http://y @r.io:a r@:b /"))
    assert reading.remotes == (remote,)
    assert [source.paths for source in reading.sources] == [("x/http:/y", "@r.io:a", "r@:b")]


def test_a_variable_that_a_base_may_set_is_allowed_outside_paths() -> None:
    assert read(parse("FROM a\nUSER ${APP_USER:?}\nWORKDIR $HOME")).user == ""


@pytest.mark.fault("B52")
@pytest.mark.parametrize(
    ("line", "counts"),
    [
        ("COPY --chmod=644 a /", False),
        ("COPY --chmod=0755 --chown=1:1 a /", False),
        ("ADD --chmod=4755 a /", False),
        ("COPY --chmod=$MODE a /", False),
        ("COPY --chmod=${NOTHING} a /", True),
        ("COPY --chmod=u+x a /", True),
        ("COPY --chmod=u=rwX,go=rX a /", True),
        ("COPY --chown=1:1 a /", True),
        ("RUN --mount=type=bind,source=a true", True),
    ],
)
def test_an_octal_chmod_replaces_the_modes_of_copied_files(line: str, counts: bool) -> None:
    """As BuildKit does: measured on files, folders and setuid programs of other modes."""
    (source,) = read(parse(f"FROM scratch\nARG MODE=640\nARG NOTHING\n{line}\n")).sources
    assert source.modes is counts
