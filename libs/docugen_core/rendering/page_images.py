"""Images of pages: PNG of a finished PDF by pdfium, SVG by Typst itself.

Both begin with the PDF that the template makes, so an image fails wherever the PDF would: a missing glyph is an error in it,
never an empty box. The PNG shows that very PDF. The SVG is made of the same template and data; its letters are outlines, so it
looks alike wherever it is opened.

Bytes of a PNG depend on pdfium, Pillow and the deflate that Pillow brings; all are pinned and in the engine fingerprint.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from docugen_core.domain.bundle import Format
from docugen_core.errors import RenderFailed
from docugen_core.rendering.packs import Template
from docugen_core.rendering.pdf import compile_pdf, compile_svg
from docugen_core.rendering.task import Rendering, RenderTask

if TYPE_CHECKING:
    from PIL.Image import Image

PIXELS_MAX = 40_000_000
"""Of one image: A4 at 600 pixels an inch has 35 million. Part of the format and no setting: an image is the same everywhere."""
POINTS_PER_INCH = 72
DEFLATE_LEVEL = 6


def render_page_image(task: RenderTask, template: Template) -> Rendering:
    """One page of the PDF of `task`, as PNG or SVG.

    Raises what rendering the PDF raises, and RenderFailed for a page that it does not have or that would be too large.
    """
    pdf = compile_pdf(replace(task, format=Format.PDF), template)
    if task.page > pdf.pages:
        pages = "one page" if pdf.pages == 1 else f"{pdf.pages} pages"
        raise RenderFailed(
            f"there is no page {task.page}: the document has {pages}",
            hint="Ask for a page it has, or make the image optional.",
            details={"page": str(task.page), "pages": str(pdf.pages)},
        )
    if task.format is Format.SVG:
        return Rendering(compile_svg(replace(task, format=Format.PDF), template)[task.page - 1])
    return Rendering(page_image(pdf.data, task.page, task.ppi))


def page_images(pdf: bytes, ppi: int) -> Iterator[bytes]:
    """Every page of `pdf` as PNG, one after the other. Raises RenderFailed for a page beyond PIXELS_MAX."""
    import pypdfium2

    with closing(pypdfium2.PdfDocument(pdf)) as document:
        for index in range(len(document)):
            yield _png(document, index, ppi)


def page_image(pdf: bytes, page: int, ppi: int) -> bytes:
    """Page `page` (from 1) of `pdf` as PNG. Raises IndexError beyond the last, RenderFailed beyond PIXELS_MAX."""
    import pypdfium2

    with closing(pypdfium2.PdfDocument(pdf)) as document:
        if not 1 <= page <= len(document):
            raise IndexError(f"no page {page} among {len(document)}")
        return _png(document, page - 1, ppi)


def _png(document: Any, index: int, ppi: int) -> bytes:
    with closing(document[index]) as page:
        width, height = (round(length * ppi / POINTS_PER_INCH) for length in page.get_size())
        if width * height > PIXELS_MAX:
            raise RenderFailed(
                f"the image of page {index + 1} would have {width} x {height} pixels, at most {PIXELS_MAX:,} are allowed",
                hint="Ask for fewer pixels an inch (ppi).",
            )
        with closing(page.render(scale=ppi / POINTS_PER_INCH)) as bitmap:
            image: Image = bitmap.to_pil().convert("RGB")
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=DEFLATE_LEVEL, dpi=(ppi, ppi))
    return buffer.getvalue()
