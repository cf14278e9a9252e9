"""Try svc-extract: texts that lead its regular expressions a long way, and texts with too many findings."""

from __future__ import annotations

from apps.trials.asking import Request
from apps.trials.frame import Hostile, Largest, Trial
from apps.trials.inputs.http import json_door, wire

LONGEST = 1_000_000
LINE = "Invoice No. {}: 1.234,56 € due 04/03/2026. "
#: So many findings of so long a text are answered.
LONG_LINE = LINE + "It lists the crates that were delivered to the harbour. " * 5


def of(piece: str, statuses: frozenset[int] | set[int] = frozenset({200}), length: int = LONGEST) -> Hostile:
    """Return a text of ``length`` characters that repeats ``piece``."""
    return Hostile(lambda: Request("/extract", json={"text": piece * (length // len(piece))}), statuses)


TRIAL = Trial(
    image="svc-extract",
    request=lambda number: Request("/extract", json={"text": LINE.format(number) * 40}),
    largest=Largest(lambda number: Request("/extract", json={"text": (LONG_LINE.format(number) * 4000)[:LONGEST]})),
    hostile={
        **wire("/extract"),
        **json_door("/extract", "text"),
        "an empty text": of(" ", {422}, 100),
        "a text too long": of("x", {413}, LONGEST + 1),
        "blocks of three digits": of("123 "),
        "separators between digits": of("1,"),
        "one number": of("7"),
        "grouped numbers": of("123 456.7 "),
        "one word before an @": of("a"),
        "addresses without an end": of("a@a."),
        "dots": of("a."),
        "invoices without a number": of("Invoice No. "),
        "an invoice and blanks": of("Invoice: " + " " * 9_000),
        "IBANs that are none": of("DE89 "),
        "dates that are none": of("31/02/26 "),
        "currencies without a number": of("$\n"),
        "a third of a million amounts": of("€1 ", {422}),
        "a million brackets": of("("),
    },
)
