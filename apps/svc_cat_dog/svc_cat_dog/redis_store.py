"""Keep values in Redis."""

from __future__ import annotations

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

_CONNECTIONS = 16


class RedisStore:
    """Keep values in the Redis at ``host`` for ``seconds``.

    It connects with the first call, so the Redis may be down. The caller limits how long a call may take.
    """

    def __init__(self, host: str, seconds: int, port: int = 6379) -> None:
        self._seconds = seconds
        self._pool = BlockingConnectionPool(
            max_connections=_CONNECTIONS,
            timeout=None,
            host=host,
            port=port,
            protocol=2,
            # No second try: the breaker decides when the next one is worth it.
            retry=Retry(NoBackoff(), 0),
        )
        self._client = Redis(connection_pool=self._pool)

    async def get(self, key: str) -> bytes | None:
        kept = await self._client.get(key)
        return kept if isinstance(kept, bytes) else None

    async def set(self, key: str, value: bytes) -> None:
        await self._client.set(key, value, ex=self._seconds)

    async def aclose(self) -> None:
        await self._client.aclose()
        await self._pool.aclose()
