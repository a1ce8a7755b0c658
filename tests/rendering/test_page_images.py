"""Images of pages: the right page at the right size, and an error wherever the PDF is one."""

from __future__ import annotations

import io
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from docugen_core.domain.bundle import Format
from docugen_core.errors import LimitExceeded, RenderFailed
from docugen_core.rendering.packs import PdfOptions
from docugen_core.rendering.page_images import page_image, page_images
from docugen_core.rendering.registry import render
from docugen_core.rendering.task import RenderLimits, RenderTask
from pack_examples import PLEX, a_task
from PIL import Image

COLOURS = PLEX + "".join(
    f'#page(width: 100pt, height: {height}pt, margin: 0pt, fill: rgb("{colour}"))[x]\n'
    for height, colour in ((200, "#ff0000"), (50, "#00ff00"))
)
SVG = "{http://www.w3.org/2000/svg}"


def image(source: str, format: Format, page: int = 1, ppi: int = 144, limits: RenderLimits | None = None) -> bytes:
    return render(replace(a_task(source, limits=limits), format=format, page=page, ppi=ppi)).data


def opened(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png))


@pytest.mark.parametrize(("page", "size", "colour"), [(1, (200, 400), (255, 0, 0)), (2, (200, 100), (0, 255, 0))])
def test_a_png_shows_the_page_that_was_asked_for(page: int, size: tuple[int, int], colour: tuple[int, ...]) -> None:
    shown = opened(image(COLOURS, Format.PNG, page))

    assert (shown.format, shown.mode, shown.size) == ("PNG", "RGB", size)
    assert shown.getpixel((150, 50)) == colour


@pytest.mark.parametrize(("ppi", "width"), [(36, 50), (72, 100), (300, 417)])
def test_ppi_decides_how_many_pixels_a_png_has_and_is_written_in_it(ppi: int, width: int) -> None:
    shown = opened(image(COLOURS, Format.PNG, ppi=ppi))

    assert shown.width == width
    assert shown.info["dpi"] == pytest.approx((ppi, ppi), abs=0.01)


def test_a_svg_is_the_page_that_was_asked_for_with_its_letters_drawn() -> None:
    first, second = (ElementTree.fromstring(image(COLOURS, Format.SVG, page)) for page in (1, 2))  # noqa: S314

    assert (first.tag, first.get("height"), second.get("height")) == (f"{SVG}svg", "200pt", "50pt")
    assert first.findall(f".//{SVG}use")
    assert not first.findall(f".//{SVG}text")


@pytest.mark.parametrize("format", [Format.PNG, Format.SVG])
def test_a_page_beyond_the_last_is_an_error_that_names_the_count(format: Format) -> None:
    with pytest.raises(RenderFailed, match="there is no page 3: the document has 2 pages") as caught:
        image(COLOURS, format, page=3)
    assert caught.value.document == "notice.pdf"
    assert caught.value.details == {"page": "3", "pages": "2"}
    with pytest.raises(RenderFailed, match="the document has one page"):
        image(PLEX + "x", format, page=2)


@pytest.mark.parametrize("format", [Format.PNG, Format.SVG])
def test_a_missing_glyph_is_an_error_in_an_image_too(format: Format) -> None:
    with pytest.raises(RenderFailed, match=r"no glyph for .*U\+6F22"):
        image(PLEX + "\u6f22", format)


@pytest.mark.parametrize("format", [Format.PNG, Format.SVG])
def test_the_limit_on_pages_holds_for_the_document_that_is_shown(format: Format) -> None:
    with pytest.raises(LimitExceeded, match="has 2 pages, the limit is 1"):
        image(COLOURS, format, limits=RenderLimits(pages_max=1))


def test_an_image_with_too_many_pixels_is_refused_before_it_is_drawn() -> None:
    huge = PLEX + "#page(width: 3000mm, height: 3000mm)[x]"

    with pytest.raises(RenderFailed, match="17008 x 17008 pixels") as caught:
        image(huge, Format.PNG)
    assert "ppi" in caught.value.hint


def test_a_png_shows_the_final_pdf() -> None:
    pdf = render(a_task(COLOURS)).data

    assert image(COLOURS, Format.PNG, page=2, ppi=90) == page_image(pdf, 2, 90)
    assert [opened(png).size for png in page_images(pdf, 36)] == [(50, 100), (50, 25)]


def test_an_image_is_the_same_whether_or_not_the_pdf_holds_its_data() -> None:
    def shown(options: PdfOptions) -> bytes:
        task: RenderTask = a_task(COLOURS, pdf=options)
        return render(replace(task, format=Format.PNG)).data

    assert shown(PdfOptions(("a-3b",), embed_data=True)) == shown(PdfOptions(("a-3b",)))


@pytest.mark.parametrize("page", [0, 3])
def test_a_page_that_a_pdf_has_not_is_no_image(page: int) -> None:
    with pytest.raises(IndexError):
        page_image(render(a_task(COLOURS)).data, page, 72)
