"""The gallery: docs/gallery.md, and a picture of every page that the shipped packs make of their samples: `make gallery`.

    python tools/gallery.py     draw the pages that have changed, remove those that are gone, write the page anew

Packs are found, not listed: a new one is in the gallery with the next run. A picture carries the SHA-256 of the PDF it was
drawn from; while that is the same, it is left alone, so that another version of pdfium changes no file. Documents that have no
pages (tables, JSON, ...) are named with their formats; of a CSV its first lines are shown.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pypdfium2
from docugen_core.domain.bundle import Format
from docugen_core.rendering.catalogue import TemplateCatalogue
from docugen_core.rendering.packs import Template, TemplatePack
from docugen_core.rendering.registry import render
from docugen_core.rendering.task import RenderTask
from docugen_core.rendering.world import World
from PIL import Image, PngImagePlugin

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "gallery.md"
PICTURES = ROOT / "docs" / "gallery"

DAY = dt.date(2026, 10, 2)
LOCALE = "en-GB"
SCALE = 1.25
"""Of 72 dots an inch: an A4 page becomes 744 pixels wide."""
COLOURS = 128
PAGES_MAX = 24
PICTURE_BYTES_MAX = 90_000
GALLERY_BYTES_MAX = 3_000_000
CSV_LINES = 5
IN_A_ROW = 3
SOURCE = "docugen-source-sha256"


def main() -> int:
    packs = sorted(TemplateCatalogue.load([]).packs(), key=lambda pack: pack.name)
    drawn: set[Path] = set()
    PICTURES.mkdir(parents=True, exist_ok=True)
    PAGE.write_text("\n".join(gallery(packs, drawn)) + "\n", encoding="utf-8")
    for old in sorted(set(PICTURES.glob("*.png")) - drawn):
        print(f"{old.relative_to(ROOT)}: removed")
        old.unlink()
    size = sum(picture.stat().st_size for picture in drawn)
    print(f"{PAGE.relative_to(ROOT)}: {len(packs)} packs, {len(drawn)} pages, {size / 1e6:.1f} MB of pictures")
    if size > GALLERY_BYTES_MAX:
        print(f"That is more than {GALLERY_BYTES_MAX} bytes: lower SCALE or COLOURS.", file=sys.stderr)
    return int(size > GALLERY_BYTES_MAX)


def gallery(packs: list[TemplatePack], drawn: set[Path]) -> Iterator[str]:
    """The lines of the page. Draws the pictures it shows and adds them to `drawn`."""
    yield from (
        "# Gallery",
        "",
        "What the shipped template packs make of their samples, page by page. People, houses and figures are invented.",
        "",
        "This page is made by `make gallery`. The data of a sample is its template's example for you:",
        "`docugen templates show invoice/invoice --sample`. How a bundle asks for a document is told in",
        "[Your first bundle](tutorial/first-bundle.md), how a pack is made in",
        "[Make a template pack](how-to/template-packs.md).",
    )
    for pack in packs:
        yield from ("", f"## {pack.name}", "", pack.description)
        yield from ("", "```bash", f"docugen templates preview libs/docugen_core/templates/{pack.name}", "```")
        for template in pack.templates.values():
            formats = ", ".join(sorted(known.value for known in template.formats))
            yield from ("", f"### {pack.name}/{template.name}", "", f"{template.title}. {template.description}")
            yield from ("", f"Formats: {formats}.")
            yield from shown(pack, template, drawn)


def shown(pack: TemplatePack, template: Template, drawn: set[Path]) -> Iterator[str]:
    if Format.PDF in template.formats:
        pictures = pages(pack, template)
        drawn.update(pictures)
        yield from ("", "| " + " | ".join([" "] * min(IN_A_ROW, len(pictures))) + " |")
        yield "|" + "---|" * min(IN_A_ROW, len(pictures))
        for first in range(0, len(pictures), IN_A_ROW):
            row = enumerate(pictures[first : first + IN_A_ROW], first + 1)
            cells = (f"![{template.title}, page {n}](gallery/{picture.name})" for n, picture in row)
            yield "| " + " | ".join(cells) + " |"
    elif Format.CSV in template.formats:
        lines = rendered(pack, template, Format.CSV).decode().splitlines()
        yield from ("", "```text", *lines[:CSV_LINES], *(["..."] if len(lines) > CSV_LINES else []), "```")


def pages(pack: TemplatePack, template: Template) -> list[Path]:
    """A picture of every page of the template's sample, drawn where the document has changed."""
    pdf = rendered(pack, template, Format.PDF)
    digest = hashlib.sha256(pdf).hexdigest()
    document = pypdfium2.PdfDocument(pdf)
    if len(document) > PAGES_MAX:
        raise SystemExit(f"the sample of {pack.name}/{template.name} has {len(document)} pages, more than {PAGES_MAX}")
    pictures = [PICTURES / f"{pack.name}-{template.name}-{number:02}.png" for number in range(1, len(document) + 1)]
    for number, picture in enumerate(pictures):
        if drawn_from(picture) != digest:
            draw(document[number].render(scale=SCALE).to_pil().convert("RGB"), digest, picture)
            print(f"{picture.relative_to(ROOT)}: drawn")
    return pictures


def rendered(pack: TemplatePack, template: Template, format_: Format) -> bytes:
    world = World(DAY, LOCALE, "UTC", specimen=True)
    task = RenderTask(f"{template.name}.{format_.value}", format_, pack, template.name, template.sample, world)
    return render(task).data


def drawn_from(picture: Path) -> str:
    """The digest of the PDF that `picture` shows; empty where there is none."""
    if not picture.is_file():
        return ""
    with Image.open(picture) as image:
        return str(image.info.get(SOURCE, ""))


def draw(page: Image.Image, digest: str, picture: Path) -> None:
    note = PngImagePlugin.PngInfo()
    note.add_text(SOURCE, digest)
    # By coverage alone pale areas change their colour, by frequency alone small ones: k-means mends the first.
    small = page.quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE, kmeans=4, dither=Image.Dither.NONE)
    small.save(picture, format="PNG", optimize=True, pnginfo=note)
    if picture.stat().st_size > PICTURE_BYTES_MAX:
        raise SystemExit(
            f"{picture} has {picture.stat().st_size} bytes, more than {PICTURE_BYTES_MAX}: lower SCALE or COLOURS"
        )


if __name__ == "__main__":
    sys.exit(main())
