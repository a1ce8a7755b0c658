"""XLSX by XlsxWriter: typed cells, a frozen header, print setup, the SPECIMEN banner.

Rows are written one by one as their cells are made (`xlsx_stream`), and `created` is pinned to the document's date.

Cells are written by type, never guessed: a text that starts with `=` is a text, not a formula, and a URL is no link. The
file is deflated by the zlib that the engine fingerprint names. Spreadsheets hold binary doubles: a number of more than 15
significant digits is refused rather than rounded.
"""

from __future__ import annotations

import datetime as dt
import io
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from docugen_core.domain.failure import SourceLocation
from docugen_core.errors import RenderFailed
from docugen_core.rendering.inputs import specimen_mark
from docugen_core.rendering.ooxml import UNDATED
from docugen_core.rendering.packs import Template
from docugen_core.rendering.table_layout import ColumnType
from docugen_core.rendering.tables import Cell, Money, Table, fill_table
from docugen_core.rendering.task import Rendering, RenderTask
from docugen_core.rendering.xlsx_stream import StreamedWorkbook

FIRST_DAY = dt.date(1900, 1, 1)
ROWS_MAX = 1_048_576
TEXT_MAX = 32_767
TITLE_MAX = 31
DIGITS_MAX = 15
A4 = 9

_OPTIONS = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
_HEADER = {"bold": True, "bg_color": "#1B3A57", "font_color": "#FFFFFF", "valign": "vcenter", "text_wrap": True}
_SUMMARY = {"bold": True, "top": 1}
_SPECIMEN = {"bold": True, "font_size": 14, "font_color": "#B00020"}
_NUMERIC = (ColumnType.INTEGER, ColumnType.DECIMAL, ColumnType.MONEY, ColumnType.PERCENT)


def render_xlsx(task: RenderTask, template: Template) -> Rendering:
    """One sheet. Raises RenderFailed and LimitExceeded as `fill_table` does, and for what a spreadsheet cannot hold."""
    return Rendering(workbook_of(fill_table(task, template), task.world.document_date or UNDATED))


def workbook_of(table: Table, day: dt.date) -> bytes:
    """The file with `table` in it, created on `day`. Raises RenderFailed as `render_xlsx` does.

    Memory: besides the table's own, less than 100 bytes a row, and about as much again for each different text.
    """
    buffer = io.BytesIO()
    workbook = StreamedWorkbook(buffer, _OPTIONS)
    created = dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC)
    workbook.set_properties({"title": table.title, "author": "DocuGen", "created": created})
    _Sheet(workbook, table).write()
    workbook.close()
    return buffer.getvalue()


class _Sheet:
    """The one worksheet of a workbook."""

    def __init__(self, workbook: Any, table: Table) -> None:
        self._workbook = workbook
        self._table = table
        self._formats: dict[tuple[str, bool], Any] = {}
        self._date_format = excel_date_format(str(table.world["date_patterns"]["short"]))
        self._currency_first = str(table.world["currency_pattern"]).lstrip("\u200e\u200f").startswith("¤")

    def write(self) -> None:
        table = self._table
        if not 0 < len(table.title) <= TITLE_MAX or re.search(r"[\[\]:*?/\\]|^'|'$", table.title):
            raise self._failed(f"a sheet title has 1 to {TITLE_MAX} characters and none of []:*?/\\", 0)
        if len(table.rows) + len(table.summary) + 2 > ROWS_MAX:
            raise self._failed(f"a sheet holds at most {ROWS_MAX} rows", 0)
        sheet = self._workbook.add_worksheet(table.title)
        first = self._banner(sheet)
        self._columns(sheet, first)
        last = first + len(table.rows) + len(table.summary)
        sheet.stream(self._rows(sheet, first), first=0, last=last, columns=len(table.layout.columns))
        sheet.freeze_panes(first + 1, 0)
        sheet.repeat_rows(first)
        sheet.set_landscape()
        sheet.set_paper(A4)
        sheet.fit_to_pages(1, 0)
        sheet.set_footer("&R&P / &N")

    def _banner(self, sheet: Any) -> int:
        """Prints the SPECIMEN mark above the table and on every printed page; returns the header's row."""
        if not self._table.world["specimen"]:
            return 0
        mark = specimen_mark(self._table.labels)
        sheet.write_string(0, 0, mark, self._workbook.add_format(_SPECIMEN))
        sheet.set_header('&C&"-,Bold"' + mark.replace("&", "&&"))
        return 1

    def _columns(self, sheet: Any, row: int) -> None:
        for index, (column, header) in enumerate(zip(self._table.layout.columns, self._table.headers, strict=True)):
            align = "right" if column.type in _NUMERIC else "left"
            sheet.write_string(row, index, header, self._workbook.add_format(_HEADER | {"align": align}))
            sheet.set_column(index, index, column.width or min(max(12, len(header) + 2), 40))

    def _rows(self, sheet: Any, first: int) -> Iterator[int]:
        """Writes row after row, each when it is asked for. Banner and header are there already."""
        table = self._table
        yield from range(first + 1)
        for index, row in enumerate(table.rows, first + 1):
            self._row(sheet, index, row, summary=False)
            yield index
        for index, row in enumerate(table.summary, first + 1 + len(table.rows)):
            self._row(sheet, index, row, summary=True)
            yield index

    def _row(self, sheet: Any, row: int, cells: tuple[Cell, ...], *, summary: bool) -> None:
        for index, cell in enumerate(cells):
            look = self._format(self._number_format(cell, index), summary)
            match cell:
                case None:
                    sheet.write_blank(row, index, None, look)
                case str():
                    sheet.write_string(row, index, self._text(cell, index), look)
                case Money():
                    sheet.write_number(row, index, self._number(cell.amount, index), look)
                case Decimal():
                    share = self._table.layout.columns[index].type is ColumnType.PERCENT
                    # A spreadsheet's percentages are fractions of one: 20 % is 0.2 in the format `0%`.
                    number = cell.scaleb(-2) if share else cell
                    sheet.write_number(row, index, self._number(number, index), look)
                case dt.date():
                    sheet.write_datetime(row, index, self._day(cell, index), look)

    def _format(self, number_format: str, summary: bool) -> Any:
        key = (number_format, summary)
        if key not in self._formats:
            look = {"num_format": number_format} | (_SUMMARY if summary else {})
            self._formats[key] = self._workbook.add_format(look)
        return self._formats[key]

    def _number_format(self, cell: Cell, index: int) -> str:
        match cell:
            case Money():
                return self._money_format(cell.currency)
            case Decimal():
                places = "." + "0" * self._table.decimals[index] if self._table.decimals[index] else ""
                kind = self._table.layout.columns[index].type
                return f"0{places}%" if kind is ColumnType.PERCENT else f"#,##0{places}"
            case dt.date():
                return self._date_format
            case _:
                return "@" if isinstance(cell, str) else "General"

    def _money_format(self, currency: str) -> str:
        if not currency:
            return "#,##0.00"
        facts = self._table.world["currencies"].get(currency, {"symbol": currency, "digits": 2})
        figures = "#,##0" + ("." + "0" * facts["digits"] if facts["digits"] else "")
        symbol = str(facts["symbol"]).replace('"', "")
        return f'"{symbol}"{figures}' if self._currency_first else f'{figures}\u00a0"{symbol}"'

    def _number(self, number: Decimal, index: int) -> float:
        if len(number.normalize().as_tuple().digits) > DIGITS_MAX:
            message = f"a spreadsheet cannot hold a number of more than {DIGITS_MAX} digits exactly"
            raise self._failed(message, index, 'Give the column type = "text".')
        return float(number)

    def _text(self, text: str, index: int) -> str:
        if len(text) > TEXT_MAX:
            raise self._failed(f"a cell holds at most {TEXT_MAX} characters", index)
        return text

    def _day(self, day: dt.date, index: int) -> dt.date:
        if day < FIRST_DAY:
            raise self._failed("a spreadsheet knows no day before 1900-01-01", index, 'Give the column type = "text".')
        return day

    def _failed(self, message: str, index: int, hint: str = "") -> RenderFailed:
        column = self._table.layout.columns[index]
        return RenderFailed(message, where=SourceLocation(self._table.file, column.line), hint=hint)


def excel_date_format(cldr: str) -> str:
    """CLDR's `dd/MM/y` as Excel's `dd/mm/yyyy`; `yyyy-mm-dd` for a pattern with anything but days, months and years."""
    letters = {"d": "d", "M": "m", "y": "y"}
    parts = re.findall(r"([A-Za-z])\1*|([^A-Za-z])", cldr)
    if "'" in cldr or any(letter and letter not in letters for letter, _ in parts):
        return "yyyy-mm-dd"
    words = [match[0] for match in re.finditer(r"([A-Za-z])\1*|[^A-Za-z]", cldr)]
    years = {"y": "yyyy", "yy": "yy", "yyyy": "yyyy"}
    return "".join(years.get(word, word.replace("M", "m")) for word in words if word not in "\u200e\u200f")
