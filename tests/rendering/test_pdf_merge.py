"""Merged PDFs: all pages in the given order, bookmarks and links that lead where they led, nothing of the clock."""

from __future__ import annotations

import datetime as dt
import io
from typing import Any

import pikepdf
import pypdf
import pytest
from docugen_core.domain.bundle import Format
from docugen_core.errors import LimitExceeded, RenderFailed
from docugen_core.rendering.packs import PdfOptions
from docugen_core.rendering.pdf_conformance import conformance_problems
from docugen_core.rendering.registry import render
from docugen_core.rendering.task import Artefact, MergeTask, RenderLimits
from docugen_core.rendering.world import World
from pack_examples import PLEX, a_task

WORLD = World(dt.date(2026, 9, 30), "fr-FR", "UTC", specimen=True)
CHAPTERS = """
#link(<end>)[onwards] #link("https://fable.example")[elsewhere]
= First
#pagebreak()
= Last <end>
== Below
"""


def member(name: str, body: str = "x", **options: Any) -> Artefact:
    title = f'#set document(title: "The {name}")\n'
    return Artefact(f"{name}.pdf", Format.PDF, render(a_task(PLEX + title + body, **options)).data)


def merged(*members: Artefact, limits: RenderLimits | None = None, world: World = WORLD) -> bytes:
    return render(MergeTask("all.pdf", members, world, limits or RenderLimits())).data


def outline(pdf: bytes) -> list[Any]:
    """[title, page from 0, what lies below]"""
    reader = pypdf.PdfReader(io.BytesIO(pdf))

    def read(items: list[Any]) -> list[Any]:
        found: list[Any] = []
        for item in items:
            if isinstance(item, list):
                found[-1][2] = read(item)
            else:
                found.append([item.title, reader.get_destination_page_number(item), []])
        return found

    return read(reader.outline)


def texts(pdf: bytes) -> list[str]:
    return [page.extract_text().strip() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages]


def test_pages_come_in_the_order_of_the_members() -> None:
    one, two = member("one", "1 #pagebreak() 2"), member("two", "3")

    assert texts(merged(two, one)) == ["3", "1", "2"]
    assert render(MergeTask("all.pdf", (two, one), WORLD)).pages == 3


def test_every_member_is_a_bookmark_with_its_own_ones_below() -> None:
    assert outline(merged(member("cover"), member("book", CHAPTERS))) == [
        ["The cover", 0, []],
        ["The book", 1, [["First", 1, []], ["Last", 2, [["Below", 2, []]]]]],
    ]


def test_a_merged_pdf_is_merged_like_any_other() -> None:
    inner = Artefact("inner.pdf", Format.PDF, merged(member("a"), member("b", CHAPTERS)))

    found = outline(merged(member("cover"), inner))

    assert [row[:2] for row in found] == [["The cover", 0], ["inner", 1]]
    assert [row[:2] for row in found[1][2]] == [["The a", 1], ["The b", 2]]
    assert found[1][2][1][2][1] == ["Last", 3, [["Below", 3, []]]]


def test_links_lead_where_they_led() -> None:
    pdf = merged(member("one", CHAPTERS), member("two", CHAPTERS))

    with pikepdf.open(io.BytesIO(pdf)) as document:
        numbers = {page.obj.objgen: number for number, page in enumerate(document.pages)}
        inner = [[numbers[a.Dest[0].objgen] for a in p.obj.get("/Annots", []) if "/Dest" in a] for p in document.pages]
        outer = [str(a.A.URI) for p in document.pages for a in p.obj.get("/Annots", []) if "/A" in a]
    assert inner == [[1], [], [3], []]
    assert outer == ["https://fable.example"] * 2


def test_the_same_members_are_the_same_bytes() -> None:
    members = (member("one", CHAPTERS), member("two"))

    assert merged(*members) == merged(*members)
    assert merged(*members) != merged(*reversed(members))


def test_its_date_is_the_bundles_or_none() -> None:
    dated = pypdf.PdfReader(io.BytesIO(merged(member("one")))).metadata
    undated = pypdf.PdfReader(io.BytesIO(merged(member("one"), world=World(None, "en-GB", "UTC", specimen=True))))

    assert dated is not None
    assert (dated.title, dated.creation_date) == ("all", dt.datetime(2026, 9, 30, tzinfo=dt.UTC))
    assert undated.metadata is not None
    assert undated.metadata.creation_date is None
    assert undated.xmp_metadata is None


def test_it_claims_no_standard_and_leaves_no_loose_ends_of_tags() -> None:
    tagged = member("one", CHAPTERS, pdf=PdfOptions(("a-3a", "ua-1")))

    pdf = merged(tagged, member("two", pdf=PdfOptions(("a-4",))))

    assert conformance_problems(pdf, ()) == ()
    assert "the metadata claims PDF/A-nothing, not a-3a" in conformance_problems(pdf, ["a-3a"])
    with pikepdf.open(io.BytesIO(pdf)) as document:
        assert document.pdf_version == "2.0"
        assert not any(b"StructParent" in page.obj.unparse(resolved=True) for page in document.pages)


def test_the_limit_on_pages_holds_for_all_of_them_together() -> None:
    with pytest.raises(LimitExceeded, match="has 4 pages, the limit is 3") as caught:
        merged(member("one", CHAPTERS), member("two", CHAPTERS), limits=RenderLimits(pages_max=3))
    assert caught.value.document == "all.pdf"


def test_the_limit_on_bytes_holds() -> None:
    with pytest.raises(LimitExceeded, match="the limit is 1024"):
        merged(member("one"), limits=RenderLimits(bytes_max=1024))


def test_nothing_left_to_merge_is_an_error_and_no_empty_file() -> None:
    with pytest.raises(RenderFailed, match="every member was omitted"):
        merged()
