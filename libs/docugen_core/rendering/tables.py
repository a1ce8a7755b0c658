"""Tables: a layout filled with a document's data, for CSV and XLSX alike.

Cells are typed here, so that both formats agree on what a value is: row by row, when a writer asks for it, since all cells of
a large table at once take more memory than its data. Errors name the path of the value and the column of the layout, never
the value: it is customer data.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain
from typing import Any, NamedTuple, TypeAlias

from docugen_core.domain.failure import SourceLocation
from docugen_core.errors import LimitExceeded, RenderFailed
from docugen_core.rendering.inputs import template_context
from docugen_core.rendering.locale import as_day, as_decimal, decimal_places, json_kind
from docugen_core.rendering.packs import Template
from docugen_core.rendering.strict_toml import TomlProblems, read_toml
from docugen_core.rendering.table_layout import Column, ColumnType, SummaryRow, TableLayout, Wording, parse_layout
from docugen_core.rendering.task import RenderTask


class Money(NamedTuple):
    """currency: ISO 4217, or empty where the layout names none."""

    amount: Decimal
    currency: str


Cell: TypeAlias = str | Decimal | Money | dt.date | None


class Rows:
    """The rows of a table, each typed when an iteration comes to it: what may fail there, fails there (RenderFailed)."""

    def __init__(self, source: Sequence[Any], typed: Callable[[int, Any], tuple[Cell, ...]]) -> None:
        self._source = source
        self._typed = typed

    def __len__(self) -> int:
        return len(self._source)

    def __iter__(self) -> Iterator[tuple[Cell, ...]]:
        return (self._typed(index, row) for index, row in enumerate(self._source))


@dataclass(frozen=True, slots=True)
class Table:
    """A layout filled with data. decimals: of each column, resolved. context: `world` and `labels`, for the writers."""

    file: str
    title: str
    layout: TableLayout
    headers: tuple[str, ...]
    decimals: tuple[int, ...]
    rows: Rows
    summary: tuple[tuple[Cell, ...], ...]
    world: Mapping[str, Any]
    labels: Mapping[str, Any]


def fill_table(task: RenderTask, template: Template) -> Table:
    """The table of `task`. Raises RenderFailed naming the value's path, as do its `rows`; LimitExceeded beyond `rows_max`."""
    file = template.formats[task.format]
    try:
        layout = read_toml(task.pack.files[file], parse_layout)
    except TomlProblems as found:
        problem = found.problems[0]
        raise RenderFailed(problem.message, where=SourceLocation(file, problem.line), hint=problem.hint) from None
    return _Filler(file, layout, template_context(task)).table(task.limits.rows_max)


class _Filler:
    """One layout meeting one document's data."""

    def __init__(self, file: str, layout: TableLayout, context: Mapping[str, Any]) -> None:
        self._file = file
        self._layout = layout
        self._data = context["data"]
        self._world = context["world"]
        self._labels = context["labels"]

    def table(self, rows_max: int) -> Table:
        layout = self._layout
        source = self._find(self._data, layout.rows, "data", 0)
        if not isinstance(source, list):
            raise self._failed(f"data.{layout.rows} must be an array, not {json_kind(source)}", 0)
        if len(source) > rows_max:
            message = f"the table has {len(source)} rows, the limit is {rows_max}"
            details = {"rows": str(len(source)), "limit": str(rows_max)}
            raise LimitExceeded(message, hint="Ask for less, or raise DOCUGEN_MAX_ROWS.", details=details)
        summary = tuple(self._summary(row) for row in layout.summary)
        return Table(
            file=self._file,
            title=self._text(layout.title, 0),
            layout=layout,
            headers=tuple(self._text(column.header, column.line) for column in layout.columns),
            decimals=tuple(self._decimals(column, n, source, summary) for n, column in enumerate(layout.columns)),
            rows=Rows(source, self._row),
            summary=summary,
            world=self._world,
            labels=self._labels,
        )

    def _row(self, index: int, row: Any) -> tuple[Cell, ...]:
        place = self._place(index)
        return tuple(self._cell(column, row, column.value, place) for column in self._layout.columns)

    def _place(self, index: int) -> str:
        return f"data.{self._layout.rows}[{index}]"

    def _decimals(self, column: Column, n: int, source: Sequence[Any], summary: tuple[tuple[Cell, ...], ...]) -> int:
        """Digits after the point that show every value of the n-th column, at most 10."""
        if column.decimals >= 0 or column.type not in (ColumnType.DECIMAL, ColumnType.PERCENT):
            return max(column.decimals, 0)
        cells = (self._cell(column, row, column.value, self._place(index)) for index, row in enumerate(source))
        below = (row[n] for row in summary)
        places = (decimal_places(cell) for cell in chain(cells, below) if isinstance(cell, Decimal))
        return min(max(places, default=0), 10)

    def _summary(self, row: SummaryRow) -> tuple[Cell, ...]:
        cells: list[Cell] = []
        label: str | None = self._text(row.label, row.line)
        for column in self._layout.columns:
            if column.value in row.values:
                cells.append(self._cell(column, self._data, row.values[column.value], "data"))
            else:
                cells.append(label)
                label = None
        return tuple(cells)

    def _cell(self, column: Column, holder: Any, path: str, place: str) -> Cell:
        value = self._find(holder, path, place, column.line, absent_is_null=column.optional)
        if column.optional and value in (None, ""):
            return None
        if value is None:
            hint = "Give the value, or mark the column optional = true."
            raise self._failed(f"{place}.{path} is null", column.line, hint)
        try:
            cell: Cell = _TYPED[column.type](value)
        except ValueError as error:
            raise self._failed(f"{place}.{path}: a column of type {column.type.value} {error}", column.line) from None
        if column.type is ColumnType.MONEY and isinstance(cell, Decimal):
            return Money(cell, self._currency(column, holder, place))
        if column.labels and isinstance(cell, str):
            return self._labelled(column, cell, f"{place}.{path}")
        return cell

    def _labelled(self, column: Column, key: str, place: str) -> str:
        words = self._find(self._labels, column.labels, "labels", column.line)
        found = words.get(key) if isinstance(words, Mapping) else None
        if not isinstance(found, str):
            hint = f"Add the key to [{column.labels}] in the pack's labels, or leave `labels` out of the column."
            raise self._failed(f"{place}: labels.{column.labels} has no text for this key", column.line, hint)
        return found

    def _currency(self, column: Column, holder: Any, place: str) -> str:
        if not column.currency:
            return ""
        for root, name in ((holder, place), (self._data, "data")):
            found = self._find(root, column.currency, name, column.line, absent_is_null=True)
            if isinstance(found, str) and found:
                return found
        raise self._failed(f"{place}.{column.currency} names no currency, nor does data.{column.currency}", column.line)

    def _text(self, wording: Wording, line: int) -> str:
        if wording.text:
            return wording.text
        found = self._find(self._labels, wording.label, "labels", line)
        if not isinstance(found, str):
            raise self._failed(f"labels.{wording.label} must be a text, not {json_kind(found)}", line)
        return found

    def _find(self, holder: Any, path: str, place: str, line: int, *, absent_is_null: bool = False) -> Any:
        value = holder
        for key in path.split("."):
            if not isinstance(value, Mapping) or key not in value:
                if absent_is_null:
                    return None
                raise self._failed(f"{place}.{path} does not exist", line, "Check the path in the layout.")
            value = value[key]
        return value

    def _failed(self, message: str, line: int, hint: str = "") -> RenderFailed:
        return RenderFailed(message, where=SourceLocation(self._file, line), hint=hint)


def _text_value(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"needs a text, not {json_kind(value)}")  # noqa: TRY004 - one error type
    return value


def _integer_value(value: Any) -> Decimal:
    number = as_decimal(value)
    if number != number.to_integral_value():
        raise ValueError("needs a whole number")
    return number


_TYPED: dict[ColumnType, Any] = {
    ColumnType.TEXT: _text_value,
    ColumnType.INTEGER: _integer_value,
    ColumnType.DECIMAL: as_decimal,
    ColumnType.MONEY: as_decimal,
    ColumnType.DATE: as_day,
    ColumnType.PERCENT: as_decimal,
}
