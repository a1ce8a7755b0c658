"""Spreadsheets are written row by row: the bytes of a whole sheet made in memory, in memory that hardly grows with the rows."""

from __future__ import annotations

import datetime as dt
import io
import tracemalloc
from collections.abc import Iterator
from typing import Any

import openpyxl
import pytest
from docugen_core.domain.bundle import Format
from docugen_core.errors import RenderFailed
from docugen_core.rendering.registry import render
from docugen_core.rendering.tables import fill_table
from docugen_core.rendering.task import RenderTask
from docugen_core.rendering.xlsx import workbook_of
from docugen_core.rendering.xlsx_stream import StreamedWorkbook
from pack_examples import DAY, a_task
from xlsxwriter.workbook import Workbook

KINDS = {"article": "text", "number": "integer", "share": "percent", "price": "money", "sold": "date", "note": "text"}
LAYOUT = "title = 'Rows'\nrows = 'rows'\n" + "".join(
    f"[[columns]]\nheader = '{name}'\nvalue = '{name}'\ntype = '{kind}'\noptional = true\n"
    for name, kind in KINDS.items()
)
TEXTS = (
    "plain",
    " before and after ",
    "two\nlines",
    "a\x07bell",
    "_x0007_",
    "<r>&\"'",
    "ünï ☃ 😀",
    "=1+1",
    "x" * 32_767,
    "",
)
ROWS = 3_000


def a_table(count: int, *, distinct_texts: bool = False) -> RenderTask:
    rows = [
        {
            "article": f"Article {n if distinct_texts else n % 7}",
            "number": n,
            "share": f"{n % 20}.5",
            "price": f"{n}.25",
            "sold": "2026-01-31" if n % 2 else None,
            "note": None,
        }
        for n in range(count)
    ]
    return a_task(LAYOUT, Format.XLSX, data={"rows": rows})


def written_by_hand(workbook: Any, count: int) -> None:
    """The same cells for either workbook; a streamed sheet gets most of them while it is written."""
    workbook.set_properties({"created": dt.datetime(2026, 9, 30, tzinfo=dt.UTC)})
    sheet = workbook.add_worksheet("Rows")
    day, bold = workbook.add_format({"num_format": "dd/mm/yyyy"}), workbook.add_format({"bold": True})
    sheet.write_string(0, 0, "SPECIMEN", bold)
    sheet.write_string(1, 0, "header")

    def rows() -> Iterator[int]:
        yield from range(2)
        for row in range(2, count):
            sheet.write_string(row, 0, TEXTS[row % len(TEXTS)] if row % 3 else f"text {row}")
            sheet.write_number(row, 1, row / 7)
            sheet.write_datetime(row, 2, dt.date(2026, 1, 1 + row % 28), day)
            sheet.write_blank(row, 3, None, bold)
            yield row

    if isinstance(workbook, StreamedWorkbook):
        sheet.stream(rows(), first=0, last=count - 1, columns=4)
    else:
        for _ in rows():
            pass
    sheet.freeze_panes(2, 0)
    sheet.repeat_rows(1)
    sheet.set_footer("&P")
    workbook.close()


@pytest.mark.parametrize("count", [3, 15, 16, 17, ROWS])
def test_streamed_bytes_are_those_of_a_sheet_made_in_memory(count: int) -> None:
    made, streamed = io.BytesIO(), io.BytesIO()
    options = {"strings_to_formulas": False}
    written_by_hand(Workbook(made, {"in_memory": True, **options}), count)
    written_by_hand(StreamedWorkbook(streamed, options), count)

    assert streamed.getvalue() == made.getvalue()


def test_every_cell_of_a_long_table_has_its_type_and_format() -> None:
    data = render(a_table(ROWS)).data
    sheet = openpyxl.load_workbook(io.BytesIO(data)).active

    assert sheet is not None
    assert (sheet.max_row, sheet.max_column) == (ROWS + 2, len(KINDS))
    for n in (0, 1, ROWS // 2, ROWS - 1):
        cells: list[Any] = list(sheet[n + 3])
        sold = dt.datetime(2026, 1, 31) if n % 2 else None  # noqa: DTZ001 - a spreadsheet's days have no zone
        assert [cell.value for cell in cells] == [f"Article {n % 7}", n, (n % 20 + 0.5) / 100, n + 0.25, sold, None]
        assert [cell.number_format for cell in cells[:4]] == ["@", "#,##0", "0.0%", "#,##0.00"]
        assert cells[4].number_format == ("dd/mm/yyyy" if n % 2 else "General")


@pytest.mark.parametrize(("distinct_texts", "bytes_a_row"), [(False, 200), (True, 400)])
def test_memory_hardly_grows_with_the_rows(*, distinct_texts: bool, bytes_a_row: int) -> None:
    """A sheet made in memory, cells, XML and its bytes, takes 1 700 to 1 900 bytes for each of these rows."""

    def peak(count: int) -> int:
        task = a_table(count, distinct_texts=distinct_texts)
        table = fill_table(task, task.pack.templates[task.template])
        tracemalloc.start()
        try:
            workbook_of(table, DAY)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(10)  # modules, formats and patterns that are made once
    fewer, more = 500, 2_500
    assert peak(more) - peak(fewer) < (more - fewer) * bytes_a_row


def test_a_value_far_down_is_named_by_its_row() -> None:
    task = a_table(ROWS)
    rows: Any = task.data["rows"]
    rows[-1]["number"] = "1.5"

    with pytest.raises(
        RenderFailed, match=rf"data\.rows\[{ROWS - 1}\]\.number: a column of type integer needs a whole number"
    ):
        render(task)
