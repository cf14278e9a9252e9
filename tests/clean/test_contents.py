"""The manifests that go from a registry: never one that a version tag, a record or the plan names."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from slipway.clean.contents import Stored, choose_contents, freed, list_subject, spared
from slipway.clean.items import Stay
from slipway.clean.needed import Named, Needed
from slipway.core.image import content_tag
from slipway.core.reference import Reference
from slipway.registry.artifact import EMPTY, digest_of, fallback_tag
from slipway.release.record import MovedTag, Record, ReleasedImage
from tests.properties.examples import examples

HOME = Reference("localhost:5000", "acme/svc")
INPUTS = tuple(f"sha256:{digit * 64}" for digit in "123")
DIGESTS = tuple(f"sha256:{digit * 64}" for digit in "abcdef")
OLD, CUT = 100.0, 1_000.0
NEEDED = Needed({"svc": INPUTS[0]}, {"svc": HOME.tagged("v1")})
LEFT = Stored(HOME, DIGESTS[0], (content_tag(INPUTS[1]),), {}, (), "svc", INPUTS[1], OLD)


def goes(*stored: Stored, needed: Needed = NEEDED) -> list[str]:
    return [one.digest for one in choose_contents(stored, needed, CUT).goes]


def stays(one: Stored, needed: Needed = NEEDED) -> list[Stay]:
    return list(choose_contents([one], needed, CUT).stays)


def record(digest: str = DIGESTS[5], inputs: str = INPUTS[2], before: str = "", base: str = "") -> Record:
    return Record(
        "v1", (ReleasedImage("svc", HOME.tagged("v1"), digest, inputs, base, tags=(MovedTag("v1", before),)),)
    )


def test_old_content_that_only_content_tags_name_goes() -> None:
    assert goes(LEFT) == [DIGESTS[0]]


def test_content_stays_for_a_reason() -> None:
    assert stays(replace(LEFT, tags=(*LEFT.tags, "v0"))) == [Stay.TAGGED]
    assert stays(replace(LEFT, tags=("in-progress",))) == [Stay.TAGGED]
    assert stays(replace(LEFT, tags=(f"{LEFT.tags[0]}-arm64",))) == [Stay.TAGGED]
    assert stays(replace(LEFT, tags=(content_tag(INPUTS[0]),), input_digest=INPUTS[0])) == [Stay.PLANNED]
    assert stays(replace(LEFT, created=CUT)) == [Stay.YOUNG]
    assert stays(replace(LEFT, created=0)) == [Stay.UNDATED]
    assert stays(replace(LEFT, title="other")) == [Stay.FOREIGN]
    assert stays(replace(LEFT, input_digest=INPUTS[2])) == [Stay.FOREIGN]


def test_everything_that_a_record_names_stays() -> None:
    named = (
        record(DIGESTS[0]),
        record(inputs=INPUTS[1]),
        record(before=DIGESTS[0]),
        record(base=DIGESTS[0]),
    )
    for one in named:
        assert stays(LEFT, replace(NEEDED, released=Named.by_records([one]))) == [Stay.RELEASED]
        assert stays(LEFT, replace(NEEDED, unfinished=Named.by_records([one]))) == [Stay.UNFINISHED]


def test_a_member_of_an_index_that_stays_is_kept_and_one_of_an_index_that_goes_is_not() -> None:
    index = Stored(HOME, DIGESTS[1], ("v0",), members=(LEFT.digest,))
    assert goes(LEFT, index) == []
    own = replace(index, tags=(content_tag(INPUTS[2]),), title="svc", input_digest=INPUTS[2], created=OLD)
    assert goes(LEFT, own) == [LEFT.digest, own.digest]
    outer = Stored(HOME, DIGESTS[2], ("v0",), members=(own.digest,))
    assert goes(LEFT, own, outer) == []


def test_a_list_of_referrers_goes_with_its_subject_and_never_before() -> None:
    about = Stored(HOME, DIGESTS[1], (fallback_tag(LEFT.digest),), members=(DIGESTS[2],), subject=LEFT.digest)
    assert goes(about, LEFT) == [LEFT.digest, about.digest]
    assert goes(about, replace(LEFT, created=CUT)) == []
    assert goes(about) == []
    assert goes(replace(about, subject="")) == [about.digest]
    assert goes(replace(about, tags=(*about.tags, "v1"), subject="")) == []


def test_the_tag_of_a_list_names_its_subject() -> None:
    assert list_subject(fallback_tag(LEFT.digest)) == LEFT.digest
    assert list_subject(f"{fallback_tag(LEFT.digest)}.sig") == list_subject("v1") == ""


def test_content_of_another_repository_of_the_same_name_is_foreign() -> None:
    assert stays(replace(LEFT, repository=Reference("localhost:5000", "else/svc"))) == [Stay.FOREIGN]


def test_a_shared_blob_is_freed_with_its_last_manifest() -> None:
    one, two = replace(LEFT, blobs={"a": 1, "b": 10}), replace(LEFT, digest=DIGESTS[1], blobs={"b": 10, "c": 100})
    assert freed([one, two], []) == [11, 100]
    assert freed([one], [two]) == [1]
    assert freed([replace(one, blobs={digest_of(EMPTY): 2})], []) == [0]


_TAGS = st.sampled_from(
    [*(content_tag(one) for one in INPUTS), "v1", "latest", "in-progress", *map(fallback_tag, DIGESTS[:3])]
)
_STORED = st.builds(
    Stored,
    st.sampled_from([HOME, Reference("localhost:5000", "acme/other")]),
    st.sampled_from(DIGESTS),
    st.frozensets(_TAGS, max_size=3).map(lambda tags: tuple(sorted(tags))),
    st.just({}),
    st.frozensets(st.sampled_from(DIGESTS), max_size=2).map(tuple),
    st.sampled_from(["svc", "svc", "other", ""]),
    st.sampled_from(["", *INPUTS]),
    st.floats(0, 2 * CUT),
    st.sampled_from(["", *DIGESTS[:3]]),
)
_RECORDS = st.lists(
    st.builds(
        record,
        st.sampled_from(DIGESTS),
        st.sampled_from(INPUTS),
        st.sampled_from(["", *DIGESTS]),
        st.sampled_from(["", *DIGESTS]),
    ),
    max_size=2,
)


@given(st.lists(_STORED, max_size=8, unique_by=lambda one: one.place), _RECORDS, _RECORDS)
@examples(500)
def test_nothing_that_is_named_is_ever_chosen(
    stored: list[Stored], records: list[Record], unfinished: list[Record]
) -> None:
    needed = replace(NEEDED, released=Named.by_records(records), unfinished=Named.by_records(unfinished))
    choice = choose_contents(stored, needed, CUT)
    gone = {one.place for one in choice.goes}
    images = [image for each in (*records, *unfinished) for image in each.images]
    for one in choice.goes:
        assert one.tags, "a manifest without a tag stays"
        if one.is_list:
            assert not one.subject or (one.repository.path, one.subject) in gone
            continue
        assert one.tags == (content_tag(one.input_digest),) and one.title == "svc" and one.repository == HOME
        assert 0 < one.created < CUT and one.input_digest != INPUTS[0]
        for image in images:
            assert one.digest not in {image.digest, image.base_digest, *(tag.before for tag in image.tags)}
            assert one.input_digest != image.input_digest
    kept = spared(stored, choice.goes)
    for one in stored:
        if one.place not in gone:
            assert one.place in kept and all((one.repository.path, member) in kept for member in one.members)
    assert not gone & kept
