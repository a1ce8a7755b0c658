"""The pictures in docs/images: first pages of documents that the examples and the documentation's own snippets render.

    python tools/doc_images.py            draw those whose document has changed
    python tools/doc_images.py --check    change nothing; exit code 1 when a picture shows another document than today's

A picture carries the SHA-256 of the PDF it was drawn from, so what is compared is documents, not pixels: drawing depends on the
versions of pdfium and Pillow, which no reader of the documentation cares about. With one version of both, the
same PDF gives the same file.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pypdfium2
from PIL import Image, ImageDraw, PngImagePlugin

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
DOCUGEN = Path(sys.executable).parent / "docugen"
EXAMPLES = ROOT / "examples" / "bundles"
PACK_PAGE = ROOT / "docs" / "how-to" / "template-packs.md"

Box = tuple[float, ...]

SCALE = 1.4
"""Of 72 dots an inch: an A4 page becomes 833 pixels wide."""
COLOURS = 64
BYTES_MAX = 150_000
SOURCE = "docugen-source-sha256"


def main() -> int:
    check = "--check" in sys.argv[1:]
    stale = []
    with tempfile.TemporaryDirectory() as folder:
        for name, (pdf, boxes) in sources(Path(folder)).items():
            picture, digest = IMAGES / f"{name}.png", hashlib.sha256(pdf).hexdigest()
            if drawn_from(picture) == digest and picture.stat().st_size <= BYTES_MAX:
                continue
            stale.append(picture.relative_to(ROOT))
            if not check:
                draw(pdf, boxes, digest, picture)
    for picture in stale:
        print(f"{picture}: {'shows an old document; run python tools/doc_images.py' if check else 'drawn'}")
    return int(check and bool(stale))


def sources(folder: Path) -> dict[str, tuple[bytes, list[Box]]]:
    """Picture -> the PDF whose first page it shows, and boxes (in points) to draw over it."""
    save_snippets(folder)
    invoice = rendered(EXAMPLES / "invoice.json", folder)
    quarter = rendered(EXAMPLES / "quarterly-account-pack.json", folder)
    finances = rendered(EXAMPLES / "household-finance.json", folder)
    slip = rendered(folder / "slip.json", folder, DOCUGEN_TEMPLATE_PATH=str(folder / "packs"))
    plain = {
        "invoice": invoice / "invoice.pdf",
        "statement-1": quarter / "releve-de-compte.pdf",
        "payslip": finances / "bulletin-2026-09.pdf",
        "repair-slip": slip / "slip.pdf",
    }
    return {name: (path.read_bytes(), []) for name, path in plain.items()} | {"labelled-invoice": labelled(folder)}


def labelled(folder: Path) -> tuple[bytes, list[Box]]:
    """The first document of the corpus that docs/how-to/labelled-corpus.md makes, and its boxes."""
    corpus = folder / "corpus"
    subprocess.run(
        [DOCUGEN, "generate", "corpus", "--seed", "spring", "--count", "1", "--out", corpus, "--quiet"],
        stdout=subprocess.DEVNULL,
        check=True,
    )
    fields = json.loads((corpus / "documents" / "000001.json").read_bytes())["fields"]
    boxes = [(*field["box"],) for field in fields if field["page"] == 1]
    return (corpus / "documents" / "000001.pdf").read_bytes(), boxes


def save_snippets(folder: Path) -> None:
    """The files that the page about template packs lets its reader save."""
    text = PACK_PAGE.read_text(encoding="utf-8")
    for name, body in re.findall(r"^```\w+ file=(\S+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(body, encoding="utf-8")


def rendered(bundle: Path, folder: Path, **settings: str) -> Path:
    """The folder with the files of `bundle`, rendered by the command line."""
    out = folder / "out" / bundle.stem
    environment = {k: v for k, v in os.environ.items() if not k.startswith("DOCUGEN_")} | settings
    subprocess.run(
        [DOCUGEN, "render", bundle, "--out", out, "--json", "--quiet"],
        env=environment,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return out


def drawn_from(picture: Path) -> str:
    """The digest of the PDF that `picture` shows; empty where there is none."""
    if not picture.is_file():
        return ""
    with Image.open(picture) as image:
        return str(image.info.get(SOURCE, ""))


def draw(pdf: bytes, boxes: list[Box], digest: str, picture: Path) -> None:
    page = pypdfium2.PdfDocument(pdf)[0].render(scale=SCALE).to_pil().convert("RGB")
    pen = ImageDraw.Draw(page)
    for box in boxes:
        pen.rectangle([edge * SCALE for edge in box], outline="#c02626")
    note = PngImagePlugin.PngInfo()
    note.add_text(SOURCE, digest)
    picture.parent.mkdir(parents=True, exist_ok=True)
    small = page.quantize(COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    small.save(picture, format="PNG", optimize=True, pnginfo=note)
    if picture.stat().st_size > BYTES_MAX:
        raise SystemExit(f"{picture} has {picture.stat().st_size} bytes, more than {BYTES_MAX}: lower SCALE or COLOURS")


if __name__ == "__main__":
    sys.exit(main())
