"""What holds for every document of every shipped pack, in every format and language."""

from __future__ import annotations

import io
import json
import re
from xml.etree import ElementTree

import docx
import openpyxl
import pypdf
import pytest
from docugen_core.domain.bundle import Format
from docugen_core.errors import RenderFailed
from docugen_core.rendering.packs import TemplatePack
from docugen_core.strict_json.schema import Schema
from shipped_packs import LOCALES, catalogue, example, pages_of, rendered, resolved, shipped

OFFERED = [
    pytest.param(pack, template.name, format_, id=f"{pack.name}/{template.name}.{format_.value}")
    for pack in catalogue().packs()
    for template in pack.templates.values()
    for format_ in template.formats
]
WATERMARK = "S ?P ?E ?C ?I ?M ?E ?N"
"""Its letters stand so far apart that a reader of the text mostly finds spaces between them."""

PAGED = [case for case in OFFERED if case.values[2] is Format.PDF]


@pytest.mark.parametrize("pack", [pytest.param(pack, id=pack.name) for pack in catalogue().packs()])
def test_a_sample_is_valid_data_for_its_template(pack: TemplatePack) -> None:
    for template in pack.templates.values():
        assert Schema(template.schema, name=template.name).violations(template.sample) == []


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize(("pack", "template", "format_"), OFFERED)
def test_a_sample_renders_in_every_format_and_language(
    pack: TemplatePack, template: str, format_: Format, locale: str
) -> None:
    data = rendered(pack, template, format_, locale=locale)
    match format_:
        case Format.PDF:
            assert data.startswith(b"%PDF-1.7")
        case Format.XLSX:
            sheet = openpyxl.load_workbook(io.BytesIO(data)).active
            assert sheet is not None
            assert "SPECIMEN" in str(sheet["A1"].value)
        case Format.DOCX:
            header = docx.Document(io.BytesIO(data)).sections[0].header
            assert "SPECIMEN" in header.paragraphs[0].text
        case Format.XML:
            assert ElementTree.fromstring(data.decode()).get("specimen") == "true"  # noqa: S314 - our own bytes
        case Format.JSON:
            assert json.loads(data)["specimen"] is True
        case Format.HTML:
            assert f'<html lang="{locale[:2]}' in data.decode()
            assert data.decode().count("SPECIMEN") == 2
        case _:
            assert len(data.splitlines()) > 10


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize(("pack", "template", "format_"), PAGED)
def test_every_page_carries_its_number_and_the_specimen_mark_twice(
    pack: TemplatePack, template: str, format_: Format, locale: str
) -> None:
    pages = pages_of(rendered(pack, template, format_, locale=locale))
    word = {"en": "Page", "fr": "Page", "de": "Seite"}[locale[:2]]
    for number, text in enumerate(pages, 1):
        assert f"{word} {number} / {len(pages)}" in text
        note = str(pack.labels[locale[:2]]["specimen"])
        assert note in text
        assert re.search(WATERMARK, text.replace(note, ""))


@pytest.mark.parametrize(("pack", "template", "format_"), PAGED)
def test_a_real_document_carries_no_specimen_mark(pack: TemplatePack, template: str, format_: Format) -> None:
    text = "".join(pages_of(rendered(pack, template, format_, specimen=False)))
    assert "SPECIMEN" not in text
    assert re.search(WATERMARK, text) is None


@pytest.mark.parametrize(("pack", "template", "format_"), PAGED)
def test_a_pdf_embeds_every_face_it_uses_and_no_foreign_one(pack: TemplatePack, template: str, format_: Format) -> None:
    reader = pypdf.PdfReader(io.BytesIO(rendered(pack, template, format_)))
    faces = {
        font.get_object()["/BaseFont"]
        for page in reader.pages
        for font in page["/Resources"]["/Font"].values()  # type: ignore[index]
    }
    assert faces
    assert all("+IBMPlexSans" in face for face in faces)


def test_a_letter_without_a_date_is_refused_with_the_remedy() -> None:
    with pytest.raises(RenderFailed, match="set document_date in the bundle"):
        rendered(shipped("quarterly-account-pack"), "letter", Format.PDF, day=None)


@pytest.mark.parametrize("name", ["household-finance", "invoice", "quarterly-account-pack"])
def test_an_example_bundle_is_accepted_as_it_is_written(name: str) -> None:
    bundle = resolved(example(name))
    assert {document.name for document in bundle.documents} == {d["name"] for d in example(name)["documents"]}
    assert bundle.document_date is not None
