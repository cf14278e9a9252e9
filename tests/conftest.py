"""A test that is not marked touches nothing outside: no process, no engine, no network beyond loopback.

Python's audit events are watched, so the guard holds for every library. ``@pytest.mark.process`` allows processes,
``@pytest.mark.integration`` allows all.

Generated cases are the same in every run, so that a red test means a change; ``nox -s soak`` looks for new ones.
"""

from __future__ import annotations

import gc
import hashlib
import ipaddress
import signal
import socketserver
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from slipway.tasks.command_line import CommandLine, command_line

settings.register_profile("steady", max_examples=40, derandomize=True, deadline=None)
settings.register_profile("soak", max_examples=2000, deadline=None)
settings.load_profile("steady")

#: Sample repositories: their tests belong to their images.
collect_ignore = ["stacks"]
pytest_plugins = [
    "tests.faults.proxy",
    "tests.faults.wire",
    "tests.rig.outside",
    "tests.rig.traces",
    "tests.rig.registries",
    "tests.rig.foreign",
    "tests.rig.relay",
    "tests.rig.fork_server",
    "tests.rig.stacks",
    "tests.rig.offline",
    "tests.rig.engines",
    "tests.rig.builders",
    "tests.rig.hosts",
    "tests.rig.agents",
    "tests.rig.stores",
    "tests.rig.platforms",
    "tests.rig.hub",
    "tests.rig.systems",
    "tests.rig.wheel",
    "tests.rig.adopted",
]

#: Before 9.2 pytest names a test after the whole text or bytes of a parameter. Some have megabytes.
LONGEST_PARAMETER = 1000

PROCESSES = frozenset({"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.system", "os.exec"})
CONNECTIONS = frozenset({"socket.connect", "socket.sendto"})
LOOKUPS = frozenset({"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"})


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    if not isinstance(val, str | bytes) or len(val) <= LONGEST_PARAMETER:
        return None
    content = val.encode() if isinstance(val, str) else val
    return f"{argname}-{hashlib.sha256(content).hexdigest()[:12]}"


class Guard:
    """Fail the running test for a forbidden action, past every ``except Exception``."""

    barred: frozenset[str] = frozenset()

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        if event not in self.barred:
            return
        if event in PROCESSES:
            pytest.fail(f"an unmarked test starts a process: {args[:2]} (mark it process or integration)")
        target = args[1] if event in CONNECTIONS else args[0]
        if not is_near(target):
            pytest.fail(f"an unmarked test reaches out: {event} {target!r} (mark it integration)")


def is_near(target: object) -> bool:
    """Loopback, or a socket below the folder for temporary files; the engine's socket is neither."""
    if isinstance(target, tuple):
        target = target[0]
    if isinstance(target, bytes):
        target = target.decode("utf-8", "surrogateescape")
    if target in (None, "", "localhost"):
        return True
    text = str(target)
    if text.startswith("/"):
        return Path(text).resolve().is_relative_to(Path(tempfile.gettempdir()).resolve())
    try:
        return ipaddress.ip_address(text).is_loopback
    except ValueError:
        return False


# A shell's background job ignores Ctrl-C and so would all that the tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

GUARD = Guard()
sys.addaudithook(GUARD)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[Any]:
    """Keep imported modules out of garbage collection: half a million objects, which live as long as the process."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(10_000)  # Python's own suits smaller heaps
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse a test whose name differs from process to process: workers could not share it out."""
    if passing := [item.nodeid for item in items if " at 0x" in item.nodeid]:
        raise pytest.UsageError("give these parameters ids: " + ", ".join(passing))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[Any]:
    before = GUARD.barred
    GUARD.barred = _barred(item)
    try:
        return (yield)
    finally:
        GUARD.barred = before


def _barred(item: pytest.Item) -> frozenset[str]:
    if item.get_closest_marker("integration"):
        return frozenset()
    reach = CONNECTIONS | LOOKUPS
    return reach if item.get_closest_marker("process") else PROCESSES | reach


@pytest.fixture(autouse=True, scope="session")
def servers_tolerate_hang_ups() -> Iterator[None]:
    """Let no server of a test print that a client closed its connection: tests cut connections on purpose.

    A thread that prints a traceback parses source lines. On Python 3.11 that spoils an ``ast.parse`` in another thread,
    such as hypothesis's ("AST constructor recursion depth mismatch").
    """
    tell = socketserver.BaseServer.handle_error

    def handle_error(server: socketserver.BaseServer, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            tell(server, request, client_address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socketserver.BaseServer, "handle_error", handle_error)
        yield


@pytest.fixture(autouse=True)
def process_state() -> Iterator[None]:
    """A task that a test runs in this process leaves neither its command line nor its signal handlers behind."""
    handlers = {signum: signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGTERM)}
    token = command_line.set(CommandLine())
    yield
    command_line.reset(token)
    for signum, handler in handlers.items():
        signal.signal(signum, handler)


DOCKERFILES = {
    "infra/docker/base-runtime.Dockerfile": "ARG PYTHON_IMAGE\nFROM ${PYTHON_IMAGE}\nCOPY libs/kit /app/\n",
    "infra/docker/base-ml.Dockerfile": "FROM ${REGISTRY}/${OWNER}/base-runtime:${BASE_VERSION}\nRUN true\n",
    "apps/svc_forms/Dockerfile": "FROM ${REGISTRY}/${OWNER}/base-runtime:${BASE_VERSION}\nCOPY apps/svc_forms /app/\n",
    "apps/svc_ocr/Dockerfile": "FROM ${REGISTRY}/${OWNER}/base-ml:${BASE_VERSION}\nCOPY apps/svc_ocr /app/\n",
}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository of two bases and two services: base-runtime ← svc-forms, base-runtime ← base-ml ← svc-ocr."""
    root = tmp_path / "repository"
    for path, text in DOCKERFILES.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("ARG REGISTRY\nARG OWNER\nARG BASE_VERSION\n" + text)
    (root / "libs/kit").mkdir(parents=True)
    (root / "libs/kit/kit.py").write_text("kit = 1\n")
    (root / "pyproject.toml").write_text("[project]\nname = 'sample'\n")
    return root
