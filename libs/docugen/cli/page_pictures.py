"""Pages of two PDFs, compared as pictures: which ones look different, and a picture of each that shows where.

Bytes may differ where no page does (a date in the metadata, another order of objects): then no page is named.
"""

from __future__ import annotations

from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pypdfium2
    from PIL.Image import Image

PAGES_MAX = 500
"""Pages compared of one document."""
PICTURES_MAX = 50
"""Pictures written of one document."""
PPI = 100
MARK = (255, 150, 170)
GAP = 12
BACKGROUND = (128, 128, 128)


def changed_pages(before: bytes, now: bytes) -> tuple[int, ...]:
    """Numbers (from 1) of the pages that do not look the same, those that only one PDF has included."""
    with ExitStack() as stack:
        ours, theirs = (_opened(stack, pdf) for pdf in (before, now))
        count = min(PAGES_MAX, max(len(ours), len(theirs)))
        return tuple(number for number in range(1, count + 1) if _differs(_page(ours, number), _page(theirs, number)))


def write_pictures(name: str, before: bytes, now: bytes, pages: tuple[int, ...], folder: Path) -> tuple[Path, ...]:
    """A PNG of each of `pages` in `folder`, PICTURES_MAX at most: then, now, and now with what differs marked."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    with ExitStack() as stack:
        ours, theirs = (_opened(stack, pdf) for pdf in (before, now))
        for number in pages[:PICTURES_MAX]:
            path = folder / f"{name}.page-{number}.png"
            _side_by_side(_page(ours, number), _page(theirs, number)).save(path)
            written.append(path)
    return tuple(written)


def _opened(stack: ExitStack, pdf: bytes) -> pypdfium2.PdfDocument:
    import pypdfium2

    return stack.enter_context(closing(pypdfium2.PdfDocument(pdf)))


def _page(document: pypdfium2.PdfDocument, number: int) -> Image | None:
    """The page as a picture; None where there is none."""
    if number > len(document):
        return None
    with closing(document[number - 1]) as page, closing(page.render(scale=PPI / 72)) as bitmap:
        picture: Image = bitmap.to_pil().convert("RGB")
        return picture


def _differs(before: Image | None, now: Image | None) -> bool:
    if before is None or now is None:
        return True
    return before.size != now.size or before.tobytes() != now.tobytes()


def _side_by_side(before: Image | None, now: Image | None) -> Image:
    from PIL import Image

    shown = [picture for picture in (before, now, _marked(before, now)) if picture is not None]
    width = sum(picture.width for picture in shown) + GAP * (len(shown) + 1)
    sheet = Image.new("RGB", (width, max(picture.height for picture in shown) + 2 * GAP), BACKGROUND)
    left = GAP
    for picture in shown:
        sheet.paste(picture, (left, GAP))
        left += picture.width + GAP
    return sheet


def _marked(before: Image | None, now: Image | None) -> Image | None:
    """The page of now, faded, with every pixel that differs marked; None unless both have it in one size."""
    from PIL import Image, ImageChops, ImageFilter

    if before is None or now is None or before.size != now.size:
        return None
    difference = ImageChops.difference(before, now).convert("L").point(lambda level: 255 if level else 0)
    grown = difference.filter(ImageFilter.MaxFilter(5))  # a changed comma has to be found by eye
    faded = Image.blend(now, Image.new("RGB", now.size, "white"), 0.6)
    faded.paste(ImageChops.multiply(now, Image.new("RGB", now.size, MARK)), mask=grown)
    return faded
