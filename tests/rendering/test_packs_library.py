"""docugen.typ, the library all Typst templates import: figures, dates and words, by what they print."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import tomllib

import pypdfium2
import pytest
from docugen_core.domain.bundle import Format
from docugen_core.domain.json import JsonObject
from docugen_core.errors import RenderFailed
from docugen_core.rendering.fonts import FONT_FOLDER
from docugen_core.rendering.packs import PdfOptions, Template, TemplatePack, pack_digest
from shipped_packs import DAY, pages_of, rendered

LABELS: JsonObject = {
    "specimen": "SPECIMEN",
    "page": {"number": "{page} / {pages}"},
    "greeting": "Hello {name}",
}


def _printed(body: str, locale: str = "en-GB", data: JsonObject | None = None, day: dt.date | None = DAY) -> str:
    """What a template of this body prints, without page number and mark."""
    source = f'#import "docugen.typ": *\n#show: page-setup.with(title: "t")\n{body}\n'
    files = {"t.typ": source.encode(), "data.json": json.dumps(data or {}).encode()}
    template = Template("t", "t", "", {Format.PDF: "t.typ"}, {}, data or {})
    pack = TemplatePack("t", "1.0.0", "", pack_digest(files), {"t": template}, files, "en", {"en": LABELS})
    (page,) = pages_of(rendered(pack, "t", Format.PDF, data or {}, locale, specimen=False, day=day))
    return page.removesuffix("t1 / 1").replace("1 / 1", "").strip().removesuffix("t").strip()


@pytest.mark.parametrize(
    ("expression", "locale", "expected"),
    [
        ('money("1234.5", "EUR")', "fr-FR", "1 234,50 €"),
        ('money("1234.5", "EUR")', "de-DE", "1.234,50 €"),
        ('money("-1234.5", "GBP")', "en-GB", "−£1,234.50"),
        ('money("0.00", "EUR", sign: true)', "en-GB", "+€0.00"),
        ('money("-0.00", "EUR")', "en-GB", "€0.00"),
        ('money("1234567.89", "INR")', "en-IN", "₹12,34,567.89"),
        ('money("1234", "JPY")', "de-DE", "1.234 ¥"),
        ('money("12.3456", "EUR")', "en-GB", "€12.3456"),
        ('money("9007199254740993.07", "EUR")', "en-GB", "€9,007,199,254,740,993.07"),
        ('money("5", "CHF")', "en-GB", "CHF 5.00"),
        ('amount("-1234.5", "EUR")', "fr-FR", "−1 234,50"),
        ('number("1234567.050")', "en-GB", "1,234,567.050"),
        ("number(37.5)", "de-DE", "37,5"),
        ("number(-2)", "en-GB", "−2"),
        ("integer(1392)", "fr-FR", "1 392"),
        ('percent("5.50")', "fr-FR", "5,5 %"),
        ('percent("20")', "en-GB", "20%"),
        ('date("2026-09-30")', "fr-FR", "30 septembre 2026"),
        ('date("2026-07-01")', "fr-FR", "1er juillet 2026"),
        ('date("2026-07-01", style: "short")', "fr-FR", "01/07/2026"),
        ('date("2026-07-01", style: "day")', "de-DE", "01.07."),
        ('date("2026-09-30", style: "full")', "en-US", "Wednesday, September 30, 2026"),
        ('date("2026-09-30")', "es-ES", "30 de septiembre de 2026"),
        ('date("2024-02-29", style: "medium")', "de-DE", "29.02.2024"),
        ('month-name("2026-03")', "de-DE", "März 2026"),
        ("date(document-date())", "en-GB", "2 October 2026"),
        ('iban("GB52ZZZZ99999904180412")', "en-GB", "GB52 ZZZZ 9999 9904 1804 12"),
        ('place-of(("14, quai des Horlogers", "99417 Valbrume"))', "fr-FR", "Valbrume"),
        ('place-of(("12 Ropewalk Yard", "Harrowmere", "ZZ4 8LN"))', "en-GB", "Harrowmere"),
        ('place-of(("12 Ropewalk Yard", "Harrowmere ZZ4 8LN"))', "en-GB", "Harrowmere"),
        ('label("greeting", name: "Ada")', "en-GB", "Hello Ada"),
        ('label("nowhere", default: "fallback")', "en-GB", "fallback"),
    ],
)
def test_a_value_is_written_as_the_locale_writes_it(expression: str, locale: str, expected: str) -> None:
    assert _printed(f"#{expression}", locale) == expected


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ('label("greeting.missing")', 'label "greeting.missing" is missing'),
        ('label("page")', 'label "page" is a group of labels'),
        ('label("greeting")', 'label "greeting" needs a value for {name}'),
        ('money("12,50", "EUR")', '"12,50" is not a decimal number'),
        ('money("1", "XYZ")', 'currency "XYZ" is not in world.json'),
        ('integer("1.5")', '"1.5" is not a whole number'),
        ('date("30/09/2026")', '"30/09/2026" is not a date'),
        ('date("2026-09-30", style: "cosy")', 'date style "cosy" is not one of'),
        ('month-name("September")', '"September" is not a month'),
        ('data-table(columns: ((head: "a"),), rows: (("1", "2"),))', "a row of this table has 2 cells, its head has 1"),
    ],
)
def test_a_mistake_is_an_error_that_names_it(expression: str, message: str) -> None:
    with pytest.raises(RenderFailed) as failed:
        _printed(f"#{expression}")
    assert message in str(failed.value).replace('\\"', '"')


def test_a_template_that_needs_todays_date_says_what_to_set() -> None:
    with pytest.raises(RenderFailed, match="set document_date in the bundle"):
        _printed("#document-date()", day=None)


def test_a_table_never_leaves_fewer_than_three_rows_on_its_last_page() -> None:
    for count in range(36, 48):
        body = (
            '#set page(height: 240mm)\n#data-table(columns: ((head: "Head"), (head: "Two")), '
            f'rows: range({count}).map(i => ("row" + str(i), "x")), total: ("Sum", ""))'
        )
        source = f'#import "docugen.typ": *\n#show: page-setup.with(title: "t")\n{body}\n'
        files = {"t.typ": source.encode()}
        template = Template("t", "t", "", {Format.PDF: "t.typ"}, {}, {})
        pack = TemplatePack("t", "1.0.0", "", pack_digest(files), {"t": template}, files, "en", {"en": LABELS})
        pages = pages_of(rendered(pack, "t", Format.PDF, {}))
        assert all("Head" in page for page in pages)
        assert pages[-1].count("row") >= 3, count
        assert "Sum" in pages[-1]


def _pixels(body: str, locale: str = "en-GB") -> list[bytes]:
    """How the pages of a template of this body look."""
    source = f'#import "docugen.typ": *\n#show: page-setup.with(title: "t")\n{body}\n'
    files = {"t.typ": source.encode()}
    template = Template("t", "t", "", {Format.PDF: "t.typ"}, {}, {})
    pack = TemplatePack("t", "1.0.0", "", pack_digest(files), {"t": template}, files, "en", {"en": LABELS})
    with pypdfium2.PdfDocument(rendered(pack, "t", Format.PDF, {}, locale)) as pdf:
        return [bytes(page.render(scale=2).buffer) for page in pdf]


@pytest.mark.parametrize("span", ["colspan: 2", "rowspan: 2", "x: 1", "y: 9"])
def test_a_cell_of_a_tables_row_moves_no_other_whatever_its_own_mind(span: str) -> None:
    plain, own = (
        _pixels(
            '#data-table(columns: ((head: "a"), (head: "b")), total: ("sum", "3"), '
            f'rows: range(3).map(i => ({cell}, "row" + str(i))))'
        )
        for cell in ("[one]", f"table.cell({span})[one]")
    )
    assert plain == own


def test_the_stripes_of_a_table_are_its_own() -> None:
    """A fill that the template sets for all tables shows in the head, and in no row."""
    red, reds = "rgb(255, 0, 0)", []
    for rows in (1, 2, 9):
        table = f'#data-table(columns: ((head: "a"),), rows: (("one",),) * {rows})'
        (page,) = _pixels(f"#set table.cell(fill: {red})\n{table}")
        reds.append(page.count(b"\0\0\xff"))
    assert reds[0] > 0
    assert len(set(reds)) == 1


def test_what_is_no_cell_is_refused_in_every_row_of_a_table() -> None:
    for row in range(2):
        rows = ", ".join("(table.hline(),)" if row == i else '("one",)' for i in range(2))
        with pytest.raises(RenderFailed, match="hline"):
            _printed(f'#data-table(columns: ((head: "a"),), rows: ({rows}))')


@pytest.mark.parametrize("locale", ["en-GB", "ar-EG"])
def test_what_the_page_writes_into_a_table_stands_where_the_tables_own_words_would(locale: str) -> None:
    """On every page, in every column, whichever way the text runs."""
    columns = ", ".join(
        f'(head: "{side}", width: 1fr, align: {side})' for side in ("left", "center", "right", "start", "end")
    )
    looks = []
    for cell in ('"{}"', 'at => "{}"'):
        row = ", ".join(cell.format(word) for word in ("one 1", "two 22", "three 333", "four", "five"))
        rows = 'range(60).map(i => ("row", "b", "c", "d", str(i)))'
        table = f"#data-table(columns: ({columns}), rows: {rows}, brought: ({row}), carried: ({row}))"
        looks.append(_pixels(table, locale))

    own, written = looks
    assert len(own) == 2
    assert own == written


CARRIED = '#data-table(columns: ((head: "Word"),), rows: (("one",), ("two",)), carried: (at => "carried",))'


def test_a_tagged_document_may_have_cells_that_the_page_writes() -> None:
    source = f'#import "docugen.typ": *\n#show: page-setup.with(title: "t")\n{CARRIED}\n'
    files = {"t.typ": source.encode()}
    template = Template("t", "t", "", {Format.PDF: "t.typ"}, {}, {}, PdfOptions(("a-2a", "ua-1")))
    pack = TemplatePack("t", "1.0.0", "", pack_digest(files), {"t": template}, files, "en", {"en": LABELS})

    (page,) = pages_of(rendered(pack, "t", Format.PDF, {}))
    assert "carried" in page


def test_a_template_whose_page_cannot_write_them_is_told() -> None:
    with pytest.raises(RenderFailed, match="the template needs page-setup, and no foreground of its own"):
        _printed(f"#set page(foreground: [X])\n{CARRIED}")


def test_the_shipped_faces_are_the_ones_their_list_names() -> None:
    folder = FONT_FOLDER / "ibm-plex-sans"
    listed = tomllib.loads((folder / "fonts.toml").read_text(encoding="utf-8"))["fonts"]
    assert {face["file"] for face in listed} == {path.relative_to(folder).as_posix() for path in folder.rglob("*.ttf")}
    for face in listed:
        assert hashlib.sha256((folder / face["file"]).read_bytes()).hexdigest() == face["sha256"], face["file"]
    assert len({(face["family"], face["style"], face["weight"]) for face in listed}) == len(listed) == 5
    assert "SIL OPEN FONT LICENSE Version 1.1" in (folder / "OFL.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("style", ["weight: 400", 'style: "italic"', "weight: 500", "weight: 600", "weight: 700"])
def test_every_face_has_the_signs_that_documents_of_europe_need(style: str) -> None:
    signs = "€£œŒéèêàçñßäöüåø«»„“”’–—−·•…°²"
    assert signs in _printed(f'#text({style})[#"{signs}"] #"a\\u{{202f}}b\\u{{a0}}c"')
