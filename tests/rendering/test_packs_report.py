"""The report: contents that lead to the right pages, tables over pages, charts and notes, refusals that name the block."""

from __future__ import annotations

import copy
import io
import re
from decimal import Decimal
from functools import cache
from typing import Any

import pypdf
import pytest
from docugen_core.domain.bundle import Format
from docugen_core.errors import RenderFailed
from docugen_core.strict_json.schema import Schema
from shipped_packs import LOCALES, pages_of, rendered, shipped

PACK = shipped("report")
SAMPLE: Any = PACK.templates["report"].sample
SCHEMA = Schema(PACK.templates["report"].schema)


def _report(*blocks: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return copy.deepcopy(dict(SAMPLE)) | {"blocks": list(blocks)} | changes


def _pdf(data: Any) -> bytes:
    return rendered(PACK, "report", Format.PDF, data)


@cache
def _sample(locale: str = "en-GB") -> bytes:
    return rendered(PACK, "report", Format.PDF, locale=locale)


@cache
def _sample_pages(locale: str = "en-GB") -> list[str]:
    return pages_of(_sample(locale))


def _text(*blocks: dict[str, Any], **changes: Any) -> str:
    data = _report(*blocks, **changes)
    assert SCHEMA.violations(data) == []
    return "\n".join(pages_of(_pdf(data)))


def _block(**fields: Any) -> dict[str, Any]:
    return fields


@pytest.mark.slow
def test_the_sample_fills_a_dozen_pages_and_its_contents_name_the_page_of_each_heading() -> None:
    pages = _sample_pages()
    assert len(pages) >= 12
    heads = [block for block in SAMPLE["blocks"] if block["type"] == "heading" and block["level"] < 3]
    assert len(heads) > 15
    listed = dict(re.findall(r"^(\d(?:\.\d)?) .*?(\d+)$", pages[1], re.MULTILINE))
    assert len(listed) == len(heads)
    for (number, page), head in zip(listed.items(), heads, strict=True):
        found = pages[int(page) - 1].replace("\n", " ")
        assert f"{number} {head['text']}" in re.sub(" +", " ", found)


@pytest.mark.slow
def test_headings_are_bookmarks_nested_by_level() -> None:
    outline: Any = pypdf.PdfReader(io.BytesIO(_sample())).outline
    titles = [item.title if not isinstance(item, list) else [below.title for below in item] for item in outline]
    assert titles[:5] == [
        "Contents",
        "1 The year in brief",
        ["1.1 Purpose of this report"],
        "2 Water supplied",
        ["2.1 Sources month by month", "2.2 Who uses the water", "2.3 Ten years"],
    ]


@pytest.mark.slow
def test_the_file_is_tagged_for_screen_readers_and_names_its_language() -> None:
    root: Any = pypdf.PdfReader(io.BytesIO(_sample("fr-FR"))).trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert str(root["/Lang"]).startswith("fr")
    metadata = root["/Metadata"].get_object().get_data().decode()
    assert re.search("pdfuaid:part[>=]", metadata)


@pytest.mark.slow
def test_each_page_but_the_cover_names_the_report_and_its_section() -> None:
    pages = _sample_pages()
    sections = [block["text"] for block in SAMPLE["blocks"] if block["type"] == "heading" and block["level"] == 1]
    assert all(SAMPLE["title"] in page for page in pages)
    assert all(any(section in page for section in sections) for page in pages[2:])


@pytest.mark.slow
@pytest.mark.parametrize("locale", LOCALES)
def test_tables_and_figures_are_numbered_in_the_documents_language(locale: str) -> None:
    text = "\n".join(_sample_pages(locale))
    words = {"en-GB": ("Figure", "Table"), "fr-FR": ("Figure", "Tableau"), "de-DE": ("Abbildung", "Tabelle")}[locale]
    for kind, word in zip(("chart", "table"), words, strict=True):
        blocks = [block for block in SAMPLE["blocks"] if block["type"] == kind]
        assert len(blocks) > 5
        for number, block in enumerate(blocks, 1):
            assert re.search(rf"{word} {number}\s+{re.escape(block['title'][:30])}", text)


def test_a_long_table_repeats_its_head_and_prints_every_row_once() -> None:
    columns = [{"head": "Place"}, {"head": "Amount", "type": "money"}]
    rows = [[f"Place {i}.", f"{i}.50"] for i in range(1, 151)]
    table = _block(type="table", title="All places", columns=columns, rows=rows, total=["All", "11400.00"])
    pages = pages_of(_pdf(_report(table)))
    assert len(pages) >= 4
    assert all("Amount" in page for page in pages[1:])
    text = "\n".join(pages)
    assert [int(n) for n in re.findall(r"Place (\d+)\.", text)] == list(range(1, 151))
    assert "11,400.00" in pages[-1]


def test_every_value_of_a_chart_stands_in_the_page() -> None:
    series = [{"name": "Wells", "values": ["12.25", None]}, {"name": "Springs", "values": ["3", "-4.5"]}]
    text = _text(_block(type="chart", kind="bars", title="By year", places=["2024", "2025"], series=series, unit="m³"))
    for expected in ("Wells", "Springs", "12.25", "\u22124.5", "m³", "2024", "By year"):
        assert expected in text


def test_notes_stand_at_the_foot_of_the_page_that_refers_to_them() -> None:
    notes = [{"key": "a", "text": "The first note."}, {"key": "b", "text": "Never referred to."}]
    text = _text(_block(type="paragraph", text="As **said**[^a] before, [^ and ] alone."), notes=notes)
    assert "The first note." in text
    assert "As said" in text
    assert "[^ and ] alone" in text
    assert "Never referred to" not in text


def test_each_kind_of_block_prints_its_words() -> None:
    halves = [{"name": "Half", "value": "1"}, {"name": "Other", "value": 1}]
    text = _text(
        _block(type="heading", text="One"),
        _block(type="heading", level=2, text="Two"),
        _block(type="heading", level=3, text="Three"),
        _block(type="list", ordered=True, items=["first point", "second point"]),
        _block(type="callout", title="Mind", text="the gap"),
        _block(type="quote", text="Well said", source="A. Nonym"),
        _block(type="figures", items=[{"label": "Wells", "value": "4"}]),
        _block(type="chart", kind="shares", title="Parts", parts=halves),
        _block(type="chart", kind="lines", title="Line", places=["2026-01", "2026-02"], series=[{"values": [1, "2"]}]),
    )
    printed = re.sub(" +", " ", text)
    expected = ["1\nOne", "1.1 Two", "Three", "first point", "Mind", "the gap", "Well said", "A. Nonym", "Wells", "50%"]
    for words in [*expected, "Jan 2026"]:
        assert words in printed


def test_a_report_of_nothing_is_a_cover() -> None:
    data: Any = {"publisher": {"name": "Nobody"}, "title": "Nothing", "blocks": []}
    assert SCHEMA.violations(data) == []
    (cover,) = pages_of(_pdf(data))
    assert "Nothing" in cover
    empty = _block(type="table", title="Empty", columns=[{"head": "Nothing here"}], rows=[])
    assert "Nothing here" in _text(empty, _block(type="chart", kind="bars", title="No bars"))


def test_a_very_long_title_and_paragraph_stay_on_their_pages() -> None:
    text = _text(_block(type="paragraph", text="word " * 1100), title="A title of very many words " * 4)
    assert len(re.findall(r"\bword\b", text)) == 1100


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (_block(type="paragraph", text="See[^gone]."), 'data.blocks[0].text refers to the note "gone"'),
        (_block(type="heading", level=2, text="x"), "data.blocks[0] is a heading of level 2 after level 0"),
        (
            _block(type="table", title="t", columns=[{"head": "a"}], rows=[["1"], ["1", "2"]]),
            "data.blocks[0].rows[1] has 2 cells, the table has 1 columns",
        ),
        (
            _block(type="chart", kind="bars", title="t", places=["a"], series=[{"values": ["1", "2"]}]),
            "bar-chart: series 1 has 2 values for 1 categories",
        ),
    ],
)
def test_what_no_schema_can_see_is_refused_at_its_place(block: dict[str, Any], message: str) -> None:
    data = _report(block)
    assert SCHEMA.violations(data) == []
    with pytest.raises(RenderFailed) as failed:
        _pdf(data)
    assert message in str(failed.value).replace('\\"', '"')


def test_a_column_of_money_without_a_currency_is_refused() -> None:
    table = _block(type="table", title="t", columns=[{"head": "a", "type": "money"}], rows=[["1"]])
    data = _report(table)
    del data["currency"]
    assert [violation.path for violation in SCHEMA.violations(data, "data")] == ["data.currency"]
    with pytest.raises(RenderFailed, match=r"data\.blocks\[0\]\.rows\[0\] has amounts of money"):
        _pdf(data)


@pytest.mark.parametrize(
    ("block", "place"),
    [
        (_block(type="video", text="x"), "data.blocks[0].type"),
        (
            _block(type="chart", kind="bars", title="t", series=[{"values": ["1,5"]}]),
            "data.blocks[0].series[0].values[0]",
        ),
        (_block(type="callout"), "data.blocks[0].text"),
        (_block(type="heading", level=4, text="x"), "data.blocks[0].level"),
    ],
)
def test_a_wrong_block_is_refused_by_the_schema_at_its_place(block: dict[str, Any], place: str) -> None:
    assert place in [violation.path for violation in SCHEMA.violations(_report(block), "data")]


@pytest.mark.parametrize("format_", [Format.HTML, Format.MD])
def test_web_page_and_markdown_hold_the_same_texts_and_figures(format_: Format) -> None:
    text = rendered(PACK, "report", format_).decode()
    for block in SAMPLE["blocks"]:
        if block["type"] == "heading":
            assert block["text"] in text
        if block["type"] == "table":
            for value in (
                str(value) for row in block["rows"] for value in row if re.fullmatch(r"\d+\.\d+", str(value))
            ):
                assert f"{Decimal(value):,}" in text
    assert text.count("52 weekly samples met the limits") == 1


def test_the_web_page_numbers_its_notes_and_escapes_what_it_is_given() -> None:
    notes = [{"key": "a", "text": "Note <a>."}, {"key": "b", "text": "Note <b>."}]
    data = _report(_block(type="paragraph", text="x < **y**[^b] & z"), notes=notes)
    page = rendered(PACK, "report", Format.HTML, data).decode()
    assert '<p>x &lt; <strong>y</strong><sup><a href="#note-b">2</a></sup> &amp; z</p>' in page
    assert '<li id="note-b">Note &lt;b&gt;.</li>' in page


def test_the_figures_of_the_sample_reconcile() -> None:
    tables = [block for block in SAMPLE["blocks"] if block["type"] == "table" and "total" in block]
    assert len(tables) >= 5
    checked = 0
    for table in tables:
        for i, column in enumerate(table["columns"]):
            if column.get("type") in ("number", "money"):
                assert sum(Decimal(row[i]) if isinstance(row[i], str) else row[i] for row in table["rows"]) == Decimal(
                    str(table["total"][i])
                ), (table["title"], column["head"])
                checked += 1
    assert checked >= 10
