"""The canonical form of an OOXML package."""

from __future__ import annotations

import datetime as dt
import io
import zipfile

import openpyxl
import pytest
from docugen_core.rendering.ooxml import CONTENT_TYPES, PackageProblem, canonical_package, read_package, write_package
from docx_examples import a_docx, opened, zipped

DAY = dt.date(2026, 9, 30)


def test_content_types_come_first_and_all_else_is_sorted_and_dated_alike() -> None:
    package = canonical_package(a_docx("x"), title="T", day=DAY)

    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        entries = archive.infolist()
    names = [entry.filename for entry in entries]
    assert names == [CONTENT_TYPES, *sorted(set(names) - {CONTENT_TYPES})]
    assert {(e.date_time, e.create_system, e.external_attr, e.compress_type) for e in entries} == {
        ((1980, 1, 1, 0, 0, 0), 3, 0o100644 << 16, zipfile.ZIP_DEFLATED)
    }


def test_how_a_package_was_packed_does_not_matter() -> None:
    parts = read_package(a_docx("x"))
    backwards = zipped(reversed(parts.items()), zipfile.ZIP_STORED)
    late = zipped((zipfile.ZipInfo(name, (2031, 5, 6, 7, 8, 10)), content) for name, content in parts.items())

    assert (
        canonical_package(backwards, title="T", day=DAY)
        == canonical_package(late, title="T", day=DAY)
        == canonical_package(write_package(parts), title="T", day=DAY)
    )


def test_the_canonical_form_is_its_own() -> None:
    once = canonical_package(a_docx("x"), title='A & "B" <c>', day=None)

    assert canonical_package(once, title='A & "B" <c>', day=None) == once
    assert opened(once) == ["x"]


def test_a_workbook_of_another_library_becomes_canonical_too() -> None:
    def saved(moment: dt.datetime) -> bytes:
        book = openpyxl.Workbook()
        book.properties.created = book.properties.modified = moment
        book.properties.creator = "Somebody Real"
        buffer = io.BytesIO()
        book.save(buffer)
        return buffer.getvalue()

    early, late = saved(dt.datetime(2020, 1, 1)), saved(dt.datetime(2031, 1, 1))  # noqa: DTZ001 - the format has no zone

    package = canonical_package(early, title="T", day=DAY)
    assert package == canonical_package(late, title="T", day=DAY)
    assert openpyxl.load_workbook(io.BytesIO(package)).properties.creator == "DocuGen"


def test_bounds_hold_while_reading() -> None:
    package = zipped([("a", bytes(600)), ("b", bytes(600))])

    assert len(read_package(package, parts_max=2, bytes_max=1_200)) == 2
    with pytest.raises(PackageProblem, match="at most 1 are allowed"):
        read_package(package, parts_max=1)
    with pytest.raises(PackageProblem, match="unpacks to more than"):
        read_package(package, bytes_max=1_199)
