"""Write a matrix as CI systems read it: JSON, GitHub's and Gitea's outputs of a step, GitLab's jobs. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any

from slipway.release.matrix import Job, Matrix
from slipway.release.revision import Revision

#: The hidden job of the user's .gitlab-ci.yml that the generated jobs extend.
TEMPLATE = ".slipway"
#: GitLab's limit for ``needs``, unless its administrator raises it.
_MOST_NEEDS = 50


class Format(StrEnum):
    """Name the forms of a matrix."""

    JSON = "json"
    GITHUB = "github"
    GITLAB = "gitlab"


def as_json(matrix: Matrix, jobs: Sequence[Job], since: Revision) -> dict[str, Any]:
    """Return the matrix with the reasons for each image."""
    return {
        "since": since.ref,
        "commit": since.commit,
        "any": bool(matrix.entries),
        "count": len(matrix.entries),
        "images": [entry.as_json() for entry in matrix.entries],
        "levels": [list(names) for names in matrix.levels],
        "jobs": [job.as_json() for job in jobs],
    }


def github_lines(matrix: Matrix, jobs: Sequence[Job]) -> Iterator[str]:
    """Yield lines for the file ``$GITHUB_OUTPUT``.

    They hold names of images, numbers and booleans: no text of the repository, which a step could run as a script.
    """
    yield f"any={json.dumps(bool(matrix.entries))}"
    yield f"count={len(matrix.entries)}"
    yield f"images={' '.join(entry.image for entry in matrix.entries)}"
    yield f"levels={_dumped([list(names) for names in matrix.levels])}"
    include = [{"name": job.name, "images": " ".join(job.images), "level": job.level} for job in jobs]
    yield f"matrix={_dumped({'include': include})}"


def gitlab_lines(matrix: Matrix, jobs: Sequence[Job]) -> Iterator[str]:
    """Yield a line of YAML for each job of a child pipeline, to be appended to the file that has the job ``.slipway``.

    A pipeline without jobs is an error in GitLab, so an empty matrix gives a job that does nothing.
    """
    for job in jobs:
        needs = list(job.needs) if len(job.needs) <= _MOST_NEEDS else []
        content = {"extends": TEMPLATE, "variables": {"IMAGES": " ".join(job.images)}, "needs": needs}
        yield f"{json.dumps(job.name)}: {_dumped(content)}"
    if not jobs:
        nothing = {"extends": TEMPLATE, "before_script": [], "script": ["echo no image changed"], "needs": []}
        yield f'"nothing to build": {_dumped(nothing)}'


#: The forms that are lines of text.
LINES: Mapping[Format, Callable[[Matrix, Sequence[Job]], Iterator[str]]] = {
    Format.GITHUB: github_lines,
    Format.GITLAB: gitlab_lines,
}


def _dumped(content: object) -> str:
    """Return JSON of one line: a form that is YAML, too."""
    return json.dumps(content, separators=(", ", ": "))
