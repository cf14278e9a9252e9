"""BuildKit as the judge of the Dockerfile reader and the .dockerignore matcher. FROM scratch only: no network."""

from __future__ import annotations

import io
import itertools
import json
import random
import re
import secrets
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.version import Version

from slipway.config.environment import surroundings
from slipway.core.errors import UsageError
from slipway.core.platform import this_platform
from slipway.dockerfile import Reading, Source, parse, read
from slipway.dockerfile.expansion import WordError, expand
from slipway.dockerfile.frontends import unknown_to
from slipway.dockerfile.ignore import Ignore, parse_ignore
from slipway.engine import Engine
from slipway.stack.worktree import Worktree
from tests.rig.outside import docker

pytestmark = pytest.mark.integration

# Every file name is unique, and a file holds its own path: the result of a build shows which files it read.
NAMES = """
.env .git/config .hidden/deep/seen README.md a.txt a/b.txt a/b/c/d.py a/b/c/e.md a/b/x.pyc a/__pycache__/m.pyc
apps/one/main.py apps/one/node_modules/p.json apps/two/start.py apps/two/tests/t1.py b+c.txt b.c bxc c{d}.txt
docs/[1].md docs/index.rst e|f.txt f^g.txt g$h.txt libs/kit/__init__.py libs/kit/sub/util.py libs/req-ml.txt
libs/req.txt name~.bak node_modules/q.json spaced#1 src/a/a1 src/a/b/a2 src/ab/a3 src/b/a/a4 tests/t2.py tests/data/t3
tmp/keep tmp/more/keep2 tmp/more/drop z/y/x/w/v.txt dd ééé.txt
"""
TREE = NAMES.split()


def build(context: Path, dockerfile: str, *options: str, stdout: bool = True) -> subprocess.CompletedProcess[bytes]:
    """Build, and again when BuildKit's client lost sight of the build, as it does on busy machines."""
    command = [*surroundings().buildx, "build", "--quiet", "--file", "-", *options, str(context)]
    while True:
        done = subprocess.run(command, input=dockerfile.encode(), capture_output=True, timeout=60, check=False)
        if not re.search(b"no such job|failed to receive status", done.stderr):
            return done


def result(context: Path, dockerfile: str, *options: str) -> dict[str, str]:
    """The files of the built stage: path → content."""
    done = build(context, dockerfile, "--output", "type=tar,dest=-", *options)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        members = {member.name: archive.extractfile(member) for member in archive if member.isfile()}
        return {name: member.read().decode() for name, member in members.items() if member}


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("context")
    for path in TREE:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)
    return root


def walked(ignore: Ignore, tree: list[str]) -> set[str]:
    """Return the files that a walk without the pruned directories finds."""

    def parents(path: str) -> Iterator[str]:
        return itertools.accumulate(path.split("/")[:-1], lambda above, name: f"{above}/{name}")

    return {path for path in tree if not any(map(ignore.prunes, parents(path))) and not ignore.excludes(path)}


def glob(pattern: str) -> re.Pattern[str]:
    pieces = re.findall(r"\\.|\[\^?[^\]]+\]|.", pattern)
    known = {"*": "[^/]*", "?": "[^/]"}
    known["[[]"] = re.escape("[")
    return re.compile("".join(known.get(p) or (p if p[0] == "[" else re.escape(p[-1])) for p in pieces) + "(/|$)")


def selected(source: Source, tree: set[str]) -> set[str]:
    return {path for path in tree for wanted in source.paths if not wanted or glob(wanted).match(path)}


IGNORES = [
    "",
    "# a comment\n  # not one\n\n",
    "*\n!apps\n!libs/**\nlibs/kit",
    "*\n!**/*.py\n**/tests",
    "**/__pycache__\n**/*.pyc\n.git\n.env*",
    "/a\n!/a/b.txt\na/",
    "a/b/../b.txt\n./libs//kit/\n ! libs/kit/sub ",
    "**\n!README.md",
    "**/a\n!src/b",
    "src/**/a\n!src/**/a/b",
    "src/a*\n!src/a/b\nsrc/a/b/a2",
    "foo\nsrc\n!src/a/b\nsr*",
    "z/**/w\n!z/y/x/w/v.txt",
    "[abc]*\n!a.txt",
    "[^a]*\nb\\+c.txt",
    "docs/\\[1\\].md\n?.txt",
    "b.c\n\\*",
    "a|b*",
    "c{d}*\ne|f.txt\n*{d}*",
    "d{2}\nd{2}*",
    "f^g*\n^a*\ng$h*",
    "***.txt\na**c",
    "**.py\n!**kit**",
    "\ufefftmp\r\n!tmp/keep\r\n",
    "../a.txt\n..\n.\n/",
    "!a.txt\na.txt\n!a.txt\n*.txt",
    "tmp/*\n!tmp/more/keep2",
    "é*\nspaced#1",
    "libs/*\n!libs/req*",
    "*/*\n!*/*.txt\nlibs/*/sub",
]


def made_ignores(count: int) -> list[str]:
    dice = random.Random(20)
    parts = [
        "*",
        "**",
        "a",
        "b",
        "src",
        "libs",
        "kit",
        "*.py",
        "?",
        "tests",
        "apps",
        "one",
        "[a-l]*",
        "t*",
        "x",
        "y",
        "z",
    ]

    def line() -> str:
        path = "/".join(dice.choice(parts) for _ in range(dice.randint(1, 4)))
        return dice.choice(["", "", "!", "/", "!/"]) + path + dice.choice(["", "", "/", "/**", "/*"])

    return ["\n".join(line() for _ in range(dice.randint(1, 7))) for _ in range(count)]


@pytest.mark.parametrize("text", [*IGNORES, *made_ignores(30)])
def test_ignored_files_are_those_docker_leaves_out(context: Path, text: str) -> None:
    (context / ".dockerignore").write_text(text, newline="")
    tree = [*TREE, ".dockerignore"]
    ignore = parse_ignore(text)
    expected = {path for path in tree if not ignore.excludes(path)}
    assert walked(ignore, tree) == expected
    assert set(result(context, "FROM scratch\nCOPY . /\n")) == expected


@pytest.mark.parametrize("text", ["!", "a\n! \n", "[", "a[]b", "[a-]", "x\\", "[-b]", "d{2}{3}*"])
def test_a_broken_ignore_file_is_refused_by_both(context: Path, text: str) -> None:
    (context / ".dockerignore").write_text(text)
    assert build(context, "FROM scratch\nCOPY . /\n", "--output", "type=tar,dest=-").returncode
    with pytest.raises(UsageError):
        parse_ignore(text)


SOURCES = [
    "COPY a.txt libs/req.txt /0/",
    "COPY ./a/../libs//kit/ ../../a.txt /0/",
    "COPY *.txt */*.txt /0/",
    "COPY /src/a* docs/[i]*.rst b.? /0/",
    'COPY ["docs/[[]1].md", "spaced#1", "/0/"]',
    "ARG D=libs E\nENV F=${D:+req}\nCOPY $D/${F}-ml.txt ${E:-a}/b.txt ${D%bs}*/kit/*.py /0/",
    "copy --chmod=644 --link a.txt\\\n  # a remark\n\n  b.c /0/",
    "ADD apps/t?o/ b+c.txt /0/",
    "COPY <<one <<-'two' a.txt /0/\nCOPY b.c /1/\none\n\ttwo is no end\n\ttwo\nCOPY b.c /1/",
    "COPY nothing* a.txt /0/",
    'COPY "$NOTHING" /0/',
    "COPY tests ${TARGETARCH} /0/",
    "ENV A=a.txt\nARG A=b.c\nCOPY $A /0/",
    "ENV A=a.txt\nENV A=b.c B=$A\nCOPY $B /0/",
    "ARG TARGETOS\nCOPY ${TARGETOS/linux/docs} /0/",
    "COPY ${PATH:0} /0/",
]


@pytest.mark.parametrize("body", SOURCES)
def test_sources_are_the_files_a_build_reads(context: Path, body: str) -> None:
    (context / ".dockerignore").write_text("**/*.pyc\ntests/data\n.dockerignore\n")
    ignore = parse_ignore((context / ".dockerignore").read_text())
    sent = {path for path in TREE if not ignore.excludes(path)}
    text = f"# syntax-free\nFROM scratch\n{body}\n"
    try:
        reading = read(parse(text))
    except UsageError:
        assert build(context, text, "--output", "type=tar,dest=-").returncode
        return
    expected = set().union(*(selected(source, sent) for source in reading.sources))
    assert {content for content in result(context, text).values() if content in TREE} == expected


NAMED = [
    "FROM scratch AS other\nCOPY a.txt /\nFROM scratch\nCOPY --from=other two/start.py /0/\nCOPY b.c /1/",
    "FROM scratch AS other\nFROM scratch AS x\nCOPY --from=0 one /0/",
    "FROM other AS x\nCOPY a.txt /0/",
    "FROM example.com/some/base:v1\nCOPY --from=other two /0/",
    "FROM docker.io/library/python:latest AS x\nCOPY a.txt /0/",
    "FROM scratch\nCOPY --from=other one/*.py /0/\nFROM scratch AS other\nFROM scratch AS last\nCOPY --from=0 /0 /0",
]


@pytest.mark.parametrize("text", NAMED)
def test_named_contexts_stand_in_for_stages_and_images(context: Path, text: str) -> None:
    (context / ".dockerignore").write_text("")
    names = ["other", "example.com/some/base:v1", "python"]
    reading = read(parse(text), contexts=names)
    assert reading.bases == ()
    expected = set().union(*(selected(source, set(TREE)) for source in reading.sources))
    below = {path.removeprefix("apps/") for path in TREE if path.startswith("apps/")}
    for source in reading.named:
        assert source.context in names
        expected |= {f"apps/{path}" for path in selected(source, below)}
    options = [f"--build-context={name}={context / 'apps'}" for name in names]
    assert set(result(context, text, *options).values()) == expected


PICKED = "FROM scratch AS src-amd64\nCOPY a.txt /0/\nFROM scratch AS src-arm64\nCOPY b.c /0/\n"
CROSSED = (
    "FROM --platform=$BUILDPLATFORM scratch AS made\nARG TARGETARCH BUILDARCH\n"
    "COPY ${TARGETARCH/arm64/docs} ${BUILDARCH/a*64/apps} /0/\nFROM scratch\nCOPY --from=made /0 /0"
)


@pytest.mark.fault("B32")
@pytest.mark.parametrize("platform", ["linux/amd64", "linux/arm64"])
@pytest.mark.parametrize("text", [f"{PICKED}FROM src-${{TARGETARCH}}", f"{PICKED}FROM src-$BUILDARCH", CROSSED])
def test_sources_are_those_of_the_platform(context: Path, text: str, platform: str) -> None:
    (context / ".dockerignore").write_text("")
    text = text if platform == "linux/arm64" else text.replace("/arm64/", "/amd64/")
    reading = read(parse(text), platform=platform, builder=this_platform())
    expected = set().union(*(selected(source, set(TREE)) for source in reading.sources))
    assert expected and set(result(context, text, f"--platform={platform}").values()) == expected


TRIGGERING = """\
FROM scratch
COPY <<EOF /own
own
EOF
ONBUILD COPY b.c /0/
ONBUILD ARG D=libs
ONBUILD ADD $D/req.txt /0/
"""
TRIGGERED = [
    "FROM base",
    "FROM base\nCOPY $D/req-ml.txt /1/",
    "FROM base AS one\nCOPY a.txt /1/\nFROM one",
    "FROM base AS one\nONBUILD COPY docs /1/\nFROM one AS two\nFROM two",
    "FROM base AS one\nONBUILD COPY docs /1/\nFROM one AS two\nFROM scratch\nCOPY --from=two / /1/",
    "FROM base AS one\nFROM scratch\nCOPY a.txt /1/",
    "FROM scratch\nCOPY a.txt /1/\nCOPY --from=base /own /1/",
    "FROM base AS one\nFROM base\nARG D=tests\nCOPY $D/t2.py /1/\nCOPY --from=one / /2/",
]


@pytest.fixture(scope="module")
def triggering(context: Path) -> Iterator[str]:
    """An image of ``TRIGGERING``, in the engine alone."""
    name = f"t-slipway-{secrets.token_hex(4)}:triggering"
    done = build(context, TRIGGERING, "--load", "--tag", name)
    assert not done.returncode, done.stderr.decode()
    yield name
    subprocess.run(["docker", "image", "rm", name], capture_output=True, timeout=60, check=True)


@pytest.mark.fault("B30")
@pytest.mark.parametrize("text", TRIGGERED)
def test_triggers_of_an_image_are_read_where_they_run(context: Path, triggering: str, text: str) -> None:
    (context / ".dockerignore").write_text("")
    text = text.replace("base", triggering)
    onbuild = Engine().onbuild([triggering])
    assert onbuild == {triggering: read(parse(TRIGGERING)).onbuild}
    reading = read(parse(text), triggers=lambda image: onbuild.get(image, ()))
    expected = set().union(*(selected(source, set(TREE)) for source in reading.sources))
    assert {found for found in result(context, text).values() if found != "own\n"} == expected


def outline(context: Path, text: str, *options: str) -> tuple[set[str], set[str]] | None:
    done = build(context, text, "--call=outline,format=json", *options)
    if done.returncode:
        return None
    told = json.loads(done.stdout)
    return {arg["name"] for arg in told.get("args", [])}, {secret["name"] for secret in told.get("secrets", [])}


OUTLINES = [
    "ARG A=1 B=${A}2\nARG C\nARG UNUSED=3\nFROM scratch AS one\nARG TARGETARCH\nARG C=4\nFROM scratch\nARG B\nARG T",
    "ARG A=x\nARG A=${A}y B=$A\nFROM scratch AS $A",
    "ARG A=scratch\nARG B=${A}\nFROM $B\nARG A=2 C=$A",
    "FROM scratch AS a\nARG X\nFROM a AS b\nARG Y\nFROM scratch\nARG Z\nCOPY --from=A / /\nCOPY --from=1 / /",
    "FROM scratch AS a\nARG X\nFROM scratch\nRUN --mount=from=a,target=/x --mount=type=secret,id=s1 \\\n"
    " --mount=type=secret,target=/run/s2 --mount=type=secret,src=s3,env=E true",
    "FROM scratch AS a\nONBUILD ARG FROM_ABOVE=1\nFROM a AS b\nFROM b\nARG OWN",
    "FROM scratch\nARG I=s\nRUN --mount=type=secret,id=${I}4,required <<EOF\nARG NO\nEOF\nARG YES",
    "FROM scratch\nRUN cat <<A 3<<-\"B\"; echo '<<C'\nARG NO\nA\nARG NO\n\tB\nARG YES",
    "#escape=`\nFROM scratch\nARG A=`\n  1 B\nENV C=\\",
    "# syntax is no directive here\n# escape=`\nFROM scratch\nARG A \\\n B",
    "ARG BUILDPLATFORM\nFROM --platform=$BUILDPLATFORM scratch\nARG TARGETOS=x",
    "\ufeffFROM scratch\r\nARG A=1\\\r\n 2\r\n",
    # refused
    "FROM scratch\nARG",
    "FROM scratch\nENV A",
    "FROM scratch\nENV =b",
    "FROM scratch\nFOO bar",
    "FROM ${NONE}",
    "FROM Builder",
    "FROM python:",
    "ARG A=${B:?must be set}\nFROM scratch",
    "FROM scratch\nLABEL a=${B:?}",
    "FROM scratch\nCOPY a",
    "FROM scratch\nCOPY --fro=x a b",
    "FROM scratch\nCOPY --link=maybe a b",
    "FROM scratch\nCOPY --from=a --from=b c d",
    "FROM scratch\nCOPY --chown a b",
    "FROM scratch\nCOPY --from=3 a b",
    "FROM scratch AS me\nCOPY --from=me a b",
    "FROM scratch\nARG S\nCOPY --from=$S a b",
    "FROM scratch\nRUN --mount=from=$S,target=/x true",
    "FROM scratch\nRUN --mount=type=odd,target=/x true",
    "FROM scratch\nRUN --mount=type=secret true",
    "FROM scratch\nCOPY <<EOF /x\nnever closed",
    "FROM scratch\nCOPY a <<EOF\nEOF",
    "FROM scratch\nCOPY https://example.com/x /x",
    "FROM scratch\nHEALTHCHECK NONE now",
    "FROM scratch\nHEALTHCHECK",
    "FROM scratch\nHEALTHCHECK true",
    "FROM scratch\nSHELL bash",
    'FROM scratch\nCMD ["a", 1]',
    "FROM scratch\nUSER",
    "FROM scratch\nEXPOSE http",
    "FROM scratch\nONBUILD FROM x",
    "FROM scratch\nONBUILD ONBUILD RUN x",
    "FROM scratch AS 1a",
    "FROM scratch as",
    "RUN true\nFROM scratch",
    "# escape=x\nFROM scratch",
    "# escape=`\n# escape=`\nFROM scratch",
    "ARG A=1",
    "FROM scratch\nLABEL 'a=b",
]


def made_outlines(count: int) -> list[str]:
    dice = random.Random(7)

    def stage(index: int) -> Iterator[str]:
        above = [f"s{n}" for n in range(index)]
        yield f"FROM {dice.choice([*above, '${G1}', '${G2:-scratch}', 'scratch'])} AS S{index}"
        for _ in range(dice.randint(0, 5)):
            name = dice.choice(["A", "B", "G1", "G2", "G3", "TARGETARCH", "TARGETSTAGE"])
            yield dice.choice(
                [
                    f"ARG {name}",
                    f"ARG {name}=1 X{index}=${{{name}}}",
                    f"ENV {name}=2",
                    f"COPY --from={dice.choice(above or ['scratch'])} / /",
                    f"RUN --mount=type=secret,id=k{dice.randint(0, 9)} true",
                    f"RUN --mount=from={dice.choice(above or ['scratch'])},target=/m true",
                    f"ONBUILD ARG T{index}",
                ]
            )

    head = "ARG G1=scratch\nARG G2\nARG G3=${G1} G4=${G3}${G2}\n"
    return [head + "\n".join(line for n in range(dice.randint(1, 5)) for line in stage(n)) for _ in range(count)]


@pytest.mark.parametrize("text", [*OUTLINES, *made_outlines(30)])
def test_args_and_secrets_are_those_of_the_outline(context: Path, text: str) -> None:
    told = outline(context, text)
    try:
        reading = read(parse(text))
    except UsageError as error:
        assert told is None, error
        return
    assert told == (set(reading.args), set(reading.secrets))


ENV = {"e": "", "w": "word", "p": "a/b/c.tar.gz", "s": "two words", "q": "it's", "star": "x*y", "B": "B"}
PLAIN = r"""
$w ${w} ${w}s $ws a$ $$ $1x ${e} ${none}
${w:-d} ${w-d} ${e:-d} ${e-d} ${n:-d} ${n-d} ${n:-$w} ${n:-${e:-in}} ${n:-a\}b}
${w:+d} ${w+d} ${e:+d} ${e+d} ${n:+d} ${n+d} ${w:?no} ${w?no} ${e?no}
${p#*/} ${p##*/} ${p%.*} ${p%%.*} ${p#a} ${p%z} ${p#x} ${p%%/*} ${p#?} ${p##?*} ${star#x\*} ${star%\*?}
${p/a/X} ${p//a/X} ${p/./-} ${p//\//_} ${p//[ab]/-} ${p/*/all} ${p//*/all} ${p//?/n} ${e//*/x}
${w#$B} ${p/$e/x} ${B#${B}} ${n%%x} ${p##*.}${w:+.}
"""
WORDS = [
    *PLAIN.split(),
    *(["'$w'", '"$w"', '"\\$w"', "\\$w", '"a\\"b"', '"a\\nb"', "a\\nb", "'a'\"b\"c", '"${s}"', "$s", "\\\\", '"\\\\"']),
    *(['"${n:-"xy"}"', "${n:-'x y'}", "a\\ b", "$q", '"\'"', "'\"'", "$w-$w", "é$w", "$wé", "${w}é", "a=b=c", "a#b"]),
]
BROKEN = [
    "${",
    "${w",
    "${}",
    "${:-x}",
    "${{w}}",
    "${w:x}",
    "${w!x}",
    "${n:?}",
    "${e:?oh}",
    "${n?}",
    "'a",
    '"a',
    "${w/a}",
    "${p/\\x/y}",
]


def made_words(count: int) -> list[str]:
    dice = random.Random(3)
    atoms = [
        "a",
        "/",
        ".",
        "$w",
        "${p}",
        "${e}",
        "\\",
        "'",
        '"',
        "*",
        "?",
        "${n:-",
        "${p#",
        "${p%%",
        "${p//",
        "}",
        "$",
        "\\}",
        "%",
    ]
    return ["".join(dice.choice(atoms) for _ in range(dice.randint(2, 7))) for _ in range(count)]


def trims_nothing(word: str) -> bool:
    """Tell whether a pattern is empty, as in ``${x#}``. In Docker 26, BuildKit panics over it and the engine ends."""
    return bool(re.search(r"\$\{\w+(?:##?|%%?)\}", word))


def expanded(word: str) -> str | None:
    """As a LABEL's value; None when it is refused."""
    try:
        return expand(word, ENV).text
    except WordError:
        return None


def labels(context: Path, words: list[str]) -> list[str] | None:
    """Return BuildKit's answers to all of them, from one build; None when it refuses."""
    env = "".join(f'ENV {name}="{value}"\n' for name, value in ENV.items())
    text = f"FROM scratch\n{env}" + "".join(f"LABEL scratch-c-{n}={word}\n" for n, word in enumerate(words))
    done = build(context, text)
    if done.returncode:
        return None
    image = done.stdout.decode().strip()
    try:
        told = subprocess.run(["docker", "image", "inspect", image], capture_output=True, timeout=60, check=True)
        found = json.loads(told.stdout)[0]["Config"]["Labels"]
        return [found[f"scratch-c-{n}"] for n in range(len(words))]
    finally:
        subprocess.run(["docker", "image", "rm", image], capture_output=True, timeout=60, check=False)


def test_words_expand_as_buildkit_expands_them(context: Path) -> None:
    words = [*WORDS, *(word for word in made_words(400) if expanded(word) is not None and not word.endswith("\\"))]
    assert any(map(trims_nothing, words))
    if Version(docker("version", "--format", "{{.Server.Version}}").partition("+")[0]) < Version("27"):
        words = [word for word in words if not trims_nothing(word)]
    assert labels(context, words) == [expanded(word) for word in words]


@pytest.mark.parametrize("word", [*BROKEN, *[word for word in made_words(60) if expanded(word) is None][:15]])
def test_words_refused_by_both(context: Path, word: str) -> None:
    assert expanded(word) is None
    assert (
        outline(
            context,
            f"FROM scratch\n{''.join(f'ENV {n}={v!r}{chr(10)}' for n, v in ENV.items() if n != 'q')}LABEL a={word}\n",
        )
        is None
    )


FACTS = """
FROM scratch AS base
ARG who=app
USER ${who}:0
EXPOSE 80 $PORT 9000-9002/UDP 127.0.0.1:1:2/tcp
CMD ["one"]
HEALTHCHECK --interval=5s CMD true
ONBUILD LABEL a=b
FROM base
ENV PORTS="7000 7001"
EXPOSE $PORTS
ENTRYPOINT ["two"]
ONBUILD COPY a.txt /
"""


@pytest.mark.parametrize("more", ["", "HEALTHCHECK NONE\nUSER 0", "ENTRYPOINT []", "CMD x", "CMD []"])
def test_settings_of_the_image_are_those_read(context: Path, more: str) -> None:
    text = FACTS + more + "\n"
    done = build(context, text)
    image = done.stdout.decode().strip()
    assert not done.returncode, done.stderr.decode()
    try:
        told = subprocess.run(["docker", "image", "inspect", image], capture_output=True, timeout=60, check=True)
        config = json.loads(told.stdout)[0]["Config"]
    finally:
        subprocess.run(["docker", "image", "rm", image], capture_output=True, timeout=60, check=False)
    reading: Reading = read(parse(text))
    assert reading.user == config["User"]
    assert set(reading.exposed) == set(config["ExposedPorts"])
    assert reading.healthcheck == (config["Healthcheck"]["Test"] != ["NONE"])
    assert reading.entry == bool(config.get("Entrypoint") or config.get("Cmd"))
    assert list(reading.onbuild) == config["OnBuild"]


@pytest.mark.fault("B52")
@pytest.mark.parametrize("flag", ["--chmod=640", "--chmod=755 --link", "--chmod=u=rwX,go=rX", ""])
@pytest.mark.parametrize("by", ["COPY", "ADD"])
def test_modes_enter_the_image_where_they_count(tmp_path: Path, by: str, flag: str) -> None:
    """Two contexts that differ in every mode: BuildKit's results do where the reader says so."""
    text = f"FROM scratch\n{by} {flag} folder run.sh /x/\n"
    held = []
    for name, mode in (("one", 0o644), ("other", 0o775)):
        (tmp_path / name / "folder").mkdir(parents=True)
        for path in ("folder/a.txt", "run.sh"):
            (tmp_path / name / path).write_text(path)
            (tmp_path / name / path).chmod(mode)
        (tmp_path / name / "folder").chmod(mode | 0o100)
        done = build(tmp_path / name, text, "--output", "type=tar,dest=-")
        assert done.returncode == 0, done.stderr.decode()
        with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
            held.append({member.name: member.mode for member in archive})
    (source,) = read(parse(text)).sources
    assert (held[0] != held[1]) is source.modes


@pytest.mark.fault("C53")
@pytest.mark.parametrize(
    "line",
    [
        "COPY --parents a.txt /x/",
        "COPY --exclude=*.md . /x/",
        "ADD --exclude=*.md . /x/",
        "RUN --mount=type=secret,id=x,env=X true\nFROM scratch\nCOPY a.txt /x/",
    ],
)
def test_the_engines_frontend_knows_exactly_the_flags_of_the_table(tmp_path: Path, line: str) -> None:
    (tmp_path / "a.txt").write_text("a")
    version = docker("version", "--format", "{{.Server.Version}}")
    young = read(parse(f"FROM scratch\n{line}\n")).young
    assert [use.line for use in young] == [2]
    fails = bool(build(tmp_path, f"FROM scratch\n{line}\n", "--output", "type=tar,dest=-").returncode)
    assert bool(list(unknown_to(version, young))) == fails


@pytest.mark.fault("C52")
@pytest.mark.parametrize(
    ("lines", "ignored"),
    [
        ("COPY none* /x/", ""),
        ("ADD none* /x/", ""),
        ("COPY libs/none* /x/", ""),
        ("COPY libs/none* libs/req.txt /x/", ""),
        ("COPY libs/none* /x/\nCOPY libs/req.txt /y", ""),
        ("COPY libs/none* /x/\nCOPY . /y/", "libs"),
        ("COPY libs/none* /x/\nCOPY . /y/", "libs/*"),
        ("COPY libs/req.* /x/", "libs/req.txt"),
        ("COPY ?ibs/none /x/", ""),
        ("COPY link/none* /x/", ""),
        ("COPY link/none* /x/\nCOPY libs/req.txt /y", ""),
        ("COPY lost/none* /x/", ""),
        ("COPY lost /x/", ""),
    ],
)
def test_a_pattern_without_a_match_is_refused_where_buildkit_fails(tmp_path: Path, lines: str, ignored: str) -> None:
    """In a context of its own, without cache, to a folder of its own: of one that it was sent before BuildKit may still
    have the folders, and a step that copied nothing once, or does in another worker, is taken for this one."""
    for path in ("libs/req.txt", "a.txt"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(path)
    (tmp_path / "link").symlink_to("libs")
    (tmp_path / ".dockerignore").write_text(ignored)
    token = secrets.token_hex(4)
    text = f"FROM scratch\n{lines.replace(' /x/', f' /{token}/')}\n"
    context = tmp_path.rename(tmp_path.with_name(f"{tmp_path.name}-{token}"))
    built = build(context, text, "--no-cache", "--output", "type=tar,dest=-")
    try:
        Worktree(context).files("Dockerfile", ".", read(parse(text)).sources)
        refused = False
    except UsageError:
        refused = True
    assert refused == bool(built.returncode), built.stderr.decode()[-2000:]
