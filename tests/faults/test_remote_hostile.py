"""Words that would be more than words to a shell, to ssh or to rsync: on the way to a build host they stay what they
are, and where no such word can be meant, nothing is run."""

from __future__ import annotations

import hashlib
import itertools
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.core.command import Command
from slipway.core.destination import Destination
from slipway.core.errors import UsageError
from slipway.hosts.host import BakeInputs
from slipway.hosts.remote.file_manifest import FileManifest, context_to_sync
from slipway.hosts.remote.job_builder import JobBuilder
from slipway.hosts.remote.jobs import JobInput
from slipway.hosts.remote.sync import sync
from slipway.hosts.runner import run
from slipway.hosts.ssh.client import SshClient
from slipway.hosts.ssh.connecting import connect
from slipway.hosts.ssh.host_config import User
from slipway.hosts.ssh.reconnecting import ReconnectingConnection
from slipway.stack.entries import Encoded, FileEntry, Kind
from tests.properties.examples import examples

if TYPE_CHECKING:
    from tests.rig.hosts import BuildHost
    from tests.rig.stacks import Repository

    Stack = Callable[..., Repository]

pytestmark = pytest.mark.integration

ODD = [
    "-rf",
    "a b",
    "'",
    '"',
    "$(touch /tmp/mark)",
    "`id`",
    ";",
    "new\nline",
    "*",
    "~",
    "\\",
    "!x",
    "\t",
    "#",
    "&&",
    "|",
]
#: Any bytes but NUL, as Python holds them: bytes that are not UTF-8 as surrogates.
BYTES = st.binary(min_size=1, max_size=20).map(lambda data: os.fsdecode(data.replace(b"\0", b"0")))
WORDS = st.sampled_from(ODD) | st.text("ab'\"\\$`!#~*?[]{}()<>|&;= \t\n\r-+@%^", min_size=1, max_size=20) | BYTES
NAMES = WORDS.map(lambda word: word.replace("/", "_")).filter(lambda word: word not in (".", ".."))


@pytest.fixture(scope="module")
def link(build_host: BuildHost) -> Iterator[ReconnectingConnection]:
    client = SshClient(run, User(Path.home()), config=build_host.config)
    with ExitStack() as opened:
        made = ReconnectingConnection(lambda: connect(Destination("builder"), client), lambda text: None)
        opened.callback(made.close)
        yield made


@pytest.fixture
def there(build_host: BuildHost) -> Iterator[str]:
    """A folder there, for one test."""
    folder = build_host.sh("mktemp -d", user="builder")
    yield folder
    build_host.sh(f"rm -rf {folder}")


def packed(words: list[str]) -> bytes:
    return b"".join(os.fsencode(word) + b"\0" for word in words)


@pytest.mark.fault("S20")
@pytest.mark.parametrize("shell", ["/bin/sh", "/bin/bash"])
def test_words_arrive_as_they_are(build_host: BuildHost, link: ReconnectingConnection, shell: str) -> None:
    """By the digest of what arrived, for what a command says is shown as text."""
    build_host.sh(f"usermod --shell {shell} builder")

    @examples(40)
    @given(st.lists(WORDS, min_size=1, max_size=5), WORDS, st.binary(max_size=20))
    def arrive(words: list[str], value: str, stdin: bytes) -> None:
        script = '(printf "%s\\0" "$VALUE" "$@"; cat) | sha256sum'
        command = Command(("sh", "-c", script, "sh", *words), cwd="/tmp", env={"VALUE": value}, stdin=stdin)
        assert link.run(command).stdout.split()[0] == hashlib.sha256(packed([value, *words]) + stdin).hexdigest()

    try:
        arrive()
        echoed = link.run(Command(("printf", "%s\\0", *ODD))).stdout
        assert echoed == "\0".join([*ODD, ""])
    finally:
        build_host.sh("usermod --shell /bin/sh builder")
    assert build_host.sh("ls /tmp/mark 2>/dev/null || echo none") == "none"


@pytest.mark.fault("S20", "C15")
def test_files_of_any_name_in_folders_of_any_name(link: ReconnectingConnection, there: str) -> None:
    """``sync`` compares every path and every byte there."""
    numbers = itertools.count()

    @examples(25)
    @given(NAMES, st.dictionaries(NAMES, st.binary(max_size=9), min_size=1, max_size=5))
    def synced(folder: str, files: Mapping[str, bytes]) -> None:
        target = f"{there}/{next(numbers)}/{folder}"
        assert link.run(Command(("mkdir", "-p", "--", target))).ok
        with tempfile.TemporaryDirectory() as here:
            listing = {}
            for name, content in files.items():
                path = Path(here, name)
                path.write_bytes(content)
                path.chmod(0o644)
                listing[name] = Encoded(f"100644 {hashlib.sha256(content).hexdigest()}")
            manifest = context_to_sync(Path(here), FileEntry(Kind.TREE, 0o40755, "x"), {"x": listing})
            assert sync(manifest, f"{target}/tree", [], run, link).files == len(files)

    synced()


@pytest.mark.fault("S20", "S22")
def test_a_job_in_a_folder_of_any_name(link: ReconnectingConnection, there: str) -> None:
    numbers = itertools.count()

    @examples(12)
    @given(NAMES, WORDS)
    def begun(folder: str, word: str) -> None:
        place = f"{there}/{next(numbers)}/{folder}"
        assert link.run(Command(("mkdir", "-p", "--", f"{place}/tree"))).ok
        script = 'printf "%s\\0" "$PWD" "$1" "$WORD" | sha256sum >&2; cat "$2" >&2'
        said: list[str] = []
        command = Command(("sh", "-c", script, "sh", word, "secrets/-s"), cwd=place, env={"WORD": word})
        nothing = FileManifest(Path("/"), {}).listed
        inputs = BakeInputs(place, str, lambda image: image.dockerfile, {}, {})
        builder = JobBuilder(inputs, link, place, JobInput({"-s": b"a word\n"}, 60, nothing), lambda: None)
        assert builder.run(command, said.append, should_stop=lambda: False).ok
        assert said == [f"{hashlib.sha256(packed([place, word, word])).hexdigest()}  -", "a word"]

    begun()


@pytest.mark.fault("S21", "S22")
@examples(300)
@given(
    st.lists(NAMES | st.sampled_from(["me", "builder", "@", ":", "22", "-oProxyCommand=x"]), max_size=5).map("".join)
)
def test_a_host_is_a_name_or_it_is_refused(text: str) -> None:
    try:
        name = Destination.parse(text)
    except UsageError:
        return
    assert Destination.parse(str(name)) == name
    for part in (name.host, name.user):
        assert not part.startswith("-") and not set(part) & set(" \n\t'\"$`;&|<>()*?~\\!#@")


@pytest.fixture
def shop(stack: Stack, build_host: BuildHost) -> Repository:
    made = stack("shop")
    made.configure(**build_host.settings)
    return made


MARK = "touch$IFS{}"


@pytest.mark.fault("S21", "S22")
@pytest.mark.parametrize(
    "host", ["$({mark})@builder", "me;{mark}@builder", "-l{mark}@builder", "me@$({mark})", "a\n{mark}"]
)
def test_a_user_that_is_more_than_a_name(shop: Repository, tmp_path: Path, host: str) -> None:
    mark = tmp_path / "mark"
    shop.invoke("plan", f"--host={host.format(mark=MARK.format(mark))}", "--remote").failed(2, "--host=")
    assert not mark.exists()


@pytest.mark.fault("S22")
@pytest.mark.parametrize(
    "name", ["$(touch mark)", ";touch mark;", "a b", "-rf", "--help", "new\nline", "'", "a\udcffb"]
)
def test_a_hostile_name_of_a_file_is_only_a_name(shop: Repository, build_host: BuildHost, name: str) -> None:
    """As a service's folder and a base's file, of which images keep letters and digits; as a word, it is refused."""
    shop.write(f"apps/svc_{name}/Dockerfile", "FROM scratch\nCOPY . /\n")
    shop.write(f"apps/svc_{name}/a.txt", "a")
    base = f"infra/docker/{name}.Dockerfile"
    shop.write(base, "FROM scratch\nLABEL a=b\n")
    planned = {step["image"] for step in shop.json("plan", "--allow-unused-env")["steps"]}
    hostile = {one for one in planned if one not in ("base-floor", "base-counter", "svc-cart", "svc-sign", "svc-till")}
    assert all(re.fullmatch(r"[a-z0-9-]+", one) for one in hostile)
    if hostile:
        shop.invoke("build", "--remote", *sorted(hostile)).ok()
    if not name.startswith("-"):
        shop.invoke("build", "--remote", name).failed(2, "matches no image")
        shop.invoke("remote-attach", name).failed(2, "invoke remote-runs")
    assert not [*shop.root.rglob("mark")] and build_host.sh("find /home/builder /tmp -name mark") == ""


@pytest.mark.fault("S22")
@pytest.mark.parametrize("setting", ["OWNER", "REGISTRY", "BASE_VERSION", "BUILDER", "PLATFORMS", "REMOTE_HOST"])
@pytest.mark.parametrize("value", ["-x", "$(touch mark)", "a;touch mark", "a\ntouch mark"])
def test_a_setting_with_a_hostile_value_is_refused(shop: Repository, setting: str, value: str) -> None:
    shop.invoke("build", "--remote", **{setting: value}).failed(2, f"{setting}=")
    assert not [*shop.root.rglob("mark")]


@pytest.mark.fault("S22")
@pytest.mark.parametrize("key", ["A;touch mark", "$(touch mark)", "-A", "A B", "--build-arg A"])
def test_a_hostile_name_in_env_is_not_a_build_arg(shop: Repository, key: str) -> None:
    env = shop.root / ".env"
    env.write_text(f"{env.read_text()}{key}=1\n")
    ran = shop.invoke("build", "--remote").ok()
    assert "note: .env:" in ran.stderr
    assert not [*shop.root.rglob("mark")]


@pytest.mark.fault("S20", "S22")
def test_a_shell_on_the_host_expands_no_value_and_no_folder(shop: Repository, build_host: BuildHost) -> None:
    greeting = 'it\'s; $(touch mark) `id` "é" -x & | > * \\'
    folder = '/var/tmp/it\'s; $(touch mark) -x "é" &'
    dockerfile = shop.root / "apps/svc_cart/Dockerfile"
    dockerfile.write_text(dockerfile.read_text() + 'ARG GREETING\nRUN printf %s "$GREETING" > /greeting\n')
    shop.write(".env", (shop.root / ".env").read_text() + "GREETING=none\n")
    shop.invoke("build", "svc-cart", "--remote", "--path", folder, GREETING=greeting).ok()
    said = build_host.sh(f"docker run --rm {shop.reference('svc-cart')} cat /greeting")
    assert said == greeting
    assert build_host.sh("find / -xdev -name mark 2>/dev/null || true") == ""
    shop.invoke("remote-clean", "--yes", "--path", folder).ok()
