"""``invoke base.rehearse`` with the real engine and registry: nothing public moves, and a release takes the results."""

from __future__ import annotations

import json
import re
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.faults.proxy import Proxy, status
from tests.rig.stacks import MANIFESTS
from tests.rig.traces import SMOKE

if TYPE_CHECKING:
    from tests.rig.stacks import Repository

    Stack = Callable[..., Repository]

pytestmark = [pytest.mark.integration, SMOKE]
NAMES = ("base-deck", "svc-oar", "svc-sail")
DECK = """\
ARG PYTHON_IMAGE
FROM ${PYTHON_IMAGE}
COPY libs/bin /bin/
COPY libs/deck.txt /deck.txt
USER 10001:10001
HEALTHCHECK --interval=1m --start-interval=100ms --start-period=9s CMD ["test", "-f", "/deck.txt"]
CMD ["sleep", "infinity"]
"""
CREW = """\
ARG REGISTRY OWNER BASE_VERSION=v1.0.0
FROM ${REGISTRY}/${OWNER}/base-deck:${BASE_VERSION}
"""
SCRUBBED = """\
def test_the_deck_is_scrubbed(container):
    assert "scrubbed" in container.exec("cat", "/deck.txt").output
"""
SHARED = "test_deck::test_the_deck_is_scrubbed"
RESULT = "https://in-toto.io/attestation/test-result/v0.1"


def harbour_of(stack: Stack, *services: str, **settings: str) -> Repository:
    """A base and services on it, whose smoke tests they share."""
    made = stack("blank", BASE_VERSION="v1.0.0", **settings)
    made.write_programs("libs/bin")
    made.write("libs/deck.txt", "scrubbed\n")
    made.write("infra/docker/base-deck.Dockerfile", f"{DECK}LABEL test={made.settings['OWNER']}\n")
    made.write("infra/docker/smoke/base-deck/test_deck.py", SCRUBBED)
    for name in services:
        made.write(f"apps/svc_{name}/Dockerfile", f"{CREW}LABEL role={name}\n")
    return made


def asked(harbour: Repository, path: str) -> Any:
    """Return a JSON document of the registry, as any client gets it over plain HTTP."""
    url = f"http://{harbour.settings['REGISTRY']}/v2/{harbour.settings['OWNER']}/{path}"
    request = urllib.request.Request(url, headers={"Accept": MANIFESTS})
    with urllib.request.urlopen(request, timeout=10) as reply:
        return json.loads(reply.read())


def tags(harbour: Repository, name: str) -> set[str]:
    try:
        return set(asked(harbour, f"{name}/tags/list")["tags"] or ())
    except urllib.error.HTTPError as error:
        assert error.code == 404, error
        return set()


def version_tags(harbour: Repository) -> set[str]:
    """Return the engine's tags that are not content tags."""
    return {tag for tag in harbour.tags() if ":in-" not in tag}


def public(harbour: Repository) -> dict[str, set[str]]:
    """Return the tags that are neither a content tag nor a list of referrers."""
    found = {name: tags(harbour, name) for name in (*NAMES, "releases")}
    return {name: {tag for tag in every if not tag.startswith(("in-", "sha256-"))} for name, every in found.items()}


def results(harbour: Repository, name: str) -> Iterator[Any]:
    """Yield the test results about the content of an image, as any OCI client finds them."""
    digest = harbour.published(name, harbour.content(name).rpartition(":")[2])
    for entry in asked(harbour, f"{name}/manifests/{digest.replace(':', '-')}")["manifests"]:
        manifest = asked(harbour, f"{name}/manifests/{entry['digest']}")
        assert manifest["subject"]["digest"] == digest
        if entry["annotations"]["in-toto.io/predicate-type"] == RESULT:
            yield asked(harbour, f"{name}/blobs/{manifest['layers'][0]['digest']}")


def worked(harbour: Repository, since: set[Path]) -> list[str]:
    """Return the baked images and the tested ones of all runs that are not among ``since``."""
    new = [run for run in harbour.runs() if run not in since]
    lines = [line for run in new if (journal := run / "journal.jsonl").exists() for line in journal.open()]
    baked = [name for entry in map(json.loads, lines) if "command" in entry for name in entry["images"]]
    return baked + sorted(path.name for run in new for path in run.glob("smoke-*"))


@pytest.mark.fault("P60", "P62")
def test_broken_images_are_listed_and_a_green_rehearsal_is_released(stack: Stack) -> None:
    harbour = harbour_of(stack, "oar", "sail")
    harbour.invoke("release", "--no-smoke").ok()
    before, engine = public(harbour), version_tags(harbour)
    assert before == {**{name: {"v1.0.0"} for name in NAMES}, "releases": {"_claim", "v1.0.0"}}

    harbour.write("libs/deck.txt", "scrubbed\npainted\n")
    oar = (harbour.root / "apps/svc_oar/Dockerfile").read_text()
    harbour.write("apps/svc_oar/Dockerfile", f"{oar}RUN cat /mast.txt\n")
    harbour.write("apps/svc_sail/smoke/test_sail.py", "def test_it_is_white(container):\n    assert 0, 'it is grey'\n")
    ran = harbour.invoke("base.bump", "minor", "base.rehearse")
    ran.failed(6, "2 of 3 images break", "svc-oar: build: RUN cat /mast.txt: ", "svc-sail: smoke: test_it_is_white: ")
    assert re.search(r"base-deck +rehearsed +\d+ passed +v1.1.0 is new\n", ran.stdout)
    assert (public(harbour), version_tags(harbour)) == (before, engine)
    assert [found["predicate"]["result"] for found in results(harbour, "base-deck")] == ["PASSED"]
    assert not harbour.published("svc-sail", harbour.content("svc-sail").rpartition(":")[2])

    harbour.write("apps/svc_oar/Dockerfile", oar)
    harbour.write("apps/svc_sail/smoke/test_sail.py", "def test_it_is_white(container):\n    pass\n")
    runs = {*harbour.runs()}
    ran = harbour.invoke("base.bump", "patch", "base.rehearse", "release").ok()
    assert (
        ran.stdout.count(" passed   v1.1.1 is new\n") == 3 and len(re.findall(r" rehearsed +sha256:", ran.stdout)) == 3
    )
    assert worked(harbour, runs) == ["svc-oar", "svc-sail", *(f"smoke-{name}" for name in NAMES)]
    released = {name: harbour.published(name, "v1.1.1") for name in NAMES}
    assert released == {name: harbour.published(name, harbour.content(name).rpartition(":")[2]) for name in NAMES}
    (result,) = results(harbour, "svc-sail")
    assert {"test_sail::test_it_is_white", SHARED} <= {*result["predicate"]["passedTests"]}

    harbour.write("apps/svc_sail/smoke/test_sail.py", "def test_it_is_new(container):\n    pass\n")
    runs = {*harbour.runs()}
    ran = harbour.invoke("release", "--version", "v1.2.0").ok()
    assert ran.stdout.count(" rehearsed ") == 2 and worked(harbour, runs) == ["smoke-svc-sail"]
    assert "note: svc-sail: its test result does not count: " in ran.stderr and "test_sail.py is another" in ran.stderr
    assert {name: harbour.published(name, "v1.2.0") for name in NAMES} == released


#: The name of this test holds all its bytes, as pytest before 9.2 makes it without ids.
MEGABYTES = """\
import pytest

@pytest.mark.parametrize("sent", [bytes(2_000_000)], ids=str)
def test_it_refuses(container, sent):
    pass
"""
#: The names of these tests have more than 1 MiB together.
THOUSANDS = """\
import pytest

@pytest.mark.parametrize("number", range(7_000), ids="{:0150}".format)
def test_it_counts(number):
    pass
"""


@pytest.mark.fault("P68")
def test_a_result_names_long_tests_shortly_and_is_not_kept_when_it_is_too_large(stack: Stack) -> None:
    harbour = harbour_of(stack, "oar", "sail")
    harbour.write("apps/svc_oar/smoke/test_long.py", MEGABYTES)
    harbour.write("apps/svc_sail/smoke/test_many.py", THOUSANDS)
    ran = harbour.invoke("base.rehearse").ok()
    too_large = r"^note: svc-sail: its test result has 1\.\d+ MB, .*, so it is not kept$"
    assert re.search(too_large, ran.stderr, re.MULTILINE)
    assert "note: svc-oar" not in ran.stderr
    (result,) = results(harbour, "svc-oar")
    (name,) = (one for one in result["predicate"]["passedTests"] if one.startswith("test_long::"))
    assert len(name) < 250
    with pytest.raises(urllib.error.HTTPError, match="404"):
        list(results(harbour, "svc-sail"))
    runs = {*harbour.runs()}
    harbour.invoke("release").ok()
    assert worked(harbour, runs) == ["smoke-svc-sail"]


#: Passes only while the test of another image runs, too.
MEETS = """\
import pathlib, time

def test_it_meets_the_other(container):
    pathlib.Path("{own}").touch()
    give_up = time.monotonic() + 60
    while not pathlib.Path("{other}").exists():
        assert time.monotonic() < give_up
        time.sleep(0.05)
"""


def meeting(stack: Stack) -> Repository:
    """Two services of which each test waits for the other one's."""
    harbour = harbour_of(stack, "oar", "sail")
    for own, other in (("oar", "sail"), ("sail", "oar")):
        harbour.write(f"apps/svc_{own}/smoke/test_meeting.py", MEETS.format(own=own, other=other))
    return harbour


def test_images_are_tested_concurrently_and_shown_in_the_order_of_the_stack(stack: Stack) -> None:
    harbour = meeting(stack)
    ran = harbour.invoke("base.rehearse").ok()
    assert re.findall(r"^(\S+) +passed ", ran.stdout, re.MULTILINE) == [*NAMES]
    (harbour.root / "oar").unlink()
    (harbour.root / "sail").unlink()
    ran = harbour.invoke("build", "smoke", "svc-sail", "svc-oar").ok()
    assert len(re.findall(r"^svc-\S+ +passed ", ran.stdout, re.MULTILINE)) == 2


@pytest.mark.fault("B02")
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_tests_of_all_images(stack: Stack, signum: signal.Signals) -> None:
    """The fixture of all integration tests sees that no container and no process is left."""
    harbour = meeting(stack)
    harbour.write("apps/svc_sail/smoke/test_meeting.py", MEETS.format(own="sail", other="nobody"))
    harbour.write("apps/svc_oar/smoke/test_meeting.py", MEETS.format(own="oar", other="nobody"))
    harbour.invoke("build").ok()
    with harbour.start("smoke") as process:
        give_up = time.monotonic() + 60
        while not all((harbour.root / name).exists() for name in ("oar", "sail")):
            assert time.monotonic() < give_up and process.poll() is None
            time.sleep(0.05)
        process.send_signal(signum)
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == 128 + signum, stderr


#: Two services together.
FLEET = """\
def test_they_sail_together(stack):
    for name in ("svc-oar", "svc-sail"):
        assert stack.start(name).exec("cat", "/deck.txt").output == "scrubbed\\n"
"""


def test_tests_of_several_images_run_once_for_a_rehearsal_and_its_releases(stack: Stack) -> None:
    harbour = harbour_of(stack, "oar", "sail", "row")
    harbour.write("apps/smoke/test_fleet.py", FLEET)
    harbour.write("infra/compose/fleet.yaml", "services: {oar: {image: svc-oar}}\n")
    ran = harbour.invoke("base.rehearse").ok()
    assert re.search(r"^fleet +passed +1 passed ", ran.stdout, re.MULTILINE)
    together, alone = sorted(results(harbour, "svc-oar"), key=lambda said: len(said["predicate"]["passedTests"]))
    contents = {name: harbour.published(name, harbour.content(name).rpartition(":")[2]) for name in NAMES[1:]}
    said = {one["name"].rpartition("/")[2]: f"sha256:{one['digest']['sha256']}" for one in together["subject"]}
    assert said == contents and together["predicate"]["passedTests"] == ["test_fleet::test_they_sail_together"]
    assert len(alone["subject"]) == 1 and len([*results(harbour, "svc-sail")]) == 1

    runs = {*harbour.runs()}
    ran = harbour.invoke("release", "--version", "v1.1.0").ok()
    assert re.search(r"^fleet +rehearsed +2 images$", ran.stdout, re.MULTILINE) and worked(harbour, runs) == []

    def tested(version: str) -> list[str]:
        """Release the version, and return the worked-on images and systems."""
        before = {*harbour.runs()}
        harbour.invoke("release", "--version", version).ok()
        return worked(harbour, before)

    sail, compose = "apps/svc_sail/Dockerfile", "infra/compose/fleet.yaml"
    before = {path: (harbour.root / path).read_text() for path in (sail, compose)}
    harbour.write(sail, f"{CREW}LABEL role=sail2\n")
    assert tested("v1.2.0") == ["svc-sail", "smoke-fleet", "smoke-svc-sail"]
    harbour.write(sail, before[sail])
    assert tested("v1.3.0") == []
    harbour.write(compose, "services: {oar: {image: svc-oar, restart: always}}\n")
    assert tested("v1.4.0") == ["smoke-fleet"]
    harbour.write(compose, before[compose])
    harbour.write("apps/smoke/test_fleet.py", f"{FLEET}# edited\n")
    assert tested("v1.5.0") == ["smoke-fleet"]
    harbour.write("apps/smoke/test_fleet.py", FLEET)
    harbour.write("apps/svc_row/Dockerfile", f"{CREW}LABEL role=row2\n")
    assert tested("v1.6.0") == ["svc-row", "smoke-svc-row"], "svc-row is not a member of the system"


def test_a_result_of_a_system_needs_every_member_in_the_engine_and_in_the_registry(stack: Stack) -> None:
    harbour = harbour_of(stack, "oar")
    harbour.write("apps/svc_raft/Dockerfile", f"{DECK}LABEL role=raft\n")
    harbour.write("apps/smoke/test_oars.py", "def test_it_rows(stack):\n    assert stack.start('svc-oar')\n")
    harbour.write("apps/smoke/test_rafts.py", "def test_it_floats(stack):\n    assert stack.start('svc-raft')\n")
    ran = harbour.invoke("base.rehearse", "base-deck").ok()
    assert re.search(r"^oars +passed +1 passed ", ran.stdout, re.MULTILINE) and "\nrafts " not in ran.stdout
    assert "note: rafts: not tested, because the engine does not have svc-raft" in ran.stderr

    ran = harbour.invoke("build", "base.rehearse", "base-deck").ok()
    assert re.search(r"^rafts +passed +1 passed ", ran.stdout, re.MULTILINE)
    note = "note: rafts: its result is not kept, because the registry does not have the tested svc-raft"
    assert note in ran.stderr and len([*results(harbour, "svc-oar")]) == 2
    runs = {*harbour.runs()}
    harbour.invoke("release").ok()
    assert worked(harbour, runs) == ["smoke-rafts", "smoke-svc-raft"]


@pytest.mark.fault("P63")
def test_a_result_that_the_registry_does_not_keep_is_an_error_after_the_table(stack: Stack, proxy: Proxy) -> None:
    harbour = harbour_of(stack, REGISTRY=proxy.address)
    fault = proxy.fail("PUT .*/manifests/sha256-.*", status(403), times=9)
    ran = harbour.invoke("base.rehearse").failed(7, "base-deck:sha256-", "denied")
    assert fault.struck and re.search(r"base-deck +rehearsed +\d+ passed\n", ran.stdout)
    assert harbour.error_code() == "registry-denied"

    fault.times = 0
    found = json.loads(harbour.invoke("base-rehearse", "--json").ok().stdout)
    assert [(one["image"], one["outcome"], one["stands"]) for one in found["images"]] == [
        ("base-deck", "rehearsed", "")
    ]
    assert not any(public(harbour).values()) and not version_tags(harbour)
    runs = {*harbour.runs()}
    released = json.loads(harbour.invoke("release", "--json").ok().stdout)
    assert released["rehearsed"] == {"base-deck": found["images"][0]["digest"]}
    assert worked(harbour, runs) == [] and harbour.published("base-deck", "v1.0.0") == found["images"][0]["digest"]
