"""The page: choose a file, say what Streamlit cannot know, see the curve and its properties, take them home."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath

import streamlit as st

from svc_strain_seer import chart, examples, report
from svc_strain_seer.analysis import Accuracy, Findings, analyse
from svc_strain_seer.curve import ACROSS, UP, Curve, Specimen, Unusable, make_curve, offer_units, propose
from svc_strain_seer.table import DIALECTS, Column, Dialect, Table, Unreadable, read
from svc_strain_seer.units import Quantity, Unit

_DELIMITERS = {";": "semicolon", "\t": "tab", "|": "bar", ",": "comma", " ": "white space"}
_MARKS = {".": "point", ",": "comma"}


@dataclass(frozen=True)
class Source:
    """Hold a file's name and bytes, and the specimen's size where the page knows it."""

    name: str
    data: bytes
    specimen: Specimen


@st.cache_data(max_entries=4, show_spinner=False)
def example() -> bytes:
    return examples.as_csv(examples.pull(examples.STEEL, noise=(4e-6, 0.5), seed=1))


@st.cache_data(max_entries=8, show_spinner="Reading the file …")
def table_of(data: bytes, dialect: Dialect | None) -> Table:
    return read(data, dialect)


def main() -> None:
    st.set_page_config(page_title="strain-seer", page_icon=":material/show_chart:", layout="wide")
    st.title("strain-seer", anchor=False)
    source = choose_source()
    if source is None:
        introduce()
        return
    try:
        table = choose_table(source.data)
        curve = choose_curve(table, source.specimen)
        findings = choose_analysis(curve)
    except (Unreadable, Unusable) as error:
        st.error(f"{source.name}: {error}", icon=":material/error:")
        return
    if findings:
        show(source, table, curve, findings)


def introduce() -> None:
    st.markdown(
        "Choose the CSV file of a **tensile test** on the left: strain and stress, or extension and force. strain-seer "
        "finds the delimiter, the decimal mark and the units, and asks for those that the file does not name.\n\n"
        "You get Young’s modulus with its fit range, the 0.2 % offset yield strength, the ultimate tensile strength "
        "and the elongation, each with its uncertainty. The file stays in this server’s memory for as long as the "
        "page is open."
    )


def choose_source() -> Source | None:
    with st.sidebar:
        st.subheader("Test", anchor=False)
        uploaded = st.file_uploader("CSV file", type=["csv", "txt", "tsv", "dat", "asc"], key="file")
        if uploaded is not None:
            return Source(PurePath(uploaded.name).name[:80], uploaded.getvalue(), Specimen())
        if st.toggle("Show an example", key="example", help="A computed test of steel: extension in mm, force in kN"):
            return Source("example.csv", example(), Specimen(area=50.0, gauge_length=50.0))
    return None


def choose_table(data: bytes) -> Table:
    """Read the file, in the dialect that it seems to have or that the user chose."""
    with st.sidebar, st.expander("Format"):
        chosen = st.selectbox("Columns and decimals", [None, *DIALECTS], format_func=_dialect_name, key="dialect")
    table = table_of(data, chosen)
    with st.sidebar:
        skipped = f", {table.skipped} lines without numbers" if table.skipped else ""
        rows = len(table.columns[0].values)
        st.caption(f"{rows:,} rows, {len(table.columns)} columns; {_dialect_name(table.dialect)}{skipped}")
    return table


def choose_curve(table: Table, known: Specimen) -> Curve:
    with st.sidebar:
        across, across_unit = choose_column(table, "Strain or extension", ACROSS)
        up, up_unit = choose_column(table, "Stress or force", UP)
        if across_unit is None or up_unit is None:
            raise Unusable("choose the units that the file does not name")
        specimen = Specimen(
            choose_size("Cross section (mm²)", "area", known.area) if up_unit.quantity is Quantity.FORCE else 0.0,
            choose_size("Gauge length (mm)", "gauge", known.gauge_length)
            if across_unit.quantity is Quantity.EXTENSION
            else 0.0,
        )
    return make_curve(across, across_unit, up, up_unit, specimen)


def choose_column(table: Table, label: str, quantities: tuple[Quantity, Quantity]) -> tuple[Column, Unit | None]:
    """Return the column and its unit: those of the file, unless the user chooses others. Ask for an unknown unit."""
    columns, proposed = list(range(len(table.columns))), propose(table, quantities)
    place = st.selectbox(label, columns, proposed, format_func=lambda one: table.columns[one].name, key=label)
    column = table.columns[place]
    units = offer_units(column, quantities)
    known = units.index(column.unit) if column.unit in units else None
    key = f"{label} {place} unit"
    unit = st.selectbox(f"Unit of {column.name}", units, known, placeholder="Choose the unit", key=key)
    return column, unit


def choose_size(label: str, key: str, known: float) -> float:
    return float(st.number_input(label, 0.0, 1e6, known, format="%.4g", key=key))


def choose_analysis(curve: Curve) -> Findings:
    with st.sidebar, st.expander("Uncertainty"):
        st.caption("Largest errors of the instruments. Class 1 of ISO 7500-1 and ISO 9513 allows 1 %.")
        force = st.number_input("Force (± %)", 0.0, 10.0, 1.0, 0.1, key="force accuracy")
        extension = st.number_input("Extension (± %)", 0.0, 10.0, 1.0, 0.1, key="extension accuracy")
    accuracy = Accuracy(force / 100, extension / 100)
    with st.sidebar, st.expander("Fit range"):
        own = st.toggle("Choose the range", key="own range", help="ISO 6892-1: 10 % to 40 % of the yield strength")
        if not own:
            return analyse(curve, accuracy)
        top = float(curve.stress.max())
        low, high = st.slider("Stress (MPa)", 0.0, top, (0.1 * top, 0.3 * top), key="range")
    return analyse(curve, accuracy, (low, high))


def show(source: Source, table: Table, curve: Curve, findings: Findings) -> None:
    figure = chart.draw(curve, findings, source.name)
    picture = chart.as_bytes(figure, "png")
    shown = {found.symbol: found for found in findings.properties}
    for place, symbol in zip(st.columns(4), ("E", "Rp0.2", "Rm", "A"), strict=True):
        found = shown[symbol]
        value, uncertainty = report.rounded(found.value, found.expanded)
        place.metric(f"{found.name}, {symbol}", f"{value} {found.unit}" if uncertainty else value)
        place.caption(f"± {uncertainty} {found.unit}" if uncertainty else found.note)
    st.image(picture, width="stretch")
    widths = {"Property": 200, "Symbol": 70, "Value": 80, "Uncertainty": 100, "Unit": 60, "Note": 330}
    columns = {name: st.column_config.TextColumn(width=width) for name, width in widths.items()}
    st.dataframe(rows(findings), hide_index=True, width="stretch", column_config=columns)
    st.caption(
        "Uncertainties are expanded, with a coverage factor of 2 (about 95 %). They combine scatter, the choice of the "
        "fit range, resolution and the accuracy of the instruments."
    )
    offer(source, table, findings, picture, lambda: chart.as_bytes(figure, "svg"))


def rows(findings: Findings) -> list[dict[str, str]]:
    found = []
    for one in findings.properties:
        value, uncertainty = report.rounded(one.value, one.expanded)
        found.append(
            {
                "Property": one.name,
                "Symbol": one.symbol,
                "Value": value,
                "Uncertainty": f"± {uncertainty}" if uncertainty else "",
                "Unit": one.unit,
                "Note": one.note,
            }
        )
    return found


def offer(source: Source, table: Table, findings: Findings, png: bytes, svg: Callable[[], bytes]) -> None:
    """Offer the results as files. The page draws the vectors only for a person who wants them."""
    stem = PurePath(source.name).stem or "test"
    fit = findings.fit
    choices = {
        "file": source.name,
        "format": _dialect_name(table.dialect),
        "fit_range_mpa": [fit.low, fit.high],
        "fit_points": fit.line.points,
    }
    table_of_results = report.as_csv(findings.properties)
    everything = report.as_json(findings.properties, choices)
    files: tuple[tuple[str, str, str | bytes | Callable[[], bytes]], ...] = (
        ("csv", "text/csv", table_of_results),
        ("json", "application/json", everything),
        ("png", "image/png", png),
        ("svg", "image/svg+xml", svg),
    )
    for place, (form, kind, data) in zip(st.columns(4), files, strict=True):
        name, icon = f"{stem}-properties.{form}", ":material/download:"
        place.download_button(form.upper(), data, name, kind, icon=icon, width="stretch", key=form)


def _dialect_name(dialect: Dialect | None) -> str:
    if dialect is None:
        return "as the file has them"
    return f"{_DELIMITERS[dialect.delimiter]}, decimal {_MARKS[dialect.decimal]}"


if __name__ == "__main__":
    main()
