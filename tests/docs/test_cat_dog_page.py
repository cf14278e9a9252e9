"""The page of cat-dog says what Redis is configured to do."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_states_how_redis_keeps_its_writes_and_how_much_it_holds() -> None:
    settings = (ROOT / "apps/svc_redis/redis.conf").read_text("utf-8").splitlines()
    page = (ROOT / "docs/systems/cat-dog.md").read_text("utf-8")
    assert "appendonly yes" in settings
    assert "appendfsync always" in settings and "fsync (`appendfsync always`)" in page
    assert "maxmemory 192mb" in settings and "192 MB" in page
    assert "redis-server" not in (ROOT / "infra/compose/cat-dog.yaml").read_text("utf-8"), "no other settings"
