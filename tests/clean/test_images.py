"""The images that go from an engine: never one that the plan, a record, a release or a container needs."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from slipway.clean.images import choose_images
from slipway.clean.items import Stay
from slipway.clean.needed import Named, Needed
from slipway.core.image import INPUT_LABEL, TITLE_LABEL, LocalImage, content_tag
from slipway.core.reference import Reference
from slipway.testing.fakes import local_image
from tests.properties.examples import examples

HOME = "localhost:5000/acme"
INPUTS = tuple(f"sha256:{digit * 64}" for digit in "123")
IDS = tuple(f"sha256:{digit * 64}" for digit in "abcd")
NOW = {"base": INPUTS[0], "svc": INPUTS[1]}
NEEDED = Needed(NOW, {name: Reference("localhost:5000", f"acme/{name}", "v1") for name in NOW})
OLD, CUT = 100, 1_000


def image(name: str = "svc", *tags: str, inputs: str = INPUTS[2], created: int = OLD, text: str = "x") -> LocalImage:
    return local_image(text, *(f"{HOME}/{tag}" for tag in tags), name=name, source=inputs, created=created)


def goes(one: LocalImage, needed: Needed = NEEDED) -> list[tuple[str, ...]]:
    return [going.names for going in choose_images([one], needed, CUT).goes]


def stays(one: LocalImage, needed: Needed = NEEDED) -> list[Stay]:
    return list(choose_images([one], needed, CUT).stays)


def test_an_old_image_of_other_inputs_goes_with_all_its_tags() -> None:
    tags = ("svc:v1", f"svc:{content_tag(INPUTS[2])}")
    assert goes(image("svc", *tags)) == [tuple(f"{HOME}/{tag}" for tag in tags)]


def test_images_that_are_needed_stay_with_the_reason() -> None:
    old = image("svc", "svc:v0")
    assert stays(image("svc", "svc:v0", inputs=INPUTS[1])) == [Stay.PLANNED]
    assert stays(old, replace(NEEDED, used=frozenset({old.id}))) == [Stay.USED]
    assert stays(old, replace(NEEDED, used=frozenset({f"{HOME}/svc:v0"}))) == [Stay.USED]
    assert stays(old, replace(NEEDED, released=Named(inputs=frozenset({INPUTS[2]})))) == [Stay.RELEASED]
    assert stays(old, replace(NEEDED, unfinished=Named(frozenset({old.id})))) == [Stay.UNFINISHED]
    assert stays(image("svc", "svc:v0", created=CUT)) == [Stay.YOUNG]
    assert stays(image("svc", "svc:v0", created=0)) == [Stay.UNDATED]


def test_a_released_image_is_known_by_its_digest_in_the_registry() -> None:
    pulled = replace(image("svc", "svc:v0"), digests=(f"{HOME}/svc@{IDS[0]}",))
    assert stays(pulled, replace(NEEDED, released=Named(frozenset({IDS[0]})))) == [Stay.RELEASED]


def test_images_of_others_are_not_looked_at() -> None:
    foreign = [
        image("svc", "other:v1"),
        image("gone", "gone:v1"),
        local_image("x", "localhost:5000/else/svc:v1", name="svc", created=OLD),
        local_image("x", f"{HOME}/svc:v1", created=OLD),
        image("base", "svc:v1"),
        local_image("x", created=OLD),
        replace(image("svc"), digests=(f"localhost:5000/else/svc@{IDS[0]}",)),
    ]
    choice = choose_images(foreign, NEEDED, CUT)
    assert (choice.goes, choice.stays) == ((), {})


def test_an_image_without_a_tag_goes_by_its_digest_or_id() -> None:
    assert goes(image("svc")) == [(image("svc").id,)]
    assert goes(image("svc", inputs=INPUTS[1])) == [(image("svc").id,)]
    pushed = replace(image("svc"), digests=(f"{HOME}/svc@{IDS[0]}",))
    assert goes(pushed) == [(f"{HOME}/svc@{IDS[0]}",)]


def test_the_tags_of_others_stay_on_an_image() -> None:
    shared = local_image("x", f"{HOME}/svc:v0", "localhost:5000/else/svc:v0", name="svc", created=OLD)
    (going,) = choose_images([shared], NEEDED, CUT).goes
    assert (going.names, going.whole) == ((f"{HOME}/svc:v0",), False)


_NAMES = st.sampled_from([*NOW, "other"])
_TAGS = st.sampled_from(
    [
        f"{home}/{name}:{tag}"
        for home in (HOME, "localhost:5000/else")
        for name in (*NOW, "other")
        for tag in ("v1", "v2", "in-0")
    ]
)
_IMAGES = st.builds(
    lambda id, tags, digests, name, inputs, created: LocalImage(
        id, tuple(tags), tuple(digests), {INPUT_LABEL: inputs, TITLE_LABEL: name} if inputs else {}, 0, created
    ),
    st.sampled_from(IDS),
    st.frozensets(_TAGS, max_size=3),
    st.frozensets(st.builds("{}/{}@{}".format, st.just(HOME), _NAMES, st.sampled_from(IDS)), max_size=2),
    _NAMES,
    st.sampled_from(["", *INPUTS]),
    st.integers(0, 2 * CUT),
)
_NAMED = st.builds(
    lambda digests, inputs: Named(digests, frozenset(), inputs),
    st.frozensets(st.sampled_from(IDS), max_size=2),
    st.frozensets(st.sampled_from(INPUTS), max_size=2),
)
_NEEDED = st.builds(
    lambda released, unfinished, used: replace(NEEDED, released=released, unfinished=unfinished, used=used),
    _NAMED,
    _NAMED,
    st.frozensets(st.sampled_from(IDS) | _TAGS, max_size=2),
)


@given(st.lists(_IMAGES, max_size=8), _NEEDED)
@examples(300)
def test_nothing_that_is_needed_is_ever_chosen(images: list[LocalImage], needed: Needed) -> None:
    for going in choose_images(images, needed, CUT).goes:
        one = going.image
        digests = {one.id, *(digest.partition("@")[2] for digest in one.digests)}
        assert not needed.used & {one.id, *one.tags}
        assert not digests & (needed.released.digests | needed.unfinished.digests)
        if one.tags:
            assert one.input_digest not in {*NOW.values(), *needed.released.inputs, *needed.unfinished.inputs}
        assert one.input_digest and 0 < one.created < CUT
        assert all(name.startswith(f"{HOME}/") or name == one.id for name in going.names)
        assert going.names == (one.id,) or set(going.names) <= {*one.tags, *one.digests}
        assert one.labels[TITLE_LABEL] in NOW
