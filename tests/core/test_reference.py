"""References, registries, paths and tags: those that docker accepts, and those that are certainly mistakes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.core.errors import UsageError
from slipway.core.reference import Reference, check_path, check_registry, check_tag, full_name, registry_name

DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("localhost:5000/slipway/svc-ocr:v1", Reference("localhost:5000", "slipway/svc-ocr", "v1")),
        ("localhost/x", Reference("localhost", "x")),
        ("127.0.0.1:5000/x:1", Reference("127.0.0.1:5000", "x", "1")),
        ("[::1]:5000/x:1", Reference("[::1]:5000", "x", "1")),
        ("Registry.Example.com/a/b__c/d-e.f:V1_0-rc.1", Reference("Registry.Example.com", "a/b__c/d-e.f", "V1_0-rc.1")),
        (f"ghcr.io/acme/x@{DIGEST}", Reference("ghcr.io", "acme/x", "", DIGEST)),
        (f"ghcr.io/acme/x:v1@{DIGEST}", Reference("ghcr.io", "acme/x", "v1", DIGEST)),
        ("ghcr.io/x:" + "a" * 128, Reference("ghcr.io", "x", "a" * 128)),
    ],
)
def test_a_reference(text: str, reference: Reference) -> None:
    assert Reference.parse(text) == reference


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("Python:3.12", "path=library/Python: not a repository path", "path=library/python"),
        ("localhost:99999/x", "REGISTRY=localhost:99999: port '99999' is not 1 to 65535", ""),
        ("localhost:0/x", "REGISTRY=localhost:0: port '0' is not 1 to 65535", ""),
        ("localhost:/x", "REGISTRY=localhost:: port '' is not 1 to 65535", ""),
        ("localhost:٥٠٠٠/x", "REGISTRY=localhost:٥٠٠٠: port '٥٠٠٠' is not 1 to 65535", ""),
        ("http://reg/x:1", "http://reg/x:1: a reference has no scheme", "reg/x:1"),
        ("ghcr.io/Acme/x:1", "path=Acme/x: not a repository path", "path=acme/x"),
        ("ghcr.io/a//x", "path=a//x: not a repository path", "lower-case letters, digits, and . _ - between them"),
        ("ghcr.io/x:", "tag=: not a tag", "1 to 128 letters, digits, and _ . - (not first)"),
        ("ghcr.io/x:1.0+local", "tag=1.0+local: not a tag", "tag=1.0_local"),
        ("ghcr.io/x@", "ghcr.io/x@: a digest is sha256: and 64 hexadecimal digits", ""),
        ("ghcr.io/x@sha256:12", "ghcr.io/x@sha256:12: a digest is sha256: and 64 hexadecimal digits", ""),
    ],
)
def test_no_reference(text: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        Reference.parse(text)
    assert (caught.value.message, caught.value.hint) == (message, hint)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("http://reg", "REGISTRY=http://reg: a registry is host[:port]", "drop 'http://': REGISTRY=reg"),
        ("https://reg:1/a", "REGISTRY=https://reg:1/a: a registry is host[:port]", "drop 'https://': REGISTRY=reg:1"),
        (
            "reg/a",
            "REGISTRY=reg/a: a registry is host[:port], without a path",
            "REGISTRY=reg, and the path goes into OWNER",
        ),
        ("-oProxyCommand=x", "REGISTRY=-oProxyCommand=x: '-oProxyCommand=x' is not a host name", ""),
        ("reg:5000:1", "REGISTRY=reg:5000:1: port '5000:1' is not 1 to 65535", ""),
        ("[::1", "REGISTRY=[::1: '[::1' is not a host name", ""),
        ("[::1]x", "REGISTRY=[::1]x: '[::1]x' is not a host name", ""),
        ("", "REGISTRY=: '' is not a host name", ""),
        ("a_b", "REGISTRY=a_b: 'a_b' is not a host name", ""),
        ("reg\n", "REGISTRY=reg\n: 'reg\\n' is not a host name", ""),
    ],
)
def test_no_registry(text: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_registry(text)
    assert (caught.value.message, caught.value.hint) == (message, hint)


@pytest.mark.parametrize(
    "text",
    [
        "reg",
        "REG",
        "reg:1",
        "reg:65535",
        "docker.io",
        "index.docker.io",
        "registry-1.docker.io",
        "[::1]",
        "[2001:db8::1]:443",
        "a-b.c",
    ],
)
def test_a_registry(text: str) -> None:
    assert check_registry(text) == text


@pytest.mark.parametrize("tag", ["v1", "V1", "_", "1.0", "a" * 128, "1-._"])
def test_a_tag(tag: str) -> None:
    assert check_tag(tag) == tag


@pytest.mark.parametrize("tag", ["", "-v1", ".v1", "a" * 129, "v 1", "v1\n", "v/1", "vé"])
def test_no_tag(tag: str) -> None:
    with pytest.raises(UsageError, match="not a tag"):
        check_tag(tag)


@pytest.mark.parametrize("path", ["", "/a", "a/", "a..b", "a___b", "-a", "a b", "a\n", "a" * 201])
def test_no_path(path: str) -> None:
    with pytest.raises(UsageError, match="not a repository path"):
        check_path(path)


HOSTS = st.from_regex(r"[a-z0-9]{1,8}(\.[a-z0-9]{1,8}){1,2}(:[1-9][0-9]{0,3})?", fullmatch=True)
PATHS = st.from_regex(r"[a-z0-9]{1,6}([._-][a-z0-9]{1,6}){0,2}(/[a-z0-9]{1,6}){0,2}", fullmatch=True)
TAGS = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True)


@given(HOSTS, PATHS, TAGS | st.just(""), st.sampled_from(["", DIGEST]))
def test_a_printed_reference_is_parsed_back(host: str, path: str, tag: str, digest: str) -> None:
    reference = Reference(host, path, tag, digest)
    again = Reference.parse(str(reference))
    assert again == (Reference(host, path, "", digest) if digest else reference)
    assert again.name == path.split("/")[-1]
    assert again.tagged("v9") == Reference(host, path, "v9")


@given(st.text(max_size=30))
def test_any_text_is_a_reference_or_a_usage_error(text: str) -> None:
    try:
        reference = Reference.parse(text)
    except UsageError:
        return
    assert not set(str(reference)) & set(" \n\t\\$`'\";&|<>")
    assert not str(reference).startswith("-")


def test_the_limits_of_paths_and_ports() -> None:
    assert check_path("a" * 200) == "a" * 200
    assert check_registry("127.0.0.1:1") == "127.0.0.1:1"
    with pytest.raises(UsageError, match="port '65536' is not"):
        check_registry("reg:65536")
    with pytest.raises(UsageError, match=r"'\[\]' is not a host"):
        check_registry("[]")
    with pytest.raises(UsageError, match="not a repository path"):
        check_path("a/b.")


@pytest.mark.parametrize("text", ["localhost/x", "127.0.0.1/x", "[::1]/x"])
def test_loopback_is_a_registry_without_a_port(text: str) -> None:
    assert str(Reference.parse(text)) == text


def test_the_setting_is_named_as_it_is_called() -> None:
    with pytest.raises(UsageError) as path:
        check_path("Acme")
    with pytest.raises(UsageError) as tag:
        check_tag("1+0 ")
    assert (path.value.message, path.value.hint) == ("OWNER=Acme: not a repository path", "OWNER=acme")
    assert tag.value.message == "BASE_VERSION=1+0 : not a tag"
    assert tag.value.hint == "1 to 128 letters, digits, and _ . - (not first)"


def test_schemes_and_digests_that_go_on() -> None:
    with pytest.raises(UsageError) as scheme:
        Reference.parse("http://a://b")
    assert scheme.value.hint == "a://b"
    with pytest.raises(UsageError) as registry:
        check_registry("http://a://b")
    assert registry.value.hint == "drop 'http://': REGISTRY=a:"
    with pytest.raises(UsageError, match="64 hexadecimal digits"):
        Reference.parse(f"ghcr.io/x@{DIGEST}0")


#: As written, in full, and the key under which BuildKit looks for a named context of this name.
NAMES = [
    ("x", "docker.io/library/x:latest", "x"),
    ("x:1", "docker.io/library/x:1", "x:1"),
    ("library/x", "docker.io/library/x:latest", "x"),
    ("docker.io/x", "docker.io/library/x:latest", "x"),
    ("docker.io/library/x:1", "docker.io/library/x:1", "x:1"),
    ("index.docker.io/x:latest", "docker.io/library/x:latest", "x"),
    ("index.docker.io/library/x", "docker.io/library/x:latest", "x"),
    ("me/x:v1", "docker.io/me/x:v1", "me/x:v1"),
    ("docker.io/me/x:v1", "docker.io/me/x:v1", "me/x:v1"),
    ("index.docker.io/me/x:v1", "docker.io/me/x:v1", "me/x:v1"),
    ("me/a/x", "docker.io/me/a/x:latest", "me/a/x"),
    ("library/a/x", "docker.io/library/a/x:latest", "library/a/x"),
    ("registry-1.docker.io/me/x:v1", "registry-1.docker.io/me/x:v1", "registry-1.docker.io/me/x:v1"),
    ("registry-1.docker.io/x", "registry-1.docker.io/x:latest", "registry-1.docker.io/x"),
    ("docker.io:443/x", "docker.io:443/x:latest", "docker.io:443/x"),
    ("DOCKER.IO/me/x:1", "DOCKER.IO/me/x:1", "DOCKER.IO/me/x:1"),
    ("ghcr.io/x:1", "ghcr.io/x:1", "ghcr.io/x:1"),
    ("GHCR.io/x:1", "GHCR.io/x:1", "GHCR.io/x:1"),
    ("Reg/x:1", "Reg/x:1", "Reg/x:1"),
    ("reg/x:1", "docker.io/reg/x:1", "reg/x:1"),
    ("reg:5000/x", "reg:5000/x:latest", "reg:5000/x"),
    ("reg:5000/x:latest", "reg:5000/x:latest", "reg:5000/x"),
    ("localhost/x:1", "localhost/x:1", "localhost/x:1"),
    ("LOCALHOST:5000/x:1", "LOCALHOST:5000/x:1", "LOCALHOST:5000/x:1"),
    ("[::1]:5000/me/x:1", "[::1]:5000/me/x:1", "[::1]:5000/me/x:1"),
    ("[2001:DB8::1]/x", "[2001:DB8::1]/x:latest", "[2001:DB8::1]/x"),
    (f"x@{DIGEST}", f"docker.io/library/x@{DIGEST}", f"x@{DIGEST}"),
    (f"me/x:1@{DIGEST}", f"docker.io/me/x@{DIGEST}", f"me/x:1@{DIGEST}"),
]


@pytest.mark.parametrize(("text", "full", "context"), NAMES)
def test_a_name_has_the_meaning_that_docker_gives_it(text: str, full: str, context: str) -> None:
    assert (full_name(text), Reference.read(text).context) == (full, context)
    assert full_name(full) == full


def test_a_reference_on_docker_hub_has_one_form() -> None:
    assert Reference("index.docker.io", "x", "1") == Reference("docker.io", "library/x", "1")
    assert Reference("docker.io", "library/x", "1").tagged("2") == Reference.parse("x:2")
    assert [registry_name(text) for text in ("index.docker.io", "docker.io", "ghcr.io", "registry-1.docker.io")] == [
        "docker.io",
        "docker.io",
        "ghcr.io",
        "registry-1.docker.io",
    ]


@pytest.mark.fault("P31")
@pytest.mark.parametrize("text", ["DOCKER.IO", "docker.io:443", "Index.docker.io", "index.docker.io:443"])
def test_a_registry_that_docker_does_not_take_for_docker_hub_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_registry(text)
    said = f"REGISTRY={text}: Docker takes this for another registry than docker.io"
    assert (caught.value.message, caught.value.hint) == (said, "REGISTRY=docker.io")
