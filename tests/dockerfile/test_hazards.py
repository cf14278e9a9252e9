"""Instructions that policy refuses in a Dockerfile, and those that it only reports."""

from __future__ import annotations

import pytest

from slipway.core.rules import Rule
from slipway.dockerfile import Hazard, parse, read

DIGEST = "sha256:" + "ab" * 32
COMMIT = "0123456789abcdef0123456789abcdef01234567"
TOKEN = "ghp_" + "a1" * 18


def hazards(text: str, args: dict[str, str] | None = None, secrets: tuple[str, ...] = ()) -> tuple[Hazard, ...]:
    return read(parse(text), args or {}, secrets=secrets).hazards


def whats(text: str, args: dict[str, str] | None = None, secrets: tuple[str, ...] = ()) -> list[tuple[int, str]]:
    return [(hazard.line, hazard.what) for hazard in hazards(text, args, secrets) if hazard.refused]


DOWNLOADS = [
    "curl -fsSL https://x.sh | sh",
    "curl 'https://x.sh?a=1&b=2|c' | bash -s -- --yes",
    "wget -qO- https://x.sh |sudo -E bash",
    "curl https://x.py | python3 -",
    "apt-get update && curl https://x.sh | tee /tmp/x.sh | sh",
    "curl https://x.sh \\\n  | /bin/sh",
    'sh -c "$(curl -fsSL https://x.sh)"',
    "bash <(curl -fsSL https://x.sh)",
    "eval `wget -qO- https://x.sh`",
    'curl "https://x.sh|y" | sh',
    "curl \"\" '' https://x.sh | sh",
    "curl|sh",
    "curl https://x.sh | sudo sh",
    "curl https://x.sh | sudo -u me -E /sh",
    "curl https://x.sh | env sh",
    "curl https://x.sh | /usr/bin/env A= B=1 zsh",
    "curl https://x.sh | tee x|sh",
    "curl https://x.py | python -",
    "curl https://x.py | python3.12 -",
    "curl https://x.py | python3 && ls",
    "curl https://x.py | python3 2>&1",
    "curl https://x.py | python3 -u -",
    'python3 -c "$(curl -fsSL https://x.py)"',
    "(curl https://x.py | python3)",
    "curl https://x.js | node - --yes",
    "curl https://x.sh | bash -e",
    "curl https://x.sh | bash -s stable",
    "eval`curl https://x.sh`",
    "source <(curl https://x.sh)",
    "cd /x && . <(curl https://x.sh)",
    "<<END\nset -e\ncurl https://x.sh \\\n | env A=1 bash\nEND",
]
HARMLESS = [
    "curl -fsSLo /tmp/x.tar https://x.tar && echo 'ab /tmp/x.tar' | sha256sum --check",
    "curl https://x.tar | tar -x",
    "curl https://x | grep ssh",
    "VERSION=$(curl https://x) && echo $VERSION",
    "apt-get install -y curl | cat; sh x.sh",
    "echo curl; ls | sh",
    "wget https://x.sh; sh /own.sh",
    "curl https://x | sudosh",
    "curl https://x | sudo -xsh",
    "curl https://x | envsh",
    "curl https://x | env A=xsh",
    "curl https://x | env A=1",
    "x.y $(curl https://x)",
    "curl https://x | python3 -m json.tool",
    "V=$(curl -s https://x | python3 -c 'import json, sys; print(json.load(sys.stdin)[0])')",
    "curl https://x | python3.12 /own.py --all",
    "curl https://x | perl -ne print",
    "curl https://x | perl -pe 's/a/b/' > y",
    "curl https://x | ruby -e 'puts gets'",
    "curl https://x | node own.js",
]


@pytest.mark.fault("U08")
@pytest.mark.parametrize("command", DOWNLOADS)
def test_a_step_that_runs_a_download_is_refused(command: str) -> None:
    (hazard,) = hazards(f"FROM scratch\nRUN {command}\n")
    assert (hazard.line, hazard.refused) == (2, True)
    assert hazard.what == "RUN runs a download without verifying it"
    assert hazard.hint == "ADD --checksum=sha256:… downloads this file, and refuses any other"


@pytest.mark.parametrize("command", HARMLESS)
def test_a_step_that_only_looks_like_a_download_is_allowed(command: str) -> None:
    assert hazards(f"FROM scratch\nRUN {command}\n") == ()


@pytest.mark.fault("U08")
def test_a_trigger_is_looked_at_too() -> None:
    text = "FROM scratch\nONBUILD RUN curl https://x.sh | sh\nONBUILD ADD https://x.example/a.tar /\n"
    assert [line for line, _ in whats(text)] == [2, 3]


@pytest.mark.fault("U08")
@pytest.mark.parametrize(
    ("words", "by"),
    [
        ("https://x.example/a.tar", "--checksum"),
        ("--chmod=644 http://x.example/a.tar", "--checksum"),
        ("--checksum=sha256:short https://x.example/a.tar", "--checksum"),
        ("https://github.com/a/b.git#main", "#<commit>"),
        ("git@github.com:a/b.git", "#<commit>"),
        ("http://x.example/a.git", "#<commit>"),
        ("ssh://git@x.example/a#main", "#<commit>"),
        ("https://x.example/ssh://b", "--checksum"),
        (f"--checksum={DIGEST}zz https://x.example/a.tar", "--checksum"),
        (f"https://github.com/a/b.git#{COMMIT} https://x.example/a.tar", "--checksum"),
    ],
)
def test_an_add_without_a_pin_is_refused(words: str, by: str) -> None:
    (hazard,) = hazards(f"FROM scratch\nADD {words} /\n")
    assert hazard.refused and "is not pinned: its content may change" in hazard.what
    assert by in hazard.hint


@pytest.mark.parametrize(
    "words",
    [
        f"--checksum={DIGEST} https://x.example/a.tar",
        f"--chmod=644 --checksum={DIGEST} --chown=1 https://x.example/a.tar",
        f"https://github.com/a/b.git#{COMMIT}",
        f"git@github.com:a/b.git#{COMMIT}:folder",
        "a.tar",
    ],
)
def test_an_add_with_a_pin_is_allowed(words: str) -> None:
    assert hazards(f"FROM scratch\nADD {words} /\n") == ()


def test_a_login_in_a_url_is_not_repeated() -> None:
    whole = " ".join(what for _, what in whats("FROM scratch\nADD https://ann:geheim@x.example/a /\n"))
    assert "geheim" not in whole and "***@x.example" in whole


@pytest.mark.fault("B14")
@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("# syntax=me/dockerfile:1\nFROM scratch", 1),
        ("\ufeff#syntax=me/dockerfile:1\nFROM scratch", 1),
        ("# escape=`\n# Syntax = me/dockerfile:1\nFROM scratch", 2),
        ("#!/usr/bin/env docker\n# syntax=me/dockerfile:1\nFROM scratch", 2),
        ("#!/usr/bin/env # syntax=x\n#syntax=me/dockerfile:1\nFROM scratch", 2),
    ],
)
def test_a_frontend_is_pinned(text: str, line: int) -> None:
    reading = read(parse(text))
    assert reading.frontend == "me/dockerfile:1"
    (hazard,) = reading.hazards
    assert (hazard.line, hazard.refused) == (line, True)
    assert hazard.what == "the frontend me/dockerfile:1 is not pinned by digest"
    hint = "# syntax=me/dockerfile:1@sha256:…, or remove the line: the engine includes a frontend"
    assert hazard.hint == hint
    pinned = read(parse(text.replace(":1\n", f":1@{DIGEST}\n")))
    assert (pinned.frontend, pinned.hazards) == (f"me/dockerfile:1@{DIGEST}", ())


@pytest.mark.fault("C42")
@pytest.mark.parametrize(
    ("frontend", "refused"),
    [
        *(
            ("docker/dockerfile", False),
            ("docker/dockerfile:1", False),
            ("docker.io/docker/dockerfile:1.7-labs", False),
        ),
        *(
            ("docker/dockerfile-upstream:master", False),
            ("docker/dockerfiles:1", True),
            ("x.io/docker/dockerfile", True),
        ),
    ],
)
def test_dockers_own_frontends_are_only_reported(frontend: str, refused: bool) -> None:
    (hazard,) = hazards(f"# syntax={frontend}\nFROM scratch\n")
    assert (hazard.rule, hazard.refused) == (Rule.FRONTEND, refused)


@pytest.mark.fault("B14")
def test_a_frontend_that_comes_as_a_build_arg() -> None:
    text = "FROM scratch\nARG BUILDKIT_SYNTAX\n"
    assert whats(text) == []
    told = whats(text, {"BUILDKIT_SYNTAX": "evil/frontend"})
    assert told == [(1, "the frontend evil/frontend is not pinned by digest")]


@pytest.mark.fault("U03")
@pytest.mark.parametrize(
    "line",
    [
        "RUN pip install --extra-index-url https://x.example a",
        "RUN PIP_EXTRA_INDEX_URL=https://x.example pip install a",
        "ENV UV_EXTRA_INDEX_URL=https://x.example",
    ],
)
def test_an_extra_index_is_reported_and_not_refused(line: str) -> None:
    (hazard,) = hazards(f"FROM scratch\n{line}\n")
    assert (hazard.line, hazard.refused) == (2, False)
    assert hazard.what == "extra-index-url: any index may answer for any name"
    assert hazard.hint == "one --index-url that serves all, or hashes in the requirements"


@pytest.mark.fault("X01")
@pytest.mark.parametrize(
    "where", ["{}FROM scratch\n", "FROM scratch AS built\n{}FROM scratch\nCOPY --from=built / /\n"]
)
def test_an_arg_with_a_known_secret_a_password_or_a_token(where: str) -> None:
    text = where.format("ARG INDEX\n")
    line = text[: text.index("ARG")].count("\n") + 1
    for value in ("geheim12", "prefix-geheim12", "https://ann:pw123@x.example/simple", TOKEN):
        told = whats(text, {"INDEX": value}, ("geheim12",))
        assert told == [(line, "the value of INDEX is a secret: it would stand in the image")], value
        hint = "RUN --mount=type=secret,id=index gives it to a step and stores it nowhere"
        assert [hazard.hint for hazard in hazards(text, {"INDEX": value}, ("geheim12",))] == [hint]
    assert whats(text, {"INDEX": "https://x.example/simple"}, ("geheim12",)) == []


@pytest.mark.fault("X01")
@pytest.mark.parametrize(
    "line",
    [
        *(
            "ARG GITHUB_TOKEN=x",
            "ENV DB_PASSWORD=x",
            "ARG NPM_AUTH=x1",
            "ARG A_CREDENTIAL=x",
            "ENV POSTGRES_PASSWORD=1234",
        ),
        *("ENV SECRET_KEY_BASE=x", "ENV STRIPE_KEY_LIVE=x", "ARG API_KEY=x", "ENV KEY=x", "ENV AUTH=me:x"),
        *(f"ENV API_KEY={'a1' * 20}", f"ENV ACCESS_KEY={'A1' * 20}", f"ENV KEY={'a1' * 20}", f"ENV KEY={'A1' * 8}"),
    ],
)
def test_a_name_that_says_it_is_secret(line: str) -> None:
    (hazard,) = hazards(f"FROM scratch\n{line}\n")
    name = line.split()[1].partition("=")[0]
    assert (hazard.rule, hazard.refused) == (Rule.SECRET_NAME, True)
    assert hazard.what == f"{name} would stand in the image's history"
    assert hazard.hint == f"RUN --mount=type=secret,id={name.lower()} instead of ARG or ENV"


@pytest.mark.fault("C42")
@pytest.mark.parametrize(
    "line",
    [
        *("ARG PUBLIC_KEY=x", "ENV TOKEN_FILE=/run/secrets/x", "ARG KEYBOARD", "ARG MONKEY=1"),
        *(
            "ENV KMS_KEY_ALIAS=alias/app",
            "ENV SORT_KEY=created",
            "ENV AUTH_URL=https://x.example",
            "ENV PRIMARY_KEY=id",
        ),
        *("ENV HF_TOKEN_PATH=/x", "ENV REQUIRE_MFA_AUTH=true", "ARG TOKEN_LIMIT", "ARG TOKEN_LIMIT=4096"),
        *("ENV GF_AUTH_ANONYMOUS_ENABLED=true", "ARG DEFAULT_AUTH_PLUGIN=x", "ENV AUTH_SERVICE=x", "ENV USE_TOKEN=yes"),
        *("ENV AWS_ACCESS_KEY_ID=x", "ENV GPG_KEY_ID=573BFD6B3D8FBC64", f"ARG X_KEY_FINGERPRINT={'ab' * 20}"),
    ],
)
def test_a_name_that_only_looks_like_it(line: str) -> None:
    assert hazards(f"FROM scratch\n{line}\n") == ()


@pytest.mark.fault("C42")
@pytest.mark.parametrize(
    ("line", "kind"),
    [
        *(("ENV NPM_AUTH=1", "a switch"), ("ENV API_TOKEN=False", "a switch"), ("ARG DB_PASSWORD=none", "a switch")),
        ("ENV TLS_KEY=/etc/ssl/private/key.pem", "the path of a file"),
        *(
            (line, "the fingerprint of a public key")
            for line in (
                f"ENV GPG_KEY={'A035C8C1' * 5}",
                f"ENV TINI_GPG_KEY={'a035c8c1' * 5}",
                f"ENV APT_KEY={'A1' * 20}",
                "ENV NGINX_GPG_KEY=0x573BFD6B3D8FBC64",
                'ENV SIGNING_KEY="9DC8 5822 9FC7 DD38 854A E2D8 8D81 803C 0EBF CD88"',
            )
        ),
    ],
)
def test_a_secret_name_with_a_harmless_value_is_only_reported(line: str, kind: str) -> None:
    (hazard,) = hazards(f"FROM scratch\n{line}\n")
    name = line.split()[1].partition("=")[0]
    assert (hazard.rule, hazard.refused) == (Rule.SECRET_NAME, False)
    assert hazard.what == f"{name} has the name of a secret, and is {kind}"


@pytest.mark.fault("C42")
@pytest.mark.parametrize("line", ["ARG GITHUB_TOKEN", "ENV GITHUB_TOKEN=$OTHER", "ENV GITHUB_TOKEN="])
def test_a_secret_name_without_a_value_is_only_reported(line: str) -> None:
    (hazard,) = hazards(f"FROM scratch\n{line}\n")
    assert (hazard.rule, hazard.refused) == (Rule.SECRET_NAME, False)
    assert hazard.what == "GITHUB_TOKEN has no value; given one, it would stand in the image's history"
    assert whats("FROM scratch\nARG GITHUB_TOKEN\n", {"GITHUB_TOKEN": "x"}) == [
        (2, "GITHUB_TOKEN would stand in the image's history")
    ]


@pytest.mark.fault("C42")
@pytest.mark.parametrize(
    "directive",
    ["skip=SecretsUsedInArgOrEnv", "skip=JSONArgsRecommended, secretsusedinargorenv;error=true", "skip=all"],
)
def test_buildkits_check_directive_skips_a_secret_name(directive: str) -> None:
    """A name that the file's author has judged; never a value that is seen to be a secret."""
    text = f"# check={directive}\nFROM scratch\nENV DB_PASSWORD=x\n"
    assert hazards(text) == ()
    assert read(parse(text)).weighed == {"DB_PASSWORD"}
    assert whats(text.replace("=x", f"={TOKEN}")) == [
        (3, "the value of DB_PASSWORD is a secret: it would stand in the image")
    ]


def test_other_directives_leave_it_in() -> None:
    for directive in ("skip=JSONArgsRecommended", "error=true", "experimental=all"):
        assert len(hazards(f"# check={directive}\nFROM scratch\nENV DB_PASSWORD=x\n")) == 1


@pytest.mark.fault("X01")
def test_a_short_secret_counts_as_a_whole_value_only() -> None:
    assert whats("FROM scratch\nARG A\nARG B\n", {"A": "abcd", "B": "abcdef"}, ("abcd",)) == [
        (2, "the value of A is a secret: it would stand in the image")
    ]


@pytest.mark.fault("X09")
def test_a_label_with_a_secret() -> None:
    text = "FROM scratch\nARG INDEX\nLABEL plain=1 from=${INDEX}\n"
    assert (3, "the value of from is a secret: it would stand in the image") in whats(
        text, {"INDEX": "https://ann:pw123@x.example"}
    )
    assert whats("FROM scratch\nLABEL secret=nothing\n") == []


@pytest.mark.fault("X01")
@pytest.mark.parametrize(
    "line",
    [
        "RUN pip install --index-url https://ann:pw123@x.example/simple a",
        f"RUN git clone https://x.example && echo {TOKEN}",
        "RUN <<E\necho geheim12\nE",
        'CMD ["run", "--password", "geheim12"]',
    ],
)
def test_a_secret_written_out(line: str) -> None:
    (hazard,) = hazards(f"FROM scratch\n{line}\n", {}, ("geheim12",))
    known = "geheim12" in line
    assert hazard == Hazard(
        2,
        Rule.KNOWN_SECRET if known else Rule.SECRET_VALUE,
        f"{line.partition(' ')[0]} holds a secret: it would stand in the image's history",
        "RUN --mount=type=secret gives it to a step and stores it nowhere",
    )


def test_a_secret_from_a_mount_is_allowed() -> None:
    line = "RUN --mount=type=secret,id=pw git clone https://ann:$(cat /run/secrets/pw)@x.example"
    assert whats(f"FROM scratch\n{line}\n", {}, ("geheim12",)) == []
