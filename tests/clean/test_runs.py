"""The runs of a checkout that go."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from slipway.clean.items import Stay
from slipway.clean.runs import kept_records, look_at_runs, unfinished_releases
from slipway.core.errors import UnwritableError
from slipway.testing.fakes import RegistryServer
from tests.release.shop import Shop

NOW, DAY = 1_000_000.0, 86_400


def run(home: Path, name: str, age: float, *, ended: bool = True) -> Path:
    folder = home / "runs" / name
    folder.mkdir(parents=True)
    (folder / "svc.log").write_text("x" * 100)
    if ended:
        (folder / "run.json").write_text("{}")
    for path in (*folder.iterdir(), folder):
        os.utime(path, (NOW - age, NOW - age))
    return folder


def test_old_runs_go_with_their_bytes(tmp_path: Path) -> None:
    old, young = run(tmp_path, "old", 3 * DAY), run(tmp_path, "young", DAY)
    (doomed,), stays = look_at_runs(tmp_path, (), NOW - 2 * DAY, NOW)
    assert (doomed.item.name, doomed.item.bytes, stays) == ("old", 102, {Stay.YOUNG: 1})
    assert doomed.remove() is None
    assert (old.exists(), young.exists()) == (False, True)


def test_a_run_without_a_result_may_go_on_for_a_day(tmp_path: Path) -> None:
    run(tmp_path, "killed", 2 * DAY, ended=False)
    run(tmp_path, "living", 60, ended=False)
    run(tmp_path, "ended", 60)
    doomed, _ = look_at_runs(tmp_path, (), NOW, NOW)
    assert [one.item.name for one in doomed] == ["ended", "killed"]


def test_a_release_that_did_not_end_stays_until_its_version_has_a_record(tmp_path: Path) -> None:
    with RegistryServer() as server:
        shop = Shop(server, tmp_path)
        fault = server.fault("PUT .*/releases/manifests/v1", 403, times=9)
        assert shop.release(shop.planned())[0] == 8 and fault.struck
    found = unfinished_releases(shop.home, ())
    assert {planned.version for planned in found.values()} == {"v1"}
    record = str(shop.records.reference("v1"))
    assert unfinished_releases(shop.home, {record}) == {}
    assert len(unfinished_releases(shop.home, {record.replace("acme", "else")})) == 1
    doomed, stays = look_at_runs(shop.home, found, 2e12, 2e12)
    assert (doomed, stays) == ([], {Stay.UNFINISHED: 1})
    assert len(look_at_runs(shop.home, (), 2e12, 2e12)[0]) == 1


def test_records_that_the_checkout_keeps_are_read_and_others_left_out(tmp_path: Path) -> None:
    with RegistryServer() as server:
        shop = Shop(server, tmp_path)
        assert shop.release(shop.planned()) == (0, "")
        record = shop.records.get("v1").record
    (tmp_path / "releases").mkdir()
    (tmp_path / "releases/v1.json").write_bytes(record.content)
    (tmp_path / "releases/v2.json").write_text(json.dumps({"_type": "something else"}))
    assert [one.version for one in kept_records(tmp_path)] == ["v1"]


def test_a_folder_that_another_run_removed_is_gone(tmp_path: Path) -> None:
    folder = run(tmp_path, "old", 3 * DAY)
    (doomed,), _ = look_at_runs(tmp_path, (), NOW, NOW)
    shutil.rmtree(folder)
    assert doomed.remove() is None


def test_a_folder_that_cannot_be_removed_is_an_error(tmp_path: Path) -> None:
    folder = run(tmp_path, "old", 3 * DAY)
    (doomed,), _ = look_at_runs(tmp_path, (), NOW, NOW)
    shutil.rmtree(folder)
    folder.symlink_to(tmp_path)  # rmtree refuses a link
    with pytest.raises(UnwritableError, match="old"):
        doomed.remove()
