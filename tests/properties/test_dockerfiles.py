"""Generated Dockerfiles, read by slipway and by BuildKit: build args and a default's value, secrets, stages."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from slipway.core.errors import UsageError
from slipway.dockerfile import parse, read
from tests.properties.examples import examples

pytestmark = pytest.mark.integration

NAMES = st.sampled_from(["A", "B", "C", "G1", "G2", "lower", "TARGETARCH", "BUILDPLATFORM", "TARGETSTAGE", "NOBODY"])
GIVEN = st.dictionaries(st.sampled_from(["A", "B", "G1", "lower"]), st.sampled_from(["", "given", "s 1"]), max_size=2)
OR_ELSE = st.tuples(st.sampled_from([":-", "-", ":+", "+"]), st.sampled_from(["", "d", "${A}", "'q'"]))
TRIMMED = st.tuples(st.sampled_from(["#", "##", "%", "%%"]), st.sampled_from(["s", "*s", "?", "x*"]))
REPLACED = st.tuples(st.sampled_from(["/", "//"]), st.sampled_from(["s/", "s/t", "?/t"]))
MODIFIERS = st.one_of(OR_ELSE, TRIMMED, REPLACED, st.just(())).map("".join)
VARIABLES = NAMES.map("${}".format) | st.builds("${{{}{}}}".format, NAMES, MODIFIERS)
# A backslash before the blanks that end a line would join it with the next: another matter, told in the recorded cases.
LITERALS = st.sampled_from(["x", "1.2", "scratch", "-", "é", "'a b'", '"a  b"', "\\ y", "\\$A", '"$A"', "'$A'", "#"])
WORDS = st.lists(LITERALS | VARIABLES, max_size=3).map("".join)
DEFAULTS = st.builds(lambda name, default: name + default, NAMES, st.just("") | WORDS.map("={}".format))
ARGS = st.lists(DEFAULTS, min_size=1, max_size=3).map(lambda parts: f"ARG {' '.join(parts)}")
TERMS = st.sampled_from(["EOF", "'EOF'", '"EOF"'])
BODIES = st.sampled_from(
    ["ARG NEVER\n", "FROM nowhere\n", "RUN --mount=type=secret,id=never true\n", "\tEOF \n", "# EOF\n", ""]
)


def heredoc(head: str, term: str, body: str, dash: str, tail: str) -> str:
    end, tab = term.strip("'\""), "\t" * len(dash)
    return f"{head} <<{dash}{term}{tail}\n{body}{tab}{end}"


RUNS = st.one_of(
    st.integers(0, 9).map("RUN --mount=type=secret,id=k{} true".format),
    NAMES.map("RUN --mount=type=secret,id=of-${{{}:-none}},required true".format),
    st.just("RUN --mount=type=secret,target=/run/secrets/named --mount=type=cache,target=/c true"),
    st.just('RUN ["--mount=type=secret,id=never", "x"]'),
    st.builds(heredoc, st.sampled_from(["RUN", "RUN cat"]), TERMS, BODIES, st.sampled_from(["", "-"]), st.just("")),
)
COPIES = st.one_of(
    st.builds(heredoc, st.just("COPY"), TERMS, BODIES, st.sampled_from(["", "-"]), st.just(" /to")),
    st.sampled_from(["COPY --from=0 / /", "COPY --from=s0 / /x", "COPY --from=S1 / /", "ADD --chmod=644 . /a"]),
)
OTHERS = st.one_of(
    st.builds("ENV {}={}".format, NAMES, WORDS.map(lambda word: word or "e")),
    st.builds("ENV {} two words".format, NAMES),
    st.sampled_from(
        ["LABEL a=b c='d e'", "WORKDIR /w", "EXPOSE 80 81/udp", 'SHELL ["/bin/sh"]', "CMD x # y", 'CMD ["a"]']
    ),
    st.sampled_from(["ONBUILD ARG LATER=1", "ONBUILD RUN --mount=type=secret,id=later true", "HEALTHCHECK NONE"]),
    st.sampled_from(["", "# ARG REMARK", "   # remark \\", "FOO bar", "ENV novalue", "ARG", "run true", "arg small=1"]),
)
INSTRUCTIONS = st.one_of(ARGS, ARGS, RUNS, COPIES, OTHERS)


@st.composite
def dockerfiles(draw: st.DrawFn) -> str:
    """Global ARGs, up to three stages, each way to write a line; the last ARG becomes the USER."""
    escape = draw(st.sampled_from(["\\", "\\", "\\", "`"]))
    lines = [*(["# escape=`"] if escape == "`" else []), *draw(st.lists(ARGS, max_size=3))]
    count = draw(st.integers(1, 3))
    for index in range(count):
        above = [f"{draw(st.sampled_from('sS'))}{number}" for number in range(index)]
        base = draw(st.sampled_from(["scratch", "scratch", "${NOBODY:-scratch}", *above]))
        platform = draw(st.sampled_from(["", "", "--platform=linux/arm64 ", "--platform=linux/${TARGETARCH} "]))
        lines.append(f"FROM {platform}{base}{draw(st.sampled_from([f' AS s{index}', f' as S{index}', '']))}")
        lines += draw(st.lists(INSTRUCTIONS, max_size=5))
    lines += [f"ARG LAST={draw(WORDS)}", "USER ${LAST}"]
    blanks = st.sampled_from(["", "", "", "  "])
    text = "".join(f"{'' if '<<' in line else draw(blanks)}{line}\n" for line in lines)
    if draw(st.booleans()):
        text = text.replace("ARG A", f"ARG {escape}\n# between\n\n  A")
        text = text.replace("--mount=type=secret,id=k", f"{escape}\n--mount=type=secret,id=k")
    return text if draw(st.booleans()) or "<<" in text else text.replace("\n", "\r\n")


@dataclass(frozen=True)
class Told:
    """``user`` is the value of ARG LAST; ``stages`` name, FROM as written, line."""

    args: frozenset[str]
    secrets: frozenset[str]
    user: str
    stages: tuple[tuple[str, str, int], ...]


#: A Dockerfile and the build args given with it.
Case = tuple[str, Mapping[str, str]]


def ours(case: Case) -> Told | None:
    """None when it is refused."""
    text, given = case
    try:
        parsed = parse(text)
        reading = read(parsed, given)
    except UsageError:
        return None
    stages = tuple((section.name, section.base, section.line) for section in parsed.sections)
    return Told(frozenset(reading.args), frozenset(reading.secrets), reading.user, stages)


def bake(cases: Sequence[Case], call: str, folder: Path) -> Mapping[str, Any]:
    """Return BuildKit's answer about each of them, ``t0``, ``t1`` …, from one call."""
    inline = [(text.replace("${", "$${").replace("%{", "%%{"), given) for text, given in cases]
    targets = {
        f"t{number}": {"context": ".", "dockerfile-inline": text, "args": given}
        for number, (text, given) in enumerate(inline)
    }
    file = json.dumps({"group": {"every": {"targets": list(targets)}}, "target": targets})
    command = ["docker", "buildx", "bake", "--file", "-", f"--call={call},format=json", "every"]
    done = subprocess.run(command, cwd=folder, input=file.encode(), capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr.decode()[-600:]
    return {name: told[call] for name, told in json.loads(done.stdout)["target"].items()}


def line(entry: Mapping[str, Any]) -> int:
    return int(entry["location"]["ranges"][0]["start"]["line"])


def theirs(cases: Sequence[Case], folder: Path) -> list[Told]:
    outlines, targets = bake(cases, "outline", folder), bake(cases, "targets", folder)
    told = []
    for name in (f"t{number}" for number in range(len(cases))):
        args = {arg["name"]: arg.get("value", "") for arg in outlines[name].get("args", [])}
        secrets = frozenset(secret["name"] for secret in outlines[name].get("secrets", []))
        stages = tuple((t.get("name", ""), t["base"], line(t)) for t in targets[name]["targets"])
        told.append(Told(frozenset(args), secrets, args["LAST"], stages))
    return told


def refuses(case: Case, folder: Path) -> bool:
    text, given = case
    args = [word for name, value in given.items() for word in ("--build-arg", f"{name}={value}")]
    command = ["docker", "buildx", "build", "--file", "-", "--call=outline", *args, "."]
    return subprocess.run(command, cwd=folder, input=text.encode(), capture_output=True, timeout=60).returncode != 0


def stands_on_scratch(case: Case) -> bool:
    """Whether no image is needed: there may be none to get here."""
    text, given = case
    with contextlib.suppress(UsageError):
        return not read(parse(text), given).bases
    return True


@settings(examples(12), phases=[Phase.reuse, Phase.generate])  # shrinking asks BuildKit for minutes
@given(st.lists(st.tuples(dockerfiles(), GIVEN).filter(stands_on_scratch), min_size=1, max_size=10))
def test_both_read_it_alike(tmp_path: Path, cases: list[Case]) -> None:
    read_by_us = [(case, ours(case)) for case in cases]
    taken = [case for case, told in read_by_us if told]
    assert [told for _, told in read_by_us if told] == (theirs(taken, tmp_path) if taken else [])
    for case in [case for case, told in read_by_us if not told][:2]:
        assert refuses(case, tmp_path), case
