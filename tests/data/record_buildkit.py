"""``python -m tests.data.record_buildkit``: record BuildKit's answers about Dockerfiles for the unit tests.

The cases are those of the integration tests, which ask BuildKit each time; here they help tests without an engine
(and mutation testing) to know its answers.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings

from slipway.core.errors import UsageError
from slipway.dockerfile import parse, read
from tests.integration import test_dockerfile_oracle as oracle
from tests.properties import test_dockerfiles as generated

FILE = Path(__file__).parent / "buildkit.json"
COUNT = 120


def made_files() -> list[str]:
    """Texts from the strategy of the property test."""
    found: dict[str, None] = {}

    @seed(1)
    @settings(max_examples=COUNT, phases=[Phase.generate], database=None, suppress_health_check=list(HealthCheck))
    @given(generated.dockerfiles().filter(lambda text: generated.stands_on_scratch((text, {}))))
    def gather(text: str) -> None:
        found[text] = None

    gather()
    return list(found)


def is_taken(text: str) -> bool:
    try:
        read(parse(text))
    except UsageError:
        return False
    return True


def left_in(context: Path, text: str) -> list[str]:
    """The files of the oracle's tree that a build is sent with this .dockerignore."""
    for path in oracle.TREE:
        (context / path).parent.mkdir(parents=True, exist_ok=True)
        (context / path).write_text("")
    (context / ".dockerignore").write_text(text, newline="")
    return sorted(oracle.result(context, "FROM scratch\nCOPY . /\n"))


def entries(found: list[Any]) -> str:
    return ",\n".join(map(json.dumps, found))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        context = Path(folder)
        words = [*oracle.WORDS, *(word for word in oracle.made_words(400) if not word.endswith("\\"))]
        taken = [word for word in words if oracle.expanded(word) is not None]
        values = oracle.labels(context, taken)
        assert values is not None
        outlines: list[list[Any]] = []
        for text in [*oracle.OUTLINES, *oracle.made_outlines(30)]:
            names = oracle.outline(context, text)
            outlines.append([text, names and [sorted(part) for part in names]])
        files = [text for text in made_files() if is_taken(text)]
        answers = generated.theirs([(text, {}) for text in files], context)
        whole = [
            [t, [sorted(a.args), sorted(a.secrets), a.user, a.stages]] for t, a in zip(files, answers, strict=True)
        ]
    with tempfile.TemporaryDirectory() as folder:
        ignores = [[text, left_in(Path(folder), text)] for text in [*oracle.IGNORES, *oracle.made_ignores(30)]]
    content: dict[str, list[Any]] = {
        "words": list(zip(taken, values, strict=True)),
        "outlines": outlines,
        "tree": [*oracle.TREE, ".dockerignore"],
        "ignores": ignores,
        "files": whole,
    }
    lines = [f"{json.dumps(key)}: [\n{entries(content[key])}\n]" for key in content]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
