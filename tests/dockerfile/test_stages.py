"""The stages of a Dockerfile: what each stands on, which are needed, what their FROM and mounts may say."""

from __future__ import annotations

import pytest

from slipway.core.errors import UsageError
from slipway.dockerfile import parse, read


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
def test_a_reference_that_the_engine_accepts_is_accepted(reference: str) -> None:
    assert read(parse(f"FROM {reference}")).bases == (reference,)


@pytest.mark.parametrize(
    "reference",
    [
        *("a.", "a/", "/a", "a..b", "a___b", "A", "r.io:/a", "r.io:x/a", "[]/a", "[g]/a", "r.io//a", "a:", "a:.b"),
        *(f"a@sha256:{HEX[1:]}", f"a@:{HEX}", f"a@2:{HEX}", f"a@s+:{HEX}", f"a@s+2:{HEX}", f"a@s:{HEX}g", f"@s:{HEX}"),
    ],
)
def test_a_reference_that_the_engine_refuses_is_refused(reference: str) -> None:
    with pytest.raises(UsageError, match="is not an image reference"):
        read(parse(f"FROM {reference}"))


def test_a_stage_s_name_need_be_no_reference() -> None:
    assert read(parse("FROM a AS b-\nFROM b-")).bases == ("a",)
    assert read(parse("FROM a AS x\nFROM c AS b-\nFROM b-")).bases == ("c",)


def test_an_unneeded_stage_may_read_a_later_one() -> None:
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


def test_a_stage_does_not_see_variables_of_its_siblings() -> None:
    one = "FROM a AS one\nENV X=1\nEXPOSE 1\n"
    reading = read(
        parse(f"{one}FROM one AS two\nENV X=2\nEXPOSE 2\nFROM one AS three\nCOPY --from=two y /\nCOPY $X /\n")
    )
    assert [source.paths for source in reading.sources] == [("1",)]
    assert reading.exposed == ("1/tcp",)
    with pytest.raises(UsageError, match="Y in \\$Y is set nowhere"):
        read(parse("FROM a AS one\nFROM one AS two\nARG Y=2\nFROM one\nCOPY --from=two y /\nCOPY $Y /\n"))


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
