"""Write docs/errors.md: the codes of slipway's errors, from the classes and the tables in the code.

python -m tests.docs.errors > docs/errors.md
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import slipway
from slipway.core.errors import SlipwayError
from slipway.core.problems import Cause, Known, Table

DOCUMENT = Path(__file__).parents[2] / "docs/errors.md"
_HEAD = """\
# Error codes

Made by `python -m tests.docs.errors > docs/errors.md`; a test keeps it true.

Every error of slipway has an exit code, which says where it went wrong, and a `code`, which says why. Both are stable.
With `--json` a task that fails prints both, as does `run.json` of the run:

```json
{"ok": false, "exit_code": 7, "code": "registry-denied", "error": "…", "hint": "…", "log": "…", "problems": […]}
```

`code` is that of the first of the `problems`, and each problem has its own. A refusal of policy has the code of its
rule ([policy](policy.md)).

## By exit code

An error that slipway does not know more closely has the code of its kind.

| exit | code | meaning |
|---|---|---|
"""
_REPORTED = """
## Known errors of other programs

slipway recognizes these by a pattern in the other program's text, whatever the case, or by its status. Then slipway
says the text, or its own words for it. slipway fills `{…}` in.
"""
_CAUSES = """
## Causes that slipway finds itself
"""
_COLUMNS = "| code | found by | slipway says | hint |\n|---|---|---|---|\n"


def kinds() -> Iterator[type[SlipwayError]]:
    """Yield the classes of errors that have a code of their own, by exit code."""
    found: list[type[SlipwayError]] = [SlipwayError]
    for kind in found:
        found += kind.__subclasses__()
    coded = [kind for kind in found if "kind" in vars(kind)]
    yield from sorted(
        coded, key=lambda kind: (kind.exit_code, kind.__module__ != SlipwayError.__module__, kind.__module__)
    )


def modules() -> Iterator[str]:
    """Yield the names of slipway's modules, without the tests that slipway brings."""
    for module in pkgutil.walk_packages(slipway.__path__, "slipway."):
        if not module.name.startswith("slipway.testing.checks"):
            yield module.name


def tables() -> Mapping[str, Table]:
    """Return the tables of known errors, by module and name."""
    found: dict[str, Table] = {}
    for name in modules():
        for variable, value in vars(importlib.import_module(name)).items():
            if isinstance(value, Table) and all(value is not other for other in found.values()):
                found[f"{name}.{variable}"] = value
    return dict(sorted(found.items(), key=lambda item: item[1].source.lower()))


def document() -> str:
    """Return the text of docs/errors.md."""
    list(map(importlib.import_module, modules()))
    parts = [_HEAD]
    for kind in kinds():
        parts.append(f"| {kind.exit_code} | `{kind.kind}` | {_first_line(kind)} |\n")
    parts.append(_CAUSES)
    for causes in sorted(Cause.__subclasses__(), key=lambda causes: (causes.__module__, causes.__name__)):
        parts.append(f"\n{_first_line(causes)}\n\n| code | meaning |\n|---|---|\n")
        parts += [f"| `{cause}` | {_plain(cause.meaning)} |\n" for cause in causes]
    parts.append(_REPORTED)
    for table in tables().values():
        parts.append(f"\n### Reported by {table.source}\n\n{_COLUMNS}")
        parts += [
            _row(row, "anything else" if row is table.otherwise else "") for row in (*table.rows, table.otherwise)
        ]
    return "".join(parts)


def _first_line(kind: type[SlipwayError | Cause]) -> str:
    said = re.sub(r"^(?:Report (?:that )?|Name )", "", (inspect.getdoc(kind) or "").partition("\n")[0])
    return said[:1].upper() + said[1:]


def _row(row: Known, found: str) -> str:
    pattern = "`" + row.pattern.replace("|", r"\|") + "`" if row.pattern else found
    return f"| `{row.code}` | {pattern} | {_plain(row.said) or 'the text'} | {_plain(row.hint) or '–'} |\n"


def _plain(text: str) -> str:
    return text.replace("|", r"\|").replace("<", r"\<")


if __name__ == "__main__":
    sys.stdout.write(document())
