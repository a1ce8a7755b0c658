"""A workbook of one sheet whose rows go into the file as they are made: XlsxWriter's parts in another order of work.

XlsxWriter keeps every cell of a sheet, then its XML, then its bytes, before it deflates them: 130 MiB for 100 000 rows of 8
columns. Its own `constant_memory` writes a temporary file, which a render process may not, and other, larger bytes. In here
a row is made, written by XlsxWriter's own writers, deflated and forgotten. The bytes are those that XlsxWriter makes in memory.

What still grows with the rows is the table of shared texts, each different text once, and the finished file.

Two methods of XlsxWriter are replaced, and names used that it calls private: a new version needs this module read again.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

SHEET_PART = "xl/worksheets/sheet1.xml"
FIRST_MOMENT = (1980, 1, 1, 0, 0, 0)


class StreamedSheet(Worksheet):  # type: ignore[misc]  # xlsxwriter has no types
    """A sheet that gets its rows while it is written."""

    def stream(self, rows: Iterator[int], *, first: int, last: int, columns: int) -> None:
        """rows: writes the cells of one row by `write_...`, then yields its number; all from `first` to `last`, in order.

        Nothing is asked of it before the workbook is closed. What it raises comes out of `close`.
        """
        self._streamed = rows
        self._span = f"1:{columns}"
        self._check_dimensions(first, 0)
        self._check_dimensions(last, columns - 1)

    def _write_rows(self) -> None:
        for row in self._streamed:
            cells = self.table.pop(row)
            self._write_row(row, self._span)
            for column in sorted(cells):
                self._write_cell(row, column, cells[column])
            self._xml_end_tag("row")


class StreamedWorkbook(Workbook):  # type: ignore[misc]  # xlsxwriter has no types
    """Made by `close`, as any of XlsxWriter's. It has one sheet, a StreamedSheet with a text in it before it streams."""

    def __init__(self, file: io.BytesIO, options: dict[str, Any]) -> None:
        super().__init__(file, options | {"in_memory": True})
        self.worksheet_class = StreamedSheet

    def _store_workbook(self) -> None:
        (sheet,) = self.worksheets()
        sheet.selected = sheet.active = 1
        self._prepare_defined_names()
        packager = self._get_packager()
        packager._add_workbook(self)
        packager._set_in_memory(True)
        before = (
            packager._write_content_types_file,
            packager._write_root_rels_file,
            packager._write_workbook_rels_file,
        )
        after = (
            packager._write_workbook_file,
            packager._write_shared_strings_file,
            packager._write_styles_file,
            packager._write_theme_file,
            packager._write_core_file,
            packager._write_app_file,
        )
        with zipfile.ZipFile(self.filename, "w", zipfile.ZIP_DEFLATED) as archive:
            _write_parts(archive, packager, before)
            with _text_part(archive, SHEET_PART) as file:
                sheet._set_filehandle(file)
                sheet._assemble_xml_file()
            self._prepare_sst_string_data()
            _write_parts(archive, packager, after)


def _write_parts(archive: zipfile.ZipFile, packager: Any, writers: tuple[Callable[[], None], ...]) -> None:
    for write in writers:
        write()
        while packager.filenames:
            content, name, _ = packager.filenames.pop(0)
            with _text_part(archive, name) as file:
                file.write(content.getvalue())


def _text_part(archive: zipfile.ZipFile, name: str) -> io.TextIOWrapper:
    entry = zipfile.ZipInfo(name, FIRST_MOMENT)
    entry.compress_type = zipfile.ZIP_DEFLATED
    return io.TextIOWrapper(archive.open(entry, "w"), encoding="utf-8", newline="")
