"""The levels and jobs of a matrix, and its forms for CI systems."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from slipway.core.image import Image
from slipway.release.inputs import Inputs
from slipway.release.matrix import Entry, Matrix, changed_since
from slipway.release.pipelines import github_lines, gitlab_lines


def entry(name: str, level: int, *needs: str) -> Entry:
    return Entry(name, "service", True, level, needs, ("is new",))


WIDE = Matrix(
    (entry("base-a", 0), entry("base-b", 0), *(entry(f"svc-{n}", 1, f"base-{'ab'[n % 2]}") for n in range(9)))
)


def test_each_image_has_a_job_that_waits_for_those_below_it() -> None:
    jobs = WIDE.jobs()
    assert [(job.name, job.needs) for job in jobs[:4]] == [
        ("base-a", ()),
        ("base-b", ()),
        ("svc-0", ("base-a",)),
        ("svc-1", ("base-b",)),
    ]


@pytest.mark.parametrize("most", range(1, 13))
def test_fewer_jobs_have_more_images_of_one_level_each(most: int) -> None:
    jobs = WIDE.jobs(most)
    assert len(jobs) <= max(most, len(WIDE.levels))
    assert [name for job in jobs for name in job.images] == [one.image for one in WIDE.entries]
    level = {one.image: one.level for one in WIDE.entries}
    assert all({level[name] for name in job.images} == {job.level} for job in jobs)
    assert len({job.name for job in jobs}) == len(jobs)


def test_one_job_may_hold_a_whole_level() -> None:
    assert [job.name for job in WIDE.jobs(1)] == ["base-a and 1 more", "svc-0 and 8 more"]
    assert WIDE.jobs(1)[1].needs == ("base-a and 1 more",)


def test_more_images_than_githubs_largest_matrix() -> None:
    many = Matrix(tuple(entry(f"svc-{number}", 0) for number in range(1000)))
    include = json.loads(list(github_lines(many, many.jobs()))[-1].removeprefix("matrix="))["include"]
    assert len(include) == 250 and include[-1]["images"] == "svc-996 svc-997 svc-998 svc-999"


def test_an_empty_matrix_says_so() -> None:
    empty = Matrix(())
    assert list(github_lines(empty, empty.jobs())) == [
        "any=false",
        "count=0",
        "images=",
        "levels=[]",
        'matrix={"include": []}',
    ]
    assert _yaml(gitlab_lines(empty, ()))["nothing to build"]["script"] == ["echo no image changed"]


def test_gitlab_gets_yaml_that_may_follow_other_yaml() -> None:
    own = ".slipway:\n  script: [invoke build $IMAGES]\n"
    assert yaml.safe_load(own + "\n".join(gitlab_lines(WIDE, WIDE.jobs(2)))) == {
        ".slipway": {"script": ["invoke build $IMAGES"]},
        "base-a and 1 more": {"extends": ".slipway", "variables": {"IMAGES": "base-a base-b"}, "needs": []},
        "svc-0 and 8 more": {
            "extends": ".slipway",
            "variables": {"IMAGES": " ".join(f"svc-{number}" for number in range(9))},
            "needs": ["base-a and 1 more"],
        },
    }


def test_a_gitlab_job_that_stands_on_more_jobs_than_gitlab_allows_waits_for_none() -> None:
    needs = [f"base-{number}" for number in range(51)]
    tall = Matrix((*(entry(name, 0) for name in needs), entry("svc-x", 1, *needs)))
    assert _yaml(gitlab_lines(tall, tall.jobs()))["svc-x"]["needs"] == []


def test_nothing_before_makes_every_image_new() -> None:
    base, service = Image("base", "base.Dockerfile"), Image("svc", "Dockerfile", parents=("base",))
    now = Inputs((base, service), {"base": "1", "svc": "2"}, tests={"base": {}, "svc": {}})
    matrix = changed_since(Inputs(), now, "nothing")
    assert matrix.levels == (("base",), ("svc",))
    assert {one.changes for one in matrix.entries} == {("is new",)}


def _yaml(lines: Any) -> Any:
    return yaml.safe_load("\n".join(lines))
