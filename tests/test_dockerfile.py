"""The Dockerfile reader; what real BuildKit says of it is in integration/test_dockerfile_oracle.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.dockerfile import Hazard, Reading, Source, Stage, parse, read
from slipway.dockerfile.expansion import WordError, expand
from slipway.dockerfile.text import Heredoc
from slipway.dockerfile.words import shell_words, split_flags
from slipway.errors import UsageError


@dataclass(frozen=True)
class Case:
    text: str
    expected: Reading
    args: Mapping[str, str] = field(default_factory=dict)
    target: str = ""
    contexts: tuple[str, ...] = ()
    platform: str = "linux/amd64"


def copy(line: int, *paths: str, context: str = "", kind: str = "copy", excludes: tuple[str, ...] = ()) -> Source:
    return Source(context, paths, excludes, kind, line)


def named_secret(name: str, line: int) -> Hazard:
    hint = f"RUN --mount=type=secret,id={name.lower()} instead of ARG or ENV"
    return Hazard(line, f"{name} would stand in the image's history", hint)


unpinned = "ADD {} is not pinned: it may be another tomorrow"
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
    "heredocs are no files": Case(
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
        ),
        platform="linux/arm/v7",
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
                copy(2, "src", excludes=("*.md", "a/b", "c d")),
                Source("", ("a/./b/**/*.py", "c/d", "e"), (), "copy", 3, parents=True),
                copy(4, "local/*.tgz", kind="add"),
            ),
            remotes=("https://example.com/a", "git@github.com:a/b.git#v1", "git://example.com/a"),
            hazards=(
                Hazard(4, unpinned.format("https://example.com/a"), "pin it: --checksum=sha256:…"),
                Hazard(5, unpinned.format("git://example.com/a"), "pin it: #<commit>"),
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
            hazards=(named_secret("GITHUB_TOKEN", 2), named_secret("Password", 3)),
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
    got = read(parse(case.text), case.args, target=case.target, contexts=case.contexts, platform=case.platform)
    assert got == case.expected


def test_a_stage_on_a_replaced_stage_reads_the_whole_context() -> None:
    reading = read(parse("FROM scratch AS wheels\nCOPY never /\nFROM wheels"), contexts=["wheels"])
    assert reading == Reading(stages=(Stage("", 1, "wheels", "", 3),), named=(Source("wheels", ("",), (), "from", 3),))


def test_what_was_parsed_keeps_its_text_and_directives() -> None:
    text = "# syntax=docker/dockerfile:1.7 -x\n# check=skip=all\nARG A\nFROM a AS B\nRUN x"
    dockerfile = parse(text, path="apps/a/Dockerfile")
    assert (dockerfile.path, dockerfile.text, dockerfile.escape) == ("apps/a/Dockerfile", text, "\\")
    assert dockerfile.syntax == "docker/dockerfile:1.7"
    assert [(section.name, section.base, section.line) for section in dockerfile.sections] == [("b", "a", 4)]


@pytest.mark.parametrize(
    ("text", "line", "what", "hint"),
    [
        ("FROM r/${OWNER}/b:${BASE_VERSION}", 1, "BASE_VERSION and OWNER are empty", "ARG BASE_VERSION"),
        ("ARG BASE_VERSION\nFROM r/b:${BASE_VERSION}", 2, "BASE_VERSION is empty", "set BASE_VERSION"),
        ("ARG BASE_VERSION=1\nFROM r/b:${BASE_VERISON}", 2, "BASE_VERISON is empty", "BASE_VERSION?"),
        ("FROM ${NONE}", 1, "NONE is empty", "ARG NONE"),
        ("FROM scratch AS builder\nFROM Builder", 2, "Builder is no image reference", "stage builder?"),
        ("FROM a\nCOPY --from=later x /\nFROM b AS later\nFROM a\nCOPY --from=0 / /", 2, "later stage", ""),
        (
            "FROM a AS x\nCOPY --from=y y /\nFROM a AS y\nCOPY --from=x x /\nFROM b",
            2,
            "from y: a stage cannot read a later",
            "",
        ),
        ("FROM a AS x\nCOPY --from=x y /\nFROM b", 2, "COPY from x: a stage cannot read itself", ""),
        ("FROM a AS me\nCOPY --from=me x /", 2, "cannot read itself", ""),
        ("FROM a\nCOPY --from=7 x /", 2, "stage 7: there is none", ""),
        ("FROM a\nCOPY --from=$X x /", 2, "--from takes no variable", "FROM … AS name"),
        ("FROM a\nCOPY $X/y /", 2, "X in $X/y is set nowhere", "ARG X"),
        ("FROM a\nWORKDIR ${X!}", 2, "unsupported modifier (!)", ""),
        ("FROM scratch\nUSER ${X:?who}", 2, "X: who", ""),
        ("FROM a\nCOPY http://x/y /", 2, "http://x/y is no file", "ADD"),
        ("FROM --platform=$P a", 1, "P is empty", ""),
        ("ARG A B\nFROM r/${B}/${A}", 2, "A and B are empty", "set A and B, or give the ARG a default"),
        ("FROM ${X!}", 1, "FROM ${X!}: unsupported modifier (!)", ""),
        ("ARG P=lynux\nFROM --platform=$P a", 2, "FROM --platform: lynux is no platform", ""),
        ("FROM --platform=linux/ a", 1, "linux/ is no platform", ""),
        ("FROM --platform=/amd64 a", 1, "/amd64 is no platform", ""),
        ('FROM a\nRUN --mount=type=bind,\\"x true', 2, 'RUN: the mount type=bind,"x cannot be read', ""),
        ("FROM a\nCOPY --from=+ x /", 2, "COPY from +: that is no stage and no image reference", ""),
        ("FROM a\nCOPY --from=a!b x /", 2, "COPY from a!b: that is no stage and no image reference", ""),
        ("FROM a\nCOPY --from=1 x /", 2, "COPY from stage 1: there is none", ""),
        ("FROM a AS x\nCOPY --from=1 y /\nFROM b\nFROM x", 2, "COPY from 1: a stage cannot read a later stage", ""),
        ("FROM --platform=lynux a", 1, "FROM --platform: lynux is no platform", ""),
        ("FROM --platform=linux/arm/v7/x a", 1, "linux/arm/v7/x is no platform", ""),
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
def test_what_is_refused(text: str, line: int, what: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(parse(text, path="x/Dockerfile"))
    problem = caught.value.problems[0]
    assert problem.where == f"x/Dockerfile:{line}"
    assert what in problem.what
    assert hint in problem.hint


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(UsageError) as caught:
        parse("RUN x\nFROM\nFROM a\nCOPPY b\nENV c\nFROM b AS 1")
    assert [problem.where for problem in caught.value.problems] == [f"Dockerfile:{n}" for n in (1, 2, 4, 5, 6)]
    with pytest.raises(UsageError) as caught:
        read(parse("FROM ${A}\nFROM b:${C}"))
    assert [problem.where for problem in caught.value.problems] == ["Dockerfile:1", "Dockerfile:2"]


def test_an_unknown_target_suggests_a_near_one() -> None:
    with pytest.raises(UsageError, match="no stage 0"):
        read(parse("FROM a AS builder"), target="0")
    with pytest.raises(UsageError) as caught:
        read(parse("FROM a AS builder"), target="buidler")
    assert str(caught.value) == "error: Dockerfile: no stage buidler\nhint:  did you mean builder?"


HEX = "0123456789abcdefABCDEF0123456789"


@pytest.mark.parametrize(
    "reference",
    [
        "a",
        "a.b_c__d-e---f",
        "r.io/a",
        "R.io/a",
        "R.io:5000/a/b:1_X.y-z",
        "[::1]:5000/a",
        f"a@sha256:{HEX}{HEX}",
        f"a:1@x+b64u.C_d-E:{HEX}",
        f"r.io/a@s:{HEX}",
    ],
)
def test_what_the_engine_takes_as_a_reference(reference: str) -> None:
    assert read(parse(f"FROM {reference}")).bases == (reference,)


@pytest.mark.parametrize(
    "reference",
    [
        *("a.", "a/", "/a", "a..b", "a___b", "A", "r.io:/a", "r.io:x/a", "[]/a", "[g]/a", "r.io//a", "a:", "a:.b"),
        *(f"a@sha256:{HEX[1:]}", f"a@:{HEX}", f"a@2:{HEX}", f"a@s+:{HEX}", f"a@s+2:{HEX}", f"a@s:{HEX}g", f"@s:{HEX}"),
    ],
)
def test_what_the_engine_does_not_take_as_a_reference(reference: str) -> None:
    with pytest.raises(UsageError, match="is no image reference"):
        read(parse(f"FROM {reference}"))


def test_a_stage_s_name_need_be_no_reference() -> None:
    assert read(parse("FROM a AS b-\nFROM b-")).bases == ("a",)
    assert read(parse("FROM a AS x\nFROM c AS b-\nFROM b-")).bases == ("c",)


def test_a_stage_that_nobody_needs_may_read_a_later_one() -> None:
    """As BuildKit has it."""
    assert read(parse("FROM a\nCOPY --from=y x /\nFROM b AS y\nFROM y")).bases == ("b",)


def test_a_mount_does_not_count_stages() -> None:
    assert read(parse("FROM a AS x\nFROM b\nRUN --mount=from=0,target=/x true")).bases == ("b", "0")


@pytest.mark.parametrize("name", ["r.io/b", "docker.io/b", "docker.io/library/b", "library/b", "b:latest"])
def test_a_named_context_is_found_by_any_spelling_of_docker_hub_s_names(name: str) -> None:
    given = name if "r.io" in name.removeprefix("docker.io") else "b"
    assert read(parse(f"FROM {name}"), contexts=[given]).bases == ()
    assert read(parse("FROM library/x/b"), contexts=["x/b", "library"]).bases == ("library/x/b",)


@pytest.mark.parametrize("platform", ["linux", "Linux", "amd64", "x86_64", "arm64", "linux/x", "x/y/z"])
def test_a_platform_may_be_short(platform: str) -> None:
    assert read(parse(f"FROM --platform={platform} a")).stages[0].platform == platform


def test_flags_of_a_mount_need_no_value() -> None:
    text = "FROM a\nRUN --mount=type=bind,src=x,dst=/x,ro --mount=type=secret,id=s,required,env=S,mode=0400,uid=1 true"
    text += "\nRUN --mount=type=tmpfs,destination=/t,size=9 --mount=type=cache,target=/c,sharing=locked,readwrite true"
    reading = read(parse(text))
    assert [source.paths for source in reading.sources] == [("x",)]
    assert reading.secrets == ("s",)


def test_what_a_stage_sets_is_not_seen_by_those_beside_it() -> None:
    one = "FROM a AS one\nENV X=1\nEXPOSE 1\n"
    reading = read(
        parse(f"{one}FROM one AS two\nENV X=2\nEXPOSE 2\nFROM one AS three\nCOPY --from=two y /\nCOPY $X /\n")
    )
    assert [source.paths for source in reading.sources] == [("1",)]
    assert reading.exposed == ("1/tcp",)
    with pytest.raises(UsageError, match="Y in \\$Y is set nowhere"):
        read(parse("FROM a AS one\nFROM one AS two\nARG Y=2\nFROM one\nCOPY --from=two y /\nCOPY $Y /\n"))


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
def test_what_is_no_port(port: str) -> None:
    with pytest.raises(UsageError, match=f"EXPOSE: {port} is no port"):
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


HEREDOCS = """\
FROM a
COPY <<A <<-'B' <<"C" /x
1 ${X}
# no comment
A
\t~2
\tB
3
\\
C
RUN cat <<D 3<<\\E
y
D
q
E
ADD <<E /e
z
E
CMD <<F
RUN ["<<G"]
"""


def test_heredocs_are_read_whole() -> None:
    found = [(each.name, each.line, each.heredocs) for each in parse(HEREDOCS).sections[0].instructions]
    copied = Heredoc("A", True, "1 ${X}\n# no comment\n"), Heredoc("B", False, "~2\n"), Heredoc("C", False, "3\n\\\n")
    assert found == [
        ("COPY", 2, copied),
        ("RUN", 11, (Heredoc("D", True, "y\n"), Heredoc("E", True, "q\n"))),
        ("ADD", 16, (Heredoc("E", True, "z\n"),)),
        ("CMD", 19, ()),
        ("RUN", 20, ()),
    ]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("ADD x", "ADD requires at least one source and a destination"),
        ("ADD x <<E\nE", "ADD cannot write to a heredoc"),
        ("ARG A =b", "ARG requires a name"),
        ("RUN [1]", "a JSON list may hold only strings"),
        ("ENTRYPOINT [1]", "a JSON list may hold only strings"),
        ("HEALTHCHECK", "HEALTHCHECK takes CMD and a command, or NONE"),
        ("HEALTHCHECK CMD", "HEALTHCHECK takes CMD and a command, or NONE"),
        ("HEALTHCHECK NONE x", "HEALTHCHECK takes CMD and a command, or NONE"),
        ("ONBUILD MAINTAINER x", "ONBUILD takes an instruction other than ONBUILD, FROM and MAINTAINER"),
        ("FROM b AS a!b", "a!b"),
    ],
)
def test_an_instruction_that_lacks_something(text: str, what: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(f"FROM a\n{text}\n")
    (problem,) = caught.value.problems
    assert problem.where == "Dockerfile:2" and what in problem.what


@pytest.mark.parametrize(
    ("text", "syntax", "escape"),
    [
        ("# syntax=a\n# escape=`\nFROM x", "a", "`"),
        ("# escape=`\n#  Syntax = a b\nFROM x", "a", "`"),
        ("#!/bin/x\n# syntax=a\nFROM x", "a", "\\"),
        ("#!/bin/x\n# escape=`\nFROM x", "", "\\"),
        ("#!\nFROM x", "", "\\"),
        ("# x=1\n# syntax=a\nFROM x", "", "\\"),
        ("# a remark: # syntax=a\nFROM x", "", "\\"),
        ("FROM x\n# syntax=a", "", "\\"),
        ("# check=skip=all\n# syntax=a\nFROM x", "a", "\\"),
    ],
)
def test_directives_stand_at_the_top(text: str, syntax: str, escape: str) -> None:
    parsed = parse(text)
    assert (parsed.syntax, parsed.escape) == (syntax, escape)


@pytest.mark.parametrize(("flag", "on"), [("--parents", True), ("--parents=true", True), ("--parents=False", False)])
def test_a_switch_is_on_unless_it_is_false(flag: str, on: bool) -> None:
    (instruction,) = parse(f"FROM a\nCOPY {flag} x /").sections[0].instructions
    assert instruction.switched("parents") is on


def test_a_quoted_heredoc_is_not_expanded() -> None:
    assert read(parse("FROM scratch\nCOPY <<'E' /x\n${NONE:?say it}\nE\n")).sources == ()


def test_what_add_fetches_and_what_only_looks_like_it() -> None:
    remote = "git@r.io:a/b.git#" + "0" * 40
    reading = read(parse(f"FROM a\nADD {remote} x/http://y @r.io:a r@:b /"))
    assert reading.remotes == (remote,)
    assert [source.paths for source in reading.sources] == [("x/http:/y", "@r.io:a", "r@:b")]


def test_an_empty_file_builds_nothing() -> None:
    with pytest.raises(UsageError, match="no FROM"):
        parse("# only a comment\n\n")


def test_a_variable_a_base_image_may_set_is_no_error_outside_paths() -> None:
    assert read(parse("FROM a\nUSER ${APP_USER:?}\nWORKDIR $HOME")).user == ""


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("'a b'", ["a b"]),
        ('"a b"', ["a b"]),
        (r"a\ b", ["a b"]),
        ("$X", ["a", "b"]),
        ('"$X"', ["a b"]),
        ("c'a b'd e", ["ca bd", "e"]),
        ("${X:+c d}", ["c", "d"]),
        ('"${X:+c d}"', ["c d"]),
        ("${X}y", ["a", "by"]),
        ("''", []),
        ("'' ''", []),
    ],
)
def test_blanks_in_quotes_do_not_part_words(word: str, words: list[str]) -> None:
    assert list(expand(word, {"X": "a b"}).words) == words


values = st.text(st.sampled_from("ab/.*? é"), max_size=8)
literals = st.text(st.characters(blacklist_characters="$'\"\\", blacklist_categories=["Cs"]), max_size=20)


@given(literals)
def test_a_word_without_anything_special_stays(word: str) -> None:
    assert expand(word).text == word


@given(literals)
def test_the_words_are_those_between_blanks(word: str) -> None:
    assert expand(word).words == tuple(word.split())


@given(values, values)
def test_defaults_and_alternatives(value: str, other: str) -> None:
    env = {"v": value}
    assert expand("${v:-'" + other + "'}", env).text == (value or other)
    assert expand("${v-'" + other + "'}", env).text == value
    assert expand("${v:+'" + other + "'}", env).text == (other if value else "")
    assert expand("${u+x}${u-'" + other + "'}", env).text == other


@given(values, st.sampled_from(["a", "b", "/", ".", "ab", "é"]))
def test_trimming_and_replacing_a_literal(value: str, part: str) -> None:
    env = {"v": value}
    assert expand("${v#" + part + "}", env).text == value.removeprefix(part)
    assert expand("${v%" + part + "}", env).text == value.removesuffix(part)
    escaped = part.replace("/", "\\/")
    assert expand("${v//" + escaped + "/X}", env).text == value.replace(part, "X")
    assert expand("${v/" + escaped + "/X}", env).text == value.replace(part, "X", 1)


@given(values)
def test_trimming_to_a_slash_is_what_paths_need(value: str) -> None:
    env = {"v": value}
    assert expand("${v##*/}", env).text == value.rpartition("/")[2]
    assert expand("${v%/*}", env).text == (value.rpartition("/")[0] if "/" in value else value)
    assert expand("${v#*/}", env).text == (value.partition("/")[2] if "/" in value else value)


@given(st.text(st.sampled_from("ab$\\'\"{}:-/%#? "), max_size=12))
def test_any_word_expands_or_is_refused(word: str) -> None:
    try:
        assert isinstance(expand(word, {"a": "x"}).text, str)
    except WordError as error:
        assert str(error)


@given(st.lists(st.text(st.sampled_from("ab'\"\\ -="), max_size=6)))
def test_splitting_loses_no_letter(words: list[str]) -> None:
    text = " ".join(words)
    assert [char for char in "".join(shell_words(text)) if char in "ab"] == [char for char in text if char in "ab"]


@pytest.mark.parametrize(
    ("text", "flags", "rest"),
    [
        ("a --b", (), "a --b"),
        ("--a=1 --b  c", ("a=1", "b"), "c"),
        ('--a=\'x y\' --b="p \\" q" -c', ("a=x y", 'b=p " q'), "-c"),
        ("--a -- --b", ("a",), "--b"),
    ],
)
def test_leading_flags(text: str, flags: tuple[str, ...], rest: str) -> None:
    assert split_flags(text) == (flags, rest)


def test_which_variables_left_nothing() -> None:
    expansion = expand("${a}${b}${c:-x}${d}", {"a": "1", "b": ""})
    assert sorted(expansion.used) == ["a", "b"]
    assert sorted(expansion.blank) == ["b", "d"]


@pytest.mark.parametrize(
    ("stages", "target", "name"),
    [
        ("FROM scratch AS One", "", "one"),
        ("FROM scratch AS one\nFROM one", "", "default"),
        ("FROM scratch AS one\nFROM one AS two", "", "two"),
        ("FROM scratch AS One", "One", "One"),
    ],
)
def test_the_stage_that_is_built_has_a_name(stages: str, target: str, name: str) -> None:
    reading = read(parse(f"{stages}\nARG TARGETSTAGE\nUSER ${{TARGETSTAGE}}"), target=target)
    assert reading.user == name
