"""CSV (RFC 4180) for machines: UTF-8, CRLF, a header line, `1234.50`, `2026-09-30`, `20` for 20 %.

There is no SPECIMEN mark in the rows: a line that is no record would break every reader of the file. Documents for eyes
(PDF, HTML, XLSX) carry it, and the bundle's manifest names the generator of synthetic data.

A text that a spreadsheet would take for a formula (it starts with = + - @, a tab or a line end) gets an apostrophe in front, as
OWASP advises ("CSV Injection"). Numbers are typed, so a negative amount stays a number.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Callable
from decimal import Decimal
from itertools import chain

from docugen_core.domain.failure import SourceLocation
from docugen_core.errors import RenderFailed
from docugen_core.rendering.locale import format_day, format_money, format_number, format_percent
from docugen_core.rendering.packs import Template
from docugen_core.rendering.table_layout import ColumnType
from docugen_core.rendering.tables import Cell, Money, Table, fill_table
from docugen_core.rendering.task import Rendering, RenderTask

_FORMULA_STARTS = tuple("=+-@\t\r\n＝＋－＠")


def render_csv(task: RenderTask, template: Template) -> Rendering:
    """Header, rows, summary rows. Raises RenderFailed and LimitExceeded as `fill_table` does."""
    table = fill_table(task, template)
    write_cell = _localized if table.layout.localized else _plain
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow([_harmless(header) for header in table.headers])
    for row in chain(table.rows, table.summary):
        writer.writerow([_written(write_cell, cell, column, table) for column, cell in enumerate(row)])
    return Rendering(buffer.getvalue().encode("utf-8-sig" if table.layout.bom else "utf-8"))


def _written(write_cell: Callable[[Cell, int, Table], str], cell: Cell, column: int, table: Table) -> str:
    try:
        return write_cell(cell, column, table)
    except (ValueError, ArithmeticError) as error:
        reason = str(error) if isinstance(error, ValueError) else "a number has too many digits to be written as such"
        raise RenderFailed(
            f"column {table.headers[column]!r}: {reason}",
            where=SourceLocation(table.file, table.layout.columns[column].line),
            hint='Give fewer digits, or give the column type = "text".',
        ) from None


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _plain(cell: Cell, column: int, table: Table) -> str:
    match cell:
        case None:
            return ""
        case str():
            return _harmless(cell)
        case Money():
            return format(cell.amount, "f")
        case Decimal():
            return format(cell, "f")
        case dt.date():
            return cell.isoformat()


def _localized(cell: Cell, column: int, table: Table) -> str:
    locale = str(table.world["locale"])
    match cell:
        case None:
            return ""
        case str():
            return _harmless(cell)
        case Money() if cell.currency:
            return format_money(cell.amount, cell.currency, locale)
        case Money():
            return format_number(cell.amount, locale)
        case Decimal() if table.layout.columns[column].type is ColumnType.PERCENT:
            return format_percent(cell, locale, table.decimals[column])
        case Decimal():
            return format_number(cell, locale, table.decimals[column])
        case dt.date():
            return format_day(cell, locale, "short")
