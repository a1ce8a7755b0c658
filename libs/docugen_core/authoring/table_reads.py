"""Which data and labels a table layout reads. A layout says it outright: nothing is left to guess."""

from __future__ import annotations

from docugen_core.authoring.data_paths import ITEM, DataRead, LabelRead
from docugen_core.rendering.table_layout import TableLayout, Wording


def table_reads(layout: TableLayout, file: str) -> tuple[list[DataRead], list[LabelRead]]:
    """The paths of rows, columns, currencies and sums, and the labels of headings."""
    rows = (*layout.rows.split("."), ITEM)
    data = [DataRead(rows[:-1], file, 1)]
    labels = _worded(layout.title, file, 1)
    for column in layout.columns:
        data.append(DataRead((*rows, *column.value.split(".")), file, column.line, whole=True, guarded=column.optional))
        labels += _worded(column.header, file, column.line)
        if column.labels:
            labels.append(LabelRead(f"{column.labels}.", file, column.line, is_prefix=True))
    for row in layout.summary:
        labels += _worded(row.label, file, row.line)
        data += [DataRead(tuple(path.split(".")), file, row.line, whole=True) for path in row.values.values()]
    return data, labels


def currency_places(layout: TableLayout) -> list[tuple[str, int]]:
    """(path, line) of each currency: it may be in the row or in the data, so it is known if one of the two has it."""
    return [(column.currency, column.line) for column in layout.columns if column.currency]


def _worded(wording: Wording, file: str, line: int) -> list[LabelRead]:
    return [LabelRead(wording.label, file, line)] if wording.label else []
