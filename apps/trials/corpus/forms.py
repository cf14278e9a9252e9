"""Try svc-forms: values that are none, numbers without an end, and too many findings."""

from __future__ import annotations

from typing import Any

from apps.trials.asking import Request
from apps.trials.frame import Hostile, Largest, Trial
from apps.trials.inputs.http import json_door, wire

FILL = "/forms/payment-order/fill"
NUMBER = {"kind": "invoice_number", "value": "INV-7", "text": "INV-7", "start": 0, "end": 5}
MONEY = {"kind": "amount", "value": "5", "text": "€5", "start": 0, "end": 2, "currency": "EUR"}


def answered(**answers: str) -> Hostile:
    return Hostile(lambda: Request(FILL, json={"answers": answers}))


def found(*fields: dict[str, Any], statuses: frozenset[int] | set[int] = frozenset({422}), **more: str) -> Hostile:
    return Hostile(lambda: Request(FILL, json={"fields": fields, **more}), statuses)


TRIAL = Trial(
    image="svc-forms",
    request=lambda number: Request(FILL, json={"fields": [NUMBER, MONEY], "answers": {"approved_by": f"Ada {number}"}}),
    largest=Largest(
        lambda number: Request(FILL, json={"fields": [MONEY] * 10_000, "text": f"€5 {number}".ljust(1_000_000)})
    ),
    hostile={
        **wire(FILL),
        **json_door(FILL, "text"),
        "an amount that fills the memory": answered(amount="EUR 1e300000000"),
        "an amount beyond all numbers": answered(amount="EUR 1e999999999999"),
        "an amount of a million digits": answered(amount="EUR " + "9" * 1_000_000),
        "an IBAN that is none": answered(iban="nonsense"),
        "an address that is none": answered(contact="nope"),
        "a date that is none": answered(due_date="yesterday"),
        "a field that is none": answered(**{"a" * 100: "x"}),
        "a thousand fields that are none": answered(**{f"a{one}": "x" for one in range(1000)}),
        "an alternative that is not a number": found(MONEY | {"alternatives": ["abc"]}),
        "a thousand alternatives": found(MONEY | {"alternatives": ["1"] * 1000}),
        "a finding that ends before its start": found(NUMBER | {"start": 9}),
        "a finding beyond the text": found(NUMBER | {"start": 10**300, "end": 10**300}, text="a"),
        "10,000 findings": found(*[MONEY] * 10_000, statuses={200}),
        "10,001 findings": found(*[MONEY] * 10_001),
        "10,000 kinds of findings": found(
            *(NUMBER | {"kind": f"kind {one}", "start": 999_995, "end": 10**6} for one in range(10_000)),
            text="x" * 999_995 + "INV-7",
            statuses={200},
        ),
        "a text without svc-extract": Hostile(lambda: Request(FILL, json={"text": "€1 " * 300_000})),
    },
)
