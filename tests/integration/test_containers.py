"""Containers on a real engine: slipway reports and cleans up every failure, and every check of an image can fail."""

from __future__ import annotations

import contextlib
import hashlib
import json
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from slipway.config.environment import surroundings
from slipway.config.root import find_root
from slipway.config.settings import load
from slipway.core.errors import SmokeError, UsageError
from slipway.core.image import RUN_LABEL
from slipway.engine import Engine
from slipway.smoke import containers, orphans
from slipway.smoke.containers import Client, Sandbox
from slipway.smoke.session import CHECKS
from slipway.testing import secretfiles
from slipway.testing.bench import Bench, Stack
from tests.rig.outside import wait_until
from tests.rig.traces import SMOKE, SMOKE_ALONE

#: One worker builds their images.
pytestmark = [pytest.mark.integration, SMOKE, pytest.mark.xdist_group("containers")]

ROOT_IMAGE = load(find_root(Path(__file__)))["PYTHON_IMAGE"]
RUN = f"test{time.time_ns() % 10**9}"
KEY = "-----BEGIN OPENSSH PRIVATE KEY-----"
METADATA = "Metadata-Version: 2.1\\nName: broken\\nVersion: 1.0\\nRequires-Dist: not-there\\n"
DOCKERFILE = f"""
FROM {ROOT_IMAGE} AS good
USER 10001:10001
HEALTHCHECK --interval=1s --start-interval=100ms --start-period=5s CMD ["true"]
CMD ["sleep", "infinity"]
FROM good AS exits
CMD ["sh", "-c", "printf 'boom \\\\033[31m\\\\n' >&2; exit 9"]
FROM good AS missing
CMD ["no-such-program"]
FROM good AS windows
USER 0:0
RUN printf '#!/bin/sh\\r\\nexec sleep infinity\\r\\n' > /srv/start && chmod 755 /srv/start && ln -s start /srv/link
USER 10001:10001
ENTRYPOINT ["/srv/link"]
FROM good AS windows-shell
USER 0:0
RUN printf '#!/usr/bin/env python3\\r\\n' > /srv/start && chmod 755 /srv/start
USER 10001:10001
CMD /srv/start --quiet
FROM good AS full
USER 0:0
RUN mkdir /bare \\
    && cp --parents --dereference /bin/sleep $(ldd /bin/sleep | grep --only-matching '/[^ ]* (' | sed 's/ (//') /bare
FROM scratch AS bare
COPY --from=full /bare /
USER 10001:10001
HEALTHCHECK --interval=1s --start-interval=100ms --start-period=5s CMD ["/bin/sleep", "0"]
CMD ["/bin/sleep", "infinity"]
FROM good AS unexecutable
CMD ["/etc/passwd"]
FROM good AS nobodys
USER not-in-passwd
FROM good AS sick
HEALTHCHECK --interval=100ms --retries=2 CMD ["sh", "-c", "echo no database; exit 1"]
FROM good AS slow
HEALTHCHECK --interval=100ms --start-period=60s CMD ["false"]
FROM good AS flapping
CMD ["sh", "-c", "sleep 1; exit 3"]
FROM good AS hungry
CMD ["python3", "-c", "x = bytearray(b'x') * 200_000_000; import time; time.sleep(60)"]
FROM good AS served
EXPOSE 8080
VOLUME ["/data"]
CMD ["python3", "-m", "http.server", "8080", "--directory", "/tmp"]
LABEL slipway.memory=96m
FROM good AS as-root
USER 0:0
FROM good AS by-name
USER nobody
FROM good AS stubborn
CMD ["sh", "-c", "trap '' TERM; while :; do sleep 1; done"]
FROM good AS quarrelling
USER 0:0
RUN d="$(python3 -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/broken-1.0.dist-info" \\
    && mkdir -p "$d" && printf '{METADATA}' > "$d/METADATA"
USER 10001:10001
FROM good AS leaky
USER 0:0
RUN mkdir /srv/app && echo A=1 > /srv/app/.env && echo '{KEY}' > /srv/app/deploy && echo x > /srv/.netrc
RUN rm -r /srv/app /srv/.netrc
RUN cp /bin/sleep /srv/lend && chmod 4755 /srv/lend
RUN mkdir --mode=777 /srv/open && printf '#!/bin/sh\\nsleep infinity\\n' > /srv/start \\
    && chown 10001 /srv/start && chmod 755 /srv/start
USER 10001:10001
CMD ["/srv/start"]
FROM good AS telling
ENV API_TOKEN=abc123
ARG DB_PASSWORD=hunter2
RUN true
FROM good AS fickle
HEALTHCHECK --interval=10m --start-interval=100ms --start-period=5s \\
    CMD ["sh", "-c", "echo seen before; test ! -e /tmp/seen && touch /tmp/seen"]
FROM good AS late
HEALTHCHECK --interval=100ms --start-period=60s CMD ["test", "-e", "/tmp/up"]
CMD ["sh", "-c", "sleep 3; touch /tmp/up; sleep infinity"]
FROM good AS deaf
EXPOSE 8080
FROM good AS talking
CMD ["sh", "-c", "cat /run/secrets/token; echo; sleep infinity"]
FROM good AS blabbing
CMD ["sh", "-c", "cat /run/secrets/token; echo; exit 3"]
FROM good AS lending
USER 0:0
RUN cp /bin/sleep /srv/lend && chmod 4755 /srv/lend
FROM good AS fat
USER 0:0
RUN head -c 5000000 /dev/urandom > /srv/blob
USER 10001:10001
"""


@pytest.fixture(scope="module")
def client() -> Client:
    return Engine(surroundings().engine).client


@pytest.fixture(scope="module")
def ids(client: Client, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The throw-away images by name → id, all built by one bake."""
    names = [line.split()[-1] for line in DOCKERFILE.splitlines() if line.startswith("FROM")]
    tags = {name: f"slipway-{RUN}-{name}:latest" for name in names}
    folder = tmp_path_factory.mktemp("context")
    (folder / "Dockerfile").write_text(DOCKERFILE)
    bake = {
        "group": {"default": {"targets": names}},
        "target": {name: {"target": name, "tags": [tags[name]], "output": ["type=docker"]} for name in names},
    }
    (folder / "docker-bake.json").write_text(json.dumps(bake))
    argv = ["docker", "buildx", "bake", "--progress", "plain"]
    built = subprocess.run(argv, capture_output=True, cwd=folder, check=False)
    assert built.returncode == 0, built.stderr.decode()[-2000:]
    yield {name: client.images.get(tag).id for name, tag in tags.items()}
    for tag in tags.values():
        client.images.remove(tag, force=True)


@pytest.fixture
def bench(client: Client, ids: dict[str, str], tmp_path: Path) -> Iterator[Bench]:
    yield Bench(client, RUN, tmp_path, ids)
    assert left(client) == []


def containers_of_this_run(client: Client) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = client.api.containers(all=True, filters={"label": f"{RUN_LABEL}={RUN}"})
    return listed


def left(client: Client) -> list[str]:
    """Return the containers, networks and volumes with this run's label."""
    mine = {"label": f"{RUN_LABEL}={RUN}"}
    found = [entry["Id"] for entry in containers_of_this_run(client)]
    found += [entry["Name"] for entry in client.api.networks(filters=mine)]
    return found + [entry["Name"] for entry in client.api.volumes(filters=mine)["Volumes"] or ()]


@pytest.mark.fault("T01", "T02", "T04", "T05", "T09", "T32")
@pytest.mark.parametrize(
    ("name", "memory", "told"),
    [
        ("exits", "", ("it stopped before it was healthy", "exit code 9", "boom \\x1b[31m")),
        ("missing", "", ("exit code 127: its command was not found", "no-such-program")),
        (
            "windows",
            "",
            ("windows: it ", "exit code 127: /srv/link ends its first line with CR LF, so '/bin/sh' with a CR"),
        ),
        ("windows-shell", "", ("exit code 127: /srv/start ends its first line with CR LF, so '/usr/bin/env python3'",)),
        ("unexecutable", "", ("exit code 126: its command is not executable",)),
        ("sick", "", ("its health check failed", "no database")),
        ("slow", "", ("not healthy after 2 s",)),
        ("flapping", "", ("it was healthy and then stopped", "exit code 3")),
        ("fickle", "", ("it was healthy, and its next health probe failed", "seen before")),
        ("hungry", "64m", ("exit code 137", "killed", "for memory")),
    ],
)
def test_a_container_that_does_not_work_is_explained(
    bench: Bench, name: str, memory: str, told: tuple[str, ...]
) -> None:
    impatient = Bench(bench.client, RUN, bench.logs, bench.siblings, Sandbox(deadline=2.0, hold=1.5))
    with pytest.raises(SmokeError) as failure, Stack(impatient) as stack:
        stack.start(name, memory=memory)
    assert failure.value.exit_code == 9
    for words in told:
        assert words in str(failure.value)
    log = Path(failure.value.log)
    assert ("boom \x1b[31m\n" in log.read_text("utf-8")) == (name == "exits"), "saved before it was removed"
    assert json.loads(log.with_suffix(".state.json").read_text("utf-8"))["Status"]


@pytest.mark.fault("T02", "T03")
def test_a_container_that_does_not_start_is_removed(bench: Bench) -> None:
    with pytest.raises(SmokeError, match=r"engine: .*unable to find user") as failure, Stack(bench) as stack:
        stack.start("nobodys")
    assert failure.value.message.startswith("nobodys: it did not start; exit code 128; engine: unable to find user")
    state = Path(failure.value.log).with_suffix(".state.json").read_text("utf-8")
    assert json.loads(state)["Status"] == "created", "it was there, and the bench finds nothing of it"


@pytest.mark.fault("T13")
def test_a_slow_machine_is_waited_for(bench: Bench) -> None:
    """Up after three seconds: too late for a deadline of one, and in time on a machine said to be ten times slower."""
    for slowness in (1.0, 10.0):
        patient = Bench(bench.client, RUN, bench.logs, bench.siblings, Sandbox(deadline=1.0, slowness=slowness))
        with contextlib.ExitStack() as told, Stack(patient) as stack:
            if slowness == 1.0:
                told.enter_context(pytest.raises(SmokeError, match="late: not healthy after 1 s"))
            assert stack.start("late").state.healthy


class Decoy:
    """Another service on a port of 127.0.0.1; ``hits`` counts who came."""

    def __init__(self, port: int) -> None:
        decoy = self
        self.hits = 0

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                decoy.hits += 1
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        self._server = HTTPServer(("127.0.0.1", port), Handler)
        self.port = self._server.server_address[1]

    def __enter__(self) -> Decoy:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def decoy_on(port: int) -> Decoy:
    """A decoy on this very port, as soon as it is free."""
    made: list[Decoy] = []

    def bound() -> bool:
        with contextlib.suppress(OSError):
            made.append(Decoy(port))
        return bool(made)

    wait_until(bound, f"port {port}")
    return made[0]


@pytest.mark.fault("T03")
def test_a_container_starts_when_its_port_is_taken(bench: Bench, ids: dict[str, str]) -> None:
    """Its own port is taken on this machine, and one container of the image runs already: the engine picks another."""
    assert bench.image(ids["served"]).port == "8080/tcp"
    with contextlib.ExitStack() as taken, Stack(bench) as one, Stack(bench) as other:
        with contextlib.suppress(OSError):  # then it is taken by someone else, which serves as well
            taken.enter_context(Decoy(8080))
        urls = {stack.start("served").url for stack in (one, other)}
        assert len(urls) == 2 and "http://127.0.0.1:8080" not in urls
        assert all(stack.containers[0].get("/").status_code == 200 for stack in (one, other))


@pytest.mark.fault("T10")
def test_another_service_s_answer_does_not_count(bench: Bench) -> None:
    with Stack(bench) as stack:
        box = stack.start("served")
        port = int(box.url.rpartition(":")[2])
        box.stop()
        with decoy_on(port) as decoy, pytest.raises(SmokeError, match="another process answered on its port"):
            box.get("/")
        assert decoy.hits == 1, "the request reached the other service"


@pytest.mark.fault("T10")
def test_a_service_on_the_image_s_port_is_not_taken_for_it(bench: Bench) -> None:
    """The container listens nowhere; on this machine something answers on the port that its image exposes."""
    with contextlib.ExitStack() as around, Stack(bench) as stack:
        decoy = None
        with contextlib.suppress(OSError):
            decoy = around.enter_context(Decoy(8080))
        box = stack.start("deaf")
        with pytest.raises(SmokeError, match="deaf: GET /: "):
            box.get("/")
        assert decoy is None or decoy.hits == 0


@pytest.mark.fault("T11")
def test_a_secret_is_a_file_in_memory_and_nowhere_else(bench: Bench) -> None:
    value = f"canary-{secrets.token_hex(12)}"
    with Stack(bench) as stack:
        box = stack.start("talking", secrets={"token": value})
        assert box.exec("cat", "/run/secrets/token").output == value
        mounts = [line.split() for line in box.exec("cat", "/proc/mounts").output.splitlines()]
        assert [(kind, how[:3]) for _, at, kind, how, *_ in mounts if at == "/run/secrets"] == [("tmpfs", "ro,")]
        assert value not in json.dumps(bench.client.api.inspect_container(box.id))
        assert value in box.logs() and value not in box.explain("it said it") + box.tail()
        folder = Path(next(m["Source"] for m in bench.client.api.inspect_container(box.id)["Mounts"]))
        assert (folder / "token").read_text() == value
        assert folder.parent.stat().st_mode & 0o777 == 0o700, "no other user of this machine gets there"
    assert not folder.parent.exists()
    [saved] = bench.logs.glob("*-talking-0.log")
    assert saved.read_text() == "***\n"
    assert saved.stat().st_mode & 0o777 == 0o600


def test_a_secret_s_name_is_a_file_s(bench: Bench) -> None:
    with pytest.raises(UsageError, match="not a file's name"), Stack(bench) as stack:
        stack.start("good", secrets={"../token": "x"})


@pytest.mark.fault("T08")
def test_a_first_process_that_ignores_sigterm_is_gone_all_the_same(bench: Bench, until: Callable[..., None]) -> None:
    with Stack(bench) as stack:
        box = stack.start("stubborn")
        seen = bench.client.api.inspect_container(box.id)
        assert seen["HostConfig"]["Init"]
        first = seen["State"]["Pid"]
        running = [first, *map(int, Path(f"/proc/{first}/task/{first}/children").read_text("ascii").split())]
        assert len(running) > 1 and all(Path(f"/proc/{pid}").exists() for pid in running)
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in running), "the container's processes end")


@pytest.mark.fault("T12")
def test_a_tag_that_moves_does_not_change_the_tested_image(bench: Bench, client: Client, ids: dict[str, str]) -> None:
    tag = f"slipway-{RUN}-moving"
    client.api.tag(ids["good"], tag, "1")
    try:
        found = Bench(client, RUN, bench.logs, {"moving": f"{tag}:1"}).sibling("moving")
        client.api.tag(ids["served"], tag, "1", force=True)
        by_id = Bench(client, RUN, bench.logs, {"moving": found.id})
        with Stack(by_id) as stack:
            assert stack.start("moving").image == ids["good"]
    finally:
        client.images.remove(f"{tag}:1", force=True)


def test_memory_as_no_engine_reads_it_is_refused(bench: Bench) -> None:
    with pytest.raises(SmokeError, match="would not create"), Stack(bench) as stack:
        stack.start("good", memory="1k")


def test_it_runs_in_a_sandbox_under_the_very_image_id(bench: Bench, ids: dict[str, str]) -> None:
    with Stack(bench) as stack:
        box = stack.start("served")
        assert box.get("/").status_code == 200
        seen = bench.client.api.inspect_container(box.id)
        host = seen["HostConfig"]
        assert seen["Image"] == ids["served"]
        assert host["ReadonlyRootfs"] and host["CapDrop"] == ["ALL"] and host["Init"]
        assert host["SecurityOpt"] == ["no-new-privileges:true"]
        assert (host["Memory"], host["MemorySwap"], host["PidsLimit"]) == (96 * 1024**2, 96 * 1024**2, 512), (
            "as its label says"
        )
        assert f"SLIPWAY_RUN={RUN}" in seen["Config"]["Env"]
        assert box.exec("touch", "/usr/x").exit_code != 0
        assert box.exec("touch", "/tmp/x").exit_code == 0
        assert len(left(bench.client)) == 3, "container, network and the volume of /data, all labelled"


@pytest.mark.fault("T06")
def test_siblings_meet_share_volumes_and_survive_a_restart(bench: Bench) -> None:
    with Stack(bench) as stack:
        served = stack.start("served", volumes={"shared": "/tmp/shared"})
        other = stack.start("good", volumes={"shared": "/mnt"}, env={"GREETING": "hello"})
        assert other.exec("sh", "-c", "echo $GREETING").output == "hello\n"
        fetch = "import urllib.request as u; print(u.urlopen('http://served:8080/').status)"
        assert other.exec("python3", "-c", fetch).output.strip() == "200"
        volumes = [entry["Name"] for entry in bench.client.api.inspect_container(other.id)["Mounts"]]
        assert volumes[0] in [entry["Name"] for entry in bench.client.api.inspect_container(served.id)["Mounts"]]
        served.restart()
        assert served.get("/").status_code == 200, "the port is read again"


def test_a_killed_container_starts_again_and_a_paused_one_goes_on(bench: Bench) -> None:
    with Stack(bench) as stack:
        served = stack.start("served")
        served.kill()
        assert (served.state.running, served.state.exit_code) == (False, 137)
        served.restart()
        assert served.get("/").status_code == 200
        served.pause()
        with pytest.raises(SmokeError, match="timed out"):
            served.get("/", timeout=0.5)
        served.unpause()
        assert served.get("/").status_code == 200
        with pytest.raises(SmokeError, match=r"unpause: .* is not paused"):
            served.unpause()


def test_a_container_that_dies_during_the_tests_is_an_error(bench: Bench) -> None:
    with pytest.raises(SmokeError, match="it stopped during the tests"), Stack(bench) as stack:
        box = stack.start("good")
        bench.client.api.kill(box.id)


@SMOKE_ALONE
@pytest.mark.fault("T07")
def test_orphans_of_a_killed_process_are_removed_and_live_containers_stay(bench: Bench) -> None:
    program = (
        "import sys, time; from pathlib import Path; from slipway.engine import Engine;"
        "from slipway.testing.bench import Bench, Stack;"
        f"stack = Stack(Bench(Engine({surroundings().engine.address!r}).client, {RUN!r}, Path({str(bench.logs)!r}),"
        f"{{'served': {bench.siblings['served']!r}}}));"
        "stack.start('served', volumes={'v': '/srv'}, secrets={'token': 'x'});"
        "print('up', flush=True); time.sleep(60)"
    )
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert child.stdout and child.stdout.readline() == b"up\n"
    marks = {box["Labels"][orphans.OWNER_LABEL] for box in containers_of_this_run(bench.client)}
    assert len(marks) == 1 and not any(orphans.is_dead(mark) for mark in marks)
    files = next(m["Source"] for m in containers_of_this_run(bench.client)[0]["Mounts"] if m["Type"] == "bind")
    child.kill()
    child.wait()
    with Stack(bench) as stack:
        living = stack.start("good", secrets={"token": "y"})
        removed = orphans.remove_orphans(bench.client, patience=60)
        assert len(removed) >= 3, "its container (with its unnamed volume), its named volume, its network"
        assert str(Path(files).parent) in secretfiles.remove_orphans()
        assert living.exec("cat", "/run/secrets/token").output == "y"


@SMOKE_ALONE
@pytest.mark.fault("T07")
def test_the_next_round_removes_the_orphans_of_a_killed_pytest(bench: Bench, tmp_path: Path) -> None:
    test = tmp_path / "test_long.py"
    test.write_text(
        "import time\ndef test_long(container):\n    print('container-is-up', flush=True)\n    time.sleep(60)\n"
        "def test_short(slipway_bench):\n    pass\n"
    )
    argv = pytest_argv(bench, "served", str(test), "-s")
    child = subprocess.Popen([*argv, "-k", "test_long"], stdout=subprocess.PIPE, cwd=tmp_path)
    assert child.stdout
    while b"container-is-up" not in (line := child.stdout.readline()):
        assert line, "pytest ended before the container was up"
    child.kill()
    child.wait()
    assert len(left(bench.client)) == 3, "what it left: container, network, volume"
    subprocess.run([*argv, "-k", "test_short"], check=True, capture_output=True, cwd=tmp_path)
    assert left(bench.client) == []


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_pytest_removes_all_it_made(bench: Bench, tmp_path: Path, signum: int) -> None:
    test = tmp_path / "test_long.py"
    test.write_text(
        "import time\ndef test_long(container):\n    print('container-is-up', flush=True)\n    time.sleep(60)\n"
    )
    child = subprocess.Popen(pytest_argv(bench, "good", str(test), "-s"), stdout=subprocess.PIPE, cwd=tmp_path)
    assert child.stdout
    while b"container-is-up" not in (line := child.stdout.readline()):
        assert line, "pytest ended before the container was up"
    assert len(left(bench.client)) == 2
    child.send_signal(signum)
    assert child.wait(timeout=30) == pytest.ExitCode.INTERRUPTED
    assert left(bench.client) == []
    assert list(tmp_path.glob("slipway-*-good-0.log")), "logs are saved before removal"


def test_the_marker_is_heeded_and_a_failed_test_shows_the_log(bench: Bench, tmp_path: Path) -> None:
    test = tmp_path / "test_marked.py"
    test.write_text(
        "import pytest\n@pytest.mark.slipway(memory='48m', env={'GREETING': 'hello'})\n"
        "def test_marked(container):\n"
        "    assert container.exec('sh', '-c', 'echo $GREETING').output == 'hello\\n'\n"
        "    container.get('/not-there').raise_for_status()\n"
    )
    shown = subprocess.run(pytest_argv(bench, "served", str(test)), capture_output=True, text=True, check=False).stdout
    assert "404 Client Error" in shown and "served: last log lines" in shown
    assert '"GET /not-there HTTP/1.1" 404' in shown


@pytest.mark.fault("X30")
def test_a_secret_of_a_container_is_in_nothing_that_pytest_shows(bench: Bench, tmp_path: Path) -> None:
    """Neither in the errors, nor in the source lines it quotes, nor in what a test printed, nor in junit.xml."""
    value = f"canary<&{secrets.token_hex(12)}>"
    test = tmp_path / "test_told.py"
    test.write_text(
        f"import pytest\nVALUE = {value!r}\n@pytest.mark.slipway(secrets={{'token': {value!r}}})\n"
        "def test_compared(container, record_property):\n    record_property('seen', VALUE)\n    print(VALUE)\n"
        "    assert container.logs() == VALUE + 'x'\n"
        "def test_raised(container):\n    raise ValueError(VALUE, {'of': VALUE}) from KeyError(VALUE)\n"
        "def test_dead(stack):\n    stack.start('blabbing', secrets={'token': VALUE})\n"
        "def test_skipped(container):\n    pytest.skip(VALUE)\n"
        "@pytest.fixture\ndef odd(container):\n    yield\n    raise RuntimeError(VALUE)\n"
        "def test_torn_down(odd):\n    pass\n"
    )
    argv = pytest_argv(bench, "talking", str(test), f"--junit-xml={tmp_path / 'junit.xml'}", "-ra", "--tb=long")
    told = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert "3 failed, 1 passed, 1 skipped" in told.stdout
    assert "ValueError: ('***', {'of': '***'})" in told.stdout and "blabbing: it stopped before" in told.stdout
    shown = {"stdout": told.stdout, "stderr": told.stderr, "junit": (tmp_path / "junit.xml").read_text()}
    assert {name for name, text in shown.items() if value[8:] in text} == set()
    with pytest.raises(SmokeError) as caught, Stack(bench) as stack:
        stack.start("blabbing", secrets={"token": value})
    for text in (str(caught.value), repr(caught.value), str(caught.value.args), str(caught.value.as_json())):
        assert value not in text and "***" in text
    assert caught.value.__suppress_context__, "a traceback does not show the error it was made of"


def test_a_good_image_passes_every_check(bench: Bench, tmp_path: Path) -> None:
    argv = pytest_argv(
        bench, "good", str(CHECKS), "--slipway-budget=1 MB over parent", f"--slipway-parent={ROOT_IMAGE}"
    )
    checked = subprocess.run(argv, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert checked.returncode == 0, checked.stdout
    assert "11 passed" in checked.stdout


@pytest.mark.fault("T31")
def test_an_image_without_python_id_and_a_shell_passes_every_check(bench: Bench, tmp_path: Path) -> None:
    """All that the checks ask is asked of the engine and of the image's files."""
    argv = pytest_argv(bench, "bare", str(CHECKS))
    checked = subprocess.run(argv, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert checked.returncode == 0, checked.stdout
    assert "10 passed" in checked.stdout


@pytest.mark.fault("X11", "U05", "U06", "U07")
@pytest.mark.parametrize(
    ("name", "check", "told"),
    [
        ("exits", "test_it_starts_and_stays_up", ["exit code 9", "boom"]),
        ("sick", "test_it_starts_and_stays_up", ["its health check failed", "no database"]),
        ("as-root", "test_its_user_is_a_number_and_not_root", ["USER 0:0 is root"]),
        ("by-name", "test_its_user_is_a_number_and_not_root", ["USER nobody: not a number"]),
        ("as-root", "test_its_processes_are_not_root", ["a process of it runs as root"]),
        ("quarrelling", "test_its_python_packages_agree", ["broken 1.0 requires not-there, which is not installed"]),
        ("stubborn", "test_sigterm_ends_it", ["SIGTERM did not end it within 3 s", "137"]),
        (
            "leaky",
            "test_it_carries_no_key or test_no_program_lends or test_nothing_that_anyone",
            [
                "/srv/app/.env: an environment file",
                "/srv/app/deploy: a private key",
                "/srv/.netrc: a credential file",
                "/srv/lend: setuid (4755, 0:0)",
                "/srv/open: anyone may write (777)",
                "/srv/start: is run, and its user 10001:10001 may write it",
                "3 failed",
            ],
        ),
        ("telling", "test_its_history_tells_no_secret", ["environment: API_TOKEN", "history: ARG DB_PASSWORD"]),
        ("fat", "test_it_keeps_within_its_budget", ["5 MB, and the budget is 1 MB over parent"]),
    ],
)
def test_every_check_can_fail(bench: Bench, tmp_path: Path, name: str, check: str, told: list[str]) -> None:
    budget = ["--slipway-budget=1 MB over parent", f"--slipway-parent={bench.siblings['good']}"]
    limits = ["--slipway-slowness=0.3"] if name == "stubborn" else []
    argv = pytest_argv(bench, name, str(CHECKS), "-k", check, *budget, *limits)
    checked = subprocess.run(argv, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert checked.returncode == 1, checked.stdout
    for words in told:
        assert words in checked.stdout
    assert "hunter2" not in checked.stdout and "abc123" not in checked.stdout and KEY not in checked.stdout


@pytest.mark.fault("T37", "U07")
def test_the_table_of_an_image_sets_checks_aside(bench: Bench, tmp_path: Path) -> None:
    """Each refusal names the line to write; with it the check does not run, or lets the one file pass."""
    words = "packages_agree or carries_no_key or anyone_may_change"
    before = subprocess.run(
        pytest_argv(bench, "leaky", str(CHECKS), "-k", words), capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert 'or allow = { open-files = "why" } in [tool.slipway.smoke.leaky]' in before.stdout
    assert 'or allow = { "key:/path" = "why" } in [tool.slipway.smoke.leaky]' in before.stdout
    assert "2 failed, 1 passed" in before.stdout
    keys = "".join(f'"key:/srv/{path}" = "a test"\n' for path in ("app/.env", "app/deploy", ".netrc"))
    table = f'[tool.slipway.smoke.leaky.allow]\nopen-files = "shared"\npackages = "pinned"\n{keys}'
    (tmp_path / "pyproject.toml").write_text(f"[tool.pytest.ini_options]\n{table}")
    after = subprocess.run(
        pytest_argv(bench, "leaky", str(CHECKS), "-k", words, f"--rootdir={tmp_path}"),
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert "1 passed" in after.stdout and "failed" not in after.stdout, after.stdout


@pytest.mark.fault("U05", "U06")
def test_an_image_that_the_project_exempts_passes(bench: Bench, tmp_path: Path) -> None:
    """An image of root's, with a setuid program of its own: refused, let pass where the project says why, or noted."""
    checks = ("-k", "user_is_a_number or processes_are_not_root or no_program_lends")
    argv = pytest_argv(bench, "lending", str(CHECKS / "test_policy.py"), *checks)
    for allowed, said in (
        ((), "3 failed"),
        (("--slipway-allow=root", "--slipway-allow=setuid:/srv/lend"), "3 passed"),
        (("--slipway-policy=note",), "3 xfailed"),
    ):
        checked = subprocess.run([*argv, *allowed], capture_output=True, text=True, cwd=tmp_path, check=False)
        assert said in checked.stdout, checked.stdout


@pytest.mark.fault("X04")
def test_a_key_that_policy_let_into_the_context_may_be_in_the_image(bench: Bench, tmp_path: Path) -> None:
    known = [hashlib.sha256(content.encode()).hexdigest() for content in ("A=1\n", f"{KEY}\n")]
    options = [f"--slipway-known-file={content}" for content in known]
    argv = pytest_argv(bench, "leaky", str(CHECKS / "test_policy.py"), "-k", "carries_no_key", *options)
    checked = subprocess.run(argv, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert "/srv/.netrc: a credential file" in checked.stdout
    assert "/srv/app/.env" not in checked.stdout and "/srv/app/deploy" not in checked.stdout


def pytest_argv(bench: Bench, name: str, *arguments: str) -> list[str]:
    """Return the command of a pytest that tests one image; it knows the others, so that it reads their layers once."""
    options = [f"--slipway-image={bench.siblings[name]}", f"--slipway-name={name}", f"--slipway-run={RUN}"]
    options += [f"--slipway-siblings={sibling}={image}" for sibling, image in bench.siblings.items()]
    options += [f"--slipway-logs={bench.logs}", "--import-mode=importlib", "--tb=short", "-p", "no:cacheprovider"]
    options += ["-p", "no:hypothesispytest"]  # no test of an image generates cases
    return [sys.executable, "-m", "pytest", *options, *arguments]


def test_a_missing_image_says_how_to_get_it(bench: Bench) -> None:
    with pytest.raises(SmokeError, match="the engine has no such image"):
        bench.image(f"slipway-{RUN}-never-built")
    assert containers.reply(OSError("first\nsecond")) == "first"
