"""The paper a template promises, and whether a PDF keeps the promise.

The size of a page is set in one place, the template's own source. `pack.toml` does not set it a second time: it says what
printers, folding machines and window envelopes may count on, and a PDF with any other page is a failure of the template that
names the page. So the promise cannot be wrong, only kept or broken.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from docugen_core.domain.failure import SourceLocation
from docugen_core.errors import RenderFailed

PaperSize: TypeAlias = Literal["a3", "a4", "a5", "a6", "us-letter", "us-legal"]
Orientation: TypeAlias = Literal["portrait", "landscape"]

PAPER_SIZES: tuple[PaperSize, ...] = get_args(PaperSize)
ORIENTATIONS: tuple[Orientation, ...] = get_args(Orientation)
TOLERANCE_MM = 0.5

_MILLIMETRES: dict[PaperSize, tuple[float, float]] = {
    "a3": (297, 420),
    "a4": (210, 297),
    "a5": (148, 210),
    "a6": (105, 148),
    "us-letter": (215.9, 279.4),
    "us-legal": (215.9, 355.6),
}
_POINTS_A_MM = 72 / 25.4


@dataclass(frozen=True, slots=True)
class PageFormat:
    """A size of paper, by Typst's name for it, and which way it is held."""

    size: PaperSize
    orientation: Orientation = "portrait"

    @property
    def millimetres(self) -> tuple[float, float]:
        """Width and height."""
        short, long = _MILLIMETRES[self.size]
        return (short, long) if self.orientation == "portrait" else (long, short)

    def __str__(self) -> str:
        return f"{self.size} {self.orientation}"


def check_pages(pdf: bytes, page: PageFormat, source: str) -> None:
    """Raises RenderFailed, naming the first page that is not `page`, within half a millimetre. source: the file to mend."""
    for number, (width, height) in enumerate(page_sizes(pdf), 1):
        wanted = page.millimetres
        if abs(width - wanted[0]) > TOLERANCE_MM or abs(height - wanted[1]) > TOLERANCE_MM:
            raise RenderFailed(
                f"page {number} is {width:.0f} x {height:.0f} mm, and pack.toml promises {page}"
                f" ({wanted[0]:.0f} x {wanted[1]:.0f} mm)",
                where=SourceLocation(source),
                hint="Set the page in the template, or change [templates.page].",
            )


def page_sizes(pdf: bytes) -> list[tuple[float, float]]:
    """Width and height of each page in millimetres. For PDFs with a plain cross-reference table; Typst writes no other."""
    start = int(_last(rb"startxref\s+(\d+)", pdf, pdf.rfind(b"startxref")))
    entries = re.compile(rb"xref\s+0 (\d+)\s+").match(pdf, start)
    if entries is None:
        raise ValueError("the PDF has no plain cross-reference table")
    first = entries.end()

    def opened(reference: bytes) -> bytes:
        """The object, up to its end."""
        begin = int(pdf[first + 20 * int(reference) :][:10])
        return pdf[begin : pdf.index(b"endobj", begin)]

    def sizes(node: bytes, above: bytes) -> list[tuple[float, float]]:
        box = _found(rb"/MediaBox\s*\[([^\]]*)\]", node) or above
        kids = _found(rb"/Kids\s*\[([^\]]*)\]", node)
        if not kids and b"/Kids" not in node:
            left, bottom, right, top = (float(number) / _POINTS_A_MM for number in box.split())
            return [(right - left, top - bottom)]
        return [size for kid in re.findall(rb"(\d+) 0 R", kids) for size in sizes(opened(kid), box)]

    root = opened(_last(rb"/Root (\d+) 0 R", pdf, pdf.rfind(b"trailer")))
    return sizes(opened(_last(rb"/Pages (\d+) 0 R", root, 0)), b"")


def _found(pattern: bytes, node: bytes) -> bytes:
    found = re.search(pattern, node)
    return found[1] if found else b""


def _last(pattern: bytes, pdf: bytes, start: int) -> bytes:
    found = re.compile(pattern).search(pdf, start)
    if found is None:
        raise ValueError(f"the PDF has no {pattern.decode()}")
    return found[1]
