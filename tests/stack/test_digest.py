"""The input digest: equal exactly when the inputs are."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.stack.digest import ENTRY_PARTS, PARTS, Manifest, input_digest, modeless
from slipway.stack.entries import Encoded, FileEntry, Kind, Trees, decode

#: A tiny alphabet, digits and the separator among it, so that joined texts would soon collide.
TEXT = st.text("a1:", max_size=3)
PART = st.dictionaries(TEXT, TEXT, max_size=3)
CONTENT = st.text("a1:", min_size=1, max_size=3)
ENTRY = st.one_of(
    st.builds(FileEntry, st.just(Kind.FILE), st.sampled_from([None, 0o644, 0o755]), CONTENT, TEXT, TEXT),
    st.builds(FileEntry, st.just(Kind.TREE), st.just(0o40755), CONTENT, TEXT, TEXT),
    st.builds(FileEntry, st.just(Kind.LINK), st.none(), TEXT, st.just(""), st.just("")),
)
ENTRIES = st.dictionaries(TEXT, ENTRY, max_size=3)
MANIFESTS = st.builds(Manifest, TEXT, *[ENTRIES if part in ENTRY_PARTS else PART for part in PARTS])

MANIFEST = Manifest(
    dockerfile="FROM base-ml",
    files={"app/main.py": decode("100644 aa"), "libs": decode("40755 tree:11")},
    args={"OWNER_NAME": "acme"},
    parents={"base-ml": "sha256:1"},
    roots={"python:3.12": "sha256:2"},
    settings={"platform": "linux/amd64"},
    stages={"0": "base-ml"},
    contexts={"wheelhouse": decode("40755 tree:33")},
)


def test_the_digest_of_a_known_manifest_stays_the_same() -> None:
    """A change of this value rebuilds every image everywhere: raise FORMAT and say so in the changelog."""
    assert input_digest(MANIFEST) == "sha256:3d54b639a0df7a80b88ee02ddf839353043a5bdb4de7a036c890f214209409ba"


@given(MANIFESTS, MANIFESTS)
def test_two_manifests_have_one_digest_only_when_equal(one: Manifest, other: Manifest) -> None:
    assert (input_digest(one) == input_digest(other)) == (one == other)


@given(MANIFESTS, st.randoms())
def test_order_does_not_matter(manifest: Manifest, random: object) -> None:
    parts: dict[str, Any] = {part: dict(reversed(getattr(manifest, part).items())) for part in PARTS}
    turned = replace(manifest, **parts)
    assert input_digest(turned) == input_digest(manifest)


@given(MANIFESTS, st.sampled_from(PARTS), TEXT, TEXT)
def test_every_part_counts(manifest: Manifest, part: str, name: str, value: str) -> None:
    other = FileEntry(Kind.LINK, None, value + "!") if part in ENTRY_PARTS else value + "!"
    more: dict[str, Any] = {part: {**getattr(manifest, part), name: other}}
    changed = replace(manifest, **more)
    assert input_digest(changed) != input_digest(manifest)
    assert input_digest(replace(manifest, dockerfile=manifest.dockerfile + " ")) != input_digest(manifest)


def test_names_need_not_be_utf8() -> None:
    odd = replace(MANIFEST, files={b"bad\xff\nname".decode("utf-8", "surrogateescape"): decode("- x")})
    other = replace(MANIFEST, files={b"bad\xfe\nname".decode("utf-8", "surrogateescape"): decode("- x")})
    assert input_digest(odd) != input_digest(other)


def test_a_part_left_out_is_empty() -> None:
    assert Manifest("FROM x") == Manifest("FROM x", *[{}] * len(PARTS))


def test_names_are_ordered_by_their_bytes() -> None:
    r"""``\xff`` is below U+E000 as a Python string, and above it as bytes."""
    names = ["\ue000", b"\xff".decode("utf-8", "surrogateescape")]
    hasher = hashlib.sha256()
    for text in ["slipway-input-2", "", "files 2", names[0], "- x", names[1], "- x"]:
        data = text.encode("utf-8", "surrogateescape")
        hasher.update(b"%d:%b" % (len(data), data))
    for part in PARTS[1:]:
        hasher.update(b"%d:%b" % (len(part) + 2, f"{part} 0".encode()))
    assert input_digest(Manifest("", dict.fromkeys(reversed(names), decode("- x")))) == f"sha256:{hasher.hexdigest()}"


MODED: Trees = {
    "11": {"a.py": Encoded("100644 aa"), "sub": Encoded("40755 directory"), "on": Encoded("link a.py")},
    "22": {"a.py": Encoded("100664 aa"), "sub": Encoded("40775 directory"), "on": Encoded("link a.py")},
    "33": {"a.py": Encoded("100664 bb"), "sub": Encoded("40775 directory"), "on": Encoded("link a.py")},
}


def of_files(**files: str) -> Manifest:
    return Manifest("", {name.replace("_", "."): decode(text) for name, text in files.items()})


@pytest.mark.fault("B52")
@pytest.mark.parametrize(
    ("other", "same"),
    [
        (of_files(d="40775 tree:22"), True),
        (of_files(d="40755 tree:33"), False),
        (of_files(d="link 40755"), False),
        (replace(of_files(d="40755 tree:11"), args={"A": "1"}), False),
        (replace(of_files(d="40755 tree:11"), contexts={"w": decode("40755 tree:11")}), False),
    ],
)
def test_manifests_that_differ_only_in_modes_are_equal_without_them(other: Manifest, same: bool) -> None:
    one = of_files(d="40755 tree:11")
    assert (modeless(one, MODED, {}) == modeless(other, MODED, {})) is same
    assert modeless(one, MODED, {"base": "1"}) != modeless(other, MODED, {})
