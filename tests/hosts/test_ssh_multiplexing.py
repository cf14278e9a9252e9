"""OpenSSH's master, as it may answer: it refuses, it is too new, it goes away, it belongs to somebody else."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from slipway.hosts.ssh.multiplexing import Master, Message, RefusedError

USER = os.geteuid()
HELLO = (Message.HELLO, (4).to_bytes(4, "big"))
OPENED = (Message.SESSION_OPENED, bytes(8))

#: Kind and body of an answer.
Answer = tuple[int, bytes]


def framed(kind: int, body: bytes) -> bytes:
    message = kind.to_bytes(4, "big") + body
    return len(message).to_bytes(4, "big") + message


def text(words: str) -> bytes:
    return len(words).to_bytes(4, "big") + words.encode()


def message(client: socket.socket) -> bytes:
    """Read no byte more: descriptors come with the bytes after it."""
    size = client.recv(4, socket.MSG_WAITALL)
    return client.recv(int.from_bytes(size, "big"), socket.MSG_WAITALL) if size else b""


class FakeMaster:
    """Greets each client with ``hello``, takes a request with its descriptors, sends ``answers`` and closes."""

    def __init__(self, path: str, hello: bytes, answers: tuple[Answer, ...]) -> None:
        self.hello, self.answers = hello, answers
        self.requests: list[bytes] = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with client:
                client.sendall(self.hello)
                message(client)
                if not self.hello:
                    client.recv(1)  # until the client has no more patience
                if not self.answers:
                    continue
                self.requests.append(message(client))
                count = 3 if self.requests[-1][:4] == Message.NEW_SESSION.to_bytes(4, "big") else 2
                for _ in range(count):
                    _, descriptors, _, _ = socket.recv_fds(client, 1, 1)
                    os.close(descriptors[0])
                for answer in self.answers:
                    client.sendall(framed(*answer))


@pytest.fixture
def master() -> Iterator[Callable[..., tuple[Master, FakeMaster]]]:
    made: list[FakeMaster] = []
    with TemporaryDirectory() as folder:

        def start(*answers: Answer, hello: bytes = framed(*HELLO)) -> tuple[Master, FakeMaster]:
            path = f"{folder}/{len(made)}"
            made.append(FakeMaster(path, hello, answers))
            return Master(path, USER), made[-1]

        yield start
        for fake in made:
            fake.listener.close()


def test_the_master_reports_the_exit_status(master: Callable[..., tuple[Master, FakeMaster]]) -> None:
    asked, fake = master(OPENED, (Message.EXIT, bytes(4) + (7).to_bytes(4, "big")))
    with closing(asked.run(b"exec false", 5)) as session:
        assert session.wait(5) and session.exit_code() == 7
        assert session.recv(10) == b"", "the master has closed its ends"
    assert fake.requests[0].endswith(text("") + text("exec false"))


def test_a_session_that_ends_without_an_exit_status(master: Callable[..., tuple[Master, FakeMaster]]) -> None:
    asked, _ = master(OPENED)
    with closing(asked.run(b"exec true", 5)) as session:
        assert session.wait(5) and session.exit_code() == -1


def test_a_port_is_reached_without_stderr(master: Callable[..., tuple[Master, FakeMaster]]) -> None:
    asked, fake = master(OPENED)
    with closing(asked.reach("127.0.0.1", 5000, 5)) as session:
        assert session.recv(1) == b""
    assert fake.requests[0].endswith(text("127.0.0.1") + (5000).to_bytes(4, "big"))


@pytest.mark.parametrize("kind", [Message.FAILURE, Message.PERMISSION_DENIED])
def test_a_refusal_has_the_reason_of_the_master(
    master: Callable[..., tuple[Master, FakeMaster]], kind: Message
) -> None:
    asked, _ = master((kind, bytes(4) + text("Session open refused by peer")))
    with pytest.raises(RefusedError, match=r"^Session open refused by peer$"):
        asked.run(b"exec true", 5)


def test_an_answer_of_another_kind_is_a_refusal(master: Callable[..., tuple[Master, FakeMaster]]) -> None:
    asked, _ = master((0x80000005, bytes(8)))
    with pytest.raises(RefusedError, match="0x80000005"):
        asked.run(b"exec true", 5)


@pytest.mark.parametrize(
    ("hello", "cause"),
    [
        (framed(Message.HELLO, (5).to_bytes(4, "big")), "version 4"),
        (framed(Message.FAILURE, (4).to_bytes(4, "big")), "version 4"),
        (b"\xff\xff\xff\xff", "4294967295 bytes"),
        (b"\x00\x00\x00\x01.", "1 bytes"),
        (b"\x00\x00", "closed its socket"),
    ],
)
def test_a_server_of_another_protocol_is_refused(
    master: Callable[..., tuple[Master, FakeMaster]], hello: bytes, cause: str
) -> None:
    asked, _ = master(hello=hello)
    with pytest.raises(ConnectionError, match=cause):
        asked.greet(5)


def test_a_master_that_is_silent(master: Callable[..., tuple[Master, FakeMaster]]) -> None:
    asked, _ = master(hello=b"")
    with pytest.raises(TimeoutError):
        asked.greet(0.05)


@pytest.mark.fault("S34")
def test_a_socket_of_another_user_is_not_used(master: Callable[..., tuple[Master, FakeMaster]]) -> None:
    asked, _ = master()
    with pytest.raises(PermissionError, match="belongs to another user"):
        Master(asked.path, USER + 1).greet(5)


def test_a_missing_socket_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Master(str(tmp_path / "none"), USER).greet(5)
