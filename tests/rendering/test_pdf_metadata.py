"""What a viewer shows around the pages of shipped documents: title, author, keywords, language, bookmarks."""

from __future__ import annotations

import io
from typing import Any

import pikepdf
import pypdf
import pytest
from docugen_core.domain.bundle import Format
from docugen_core.rendering.packs import TemplatePack
from docugen_core.rendering.pdf_conformance import conformance_problems
from shipped_packs import LOCALES, catalogue, rendered, shipped

PAGED = [
    pytest.param(pack, template.name, id=f"{pack.name}/{template.name}")
    for pack in catalogue().packs()
    for template in pack.templates.values()
    if Format.PDF in template.formats
]


def facts(pdf: bytes) -> dict[str, Any]:
    """From the metadata stream, which every kind of PDF has."""
    with pikepdf.open(io.BytesIO(pdf)) as document, document.open_metadata() as metadata:
        return {name.rpartition("}")[2]: metadata[name] for name in metadata}


@pytest.mark.parametrize(("pack", "template"), PAGED)
def test_a_shipped_document_has_what_its_standards_promise(pack: TemplatePack, template: str) -> None:
    standards = pack.templates[template].pdf.standards

    assert standards
    assert conformance_problems(rendered(pack, template, Format.PDF), standards) == ()


@pytest.mark.parametrize(("pack", "template"), PAGED)
def test_a_shipped_document_has_a_title_and_an_author(pack: TemplatePack, template: str) -> None:
    found = facts(rendered(pack, template, Format.PDF))

    assert found["title"]
    assert found["creator"] != ["Typst"]
    assert all(found["creator"])


@pytest.mark.parametrize("locale", LOCALES)
def test_the_language_of_a_document_is_that_of_its_locale(locale: str) -> None:
    pdf = rendered(shipped("invoice"), "invoice", Format.PDF, locale=locale)

    with pikepdf.open(io.BytesIO(pdf)) as document:
        assert str(document.Root.Lang) == locale


@pytest.mark.parametrize(
    ("pack", "template", "keywords"),
    [
        ("invoice", "invoice", "Invoice, TLW-2026-0418"),
        ("quarterly-account-pack", "statement", "Account statement, 1308-202607-088761"),
    ],
)
def test_keywords_name_the_kind_and_number_of_a_document(pack: str, template: str, keywords: str) -> None:
    assert facts(rendered(shipped(pack), template, Format.PDF))["Keywords"] == keywords


def test_headings_of_a_statement_are_its_bookmarks_in_its_language() -> None:
    pdf = rendered(shipped("quarterly-account-pack"), "statement", Format.PDF, locale="fr-FR")
    reader = pypdf.PdfReader(io.BytesIO(pdf))

    title, below = reader.outline

    assert title.title == "Relevé de compte"  # type: ignore[union-attr]
    assert isinstance(below, list)
    assert [item.title for item in below if not isinstance(item, list)][-1] == "Détail des opérations"
    pages = [reader.get_destination_page_number(item) or 0 for item in below if not isinstance(item, list)]
    assert pages == sorted(pages)
    assert (pages[0], len(pages)) == (0, 4)
