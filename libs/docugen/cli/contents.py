"""What changed inside an artefact: pages of a PDF, lines of a text, cells of a table. Anything else is only called changed.

A change is told in `{"kind", "count", "shown"}`: how many there are, and the first SHOWN_MAX of them in words. It explains
bytes that differ; it never decides whether they do.
"""

from __future__ import annotations

import csv
import difflib
import io
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

from docugen.cli.page_pictures import changed_pages

SHOWN_MAX = 40
TEXT_CHARACTERS_MAX = 200
COMPARED_BYTES_MAX = 4 << 20
"""Of one text or table; a line comparison takes quadratic time."""
PART_BYTES_MAX = 64 << 20

_SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_SHEET_FILE = re.compile(r"xl/worksheets/sheet(\d+)\.xml")

Cells = Mapping[str, str]


def content_change(format: str, before: bytes, now: bytes) -> dict[str, Any] | None:
    """What changed between two artefacts of this format; None where that cannot be told."""
    if format == "pdf":
        pages = changed_pages(before, now)
        return {"kind": "pages", "count": len(pages), "shown": [str(number) for number in pages[:SHOWN_MAX]]}
    compare = _COMPARISONS.get(format)
    if compare is None or max(len(before), len(now)) > COMPARED_BYTES_MAX:
        return None
    kind, changes = compare
    try:
        found = list(changes(before, now))
    except (ValueError, KeyError, IndexError, zipfile.BadZipFile, ElementTree.ParseError, csv.Error):
        return None  # not what its format says: its bytes differ, more cannot be told
    return {"kind": kind, "count": len(found), "shown": [_cut(change) for change in found[:SHOWN_MAX]]}


def _lines(before: bytes, now: bytes) -> Iterator[str]:
    ours, theirs = (data.decode(errors="replace").splitlines() for data in (before, now))
    for kind, ours_from, ours_to, theirs_from, theirs_to in difflib.SequenceMatcher(None, ours, theirs).get_opcodes():
        if kind != "equal":
            yield from (f"{number + 1} - {ours[number]}" for number in range(ours_from, ours_to))
            yield from (f"{number + 1} + {theirs[number]}" for number in range(theirs_from, theirs_to))


def _csv_cells(data: bytes) -> Cells:
    rows = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""))
    return {f"{_column(c)}{r}": value for r, row in enumerate(rows, 1) for c, value in enumerate(row) if value}


def _xlsx_cells(data: bytes) -> Cells:
    """Values and formulas by `sheet!cell`. The workbooks are DocuGen's own: inline and shared strings, numbers, formulas."""
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        if sum(part.file_size for part in book.infolist()) > PART_BYTES_MAX:
            raise ValueError("too large to compare")
        names = book.namelist()
        strings = _strings(book.read("xl/sharedStrings.xml")) if "xl/sharedStrings.xml" in names else []
        sheets = {match[1]: book.read(name) for name in sorted(names) if (match := _SHEET_FILE.fullmatch(name))}
    return {
        f"{sheet}!{cell.get('r')}": value
        for sheet, part in sheets.items()
        for cell in ElementTree.fromstring(part).iter(f"{_SHEET}c")  # noqa: S314 - expat bounds entities itself
        if (value := _cell_text(cell, strings))
    }


def _strings(part: bytes) -> list[str]:
    root = ElementTree.fromstring(part)  # noqa: S314 - as above
    return ["".join(t.text or "" for t in item.iter(f"{_SHEET}t")) for item in root.iter(f"{_SHEET}si")]


def _cell_text(cell: ElementTree.Element, strings: Sequence[str]) -> str:
    formula, value = cell.findtext(f"{_SHEET}f"), cell.findtext(f"{_SHEET}v") or ""
    if formula:
        return f"={formula}"
    if cell.get("t") == "s":
        return strings[int(value)]
    return value or "".join(t.text or "" for t in cell.iter(f"{_SHEET}t"))


def _cells_by(read: Callable[[bytes], Cells]) -> Callable[[bytes, bytes], Iterator[str]]:
    def changes(before: bytes, now: bytes) -> Iterator[str]:
        ours, theirs = read(before), read(now)
        for place in dict.fromkeys((*ours, *theirs)):
            if ours.get(place) != theirs.get(place):
                yield f"{place}: {ours.get(place, '')!r} -> {theirs.get(place, '')!r}"

    return changes


def _column(index: int) -> str:
    """0 -> A, 25 -> Z, 26 -> AA."""
    letters = ""
    while index >= 0:
        index, letter = index // 26 - 1, index % 26
        letters = chr(ord("A") + letter) + letters
    return letters


def _cut(text: str) -> str:
    return text if len(text) <= TEXT_CHARACTERS_MAX else text[: TEXT_CHARACTERS_MAX - 1] + "…"


_COMPARISONS: Mapping[str, tuple[str, Callable[[bytes, bytes], Iterator[str]]]] = {
    **dict.fromkeys(("txt", "md", "html", "json", "xml", "svg"), ("lines", _lines)),
    "csv": ("cells", _cells_by(_csv_cells)),
    "xlsx": ("cells", _cells_by(_xlsx_cells)),
}
