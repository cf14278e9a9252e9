"""docs/performance.* and docs/measurements.md: the samples as JSON, and the picture and the tables drawn from it.

The words around the tables stay.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.bench import samples, table
from tests.bench.picture import picture
from tests.bench.samples import Results
from tests.bench.summary import summary

_DRAWN = re.compile(r"(?<=<!-- drawn from performance\.json -->\n).*?(?=<!-- end -->)", re.DOTALL)


def dumps(results: Results) -> str:
    return json.dumps(samples.as_json(results), indent=1) + "\n"


def loads(text: str) -> Results:
    return samples.from_json(json.loads(text))


def overview(results: Results) -> str:
    """Return the text between the marks of performance.md: one table."""
    return f"\n{table.markdown(summary(results))}\n\n"


def figures(results: Results) -> str:
    """Return the text between the marks of measurements.md: every target and every series."""
    facts = " · ".join(f"{name} {value}" for name, value in results.machine.items())
    parts = [table.markdown(found) for found in (table.judged(results), table.times(results), table.others(results))]
    missing = [table.unmeasured(results)] if table.unmeasured(results) else []
    return "\n" + "\n\n".join([f"Taken on: {facts}.", *missing, *parts]) + "\n\n"


def drawn(document: str, content: str) -> str:
    """Return ``document`` with ``content`` between its marks, and the same words around them."""
    return _DRAWN.sub(lambda _: content, document)


def write(docs: Path, newer: Results) -> None:
    """Join ``newer`` to what docs/performance.json has, and draw all from it."""
    kept = docs / "performance.json"
    results = loads(kept.read_text("utf-8")).joined(newer) if kept.exists() else newer
    kept.write_text(dumps(results), "utf-8")
    (docs / "performance.svg").write_text(picture(results), "utf-8")
    for name, content in (("performance.md", overview(results)), ("measurements.md", figures(results))):
        page = docs / name
        page.write_text(drawn(page.read_text("utf-8"), content), "utf-8")
