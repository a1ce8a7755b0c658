"""Files inside a PDF: the very bytes, named and described, the same in every process, and never two of one name."""

from __future__ import annotations

import datetime as dt
import io
import json
from dataclasses import replace
from typing import Any

import pikepdf
import pytest
from docugen_core.domain.bundle import Format
from docugen_core.errors import RenderFailed
from docugen_core.rendering.packs import PdfOptions
from docugen_core.rendering.pdf_attachments import DATA_FILE, document_data, embedded_files
from docugen_core.rendering.pdf_conformance import conformance_problems
from docugen_core.rendering.registry import render
from docugen_core.rendering.task import Artefact, RenderTask
from pack_examples import PLEX, a_task

SHEET = Artefact("figures.xlsx", Format.XLSX, bytes(range(256)) * 40)
LINES = Artefact("lines.csv", Format.CSV, "item;price\nThé;2,50\n".encode())
TEXT = Artefact("note.txt", Format.TXT, b"SPECIMEN")
SOURCE = PLEX + '#set document(title: "Notice")\n= Notice\n'


def holding(*attachments: Artefact, embed_data: bool = False, **options: Any) -> RenderTask:
    task = a_task(SOURCE, pdf=PdfOptions(("a-3a", "ua-1"), embed_data=embed_data), **options)
    return replace(task, attachments=attachments)


def test_attachments_come_out_as_they_went_in_whatever_bytes_they_hold() -> None:
    empty = Artefact("empty.json", Format.JSON, b"")

    pdf = render(holding(SHEET, LINES, empty)).data

    assert embedded_files(pdf) == {"empty.json": b"", "figures.xlsx": SHEET.data, "lines.csv": LINES.data}


def test_a_reader_of_another_make_finds_them_with_type_date_and_meaning() -> None:
    pdf = render(holding(TEXT, SHEET, LINES, day=dt.date(2026, 3, 31))).data

    with pikepdf.open(io.BytesIO(pdf)) as document:
        assert sorted(document.attachments) == ["figures.xlsx", "lines.csv", "note.txt"]
        described = {
            name: (str(spec.obj.AFRelationship), spec.get_file().mime_type, spec.get_file().mod_date)
            for name, spec in document.attachments.items()
        }
    day = dt.datetime(2026, 3, 31, tzinfo=dt.UTC)
    assert described == {
        "figures.xlsx": ("/Data", Format.XLSX.media_type, day),
        "lines.csv": ("/Data", "text/csv", day),
        "note.txt": ("/Alternative", "text/plain", day),
    }


def test_without_a_document_date_they_are_of_1980() -> None:
    pdf = render(holding(LINES, day=None)).data

    with pikepdf.open(io.BytesIO(pdf)) as document:
        assert document.attachments["lines.csv"].get_file().mod_date == dt.datetime(1980, 1, 1, tzinfo=dt.UTC)


def test_the_order_of_attachments_does_not_reach_the_bytes() -> None:
    assert render(holding(SHEET, LINES)) == render(holding(LINES, SHEET))


def test_attachments_change_nothing_but_what_they_add() -> None:
    plain, pdf = render(holding()).data, render(holding(SHEET)).data

    assert conformance_problems(pdf, ["a-3a", "ua-1"]) == ()
    with pikepdf.open(io.BytesIO(plain)) as before, pikepdf.open(io.BytesIO(pdf)) as after:
        assert before.pages[0].Contents.read_raw_bytes() == after.pages[0].Contents.read_raw_bytes()
        assert before.Root.Metadata.read_raw_bytes() == after.Root.Metadata.read_raw_bytes()
        assert dict(before.docinfo) == dict(after.docinfo)
        assert before.pdf_version == after.pdf_version


def test_a_pdf_can_hold_the_data_it_was_made_of() -> None:
    task = holding(embed_data=True, locale="fr-FR", data={"name": "Wren Fable", "price": 1.0})

    inside = json.loads(embedded_files(render(task).data)[DATA_FILE])

    assert inside == json.loads(document_data(task))
    assert inside == {
        "schema": "docugen.document-data/v1",
        "template": {"pack": "notice", "template": "notice", "version": "1.0.0", "digest": task.pack.digest},
        "data": {"name": "Wren Fable", "price": 1},
        "locale": "fr-FR",
        "time_zone": "UTC",
        "document_date": "2026-09-30",
        "specimen": True,
    }


def test_a_file_that_the_template_embeds_itself_stays_and_keeps_its_name() -> None:
    own = '#pdf.attach("lines.csv", bytes("own"), description: "lines", mime-type: "text/csv", relationship: "data")\n'
    task = a_task(SOURCE + own, pdf=PdfOptions(("a-3b",)))

    assert embedded_files(render(replace(task, attachments=(TEXT,))).data) == {
        "lines.csv": b"own",
        "note.txt": TEXT.data,
    }
    with pytest.raises(RenderFailed, match=r"already holds a file 'lines\.csv'") as caught:
        render(replace(task, attachments=(LINES,)))
    assert caught.value.hint
