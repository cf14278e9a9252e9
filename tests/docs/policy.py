"""Write docs/policy.md: the rules of policy, from ``slipway.core.rules``.

python -m tests.docs.policy > docs/policy.md
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from slipway.core.rules import ALLOWABLE, EXPLANATIONS, PAGE, STRICT, Explanation, Rule

DOCUMENT = Path(__file__).parents[2] / PAGE
_HEAD = """\
# Policy

Made by `python -m tests.docs.policy > docs/policy.md`; a test keeps it true.

slipway refuses an image that breaks one of these rules (exit 10). The error names the file, the line, the rule, and the
line of the table that lets the image pass. A plan finds what is in Dockerfiles and in the files that they read, before
slipway contacts anything; `smoke` checks `root` and `setuid`, and `scan` checks
`vulnerability`. Other images are planned and built.

## Set a rule aside

A table is for the image of its name, a text is for all images. Each has a reason.

```toml
[tool.slipway.allow]
frontend = "the company's own frontend moves with its tag"
svc-x = { download = "the vendor has no other way", "context-file:certs/test.key" = "of the tests" }
```

`invoke config` shows the reasons. `run.json` of a run has them, too: `allowed` of each image lists rule, place and
reason. `invoke plan --json` lists all findings as `policy`.

## Adopt first, tighten later

`invoke plan --policy note`, or `policy = "note"` in the table, notes what the rules refuse, and goes on. `--policy
refuse` overrides the table, in CI for instance. Each note is a line; slipway shows the first three of each rule.

"""


def document() -> str:
    """Return the text of docs/policy.md."""
    strict = " and ".join(f"`{rule}`" for rule in STRICT)
    rows = "".join(f"| [`{rule}`](#{rule}) | {_summary(EXPLANATIONS[rule])} |\n" for rule in Rule)
    table = f'`policy = "note"` does not change {strict}.\n\n| rule | what it refuses |\n|---|---|\n{rows}'
    return _HEAD + table + "".join(part for rule in Rule for part in _section(rule, EXPLANATIONS[rule]))


def _summary(rule: Explanation) -> str:
    return rule.refuses or f"nothing; it notes {rule.notes}"


def _section(rule: Rule, told: Explanation) -> Iterator[str]:
    yield f"\n## {rule}\n\n"
    yield f"Refuses {told.refuses}.\n\n" if told.refuses else ""
    yield f"Notes {told.notes}.\n\n" if told.notes else ""
    yield f"```dockerfile\n{told.example}\n```\n\n{told.why}\n\n"
    yield f"**Fix.** {told.fix}\n\n**Allow.** {_allow(rule, told)}\n"


def _allow(rule: Rule, told: Explanation) -> str:
    if rule not in ALLOWABLE:
        return "Nothing can allow it."
    whole = "" if rule in (Rule.CONTEXT_FILE, Rule.VULNERABILITY) else f'`svc-x = {{ {rule} = "why" }}`'
    path = f'`svc-x = {{ "{rule}:{told.path}" = "why" }}`' if told.path else ""
    if not path:
        return whole
    if rule is Rule.VULNERABILITY:
        return f"{path}: the id of an advisory, or one of its aliases."
    if not whole:
        return f'{path}; the path is from the context, and may be a folder: `"{rule}:.git" = "why"`.'
    return f"{whole}, or {path} for one path."


if __name__ == "__main__":
    sys.stdout.write(document())
