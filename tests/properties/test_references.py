"""The engine accepts every reference that slipway accepts, and none looks like an option."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import docker
import docker.errors
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.core.errors import UsageError
from slipway.core.reference import Reference, check_path, check_registry, check_tag
from tests.properties.examples import examples

#: Looser than the grammar: half of what they make is refused.
HOSTS = st.one_of(
    st.sampled_from(["localhost", "127.0.0.1", "[::1]", "ghcr.io", "[fe80::1]", "a.b-c.D", "xn--e1afmkfd.example"]),
    st.from_regex(r"([a-zA-Z0-9-]{1,4}\.?){1,4}|\[[0-9a-fA-F:]{0,9}\]", fullmatch=True),
    st.text("aZ0.-_[]:", max_size=9),
    st.integers(1, 300).map(lambda length: "h" * length + ".example"),
)
PORTS = st.just("") | st.integers(0, 70000).map(":{}".format) | st.sampled_from([":", ":05000", ":+1", ":٥"])
PATHS = st.one_of(
    st.lists(st.from_regex(r"[a-z0-9]+(\.|__?|-+)?[a-z0-9]*", fullmatch=True), min_size=1, max_size=4).map("/".join),
    st.text("aZ0.-_/", max_size=10),
    st.integers(1, 260).map("p".__mul__),
)
TAGS = st.one_of(
    st.just(""),
    st.from_regex(r":[A-Za-z0-9_.-]{0,8}", fullmatch=True),
    st.integers(1, 140).map(lambda length: ":" + "t" * length),
)
DIGESTS = st.just("") | st.text("0123456789abcdef", min_size=64, max_size=64).map("@sha256:{}".format)
TEXTS = st.builds(
    lambda host, port, path, *rest: f"{host}{port}/{path}{''.join(rest)}", HOSTS, PORTS, PATHS, TAGS, DIGESTS
)


def is_taken(text: str) -> bool:
    try:
        Reference.parse(text)
    except UsageError:
        return False
    return True


REFERENCES = TEXTS.filter(is_taken)


@pytest.fixture(scope="module")
def engine(engine_address: str) -> Iterator[docker.APIClient]:
    with contextlib.closing(docker.APIClient(base_url=engine_address)) as client:
        yield client


def is_understood(engine: docker.APIClient, text: str) -> bool:
    """The engine looks an image up by its reference: not found, unless the reference is none."""
    try:
        engine.inspect_image(text)  # type: ignore[no-untyped-call]
    except docker.errors.ImageNotFound:
        return True
    except docker.errors.APIError as error:
        assert "invalid reference format" in str(error) or "must be" in str(error), error
        return False
    return True


@pytest.mark.integration
def test_the_engine_refuses_a_text_that_is_not_a_reference(engine: docker.APIClient) -> None:
    """The judge of the next test does judge."""
    told = {text: is_understood(engine, text) for text in ("ghcr.io/x:1", "ghcr.io/X:1", "ghcr.io/x:-1", "g_h.io:x/y")}
    assert told == {"ghcr.io/x:1": True, "ghcr.io/X:1": False, "ghcr.io/x:-1": False, "g_h.io:x/y": False}


@pytest.mark.integration
@examples(400)
@given(REFERENCES)
def test_the_engine_accepts_every_accepted_reference(engine: docker.APIClient, text: str) -> None:
    assert is_understood(engine, text)


@examples(120)
@given(REFERENCES)
def test_a_reference_is_not_an_option_and_stays_itself(text: str) -> None:
    reference = Reference.parse(text)
    written = reference if not reference.digest else Reference(reference.registry, reference.path, "", reference.digest)
    assert not text.startswith("-")
    assert Reference.parse(str(reference)) == written


@examples(120)
@given(st.text("-aZ0._/:[]", max_size=12))
@pytest.mark.parametrize("check", [check_registry, check_path, check_tag])
def test_no_part_of_a_reference_is_an_option(check: object, text: str) -> None:
    with contextlib.suppress(UsageError):
        assert check(text) == text and text and not text.startswith("-")  # type: ignore[operator]
