"""Tables in the forms in which testing machines export them, and files that are no tables."""

from __future__ import annotations

import math

import pytest
from svc_strain_seer import examples
from svc_strain_seer.table import MAX_LINES, Dialect, Unreadable, read

ROWS = [(0.001 * step, 2.5 * step) for step in range(30)]


def text(delimiter: str, decimal: str, head: str = "") -> str:
    lines = [delimiter.join(f"{value:.4f}".replace(".", decimal) for value in row) for row in ROWS]
    return head + "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("delimiter", "decimal"), [(";", ","), (";", "."), ("\t", ","), ("\t", "."), (",", "."), ("|", "."), (" ", ",")]
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_the_delimiter_the_decimal_mark_and_the_encoding_are_found(delimiter: str, decimal: str, encoding: str) -> None:
    head = delimiter.join(["Verlängerung[%]", "Spannung[MPa]"]) + "\n"
    table = read(text(delimiter, decimal, head).encode(encoding))
    assert table.dialect == Dialect(delimiter, decimal)
    assert [(column.name, column.spelled) for column in table.columns] == [("Verlängerung", "%"), ("Spannung", "MPa")]
    strain, stress = zip(*ROWS, strict=True)
    assert [column.values.tolist() for column in table.columns] == [pytest.approx(strain), pytest.approx(stress)]


def test_numbers_in_quotes_may_have_decimal_commas_between_commas() -> None:
    data = "strain,stress\n" + "".join(f'"{step},5","1.{step:03},25"\n' for step in range(20))
    table = read(data.encode())
    assert table.dialect == Dialect(",", ",")
    assert table.columns[1].values[3] == 1003.25


@pytest.mark.parametrize(
    ("head", "names"),
    [
        ("Strain (%);Stress (MPa)\n", [("Strain", "%"), ("Stress", "MPa")]),
        ("strain_mm/mm;stress_MPa\n", [("strain", "mm/mm"), ("stress", "MPa")]),
        ("Strain / %;Stress in ksi\n", [("Strain", "%"), ("Stress", "ksi")]),
        ("true_strain;true_stress\n", [("true_strain", ""), ("true_stress", "")]),
        ("Test 7\nOperator;Ada\nWeg;Kraft\nmm;kN\n", [("Weg", "mm"), ("Kraft", "kN")]),
        ("Weg;Kraft\n[mm];(kN)\n", [("Weg", "mm"), ("Kraft", "kN")]),
        ("", [("column 1", ""), ("column 2", "")]),
    ],
)
def test_names_and_units_come_from_the_lines_before_the_numbers(head: str, names: list[tuple[str, str]]) -> None:
    table = read(text(";", ",", head).encode())
    assert [(column.name, column.spelled) for column in table.columns] == names


def test_lines_without_numbers_are_counted_and_missing_cells_are_nan() -> None:
    table = read((text(";", ".") + "\nbreak\n0.5;\n;7\n;;\nnan;inf\n").encode())
    assert table.skipped == 3
    assert table.columns[0].values[-2] == 0.5 and math.isnan(table.columns[1].values[-2])
    assert math.isnan(table.columns[0].values[-1]) and table.columns[1].values[-1] == 7


def test_a_given_format_is_used() -> None:
    data = text(";", ",").encode()
    assert read(data, Dialect(";", ",")).dialect == Dialect(";", ",")
    with pytest.raises(Unreadable, match="with this delimiter"):
        read(data, Dialect("\t", "."))


def test_a_machine_s_export_is_read() -> None:
    table = read(examples.as_csv(examples.pull(examples.STEEL)))
    assert [(column.name, str(column.unit)) for column in table.columns] == [
        ("Verlängerung", "mm"),
        ("Standardkraft", "kN"),
    ]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "the file is empty"),
        (b" \n\t\n", "the file is empty"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "binary"),
        (b"PK\x03\x04\x14\x00\x06\x00", "binary"),
        (b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\n", "no lines of two or more numbers"),
        (b"just words\nand more\n", "no lines of two or more numbers"),
        (b"1\n2\n3\n", "no lines of two or more numbers"),
        (b"nan;nan\n" * 50, "no lines of two or more numbers"),
        (b"1;2\n" * (MAX_LINES + 1), "at most 200,000"),
        (b"\n" * 5_000_000, "empty"),
        (b"1\r" * (MAX_LINES + 1), "at most 200,000"),
        (b"1;" * 1_000_000 + b"\n", "a line has 2,000,0"),
        (b",".join([b"1"] * 200) + b"\n", "200 columns, at most 64"),
        (b"0;" * 20_000_000, "a line has 40,000,000"),
        (b'"' * 9_000 + b"\n", "no lines of two or more numbers"),
        ((b";".join([b"1"] * 60) + b"\n") * 40_000, "more than 2,000,000 cells"),
        (b"\xff\xfe\x00", "no lines of two or more numbers"),
        (b"\xfe\xff\xd8\x00", "no lines of two or more numbers"),
    ],
    ids=lambda value: value[:12] if isinstance(value, bytes) else None,
)
def test_a_file_that_is_not_a_table_is_refused_with_its_reason(data: bytes, said: str) -> None:
    with pytest.raises(Unreadable, match=said):
        read(data)


def test_a_quote_that_never_ends_swallows_one_line_only() -> None:
    table = read((text(";", ".") + '"0.5;1\n' + "0.6;2\n").encode())
    assert table.columns[1].values[-1] == 2
