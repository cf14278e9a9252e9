"""Secrets and files that an image must not contain, on archives made in memory."""

from __future__ import annotations

import hashlib
import io
import json
import random
import sys
import tarfile
from collections.abc import Iterator, Mapping

import pytest

from slipway.core.errors import PolicyError, PrerequisiteError
from slipway.smoke.image_archive import (
    Chunks,
    complaints,
    forbidden,
    holds_private_key,
    looks_secret,
    read_layers,
    secrets_in_history,
)

KEY = b"-----BEGIN RSA PRIVATE KEY-----\nMIIE\n"
CERTIFICATE = b"# Some root\n-----BEGIN CERTIFICATE-----\nMIID\n"


def archive(files: Mapping[str, bytes], mode: str = "w") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as tar:  # type: ignore[call-overload]
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def compressed(layer: bytes) -> bytes:
    """Return the layer as BuildKit compresses it with ``compression=zstd``."""
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd.compress(layer)


def image(*layers: bytes) -> bytes:
    """As ``docker save`` writes it: blobs, a configuration, and the manifest last. A layer's diff id is its number."""
    blobs = {f"blobs/sha256/{number}": layer for number, layer in enumerate(layers)}
    manifest = [{"Config": "blobs/sha256/config", "Layers": list(blobs)}]
    config = configured(*map(str, range(len(layers))))
    return archive({**blobs, "blobs/sha256/config": config, "manifest.json": json.dumps(manifest).encode()})


def configured(*diff_ids: str) -> bytes:
    return json.dumps({"rootfs": {"diff_ids": diff_ids}}).encode()


def several(images: Mapping[str, Mapping[str, bytes]]) -> bytes:
    """As ``docker save`` writes several images, each a map of diff id → layer: a shared layer once."""
    blobs = {f"blobs/{name}": layer for layers in images.values() for name, layer in layers.items()}
    configs = {f"blobs/{name}": configured(*layers) for name, layers in images.items()}
    manifest = [
        {"Config": f"blobs/{name}", "Layers": [f"blobs/{layer}" for layer in layers]} for name, layers in images.items()
    ]
    return archive({"manifest.json": json.dumps(manifest).encode(), **configs, **blobs})


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


@pytest.mark.parametrize("size", [1 << 20, 1000, 7])
def test_each_layer_is_read_however_the_stream_is_cut(size: int) -> None:
    saved = image(archive({"./etc/hosts": b"x", "srv/.env": b"A=1"}), archive({"srv/.wh..env": b""}, "w:gz"))
    below, above = read_layers(Chunks(pieces(saved, size))).values()
    assert below.paths == ("etc/hosts", "srv/.env")
    assert above.paths == ("srv/.wh..env",)
    assert complaints((below, above)) == ("layer 1 of 2: /srv/.env: an environment file",)


def test_pieces_are_read_like_a_file() -> None:
    chunks = Chunks([b"ab", b"", b"cde", b"f"])
    assert [chunks.read(size) for size in (0, 3, 1, -1, 5)] == [b"", b"abc", b"d", b"ef", b""]
    taken: list[bytes] = []
    lazy = Chunks(taken.append(piece) or piece for piece in (b"ab", b"cd", b"ef"))  # type: ignore[func-returns-value]
    assert (lazy.read(2), lazy.read(), taken) == (b"ab", b"cdef", [b"ab", b"cd", b"ef"])
    assert Chunks([b"ab"]).read() == b"ab"
    unread = Chunks(taken.append(piece) or piece for piece in (b"gh", b"ij"))  # type: ignore[func-returns-value]
    assert (unread.read(2), taken[3:]) == (b"gh", [b"gh"])


def test_keys_are_found_by_content_and_certificates_left_alone() -> None:
    layer = archive(
        {"a/ca.pem": CERTIFICATE, "a/tls.pem": CERTIFICATE + KEY, "a/deploy": b"\n" + KEY, "a/x.py": b"K=" + KEY}
    )
    [read] = read_layers(io.BytesIO(image(layer))).values()
    assert [(finding.path, finding.why) for finding in read.findings] == [
        ("a/tls.pem", "a private key"),
        ("a/deploy", "a private key"),
    ]


def test_a_file_that_policy_let_in_passes_wherever_it_lies() -> None:
    layer = archive({"srv/.env": b"A=1", "srv/tls.key": KEY, "etc/tls.key": KEY, "srv/other.key": KEY + b"x"})
    [read] = read_layers(io.BytesIO(image(layer))).values()
    known = [hashlib.sha256(content).hexdigest() for content in (b"A=1", KEY)]
    assert len(complaints([read])) == 4
    assert complaints([read], known) == ("layer 1 of 1: /srv/other.key: a private key",)


def test_an_older_engine_links_a_layer_that_occurs_twice() -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in (
            ("one/layer.tar", archive({".netrc": b"x"})),
            ("config.json", configured("first", "second")),
            (
                "manifest.json",
                json.dumps([{"Config": "config.json", "Layers": ["one/layer.tar", "two/layer.tar"]}]).encode(),
            ),
        ):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        link = tarfile.TarInfo("two/layer.tar")
        link.type, link.linkname = tarfile.SYMTYPE, "../one/layer.tar"
        tar.addfile(link)
    layers = read_layers(io.BytesIO(buffer.getvalue()))
    assert [layer.name for layer in layers.values()] == list(layers) == ["first", "second"]
    assert len(complaints(list(layers.values()))) == 2


def test_layers_of_several_images_are_found_by_their_diff_ids() -> None:
    base, code, other = (archive({name: b"x"}) for name in ("base", "code", "other"))
    read = read_layers(io.BytesIO(several({"a": {"1": base, "2": code}, "b": {"1": base, "3": other}})))
    assert {name: layer.paths for name, layer in read.items()} == {"1": ("base",), "2": ("code",), "3": ("other",)}


@pytest.mark.parametrize("size", [0, 5 << 20], ids=["small", "larger than a document"])
def test_a_layer_compressed_with_zstd_has_the_findings_of_one_compressed_with_gzip(size: int) -> None:
    files = {"srv/.env": b"A=1", "etc/tls.key": KEY, "etc/big": random.Random(1).randbytes(size), "srv/last": b"x"}
    layers = [read_layers(Chunks(pieces(image(archive(files, mode)), 1 << 16)))["0"] for mode in ("w", "w:gz")]
    packed = compressed(archive(files))
    assert len(packed) >= size
    assert [*layers, read_layers(Chunks(pieces(image(packed), 1 << 16)))["0"]] == [layers[0]] * 3
    assert len(layers[0].findings) == 2 and len(layers[0].members) == 4


def test_a_layer_of_several_zstd_frames_is_read_to_its_end() -> None:
    plain = archive({"a": bytes(3000), "b": b"x"})
    packed = compressed(plain[:2000]) + compressed(plain[2000:])
    assert read_layers(io.BytesIO(image(packed)))["0"].paths == ("a", "b")


def test_a_python_without_zstd_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "backports.zstd", None)
    monkeypatch.setitem(sys.modules, "compression.zstd", None)
    read_layers(io.BytesIO(image(archive({"a": b"x"}, "w:gz"))))
    packed = b"\x28\xb5\x2f\xfd" + bytes(600)
    with pytest.raises(PrerequisiteError, match="compressed with zstd, and this Python cannot decompress it") as caught:
        read_layers(io.BytesIO(image(packed)))
    assert caught.value.hint == "python -m pip install backports.zstd"


def test_a_layer_that_cannot_be_read_is_refused() -> None:
    zstd = b"\x28\xb5\x2f\xfd" + bytes(600)
    with pytest.raises(PolicyError, match="blobs/sha256/1 could not be read"):
        read_layers(io.BytesIO(image(archive({"a": b""}), zstd)))
    with pytest.raises(PolicyError, match="blobs/sha256/0 could not be read"):
        read_layers(io.BytesIO(image(compressed(archive({"a": bytes(5000)}))[:-9])))
    cut_short = archive({"a": b"x" * 5000})[:2000]
    with pytest.raises(PolicyError, match="blobs/sha256/0 could not be read"):
        read_layers(io.BytesIO(image(cut_short)))


@pytest.mark.parametrize(
    "data", [b"", b"no tar at all" * 100, archive({"a": b"x"}), image(archive({"a": b"x"}))[:1500]]
)
def test_an_incomplete_image_is_refused(data: bytes) -> None:
    with pytest.raises(PolicyError, match="could not be read"):
        read_layers(io.BytesIO(data))


BAD_NAMES = """
    .env  app/.env  app/.env.production  app/.env_local  a/.envrc  a/.env.examples
    root/.ssh/id_rsa  x/id_ed25519_sk  root/.netrc  a/.pypirc  root/.docker/config.json  root/.aws/credentials
    root/.kube/config  etc/kubeconfig  a/prod.kubeconfig  root/.git-credentials  application_default_credentials.json
"""
GOOD_NAMES = """
    a/.env.example  a/.env.sample  a/.env-template
    a/.environment  a/env  a/my.env  a/.envoy  root/.ssh/id_rsa.pub  a/id_rsa_notes
    a/docker/config.json  a/config.json  a/netrc.py  usr/lib/aws/credentials
"""


@pytest.mark.parametrize("path", BAD_NAMES.split())
def test_names_that_may_be_in_no_image(path: str) -> None:
    assert forbidden(path)


@pytest.mark.parametrize("path", GOOD_NAMES.split())
def test_names_that_only_look_alike(path: str) -> None:
    assert not forbidden(path)


@pytest.mark.parametrize(
    "first_line",
    [
        "RSA PRIVATE KEY",
        "EC PRIVATE KEY",
        "OPENSSH PRIVATE KEY",
        "ENCRYPTED PRIVATE KEY",
        "PRIVATE KEY",
        "PGP PRIVATE KEY BLOCK",
    ],
)
def test_every_kind_of_private_key_is_known(first_line: str) -> None:
    assert holds_private_key("a/anything", f"-----BEGIN {first_line}-----\n".encode())
    assert not holds_private_key("a/cert.pem", b"-----BEGIN PUBLIC KEY-----\n")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("API_TOKEN", "x1"),
        ("db_password", "hunter2"),
        ("AWS_SECRET_ACCESS_KEY", "abc"),
        ("APIKEY", "abc"),
        ("OPENAI_API_KEY", "abc"),
        ("DATABASE_URL", "postgresql://app:pw@db/x"),
        ("ANYTHING", "ghp_" + "a" * 36),
        ("ANYTHING", "AKIA" + "A" * 16),
    ],
)
def test_secrets_by_name_or_by_shape(name: str, value: str) -> None:
    assert looks_secret(name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TOKENIZERS_PARALLELISM", "false"),
        ("GPG_KEY", "A035C8C19219BA821ECEA86B64E628F8D684696D"),
        ("TOKEN_FILE", "/run/secrets/token"),
        ("API_TOKEN", ""),
        ("API_TOKEN", "$TOKEN"),
        ("QDRANT_URL", "http://qdrant:6333"),
        ("COMPASS", "north"),
        ("PYTHON_SHA256", "0123"),
    ],
)
def test_a_name_without_a_secret_value_is_allowed(name: str, value: str) -> None:
    assert not looks_secret(name, value)


def test_findings_in_the_history_show_names_and_never_values() -> None:
    lines = [
        'ENV API_TOKEN="s3cret"',
        "RUN |1 DB_PASSWORD=hunter2 /bin/sh -c make # buildkit",
        "/bin/sh -c #(nop)  ENV SIGNING_KEY=s3cret",
        "RUN --mount=type=secret,id=pip /bin/sh -c pip install x",
        'CMD ["sleep" "infinity"]',
        "",
    ]
    told = secrets_in_history(lines, ["API_TOKEN=s3cret", "PATH=/usr/bin"])
    assert told == (
        "history: ENV API_TOKEN",
        "history: RUN DB_PASSWORD",
        "history: ENV SIGNING_KEY",
        "environment: API_TOKEN",
    )


SECRET_WORDS = "APIKEY CREDENTIAL CREDENTIALS PASS PASSPHRASE PASSWD PASSWORD PWD SECRET SECRETS TOKEN"


@pytest.mark.parametrize("word", SECRET_WORDS.split())
def test_each_word_makes_a_name_secret(word: str) -> None:
    assert looks_secret(f"MY_{word}_2", "abc")
    assert not looks_secret(f"MY{word}", "abc") or word == "APIKEY"


@pytest.mark.parametrize("end", ["_FILE", "_PATH", "_DIR", "_ID"])
def test_a_name_that_points_at_a_secret_is_none(end: str) -> None:
    assert looks_secret(f"API_TOKEN{end}S", "abc")
    assert looks_secret(f"API_TOKEN{end}", "abc") is False


@pytest.mark.parametrize("value", ["", "unset", "none", "None", "false", "True", "0", "1"])
def test_values_that_say_nothing(value: str) -> None:
    assert looks_secret("API_TOKEN", value) is False


def test_names_of_environment_files() -> None:
    assert {forbidden(path) for path in (".env", "a/.envrc", "a/.env.", "a/.env-x", "a/.env_")} == {
        "an environment file"
    }
    assert forbidden("a/id_rsa") == "an SSH private key by its name"
    assert forbidden("a/.netrc") == "a credential file"


def test_assignments_in_history_however_they_are_quoted() -> None:
    lines = [
        "ENV P=1 A_TOKEN='a b' B_TOKEN=\"\" C_TOKEN='' x-D_TOKEN=e",
        "ENV ANY=https+git://u:p@h/",
        "RUN _PWD=x y z",
    ]
    told = secrets_in_history(lines, ["A_TOKEN=a=b", "B=c=TOKEN", "E_TOKEN"])
    assert told == ("history: ENV A_TOKEN", "history: ENV ANY", "history: RUN _PWD", "environment: A_TOKEN")


def test_large_files_are_read_only_when_they_are_named_as_keys() -> None:
    large, huge = KEY + bytes(16 * 1024 - len(KEY)), KEY + bytes((1 << 20) - len(KEY))
    files = {"a/small": large, "a/large": large + b"0", "a/large.key": huge, "a/huge.key": huge + b"0"}
    [read] = read_layers(io.BytesIO(image(archive(files)))).values()
    assert [finding.path for finding in read.findings] == ["a/small", "a/large.key"]


def test_pieces_read_as_a_file_is_read() -> None:
    chunks = Chunks(pieces(b"abcdefgh", 3))
    assert [chunks.read(0), chunks.read(4), chunks.read(1), chunks.read(), chunks.read(5)] == [
        b"",
        b"abcd",
        b"e",
        b"fgh",
        b"",
    ]
    assert Chunks(pieces(b"abc", 2)).read(-1) == b"abc"


def test_why_an_image_could_not_be_read() -> None:
    with pytest.raises(PolicyError) as caught:
        read_layers(io.BytesIO(archive({"a": b"x"})))
    assert caught.value.message == "the image's layers could not be read: the stream holds no manifest.json"
    with pytest.raises(PolicyError, match=r"could not be read: .*(truncated|unexpected end)"):
        read_layers(io.BytesIO(image(archive({"a": b"x"}))[:1500]))
    with pytest.raises(PolicyError) as caught:
        read_layers(io.BytesIO(image(b"\x28\xb5\x2f\xfd" + bytes(600))))
    assert caught.value.message == (
        "layer blobs/sha256/0 could not be read: it is not a tar, plain or compressed with gzip, bzip2, xz or zstd"
    )
    assert caught.value.hint == "invoke build --no-cache, which makes the layer again"
