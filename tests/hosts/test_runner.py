"""Real processes: exit codes, lines as they come, and nothing left running."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from slipway.core.command import Command, Result
from slipway.core.errors import PrerequisiteError, SshError
from slipway.engine import Endpoint, Engine
from slipway.hosts.beside import PipedCommand, pipe
from slipway.hosts.runner import _end_with_parent, _prepare, attach, run, run_together

pytestmark = pytest.mark.process


def sh(script: str, **more: object) -> Command:
    return Command(("sh", "-c", script), **more)  # type: ignore[arg-type]


def alive(pid: int) -> bool:
    """Whether a process runs; one that ended and waits for its parent does not."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat")
        return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def ends(pid: int, within: float = 2.0) -> bool:
    deadline = time.monotonic() + within
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not alive(pid)


def written(file: Path, within: float = 5.0) -> int:
    """The number that a process writes into ``file`` in time."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        with contextlib.suppress(FileNotFoundError, ValueError):
            return int(file.read_text())
        time.sleep(0.01)
    raise AssertionError(f"nothing in {file}")


@pytest.mark.parametrize(
    ("script", "exit_code"), [("exit 0", 0), ("exit 3", 3), ("kill -9 $$", -9), ("kill -TERM $$", -15)]
)
def test_exit_codes(script: str, exit_code: int) -> None:
    assert run(sh(script)).exit_code == exit_code


@pytest.mark.parametrize(("script", "exit_code"), [("exit 0", 0), ("exit 3", 3), ("kill -TERM $$", 143)])
def test_exit_codes_of_a_program_that_talks_to_the_user(script: str, exit_code: int) -> None:
    before = signal.getsignal(signal.SIGINT)
    assert attach(("sh", "-c", script)) == exit_code
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_is_left_to_a_program_that_talks_to_the_user() -> None:
    """The terminal sends the signal to both. The program has the default handler, or its own."""
    script = f"trap 'exit 9' INT; kill -INT {os.getpid()} $$; exit 1"
    assert attach(("sh", "-c", script)) == 9


def test_a_program_that_cannot_run_gives_the_exit_code_of_a_shell(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("text")
    (tmp_path / "broken").write_text("text")
    (tmp_path / "broken").chmod(0o755)
    told = [
        (result.exit_code, result.stderr)
        for result in (
            run(Command(("no-such-program",))),
            run(Command((str(tmp_path / "plain"),))),
            run(Command((str(tmp_path / "broken"),))),
            run(sh("true", cwd=str(tmp_path / "nowhere"))),
        )
    ]
    assert told == [
        (127, "no-such-program: not found"),
        (126, f"{tmp_path}/plain: Permission denied"),
        (126, f"{tmp_path}/broken: Exec format error"),
        (127, f"{tmp_path}/nowhere: not found"),
    ]


def test_both_streams_the_folder_and_the_environment(tmp_path: Path) -> None:
    result = run(sh('printf "%s" "$A"; pwd >&2', cwd=str(tmp_path), env={"A": "1 $2"}))
    assert (result.stdout, result.stderr) == ("1 $2", str(tmp_path.resolve()))
    assert result.ok
    assert 0 < result.seconds < 10


def test_stdin_is_fed_and_closed() -> None:
    data = b"x" * 3_000_000
    assert run(Command(("wc", "-c"), stdin=data)).stdout.strip() == "3000000"
    assert run(Command(("cat",))).stdout == ""
    assert run(Command(("true",), stdin=data)).exit_code == 0


def test_lines_of_stderr_come_one_by_one() -> None:
    lines: list[tuple[str, float]] = []
    run(
        sh("echo one >&2; sleep 0.3; printf 'two\\r\\n\\377' >&2"),
        on_line=lambda s: lines.append((s, time.monotonic())),
    )
    assert [line for line, _ in lines] == ["one", "two", "\ufffd"]
    assert lines[1][1] - lines[0][1] > 0.2


def test_stdout_is_whole_and_stderr_keeps_its_end() -> None:
    result = run(sh("i=0; while [ $i -lt 5000 ]; do echo out $i; echo err $i >&2; i=$((i+1)); done"))
    assert result.stdout.splitlines() == [f"out {number}" for number in range(5000)]
    assert result.stderr.splitlines() == [f"err {number}" for number in range(4800, 5000)]


def test_a_listener_that_fails_does_not_hang_the_command() -> None:
    def fail(line: str) -> None:
        raise OSError("No space left on device")

    with pytest.raises(OSError, match="No space left"):
        run(sh("i=0; while [ $i -lt 20000 ]; do echo line $i >&2; i=$((i+1)); done"), on_line=fail, timeout=20)


def test_a_time_out_ends_the_whole_group(tmp_path: Path) -> None:
    """A shell's background child ignores SIGINT, and here it ignores SIGTERM as well."""
    started = time.monotonic()
    result = run(sh(f"trap '' TERM; sleep 60 & echo $! > {tmp_path}/pid; wait"), timeout=0.3)
    assert (result.exit_code, time.monotonic() - started < 5) == (124, True)
    assert ends(written(tmp_path / "pid"))


def test_a_command_that_ignores_everything_is_killed_after_the_grace() -> None:
    result = run(sh("trap '' INT TERM; while :; do sleep 0.1; done"), timeout=0.2)
    assert result == Result(124, seconds=result.seconds)
    assert result.seconds > 4


def test_commands_run_together_some_at_a_time_and_start_in_their_order(tmp_path: Path) -> None:
    """The first two end only when each has seen the other. The third starts when one of them has ended."""
    meets = "touch {own}; while [ ! -e {other} ]; do sleep 0.02; done; exit {code}"
    scripts = [meets.format(own="a", other="b", code=3), meets.format(own="b", other="a", code=4), "ls; exit 5"]
    shown: list[str] = []
    ended: dict[int, Result] = {}
    commands = (sh(script, cwd=str(tmp_path)) for script in scripts)
    run_together(commands, lambda number, result: ended.update({number: result}), at_once=2, show=shown.append)
    assert {number: result.exit_code for number, result in ended.items()} == {0: 3, 1: 4, 2: 5}
    assert ended[2].stdout.split() == ["a", "b"] and len(shown) == 3 and all(one.seconds > 0 for one in ended.values())


def test_no_more_commands_run_together_than_asked() -> None:
    began: list[int] = []
    ended: list[int] = []

    def commands() -> Iterator[Command]:
        for number in range(5):
            began.append(number)
            assert len(began) - len(ended) <= 2
            yield sh("exit 0")

    run_together(commands(), lambda number, result: ended.append(number), at_once=2)
    assert began == sorted(ended) == [0, 1, 2, 3, 4]


def test_one_of_several_programs_that_cannot_run_does_not_keep_the_others_from_running() -> None:
    ended: dict[int, Result] = {}
    run_together([Command(("no-such-program",)), sh("exit 3")], ended.__setitem__, at_once=1)
    assert [(ended[number].exit_code, ended[number].stderr) for number in (0, 1)] == [
        (127, "no-such-program: not found"),
        (3, ""),
    ]


def test_an_error_of_the_taker_ends_the_other_commands(tmp_path: Path) -> None:
    def take(number: int, result: Result) -> None:
        raise OSError("No space left on device")

    file = tmp_path / "pid"
    waits = f"while [ ! -s {file} ]; do sleep 0.02; done"
    with pytest.raises(OSError, match="No space left"):
        run_together([sh(f"echo $$ > {file}; exec sleep 60"), sh(waits)], take, at_once=2)
    assert ends(written(file))


DRIVER = """
import sys
from slipway.core.command import Command
from slipway.hosts.runner import run, run_together
try:
    if len(sys.argv) == 2:
        run(Command(("sh", "-c", sys.argv[1])))
    else:
        commands = [Command(("sh", "-c", script)) for script in sys.argv[1:]]
        run_together(commands, lambda number, result: None, at_once=2)
except KeyboardInterrupt:
    sys.exit(130)
"""


def driver(*scripts: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", DRIVER, *scripts], start_new_session=True)


def test_ctrl_c_ends_the_process_group_within_five_seconds(tmp_path: Path) -> None:
    child = driver(f"sleep 60 & echo $! > {tmp_path}/pid; wait")
    grandchild = written(tmp_path / "pid")
    started = time.monotonic()
    child.send_signal(signal.SIGINT)
    assert child.wait(5) == 130
    assert time.monotonic() - started < 5
    assert ends(grandchild)


def test_ctrl_c_ends_commands_that_run_together_and_starts_no_more(tmp_path: Path) -> None:
    script = "sleep 60 & echo $! > {file}; wait"
    files = [tmp_path / name for name in ("one", "two", "three")]
    child = driver(*(script.format(file=file) for file in files))
    grandchildren = [written(file) for file in files[:2]]
    child.send_signal(signal.SIGINT)
    assert child.wait(5) == 130
    assert all(map(ends, grandchildren)) and not files[2].exists()


def test_a_second_ctrl_c_kills_commands_that_run_together(tmp_path: Path) -> None:
    script = "trap 'touch {file}-asked' INT; trap '' TERM; echo $$ > {file}; while :; do sleep 0.1; done"
    files = [tmp_path / name for name in ("one", "two")]
    child = driver(*(script.format(file=file) for file in files))
    grandchildren = [written(file) for file in files]
    child.send_signal(signal.SIGINT)
    deadline = time.monotonic() + 3
    while not all(Path(f"{file}-asked").exists() for file in files) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert all(Path(f"{file}-asked").exists() for file in files)
    child.send_signal(signal.SIGINT)
    assert child.wait(3) == 130
    assert all(map(ends, grandchildren))


def test_a_second_ctrl_c_does_not_wait(tmp_path: Path) -> None:
    child = driver(f"trap '' INT TERM; echo $$ > {tmp_path}/pid; while :; do sleep 0.1; done")
    grandchild = written(tmp_path / "pid")
    child.send_signal(signal.SIGINT)
    time.sleep(0.7)
    started = time.monotonic()
    child.send_signal(signal.SIGINT)
    assert child.wait(3) == 130
    assert time.monotonic() - started < 2
    assert ends(grandchild)


def test_on_linux_a_command_dies_with_us(tmp_path: Path) -> None:
    child = driver(f"echo $$ > {tmp_path}/pid; exec sleep 10")
    grandchild = written(tmp_path / "pid")
    child.kill()
    child.wait()
    assert ends(grandchild) is (sys.platform == "linux")


def test_a_command_over_its_time_is_ended_with_its_children(tmp_path: Path) -> None:
    """It says nothing meanwhile: only ``should_stop`` can know."""
    started = time.monotonic()
    file = tmp_path / "child"
    result = run(sh(f"sleep 60 & echo $! > {file}; wait"), should_stop=file.exists)
    assert not result.ok
    assert time.monotonic() - started < 30
    assert ends(written(file))


def test_a_command_within_its_time_runs_to_its_end() -> None:
    asked: list[float] = []

    def should_stop() -> bool:
        asked.append(time.monotonic())
        return False

    assert run(sh("sleep 0.6; exit 3"), should_stop=should_stop).exit_code == 3
    assert asked


def test_a_child_of_a_dead_parent_does_not_start() -> None:
    """Only Linux tells a child of its parent's death; elsewhere it begins."""
    end_with_parent = _end_with_parent()
    child = os.fork()
    if not child:
        try:
            _prepare(set(), os.getpid(), end_with_parent)  # its parent is another process
            os._exit(0)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == (1 if sys.platform == "linux" else 0)


@pytest.mark.process
@pytest.mark.fault("U31")
def test_a_child_heeds_ctrl_c_though_we_ignore_it() -> None:
    """A shell cannot trap a signal that it was started without; so it would be killed without a word."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        script = "trap 'echo cancelled; exit 7' INT; echo ready >&2; while :; do sleep 0.05; done"
        ready: list[str] = []
        result = run(Command(("sh", "-c", script)), ready.append, should_stop=lambda: bool(ready))
    finally:
        signal.signal(signal.SIGINT, before)
    assert (result.exit_code, result.stdout) == (7, "cancelled\n")


def test_a_piped_command_talks_over_a_socket() -> None:
    piped = pipe(sh("cat; echo why >&2; exit 3"))
    piped.socket.sendall(b"there and back")
    assert piped.socket.recv(100) == b"there and back"
    piped.socket.close()
    ended = piped.ended(within=5)
    assert (ended.exit_code, ended.stderr) == (3, "why")


def test_a_piped_command_that_does_not_end_is_killed() -> None:
    assert pipe(Command(("sleep", "60"))).ended(within=0.1).exit_code == -signal.SIGKILL


def test_a_missing_piped_command_is_reported() -> None:
    with pytest.raises(PrerequisiteError, match="no-such-program: no such file or directory"):
        pipe(Command(("no-such-program",)))


#: Answers every question as an engine does that has no image, and as ssh does that is not let in.
ENGINE = """\
while read -r line; do
  case $line in
    GET*_ping*) body=OK ;; GET*) body='[]' ;;
    ?) printf 'HTTP/1.1 200 OK\\r\\nServer: Docker/28.5.2\\r\\nContent-Length: 2\\r\\n\\r\\n%s' "$body" ;;
  esac
done
"""
REFUSING = "echo 'me@builder: Permission denied (publickey).' >&2; exit 255"


@pytest.mark.fault("S30")
def test_an_engine_by_ssh_answers_over_the_command_s_socket() -> None:
    started: list[PipedCommand] = []

    def start(command: Command) -> PipedCommand:
        started.append(pipe(sh(ENGINE)))
        return started[-1]

    engine = Engine(Endpoint("ssh://builder"), start=start)
    assert engine.images() == engine.images() == ()
    assert len(started) == 1, "the connection is kept"
    assert engine.returns(0) and engine.version == "28.5.2"
    refused = Engine(Endpoint("ssh://builder"), start=lambda command: pipe(sh(REFUSING)))
    with pytest.raises(SshError, match="engine ssh://builder: me@builder: Permission denied"):
        refused.images()
    with pytest.raises(SshError, match="Permission denied"):
        refused.client.ping()
