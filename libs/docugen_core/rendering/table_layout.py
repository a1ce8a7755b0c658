"""What a `*.table.toml` says: which rows, which columns, what type each value has. Read strictly, knows no data.

    title = "Lines"                   # the sheet
    rows = "lines"                    # path in the data, to an array of objects
    bom = false                       # CSV only: begin with a byte order mark (for Excel)
    localized = false                 # CSV only: the locale's figures and days instead of `1234.50` and `2026-09-30`

    [[columns]]
    header_label = "columns.amount"   # a path in the labels; `header = "Amount"` for a fixed text
    value = "amount"                  # path in the row
    type = "money"                    # text (default), integer, decimal, money, date, percent ("20" is 20 %)
    currency = "currency"             # money: path in the row, else in the data
    labels = "categories"             # text: the value is a key in these labels, the cell has its text
    decimals = 2                      # decimal, percent: digits after the point; default: as many as the data has
    width = 14                        # XLSX, in characters
    optional = true                   # absent, null and "" are an empty cell; otherwise they are an error

    [[summary]]                       # rows below the table
    label = "Total"                   # in the first column that has no value here
    values = { amount = "totals.amount" }   # column's `value` -> path in the data

Every text may be given as `<key>_label` instead: a path in the labels. `tables.fill_table` brings layout and data together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from docugen_core.rendering.strict_toml import TomlProblem, TomlTable


class ColumnType(Enum):
    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    MONEY = "money"
    DATE = "date"
    PERCENT = "percent"


@dataclass(frozen=True, slots=True)
class Wording:
    """A text of the layout: fixed, or a path in the labels."""

    text: str
    label: str


@dataclass(frozen=True, slots=True)
class Column:
    """line: of its heading in the layout, for errors. decimals: -1 for as many as the data has."""

    header: Wording
    value: str
    type: ColumnType
    currency: str
    labels: str
    decimals: int
    width: int
    optional: bool
    line: int


@dataclass(frozen=True, slots=True)
class SummaryRow:
    label: Wording
    values: Mapping[str, str]
    line: int


@dataclass(frozen=True, slots=True)
class TableLayout:
    title: Wording
    rows: str
    columns: tuple[Column, ...]
    summary: tuple[SummaryRow, ...]
    bom: bool
    localized: bool


def parse_layout(top: TomlTable) -> TableLayout:
    """The layout in a `*.table.toml`, for `read_toml`."""
    layout = TableLayout(
        title=_wording(top, "title"),
        rows=top.text("rows"),
        columns=tuple(_column(entry) for entry in top.tables("columns")),
        summary=tuple(_summary(entry) for entry in top.tables("summary")),
        bom=top.flag("bom", False),
        localized=top.flag("localized", False),
    )
    if not layout.columns:
        top.refuse("columns", "a table has at least one column", "Add a [[columns]] table.")
    known = {column.value for column in layout.columns}
    for summary in layout.summary:
        for value in summary.values:
            if value not in known:
                hint = f"Columns: {', '.join(sorted(known))}."
                raise TomlProblem(f"summary names no column: {value!r}", line=summary.line, hint=hint)
    return layout


def _wording(table: TomlTable, key: str) -> Wording:
    text, label = table.text(key, ""), table.text(f"{key}_label", "")
    if bool(text) == bool(label):
        table.refuse(key, f"needs either {key} or {key}_label", f"{key}_label is a path in the labels.")
    return Wording(text, label)


def _column(entry: TomlTable) -> Column:
    kind = entry.text("type", "text")
    types = {known.value: known for known in ColumnType}
    if kind not in types:
        entry.refuse("type", f"unknown column type {kind!r}", f"Known: {', '.join(types)}.")
    column = Column(
        header=_wording(entry, "header"),
        value=entry.text("value"),
        type=types.get(kind, ColumnType.TEXT),
        currency=entry.text("currency", ""),
        labels=entry.text("labels", ""),
        decimals=entry.whole("decimals", -1, -1, 10),
        width=entry.whole("width", 0, 0, 255),
        optional=entry.flag("optional", False),
        line=entry.line,
    )
    if column.currency and kind in types and column.type is not ColumnType.MONEY:
        entry.refuse("currency", "only a column of type money has a currency")
    if column.labels and kind in types and column.type is not ColumnType.TEXT:
        entry.refuse("labels", "only a column of type text has labels")
    entry.finish()
    return column


def _summary(entry: TomlTable) -> SummaryRow:
    values = entry.table("values", required=True)
    row = SummaryRow(_wording(entry, "label"), {key: values.text(key) for key in values.names()}, entry.line)
    entry.finish()
    return row
