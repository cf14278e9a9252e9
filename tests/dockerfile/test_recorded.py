"""The Dockerfile reader beside BuildKit's own answers, as ``tests/data/record_buildkit.py`` kept them."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from slipway.core.errors import UsageError
from slipway.dockerfile import parse, read
from slipway.dockerfile.expansion import WordError, expand
from slipway.dockerfile.ignore import parse_ignore

RECORDED: dict[str, list[Any]] = json.loads((Path(__file__).parents[1] / "data/buildkit.json").read_text("utf-8"))
#: As the ENV lines of the recorded build set them.
ENV = {"e": "", "w": "word", "p": "a/b/c.tar.gz", "s": "two words", "q": "it's", "star": "x*y", "B": "B"}


def test_words_expand() -> None:
    assert len(RECORDED["words"]) > 100
    assert [expand(word, ENV).text for word, _ in RECORDED["words"]] == [value for _, value in RECORDED["words"]]


@pytest.mark.parametrize(("text", "told"), RECORDED["outlines"])
def test_args_and_secrets(text: str, told: list[list[str]] | None) -> None:
    if told is None:
        with pytest.raises(UsageError):
            read(parse(text))
        return
    reading = read(parse(text))
    assert [sorted(reading.args), sorted(reading.secrets)] == told


@pytest.mark.parametrize(("text", "left"), RECORDED["ignores"])
def test_ignored_files(text: str, left: list[str]) -> None:
    ignore = parse_ignore(text)
    tree: list[str] = RECORDED["tree"]
    assert sorted(path for path in tree if not ignore.excludes(path)) == left
    pruned = [path for path in tree if any(map(ignore.prunes, map(str, list(PurePosixPath(path).parents)[:-1])))]
    assert not set(pruned) & set(left)


def test_generated_files() -> None:
    """Args, secrets, what the last ARG's default comes to, and stages with their FROM and line."""
    assert len(RECORDED["files"]) > 50
    for text, told in RECORDED["files"]:
        parsed = parse(text)
        reading = read(parsed)
        stages = [[section.name, section.base, section.line] for section in parsed.sections]
        assert [list(reading.args), sorted(reading.secrets), reading.user, stages] == told, text


REFUSED = [
    (
        "ARG A=x\nARG A=${A}y B=$A\nFROM scratch AS $A",
        "3",
        "invalid stage name $A",
        "a letter, then letters, digits, -, _ and .",
    ),
    (
        "FROM scratch\nRUN cat <<A 3<<-\"B\"; echo '<<C'\nARG NO\nA\nARG NO\n\tB\nARG YES",
        "2",
        "the heredoc B; is not closed",
        "",
    ),
    ("FROM scratch\nARG", "2", "ARG requires a name", ""),
    ("FROM scratch\nENV A", "2", "ENV must have two arguments", ""),
    ("FROM scratch\nENV =b", "2", "ENV names can not be blank", ""),
    ("FROM scratch\nFOO bar", "2", "unknown instruction FOO", ""),
    ("FROM ${NONE}", "1", "FROM ${NONE}: NONE is empty", "declare it before the first FROM: ARG NONE"),
    ("FROM Builder", "1", "FROM Builder: Builder is not an image reference", ""),
    ("FROM python:", "1", "FROM python:: python: is not an image reference", ""),
    ("ARG A=${B:?must be set}\nFROM scratch", "1", "ARG A: missing '}'", ""),
    ("FROM scratch\nLABEL a=${B:?}", "2", "LABEL: B: is not allowed to be unset", ""),
    ("FROM scratch\nCOPY a", "2", "COPY requires at least one source and a destination", ""),
    ("FROM scratch\nCOPY --fro=x a b", "2", "COPY has no flag --fro", "did you mean --from?"),
    ("FROM scratch\nCOPY --link=maybe a b", "2", "--link is true or false, not maybe", ""),
    ("FROM scratch\nCOPY --from=a --from=b c d", "2", "--from is given twice", ""),
    ("FROM scratch\nCOPY --chown a b", "2", "--chown needs a value", ""),
    ("FROM scratch\nCOPY --from=3 a b", "2", "COPY from stage 3: no such stage", ""),
    ("FROM scratch AS me\nCOPY --from=me a b", "2", "COPY from me: a stage cannot read itself", ""),
    (
        "FROM scratch\nARG S\nCOPY --from=$S a b",
        "3",
        "COPY: --from takes no variable",
        "name it as a stage: FROM … AS name",
    ),
    (
        "FROM scratch\nRUN --mount=from=$S,target=/x true",
        "2",
        "RUN: a mount's from takes no variable",
        "name it as a stage: FROM … AS name",
    ),
    (
        "FROM scratch\nRUN --mount=type=odd,target=/x true",
        "2",
        "RUN: unknown mount type odd",
        "bind, cache, secret, ssh or tmpfs",
    ),
    ("FROM scratch\nRUN --mount=type=secret true", "2", "RUN: a secret mount needs an id or a target", ""),
    ("FROM scratch\nCOPY <<EOF /x\nnever closed", "2", "the heredoc EOF is not closed", ""),
    ("FROM scratch\nCOPY a <<EOF\nEOF", "2", "COPY cannot write to a heredoc", ""),
    (
        "FROM scratch\nCOPY https://example.com/x /x",
        "2",
        "COPY: https://example.com/x is not a file",
        "ADD fetches URLs and git repositories",
    ),
    ("FROM scratch\nHEALTHCHECK NONE now", "2", "HEALTHCHECK takes CMD and a command, or NONE", ""),
    ("FROM scratch\nHEALTHCHECK", "2", "HEALTHCHECK takes CMD and a command, or NONE", ""),
    ("FROM scratch\nHEALTHCHECK true", "2", "HEALTHCHECK takes CMD and a command, or NONE", ""),
    ("FROM scratch\nSHELL bash", "2", 'SHELL takes a JSON list: SHELL ["/bin/bash", "-c"]', ""),
    ('FROM scratch\nCMD ["a", 1]', "2", "a JSON list may hold only strings", ""),
    ("FROM scratch\nUSER", "2", "USER requires an argument", ""),
    ("FROM scratch\nEXPOSE http", "2", "EXPOSE: http is not a port", "8000, 8000/udp or 8000-8003"),
    ("FROM scratch\nONBUILD FROM x", "2", "ONBUILD takes an instruction other than ONBUILD, FROM and MAINTAINER", ""),
    (
        "FROM scratch\nONBUILD ONBUILD RUN x",
        "2",
        "ONBUILD takes an instruction other than ONBUILD, FROM and MAINTAINER",
        "",
    ),
    ("FROM scratch AS 1a", "1", "invalid stage name 1a", "a letter, then letters, digits, -, _ and ."),
    ("FROM scratch as", "1", "FROM takes an image, or an image AS a name", ""),
    ("RUN true\nFROM scratch", "1", "RUN stands before the first FROM", ""),
    ("# escape=x\nFROM scratch", "1", "invalid escape token x", "it is \\ or `"),
    ("# escape=`\n# escape=`\nFROM scratch", "1", "only one escape parser directive can be used", ""),
    ("ARG A=1", "", "no FROM: a Dockerfile needs one", ""),
    ("FROM scratch\nLABEL 'a=b", "2", "LABEL: a single quote is not closed", ""),
    ("FROM scratch\nENV", "2", "ENV requires at least one argument", ""),
    ("FROM scratch\nLABEL", "2", "LABEL requires at least one argument", ""),
    ("FROM scratch\nENV a=b c", "2", "no = in c: the form is name=value", ""),
    ("FROM scratch\nLABEL a=b =c", "2", "LABEL names can not be blank", ""),
    ("FROM scratch\nCOPY --from=S1 / /", "2", "COPY from S1: neither a stage nor an image reference", ""),
    (
        "FROM scratch AS stage1\nFROM scratch\nCOPY --from=Stage2 / /",
        "3",
        "COPY from Stage2: neither a stage nor an image reference",
        "did you mean the stage stage1?",
    ),
    ("FROM scratch\nHEALTHCHECK --interval CMD x", "2", "--interval needs a value", ""),
    ("FROM scratch\nADD --unpack= a b", "2", "--unpack needs a value", ""),
    ("FROM scratch\nCOPY --exclude a b", "2", "--exclude needs a value", ""),
    ("FROM scratch\nMAINTAINER", "2", "MAINTAINER requires an argument", ""),
    ("FROM scratch\nWORKDIR", "2", "WORKDIR requires an argument", ""),
    ("FROM scratch\nVOLUME", "2", "VOLUME requires an argument", ""),
    ("FROM scratch\nSTOPSIGNAL", "2", "STOPSIGNAL requires an argument", ""),
    ("FROM scratch\nEXPOSE", "2", "EXPOSE requires an argument", ""),
    ("FROM scratch\nARG =x", "2", "ARG requires a name", ""),
    ("FROM scratch\nONBUILD", "2", "ONBUILD takes an instruction other than ONBUILD, FROM and MAINTAINER", ""),
    ("FROM scratch\nONBUILD FOO", "2", "unknown instruction FOO", ""),
    ("FROM a b", "1", "FROM takes an image, or an image AS a name", ""),
    ("FROM a b c", "1", "FROM takes an image, or an image AS a name", ""),
    ("FROM a as b c", "1", "FROM takes an image, or an image AS a name", ""),
    ("FROM scratch\nEXPOSE 80/http", "2", "EXPOSE: 80/http is not a port", "8000, 8000/udp or 8000-8003"),
    (
        "FROM scratch AS a\nFROM scratch AS b\nCOPY --from=a / /\nCOPY --from=b / /",
        "4",
        "COPY from b: a stage cannot read itself",
        "",
    ),
    ("FROM --platform=a/b/c/d scratch", "1", "FROM --platform: a/b/c/d is not a platform", ""),
    ("FROM scratch\nHEALTHCHECK CMD", "2", "HEALTHCHECK takes CMD and a command, or NONE", ""),
]


@pytest.mark.parametrize(("text", "line", "what", "hint"), REFUSED)
def test_a_refused_file_gets_the_recorded_message(text: str, line: str, what: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(parse(text))
    problem = caught.value.problems[0]
    assert (problem.where, problem.what, problem.hint) == (f"Dockerfile:{line}" if line else "Dockerfile", what, hint)


BROKEN = [
    ("${", "missing '}'"),
    ("${w", "missing '}'"),
    ("${}", "bad substitution: a name is expected after ${"),
    ("${:-x}", "bad substitution: a name is expected after ${"),
    ("${{w}}", "bad substitution: a name is expected after ${"),
    ("${w:x}", "unsupported modifier (:x) in ${w…}"),
    ("${w!x}", "unsupported modifier (!) in ${w…}"),
    ("${n:?}", "n: is not allowed to be unset"),
    ("${e:?oh}", "e: oh"),
    ("${n?}", "n: is not allowed to be unset"),
    ("'a", "a single quote is not closed"),
    ('"a', "a double quote is not closed"),
    ("${w/a}", "missing '/'"),
    ("${p/\\x/y}", "invalid escape \\x in the pattern \\x"),
]


@pytest.mark.parametrize(("word", "what"), BROKEN)
def test_a_refused_word_gets_the_recorded_message(word: str, what: str) -> None:
    with pytest.raises(WordError) as caught:
        expand(word, ENV)
    assert (str(caught.value), caught.value.hint) == (what, "")


VALUED = {
    "FROM": "platform=linux/amd64",
    "COPY": "from=a chown=1:1 chmod=644 exclude=*.md exclude=x link link=true parents parents=false",
    "ADD": "chown=1:1 chmod=644 checksum=sha256:0 exclude=*.md exclude=x link keep-git-dir keep-git-dir=true unpack",
    "RUN": "mount=type=tmpfs,target=/a mount=type=tmpfs,target=/b network=none security=sandbox device=a device=b",
    "HEALTHCHECK": "interval=5s timeout=5s start-period=5s start-interval=5s retries=3",
}
OPERANDS = {"FROM": "scratch", "COPY": "a b", "ADD": "a b", "RUN": "true", "HEALTHCHECK": "CMD true"}


@pytest.mark.parametrize("name", VALUED)
def test_every_flag_is_known_where_it_belongs(name: str) -> None:
    flags = list(dict.fromkeys(flag.partition("=")[0] for flag in VALUED[name].split()))
    for flag in VALUED[name].split():
        text = f"{name} --{flag} {OPERANDS[name]}\n"
        parse(text if name == "FROM" else f"FROM scratch AS a\nFROM scratch\n{text}")
    for flag in flags:
        value = next(text for text in VALUED[name].split() if text.partition("=")[0] == flag)
        text = f"{name} --{value} --{value} {OPERANDS[name]}\n"
        whole = text if name == "FROM" else f"FROM scratch AS a\nFROM scratch\n{text}"
        if flag in ("mount", "exclude", "device"):
            parse(whole)
        else:
            with pytest.raises(UsageError, match=f"--{flag} is given twice$"):
                parse(whole)


@pytest.mark.parametrize(
    ("platform", "parts"),
    [
        ("linux/x86_64", "linux amd64 - linux/amd64"),
        ("linux/aarch64", "linux arm64 - linux/arm64"),
        ("linux/arm64/v8", "linux arm64 - linux/arm64"),
        ("linux/arm64/v9", "linux arm64 v9 linux/arm64/v9"),
        ("linux/arm", "linux arm v7 linux/arm/v7"),
        ("linux/arm/v6", "linux arm v6 linux/arm/v6"),
        ("windows/amd64", "windows amd64 - windows/amd64"),
    ],
)
@pytest.mark.parametrize("side", ["BUILD", "TARGET"])
def test_the_args_of_the_platform(platform: str, parts: str, side: str) -> None:
    names = [f"{side}{part}" for part in ("OS", "ARCH", "VARIANT", "PLATFORM", "OSVERSION")]
    body = "".join(f"ARG {name}\n" for name in names)
    user = " ".join(f"${{{name}:--}}" for name in names)
    reading = read(parse(f"FROM scratch\n{body}USER {user}\n"), platform=platform)
    assert reading.user == f"{parts} -"


def test_a_stage_inherits_the_declarations_of_its_parent() -> None:
    text = (
        "FROM python AS a\nARG X\nENV Y=1\nEXPOSE 80\nFROM a AS b\nCOPY ${X}x ${Y}y /\nEXPOSE 81\nFROM a\nEXPOSE 82\n"
    )
    reading = read(parse(text), target="b")
    assert (reading.sources[0].paths, reading.exposed) == (("x", "1y"), ("80/tcp", "81/tcp"))
    assert read(parse(text)).exposed == ("80/tcp", "82/tcp")


def test_the_path_of_a_stage_on_scratch() -> None:
    reading = read(parse("FROM scratch\nUSER ${PATH}\n"))
    assert reading.user == "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@pytest.mark.parametrize(
    ("word", "empty"),
    [("$n", ""), ("${n}", ""), ("${n:-x}", "x"), ("${n+x}", "x"), ("${n#x}", ""), ("${n/x/y}", ""), ("a$n-", "a-")],
)
def test_an_unset_variable_can_be_kept_as_written(word: str, empty: str) -> None:
    assert expand(word, keep_unset=True).text == word
    assert expand(word, {"n": ""}, keep_unset=True).text == empty


def test_all_ways_to_name_a_mount_s_fields() -> None:
    for source in ("source", "src"):
        for target in ("target", "dst", "destination"):
            for mode in ("ro", "rw", "readonly", "readwrite"):
                text = f"FROM scratch\nRUN --mount=type=bind,{source}=a/b,{target}=/x,{mode} true\n"
                assert read(parse(text)).sources[0].paths == ("a/b",)
    for source in ("id", "source", "src", "target", "dst"):
        reading = read(parse(f"FROM scratch\nRUN --mount=type=secret,{source}=key true\n"))
        assert reading.secrets == ("key",)


def test_directives_come_before_all_else() -> None:
    parsed = parse("# check=skip=all\n# syntax=docker/dockerfile:1.7 more\n# escape=`\nFROM scratch\nENV a=`\nb\n")
    assert (parsed.syntax, parsed.escape) == ("docker/dockerfile:1.7", "`")
    assert parse("# a remark\n# escape=`\nFROM scratch\n").escape == "\\"
    assert parse("#syntax=x\n\n# escape=`\nFROM scratch\n").escape == "\\"


def test_a_number_names_a_stage_and_a_word_that_begins_with_one_an_image() -> None:
    text = "FROM scratch AS a\nCOPY x /\nFROM scratch\nCOPY --from={} / /\n"
    assert read(parse(text.format("0"))).bases == ()
    assert read(parse(text.format("0x"))).bases == ("0x",)


def test_the_problems_of_every_instruction_are_reported() -> None:
    text = (
        "FROM scratch AS a\nCOPY --from=$X / /\nCOPY --from=A! / /\nCOPY --from=a / /\nRUN --mount=from=X!,target=/ x\n"
    )
    with pytest.raises(UsageError) as caught:
        read(parse(text))
    assert [problem.where for problem in caught.value.problems] == [f"Dockerfile:{line}" for line in (2, 3, 4, 5)]
