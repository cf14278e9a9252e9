"""Try svc-redis: commands that would end or block it, values that would fill its memory, and broken commands."""

from __future__ import annotations

from apps.trials.asking import Answer, Client
from apps.trials.frame import Durable, Hostile, Largest, Statuses, Trial
from apps.trials.redis_client import RedisClient, packed

DONE = frozenset({200})
REFUSED = frozenset({400})
#: A value takes at most 8 MB (``proto-max-bulk-len``).
LONGEST = 8 << 20
KEYS = 200_000


def said(*words: str, statuses: Statuses = REFUSED) -> Hostile:
    return Hostile(lambda: words, statuses)


def raw(data: bytes, statuses: Statuses = REFUSED) -> Hostile:
    return Hostile(lambda: data, statuses)


def is_kept(client: Client, number: int, answer: Answer) -> bool:
    return client.ask(("GET", key(number))).content == value(number)


def key(number: int) -> str:
    """Return the key of a request. So few keys fit into ``maxmemory``, so that Redis evicts none."""
    return f"key {number % KEYS}"


def value(number: int) -> bytes:
    return b"%d " % number * 40


TRIAL = Trial(
    image="svc-redis",
    connect=RedisClient,
    probes=(("PING",), ("EXISTS", "a")),
    request=lambda number: ("SET", key(number), value(number)),
    largest=Largest(lambda number: ("SET", f"large {number}", b"x" * (LONGEST - 1))),
    # A write that cannot be appended ends the connection; the next ones are refused until the volume has room.
    durable=Durable(is_kept, full={503}, breaks=True),
    hostile={
        "SHUTDOWN": said("SHUTDOWN", "NOSAVE"),
        "FLUSHALL": said("FLUSHALL"),
        "FLUSHDB": said("FLUSHDB"),
        "DEBUG SEGFAULT": said("DEBUG", "SEGFAULT"),
        "DEBUG SLEEP": said("DEBUG", "SLEEP", "60"),
        "an endless script": said("EVAL", "while true do end", "0"),
        "a script that fills the memory": said("EVAL", "local t = {} while true do t[#t + 1] = 'x' end", "0"),
        "an endless function": said("FUNCTION", "LOAD", "#!lua name=a\nredis.register_function('a', function() end)"),
        "another folder": said("CONFIG", "SET", "dir", "/tmp"),
        "no append-only file": said("CONFIG", "SET", "appendonly", "no"),
        "no password": said("CONFIG", "SET", "requirepass", "x"),
        "another configuration": said("CONFIG", "REWRITE"),
        "a replica of another": said("REPLICAOF", "127.0.0.1", "1"),
        "a module": said("MODULE", "LOAD", "/tmp/a.so"),
        "KEYS": said("KEYS", "*"),
        "SORT": said("SORT", "a", "BY", "*", "GET", "#"),
        "MONITOR": said("MONITOR"),
        "SYNC": said("SYNC"),
        "PSYNC": said("PSYNC", "?", "-1"),
        "MIGRATE": said("MIGRATE", "127.0.0.1", "1", "a", "0", "1"),
        "RESTORE": said("RESTORE", "a", "0", "x"),
        "SAVE": said("SAVE"),
        "BGSAVE": said("BGSAVE"),
        "another user": said("ACL", "SETUSER", "default", "on", "nopass", "+@all"),
        "other clients killed": said("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"),
        "all clients paused": said("CLIENT", "PAUSE", "60000", "ALL"),
        "a wait for replicas": said("WAIT", "1", "0"),
        "a wait for an element": said("BLPOP", "a", "0"),
        "a wait for a message": said("SUBSCRIBE", "a"),
        "a transaction": said("MULTI", statuses={200, 400}),
        "EXEC alone": said("EXEC"),
        "a string of 512 MB": said("SETRANGE", "a", "536870911", "x"),
        "a bit far away": said("SETBIT", "a", "4294967295", "1"),
        "an offset below zero": said("SETRANGE", "a", "-1", "x"),
        "an offset beyond 64 bits": said("SETRANGE", "a", "99999999999999999999", "x"),
        "a long time": said("SET", "a", "x", "EX", "9223372036854775807"),
        "no time": said("SET", "a", "x", "EX", "0"),
        "an unknown option": said("SET", "a", "x", "FROB"),
        "an unknown command": said("FROB"),
        "an empty command": said(""),
        "a command of 1 MB": said("x" * 1_000_000),
        "too few words": said("SET", "a"),
        "MSET with a key alone": said("MSET", "a"),
        "MSET of 200,000 keys": Hostile(
            lambda: ("MSET", *(word for one in range(200_000) for word in (f"m{one}", "x"))), DONE
        ),
        "MGET of a million keys": Hostile(lambda: ("MGET", *["a"] * 1_000_000), DONE),
        "a key of 8 MB": Hostile(lambda: ("SET", "k" * (LONGEST - 1), "x"), DONE),
        "a value of 9 MB": Hostile(lambda: ("SET", "a", b"x" * (9 << 20)), REFUSED),
        "zeros": said("SET", "\0" * 1000, "\0", statuses=DONE),
        "another protocol": said("HELLO", "9"),
        "a wrong password": said("AUTH", "default", "x", statuses={200, 400}),
        "a request of HTTP": raw(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nSET a evil"),
        "TLS": raw(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100) + b"\r\n"),
        "binary": raw(bytes(range(256)) * 4 + b"\r\n"),
        "an inline command of 1 MB": raw(b"x" * 1_000_000 + b"\r\n"),
        "an open quote": raw(b'SET a "x\r\n'),
        "a list of 2³¹ words": raw(b"*2147483647\r\n"),
        "a list beyond 64 bits": raw(b"*99999999999999999999\r\n"),
        "a list of no number": raw(b"*x\r\n"),
        "a word of 2 GB": raw(b"*1\r\n$2147483647\r\n"),
        "a word of 512 MB": raw(b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$536870912\r\n" + bytes(30_000_000)),
        "a word below zero": raw(b"*1\r\n$-5\r\n"),
        "a word without its length": raw(b"*1\r\nSET\r\n"),
        "10,000 commands in one packet": raw(packed(("SET", "a", "x")) * 10_000, DONE),
    },
)
