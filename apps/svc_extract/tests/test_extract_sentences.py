"""Test the findings in a fixed set of sentences: none is missing, and none is wrong.

The tables are the measure of the extraction. A sentence that was once read wrongly belongs here.
"""

from __future__ import annotations

import pytest
from svc_extract.extract import extract
from svc_extract.findings import Finding

#: Sentence → its findings as ``kind value currency``, with ``or`` before each alternative, and ``invalid``.
SENTENCES: dict[str, list[str]] = {
    # amounts
    "The fee is 1.234,56 € per year.": ["amount 1234.56 EUR"],
    "We paid $1,234.56 in cash.": ["amount 1234.56 USD"],
    "Pauschal 12,- EUR, sonst 15,-- €.": ["amount 12 EUR", "amount 15 EUR"],
    "Eintritt CHF 12.– oder EUR 11,-.": ["amount 12 CHF", "amount 11 EUR"],
    "Tickets are €5–10 each.": ["amount 5 EUR", "amount 10 EUR"],
    "A room costs $80-120 a night.": ["amount 80 USD", "amount 120 USD"],
    "Der Preis beträgt 20 – 30 €.": ["amount 20 EUR", "amount 30 EUR"],
    "They asked for $5–10 million.": ["amount 5000000 USD", "amount 10000000 USD"],
    "It is worth 1,000.00 dollars.": ["amount 1000.00 USD"],
    "About 2 million US dollars were lost.": ["amount 2000000 USD"],
    "The dividend is $1.070 per share.": ["amount 1.070 USD or 1070"],
    "The dividend is $1,070 per share.": ["amount 1070 USD"],
    "Der Wagen kostet 12.500 €.": ["amount 12500 EUR"],
    "Sales were $1.234 billion.": ["amount 1234000000.000 USD or 1234000000000"],
    "Der Umsatz lag bei 1,234 Mrd. €.": ["amount 1234000000.000 EUR or 1234000000000"],
    "Der Umsatz lag bei 1.234 Mio. €.": ["amount 1234000000 EUR"],
    "A refund of -12,50 € was made.": ["amount -12.50 EUR"],
    "The bill came to £0.99.": ["amount 0.99 GBP"],
    "It costs 1 234 567,89 PLN.": ["amount 1234567.89 PLN"],
    # tables of annual reports
    "Total net sales\n$\n51,217\n$\n48,003": ["amount 51217 USD", "amount 48003 USD"],
    "Net loss $ (4,841) and $(36)": ["amount -4841 USD", "amount -36 USD"],
    "Operating loss\n$\n(4,841)\nNet income\n$\n385": ["amount -4841 USD", "amount 385 USD"],
    "Revenue $\n51,217": ["amount 51217 USD"],
    "(in millions of $)\n2026 2025": [],
    "Price in $\n2026\n2025": [],
    "All prices are in $\n12 months ended": [],
    "Price in $ (1)": [],
    "A fine of some ($5) was due.": ["amount 5 USD"],
    # not amounts
    "Version 1.2.3 has 1234 lines.": [],
    "Use 12,34,567.8 € nowhere.": [],
    "A$AP and EURO 5 are names.": [],
    "The year 2026 had 365 days.": [],
    # dates
    "Due on 31/12/26.": ["date 2026-12-31"],
    "Due on 3/4/26.": ["date 2026-04-03 or 2026-03-04"],
    "Born on 25/12/71.": ["date 1971-12-25"],
    "Printed 2026/04/05, late.": ["date 2026-04-05"],
    "Am 3. März 2026 und am 04.05.2026.": ["date 2026-03-03", "date 2026-05-04"],
    "See /2026/04/05/index.html and 24/7/365.": [],
    "Slices are 50/30/20, or 1/2/3.": [],
    # IBANs
    "Pay to DE89 3704 0044 0532 0130 00.": ["iban DE89370400440532013000"],
    "Pay to de89370400440532013000 soon.": ["iban DE89370400440532013000"],
    "Pay to de89 3704 0044 0532 0130 00 soon.": ["iban DE89370400440532013000"],
    "Pay to DE89-3704-0044-0532-0130-00 soon.": ["iban DE89370400440532013000"],
    "Pay to GB29 NWBK 6016 1331 9268 19.": ["iban GB29NWBK60161331926819"],
    "Pay to DE89 3704 0044 0532 0130 01.": ["iban DE89370400440532013001 invalid"],
    "The part de12-3456-7890-1234-5678-90 is old.": [],
    "We met at12 and then no34 came by to see us all.": [],
    # VAT numbers
    "VAT GB123456789, VAT GB 123 4567 89.": ["vat_id GB123456789", "vat_id GB123456789"],
    "Our VAT no is ATU12345678.": ["vat_id ATU12345678"],
    "CUI RO12345678 of Bucharest.": ["vat_id RO12345678"],
    "RO 25 and RO 2024 are not numbers.": [],
    "Flight DE 1234 lands.": [],
    # invoice numbers
    "The invoice number is INV-77.": ["invoice_number INV-77"],
    "Our invoice number is 20 digits long.": [],
    "Die Rechnungsnummer lautet RE-2026-17.": ["invoice_number RE-2026-17"],
    "Invoice No. INV-2026-0042.": ["invoice_number INV-2026-0042"],
    "Invoice: 4711 of 3 March 2026": ["invoice_number 4711", "date 2026-03-03"],
    "Invoice: 2026-0042": ["invoice_number 2026-0042"],
    "Invoice: 03.03.2026": ["date 2026-03-03"],
    "Invoice: 1,200.50 EUR": ["amount 1200.50 EUR"],
    "Invoice: 1200 EUR": ["amount 1200 EUR"],
    "Bill: 20 years old, and Bill: 2000 years old.": [],
    "Bill: $20": ["amount 20 USD"],
    # e-mail addresses
    "Write to First.Last+tag@Mail.Example.ORG.": ["email First.Last+tag@mail.example.org"],
    "Write to a@b or @x.org.": [],
}


def shown(finding: Finding) -> str:
    currency = f" {finding.currency}" if finding.currency else ""
    others = "".join(f" or {value}" for value in finding.alternatives)
    return f"{finding.kind} {finding.value}{currency}{others}{'' if finding.valid else ' invalid'}"


@pytest.mark.parametrize("sentence", SENTENCES)
def test_a_sentence_has_these_findings_and_no_others(sentence: str) -> None:
    found = extract(sentence, most=100)
    assert [shown(finding) for finding in found] == SENTENCES[sentence]
    assert all(sentence[finding.start : finding.end] == finding.text for finding in found)


def test_both_amounts_of_a_range_have_their_place() -> None:
    assert [finding.text for finding in extract("It is €5–10.", most=10)] == ["€5", "10"]
    assert [finding.text for finding in extract("Es sind 5 – 10 €.", most=10)] == ["5", "10 €"]
