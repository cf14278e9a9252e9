"""Test how answers are kept: the breaker, and stores that work, fail, hang, or give other values."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest
from svc_cat_dog.answers import Answer, Answers, Patience, Store, digest_of
from svc_cat_dog.breaker import Breaker
from svc_cat_dog.redis_store import RedisStore

T = TypeVar("T")
PICTURE, OTHER = digest_of(b"a picture"), digest_of(b"another picture")
CAT = Answer.of(0.75)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Memory:
    """A store that works. It counts its calls."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.calls = 0

    async def get(self, key: str) -> bytes | None:
        self.calls += 1
        return self.kept.get(key)

    async def set(self, key: str, value: bytes) -> None:
        self.calls += 1
        self.kept[key] = value

    async def aclose(self) -> None:
        pass


class Failing(Memory):
    """A store that raises ``error``; None makes it hang."""

    def __init__(self, error: Exception | None) -> None:
        super().__init__()
        self.error = error
        self.waiting = self.most_waiting = 0

    async def get(self, key: str) -> bytes | None:
        await self.fail()
        return None

    async def set(self, key: str, value: bytes) -> None:
        await self.fail()

    async def fail(self) -> None:
        self.calls += 1
        if self.error is not None:
            raise self.error
        self.waiting += 1
        self.most_waiting = max(self.waiting, self.most_waiting)
        try:
            await asyncio.sleep(3600)
        finally:
            self.waiting -= 1


def answers(store: Store, breaker: Breaker | None = None, model: str = "m1") -> Answers:
    return Answers(store, model, Patience(find=0.05, keep=0.05), breaker or Breaker(rest=5))


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run it. A call that the store holds for ever fails the test, and does not hold it."""
    return asyncio.run(asyncio.wait_for(coroutine, 60))


class TestTheBreaker:
    def test_all_calls_pass_until_one_fails(self) -> None:
        breaker = Breaker(5, Clock())
        assert [breaker.allows() for _ in range(3)] == [True] * 3

    def test_after_a_failure_one_call_passes_in_each_rest(self) -> None:
        clock = Clock()
        breaker = Breaker(5, clock)
        breaker.failed()
        clock.now += 4.9
        assert not breaker.allows()
        clock.now += 0.2
        assert [breaker.allows() for _ in range(3)] == [True, False, False]
        clock.now += 5
        assert [breaker.allows() for _ in range(2)] == [True, False]

    def test_a_success_closes_it(self) -> None:
        clock = Clock()
        breaker = Breaker(5, clock)
        breaker.failed()
        assert breaker.succeeded() and not breaker.succeeded()
        assert [breaker.allows() for _ in range(3)] == [True] * 3

    def test_only_the_first_failure_is_news(self) -> None:
        breaker = Breaker(5, Clock())
        assert [breaker.failed() for _ in range(3)] == [True, False, False]


class TestAnAnswer:
    @pytest.mark.parametrize("probability", [0.0, 1e-9, 0.1234567, 0.5, 0.9999999, 1.0])
    def test_the_kept_answer_equals_the_computed_one(self, probability: float) -> None:
        computed = Answer.of(probability)
        assert Answer.decode(computed.encode(PICTURE), PICTURE) == computed
        assert computed.cat + computed.dog == pytest.approx(1)

    def test_the_label_is_the_more_probable_one(self) -> None:
        assert (Answer.of(0.51).label, Answer.of(0.49).label) == ("cat", "dog")

    @pytest.mark.parametrize(
        "kept",
        [
            b"",
            b"0.750000",
            CAT.encode(OTHER),
            CAT.encode(PICTURE) + b"\n",
            CAT.encode(PICTURE)[:-1],
            f"{PICTURE} nan".encode(),
            f"{PICTURE} 1.500000".encode(),
            f"{PICTURE} -0.500000".encode(),
            f"{PICTURE} 7.5e-1".encode(),
            b"\xff\xfe\x00",
            b"9" * 10_000,
        ],
    )
    def test_other_bytes_are_not_an_answer(self, kept: bytes) -> None:
        assert Answer.decode(kept, PICTURE) is None


class TestAnswers:
    def test_an_answer_is_found_once_it_is_kept(self) -> None:
        async def asked() -> tuple[Answer | None, Answer | None]:
            kept = answers(Memory())
            before = await kept.find(PICTURE)
            await kept.keep(PICTURE, CAT)
            return before, await kept.find(PICTURE)

        assert run(asked()) == (None, CAT)

    def test_another_model_finds_other_answers(self) -> None:
        async def asked() -> Answer | None:
            store = Memory()
            await answers(store, model="m1").keep(PICTURE, CAT)
            return await answers(store, model="m2").find(PICTURE)

        assert run(asked()) is None

    def test_an_answer_under_the_key_of_another_picture_is_not_given(self) -> None:
        async def asked() -> Answer | None:
            store = Memory()
            await answers(store).keep(OTHER, CAT)
            store.kept = {key.replace(OTHER, PICTURE): value for key, value in store.kept.items()}
            return await answers(store).find(PICTURE)

        assert run(asked()) is None

    @pytest.mark.parametrize("error", [ConnectionRefusedError(), TimeoutError(), ValueError("a bug"), None])
    def test_a_store_that_fails_or_hangs_is_asked_once_in_a_rest(self, error: Exception | None) -> None:
        async def asked() -> None:
            kept = answers(store)
            for _ in range(20):
                assert await kept.find(PICTURE) is None
                await kept.keep(PICTURE, CAT)

        store = Failing(error)
        run(asked())
        assert store.calls == 1

    def test_a_store_that_works_again_is_used_again(self) -> None:
        async def asked() -> list[Answer | None]:
            clock = Clock()
            breaker, store = Breaker(5, clock), Memory()
            await answers(Failing(OSError()), breaker).find(PICTURE)
            kept = answers(store, breaker)
            await kept.keep(PICTURE, CAT)
            assert store.calls == 0
            clock.now += 5.1
            await kept.keep(PICTURE, CAT)
            return [await kept.find(PICTURE) for _ in range(3)]

        assert run(asked()) == [CAT] * 3

    def test_many_callers_wait_side_by_side_when_the_store_begins_to_hang(self) -> None:
        async def asked() -> list[Answer | None]:
            kept = answers(store)
            return await asyncio.gather(*(kept.find(PICTURE) for _ in range(50)))

        store = Failing(None)
        assert run(asked()) == [None] * 50
        assert store.most_waiting == 50


class TestRedis:
    """A real client, and a server that accepts connections and speaks as each test wants."""

    @pytest.mark.parametrize("reply", [b"", b"$-1\r\n", b"!what\r\n", b"-LOADING Redis is loading\r\n", b"+OK\r\n"])
    def test_any_reply_but_an_answer_is_a_miss_in_bounded_time(self, reply: bytes) -> None:
        async def spoken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while await reader.read(1000):
                writer.write(reply)
                await writer.drain()
            writer.close()

        async def asked() -> Answer | None:
            async with await asyncio.start_server(spoken, "127.0.0.1", 0) as server:
                store = RedisStore("127.0.0.1", 60, port=server.sockets[0].getsockname()[1])
                found = await answers(store).find(PICTURE)
                await store.aclose()
                return found

        assert run(asked()) is None

    def test_a_late_reply_is_not_taken_for_the_next_one(self) -> None:
        """The first call gives up; its reply arrives while the second one waits."""
        late = CAT.encode(PICTURE)

        async def spoken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while (asked := await reader.read(1000)) and b"GET" not in asked:
                writer.write(b"+OK\r\n+OK\r\n")
            await asyncio.sleep(0.08)
            writer.write(b"$%d\r\n%s\r\n" % (len(late), late))
            await writer.drain()
            writer.close()

        async def asked() -> list[Answer | None]:
            async with await asyncio.start_server(spoken, "127.0.0.1", 0) as server:
                store = RedisStore("127.0.0.1", 60, port=server.sockets[0].getsockname()[1])
                kept = answers(store, Breaker(rest=0.0))
                found = [await kept.find(PICTURE), await kept.find(OTHER)]
                await store.aclose()
                return found

        assert run(asked()) == [None, None]
