"""Test that the built image of svc-redis keeps what it acknowledged, and tells when it is healthy."""

from __future__ import annotations

from typing import Any


def ask(container: Any, *words: str) -> str:
    done = container.exec("redis-cli", *words)
    assert done.exit_code == 0, done.output
    return str(done.output).strip()


def setting(container: Any, name: str) -> str:
    return ask(container, "CONFIG", "GET", name).splitlines()[-1]


def test_it_writes_an_append_only_file_before_it_acknowledges(container: Any) -> None:
    assert setting(container, "appendonly") == "yes"
    assert setting(container, "appendfsync") == "always"
    assert "aof_enabled:1" in ask(container, "INFO", "persistence")
    assert "appendonly.aof.manifest" in container.exec("ls", "/data/appendonlydir").output


def test_its_user_owns_nothing_but_its_data(container: Any) -> None:
    assert container.exec("id", "-u").output.strip() == "10001"
    assert container.exec("stat", "-c", "%u", "/usr/local/etc/redis.conf").output.strip() == "0"
    assert container.exec("touch", "/usr/local/etc/redis.conf").exit_code != 0


def test_its_health_check_compares_with_pong(container: Any) -> None:
    """While Redis loads, ``redis-cli ping`` prints LOADING, and its exit status is 0."""
    check = container.exec("sh", "-c", 'test "$(redis-cli ping)" = PONG')
    assert check.exit_code == 0
    busy = container.exec("sh", "-c", 'test "$(echo LOADING Redis is loading the dataset in memory)" = PONG')
    assert busy.exit_code == 1


def test_a_write_outlives_a_kill_and_a_stop_during_a_rewrite_of_the_file(stack: Any) -> None:
    redis = stack.start("svc-redis", volumes={"redis-data": "/data"})
    written: dict[str, str] = {}
    for number, end in enumerate((redis.kill, redis.stop)):
        new = {f"{number}-{key}": f"value {key}" for key in range(50)}
        assert ask(redis, "MSET", *(word for pair in new.items() for word in pair)) == "OK"
        written |= new
        ask(redis, "BGREWRITEAOF")
        end()
        redis.restart()
        assert ask(redis, "MGET", *written).splitlines() == list(written.values())
