"""PDF: what a template can and cannot do, what it yields, and where its errors point.

Tests that depend on the render process's own time zone or limits are in test_render_pool.py.
"""

from __future__ import annotations

import datetime as dt
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pypdf
import pytest
import typst
from docugen_core.domain.bundle import Format
from docugen_core.errors import ConfigurationError, LimitExceeded, RenderFailed
from docugen_core.rendering.compilers import NO_PACKAGES, check_fonts, typst_fonts
from docugen_core.rendering.fonts import installed_fonts
from docugen_core.rendering.pack_loader import load_pack
from docugen_core.rendering.packs import PdfOptions, PdfStandard
from docugen_core.rendering.pdf import page_count
from docugen_core.rendering.registry import render
from docugen_core.rendering.task import RenderLimits
from docugen_core.rendering.typst_library import LIBRARY_FOLDER, library
from pack_examples import PACK_TOML, PLEX, a_task, write_pack


def read(pdf: bytes) -> pypdf.PdfReader:
    return pypdf.PdfReader(io.BytesIO(pdf))


def failure(source: str, **options: object) -> RenderFailed:
    with pytest.raises(RenderFailed) as caught:
        render(a_task(source, **options))  # type: ignore[arg-type]
    assert caught.value.document == "notice.pdf"
    return caught.value


def test_a_template_reads_its_data_world_and_words() -> None:
    source = PLEX + '#json("data.json").name #json("world.json").locale #json("labels.json").greeting'
    labels = {"en": {"greeting": "Hello"}, "fr": {"greeting": "Bonjour"}}

    pdf = render(a_task(source, locale="fr-FR", labels=labels))

    assert read(pdf.data).pages[0].extract_text().split() == ["Wren", "Fable", "fr-FR", "Bonjour"]


def test_files_of_the_pack_are_read_by_their_own_path() -> None:
    files = {"parts/head.typ": '#let head = include "/parts/title.typ"', "parts/title.typ": PLEX + "Fable & Sons"}

    pdf = render(a_task('#import "parts/head.typ": head\n#head', files=files))

    assert "Fable & Sons" in read(pdf.data).pages[0].extract_text()


@pytest.mark.parametrize("pages", [1, 2, 45])
def test_pages_are_counted_as_a_reader_counts_them(pages: int) -> None:
    source = PLEX + '#set heading(numbering: "1")\n#outline()\n= A\n' + "#pagebreak()\nx\n" * (pages - 1)

    pdf = render(a_task(source))

    assert pdf.pages == len(read(pdf.data).pages) == pages


@pytest.mark.parametrize(
    "options", [PdfOptions(("1.4",)), PdfOptions(("2.0",)), PdfOptions(("a-4",)), PdfOptions(("a-2a",))]
)
def test_pages_are_counted_in_every_standard(options: PdfOptions) -> None:
    pdf = render(a_task(PLEX + "#set document(title: [T])\na #pagebreak() b", pdf=options))

    assert pdf.pages == 2


def test_bytes_that_are_no_such_pdf_are_not_counted() -> None:
    with pytest.raises(ValueError, match="the PDF has no"):
        page_count(b"%PDF-1.7\n%%EOF")


def test_documents_are_archivable_by_default_and_tagged_on_demand() -> None:
    plain = render(a_task(PLEX + "x")).data
    tagged = render(a_task(PLEX + "x", pdf=PdfOptions(tags=True))).data
    accessible = render(a_task(PLEX + "#set document(title: [T])\nx", pdf=PdfOptions(("a-3a", "ua-1")))).data

    assert b"pdfaid:part>2</pdfaid:part" in plain
    assert "/StructTreeRoot" not in read(plain).root_object
    assert "/StructTreeRoot" in read(tagged).root_object
    assert "/StructTreeRoot" in read(accessible).root_object


def test_the_creation_date_is_the_document_date_or_1980() -> None:
    dated = read(render(a_task(PLEX + "x", day=dt.date(2026, 9, 30))).data).metadata
    undated = read(render(a_task(PLEX + "x", day=None)).data).metadata

    assert dated is not None
    assert undated is not None
    assert dated.creation_date == dt.datetime(2026, 9, 30, 12, tzinfo=dt.UTC)
    assert undated.creation_date == dt.datetime(1980, 1, 1, tzinfo=dt.UTC)


def test_today_is_the_document_date() -> None:
    source = PLEX + "#datetime.today().display() #datetime.today(offset: 0).display()"

    pdf = render(a_task(source, day=dt.date(2026, 9, 30)))

    assert read(pdf.data).pages[0].extract_text().split() == ["2026-09-30", "2026-09-30"]


def test_asking_another_zone_for_today_without_a_document_date_is_an_error() -> None:
    error = failure(PLEX + "\n#datetime.today( offset: 0).display()", day=None)

    assert "no document_date" in error.message
    assert str(error.where) == "notice.typ:3"


def test_an_error_names_the_packs_file_line_column_and_expression() -> None:
    error = failure(PLEX + '\n#let d = json("data.json")\nDear #d.nmae,\n')

    assert error.message == 'dictionary does not contain key "nmae"'
    assert str(error.where) == "notice.typ:4:9"
    assert error.where is not None
    assert error.where.expression == "Dear #d.nmae,"


def test_an_error_inside_another_file_of_the_pack_names_that_file() -> None:
    files = {"lib/sums.typ": "#let total(x) = {\n  x.net\n}\n"}

    error = failure('#import "lib/sums.typ": total\n#total(1)', files=files)

    assert str(error.where) == "lib/sums.typ:2:5"


def test_an_error_inside_the_data_names_the_line_that_reads_it() -> None:
    error = failure('\n#toml("data.json")')

    assert str(error.where) == "notice.typ:2:2"
    assert error.details["inside"].startswith("data.json:1")


def test_warnings_are_failures() -> None:
    error = failure('#set text(font: "Nowhere Sans")\nx')

    assert error.message == "warning: unknown font family: nowhere sans"
    assert str(error.where) == "notice.typ:1:17"


def test_a_missing_glyph_is_an_error_not_an_empty_box() -> None:
    error = failure(PLEX + "漢")

    assert error.message == 'no glyph for "漢" (U+6F22) in IBM Plex Sans'
    assert str(error.where) == "notice.typ:2:1"


def test_missing_glyphs_are_all_named_with_a_remedy_and_the_place_that_prints_them() -> None:
    """It said "try using a different font", which no pack can, and named the first of them only."""
    error = failure(
        PLEX + '#let greet(name) = [Dear #name]\n#greet(json("data.json").name)', data={"name": "刻 時\u200d👩!"}
    )

    assert (
        error.message
        == 'no glyph for U+200D, "刻" (U+523B), "時" (U+6642), "👩" (U+1F469) in IBM Plex Sans (data.name)'
    )
    assert str(error.where) == "notice.typ:2:27"
    assert error.details["data"] == "data.name"
    assert error.details["characters"] == "U+200D U+523B U+6642 U+1F469"
    assert (
        error.hint == "Install docugen-fonts-world beside DocuGen, which brings Noto Sans JP Core or Noto Sans SC Core."
    )


@pytest.mark.parametrize("standard", [(), ("1.7",), ("2.0",), ("ua-1",), ("a-3a",)])
def test_a_missing_glyph_is_an_error_under_any_standard_and_none(standard: tuple[PdfStandard, ...]) -> None:
    """Without PDF/A it was an empty box."""
    source = PLEX + '#set document(title: "t")\n#json("data.json").buyer.names.at(1)'
    error = failure(source, data={"buyer": {"names": ["Ada", "漢"]}}, pdf=PdfOptions(standards=standard))

    assert error.message == 'no glyph for "漢" (U+6F22) in IBM Plex Sans (data.buyer.names[1])'


@pytest.mark.parametrize("image", [Format.PNG, Format.SVG])
def test_a_missing_glyph_is_an_error_in_an_image_of_the_page(image: Format) -> None:
    task = a_task(PLEX + "漢", pdf=PdfOptions(standards=()))

    with pytest.raises(RenderFailed, match="no glyph for"):
        render(replace(task, format=image))


def test_a_font_family_that_is_not_installed_is_named_with_what_there_is() -> None:
    task = a_task("x")
    template = replace(task.pack.templates["notice"], fonts=("IBM Plex Sans", "Quay Grotesk"))
    with pytest.raises(RenderFailed, match="asks for the font family 'Quay Grotesk', which is not installed") as caught:
        render(replace(task, pack=replace(task.pack, templates={"notice": template})))

    assert caught.value.reason == "FONT_NOT_INSTALLED"
    assert "Known: IBM Plex Sans" in caught.value.hint


def test_a_template_that_names_no_font_gets_the_main_one() -> None:
    pdf = read(render(a_task("x")).data)

    resources: Any = pdf.pages[0]["/Resources"]
    (font,) = resources["/Font"].values()
    assert font["/BaseFont"].endswith("+IBMPlexSans-Regular")
    assert str(pdf.root_object["/Lang"]) == "en-GB"


def test_a_page_of_missing_glyphs_is_told_in_one_line() -> None:
    error = failure(PLEX + "".join(map(chr, range(0x4E00, 0x4E80))))

    assert error.message.startswith('no glyph for "一" (U+4E00), ')
    assert error.message.endswith(", 120 more in IBM Plex Sans")


def test_the_scripts_the_remedy_names_can_be_printed() -> None:
    scripts = "Łódź, Đặng Thị Nguyễn, Größe, Æsir; Ξεσκεπάζω την ψυχοφθόρα; Съешь ещё этих мягких французских булок; 1 234,50 €"
    pdf = render(a_task(PLEX + scripts))

    assert "Съешь ещё" in read(pdf.data).pages[0].extract_text()


@pytest.mark.parametrize("path", ["../../etc/passwd", "/etc/passwd", "/../../../../etc/passwd", "missing.svg"])
def test_files_outside_the_pack_cannot_be_read(path: str) -> None:
    error = failure(f'#read("{path}")')

    assert "root:" not in error.message
    assert str(LIBRARY_FOLDER.parent) not in error.message
    assert "files of its own pack" in error.hint
    assert str(error.where) == "notice.typ:1:7"


def test_a_mistake_is_told_of_the_file_it_is_in_and_not_of_one_in_a_folder_called_as_the_root() -> None:
    error = failure("#let x = 1\n#nope", files={"typst/notice.typ": "#let x = 1\n#x"})

    assert str(error.where) == "notice.typ:2:2"


def test_the_engines_root_holds_the_library_and_no_package_is_installed() -> None:
    held = {path.relative_to(LIBRARY_FOLDER).as_posix() for path in LIBRARY_FOLDER.rglob("*") if path.is_file()}

    assert held == {*library()}
    assert [path.name for path in NO_PACKAGES.iterdir()] == [".gitkeep"]


def test_reading_a_template_name_of_another_document_finds_nothing() -> None:
    render(a_task(PLEX + '#read("secret.txt")', files={"secret.txt": "x"}))

    assert "file not found" in failure('#read("secret.txt")').message


@pytest.mark.parametrize(
    "file", ["pack.toml", "labels/en.toml", "notice.schema.json", "notice.sample.json", "notice.txt"]
)
def test_what_only_declares_the_pack_or_makes_other_formats_is_not_handed_over(file: str, tmp_path: Path) -> None:
    toml = PACK_TOML.replace('txt = "notice.txt"', 'txt = "notice.txt"\npdf = "notice.typ"')
    sources = {
        "pack.toml": toml,
        "notice.typ": f'#read("{file}")',
        "house.txt": "Tidewick",
        "house.typ": '#read("house.txt")',
    }
    pack = load_pack(write_pack(tmp_path, sources))

    with pytest.raises(RenderFailed, match="file not found") as caught:
        render(replace(a_task(""), pack=pack))
    assert "no labels, schemas and samples, and no other format's source" in caught.value.hint
    assert set(pack.files_for(Format.PDF)) == {"notice.typ", "house.typ", "house.txt"}
    assert set(pack.files_for(Format.TXT)) == {"notice.typ", "house.typ", "house.txt", "notice.txt"}


@pytest.mark.parametrize("source", ["#while true {}", "#let f(x) = f(x)\n#f(1)", '#panic("no")', "#let x = "])
def test_runaway_and_broken_templates_are_plain_errors(source: str) -> None:
    error = failure(source)

    assert error.where is not None
    assert error.where.file == "notice.typ"


def test_a_document_beyond_its_page_limit_is_refused() -> None:
    with pytest.raises(LimitExceeded) as caught:
        render(a_task(PLEX + "a #pagebreak() b #pagebreak() c", limits=RenderLimits(pages_max=2)))

    assert caught.value.details == {"pages": "3", "limit": "2"}
    assert "DOCUGEN_MAX_PAGES" in caught.value.hint


def test_a_document_beyond_its_byte_limit_is_refused() -> None:
    with pytest.raises(LimitExceeded, match="bytes, the limit is 1000") as caught:
        render(a_task(PLEX + "a", limits=RenderLimits(bytes_max=1_000)))

    assert caught.value.document == "notice.pdf"


def test_order_of_keys_and_ways_to_write_a_number_do_not_reach_the_bytes() -> None:
    source = PLEX + '#repr(json("data.json"))'

    one = render(a_task(source, data={"a": 1, "b": 2.0}))
    other = render(a_task(source, data={"b": 2, "a": 1.0}))

    assert one == other


def test_numbers_json_cannot_carry_are_refused() -> None:
    error = failure(PLEX + "x", data={"amount": 2**63})

    assert "no canonical JSON form" in error.message


def test_every_shipped_font_is_read_once() -> None:
    fonts = typst_fonts(installed_fonts())

    assert len(fonts.fonts()) == len(installed_fonts()) > 0


def test_a_font_that_typst_does_not_see_as_its_list_says_stops_the_start(tmp_path: Path) -> None:
    """Typst reads a missing folder as "no fonts", and skips a file that is no font, without a word."""
    listed = installed_fonts()
    empty = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[tmp_path])
    with pytest.raises(
        ConfigurationError, match=f"{listed[0].path.name} is no font that can be read, not IBM Plex Sans"
    ):
        check_fonts(empty, listed)

    shipped = typst_fonts(listed)
    with pytest.raises(
        ConfigurationError, match="is IBM Plex Sans normal 700, not IBM Plex Sans normal 900 as its list"
    ):
        check_fonts(shipped, [replace(listed[0], weight=900), *listed[1:]])
    with pytest.raises(ConfigurationError, match=f"{listed[0].path.name} is not listed"):
        check_fonts(shipped, listed[1:])
