"""Render a filled form as a page that a person can print, check and sign.

All text from documents and clients is escaped.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape

from svc_forms.candidates import Candidate
from svc_forms.definitions import Field
from svc_forms.fill import Filling

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<style>
body {{ font: 1rem/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 46rem }}
th {{ font-weight: normal; text-align: left; vertical-align: top; padding-right: 2rem }}
small, .missing {{ color: #767676 }}
.conflict {{ color: #b00020 }}
</style>
</head>
<body>
<h1>{title}</h1>
<p>{status}</p>
<table>
{rows}
</table>
</body>
</html>
"""


def render_html(filling: Filling) -> str:
    """Return the form as a complete HTML page."""
    rows = "\n".join(_html_row(filling, entry) for entry in filling.form.fields)
    return _PAGE.format(title=escape(filling.form.title), status=escape(_status(filling)), rows=rows)


def render_text(filling: Filling) -> str:
    """Return the form as plain text, one field per line. Characters that cannot be printed are escaped."""
    width = max(len(entry.label) for entry in filling.form.fields)
    lines = [filling.form.title, "=" * len(filling.form.title), _status(filling), ""]
    lines += [f"{entry.label:<{width}}  {'; '.join(_cells(filling, entry, _plain))}" for entry in filling.form.fields]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _status(filling: Filling) -> str:
    if filling.complete:
        return "Complete."
    labels = {entry.id: entry.label for entry in filling.form.fields}
    parts = []
    if filling.missing:
        parts.append("Missing: " + ", ".join(labels[name] for name in filling.missing) + ".")
    if filling.conflicts:
        parts.append("To decide: " + ", ".join(labels[name] for name in filling.conflicts) + ".")
    return " ".join(parts)


def _html_row(filling: Filling, entry: Field) -> str:
    cells = "<br>".join(_cells(filling, entry, _html))
    state = "conflict" if entry.id in filling.conflicts else "value" if entry.id in filling.values else "missing"
    return f'<tr><th scope="row">{escape(entry.label)}</th><td class="{state}">{cells}</td></tr>'


def _cells(filling: Filling, entry: Field, show: Callable[[Candidate], str]) -> list[str]:
    if entry.id in filling.values:
        return [show(candidate) for candidate in filling.values[entry.id]]
    if entry.id in filling.conflicts:
        return [f"? {show(candidate)}" for candidate in filling.conflicts[entry.id]]
    if entry.id in filling.rejected:
        return [f"invalid: {show(candidate)}" for candidate in filling.rejected[entry.id]]
    return ["missing" if entry.required else "–"]


def _html(candidate: Candidate) -> str:
    source = f" <small>from “{escape(candidate.text)}”</small>" if candidate.start is not None else ""
    return escape(_value(candidate)) + source


def _plain(candidate: Candidate) -> str:
    source = f" (from “{candidate.text}”)" if candidate.start is not None else ""
    shown = _value(candidate) + source
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in shown)


def _value(candidate: Candidate) -> str:
    return f"{candidate.currency} {candidate.value}" if candidate.currency else candidate.value
