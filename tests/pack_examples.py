"""Template packs for tests: small, synthetic, in memory or in a folder. Names and amounts are invented."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from docugen_core.domain.bundle import Format
from docugen_core.rendering.packs import PdfOptions, Template, TemplatePack, pack_digest
from docugen_core.rendering.task import RenderLimits, RenderTask
from docugen_core.rendering.world import World

DAY = dt.date(2026, 9, 30)
PLEX = '#set text(font: "IBM Plex Sans")\n'
HANG = "#for i in range(60000) { for j in range(60000) { } }"

PACK_TOML = """\
schema = "docugen.pack/v1"

[pack]
name = "notice"
version = "1.0.0"
description = "A short notice."

[[templates]]
name = "notice"
title = "Notice"
schema = "notice.schema.json"
sample = "notice.sample.json"
[templates.formats]
txt = "notice.txt"
"""

PACK_FILES: Mapping[str, str] = {
    "pack.toml": PACK_TOML,
    "notice.txt": "{{ labels.greeting }} {{ data.name }}\n",
    "notice.schema.json": '{"type": "object"}',
    "notice.sample.json": '{"name": "Wren Fable"}',
    "labels/en.toml": 'greeting = "Hello"\n',
}

TABLE_TOML = """\
title = "Lines"
rows = "lines"

[[columns]]
header_label = "columns.item"
value = "item"

[[columns]]
header = "Quantity"
value = "quantity"
type = "decimal"

[[columns]]
header = "Price"
value = "price"
type = "money"
currency = "currency"
width = 15

[[columns]]
header = "Tax"
value = "tax"
type = "percent"

[[columns]]
header = "Sold"
value = "sold"
type = "date"
optional = true

[[summary]]
label = "Total"
values = { price = "totals.price" }
"""

TABLE_DATA: Mapping[str, Any] = {
    "currency": "EUR",
    "lines": [
        {"item": "=cmd|' /C calc'!A0", "quantity": "2", "price": "1234.50", "tax": "20", "sold": "2026-01-31"},
        {"item": 'Tea, "green"', "quantity": "0.125", "price": "-5.00", "tax": "5.5", "sold": None},
    ],
    "totals": {"price": "1229.50"},
}

TABLE_LABELS = {"en": {"columns": {"item": "Item"}}}


def write_pack(folder: Path, files: Mapping[str, str | bytes] | None = None) -> Path:
    """A valid pack in `folder`, with `files` laid over it."""
    for path, content in {**PACK_FILES, **(files or {})}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def a_task(
    source: str | bytes,
    format: Format = Format.PDF,
    *,
    files: Mapping[str, str | bytes] | None = None,
    data: Mapping[str, Any] | None = None,
    labels: Mapping[str, Any] | None = None,
    day: dt.date | None = DAY,
    locale: str = "en-GB",
    specimen: bool = True,
    limits: RenderLimits | None = None,
    pdf: PdfOptions | None = None,
) -> RenderTask:
    """A task whose template has `source`, named for its format; `files` stand beside it.

    For DOCX the source is the whole file, or text of which every line becomes a paragraph.
    """
    name = {
        Format.PDF: "notice.typ",
        Format.XML: "notice.xml.j2",
        Format.JSON: "notice.json.j2",
        Format.CSV: "lines.table.toml",
        Format.XLSX: "lines.table.toml",
    }.get(format, f"notice.{format.value}")
    if format is Format.DOCX and isinstance(source, str):
        from docx_examples import a_docx

        source = a_docx(*source.splitlines())
    contents = {path: text if isinstance(text, bytes) else text.encode() for path, text in (files or {}).items()}
    contents[name] = source if isinstance(source, bytes) else source.encode()
    template = Template("notice", "Notice", "", {format: name}, {}, {}, pdf or PdfOptions())
    pack = TemplatePack(
        "notice", "1.0.0", "", pack_digest(contents), {"notice": template}, contents, "en", labels or TABLE_LABELS
    )
    return RenderTask(
        document=f"notice.{format.value}",
        format=format,
        pack=pack,
        template="notice",
        data=data or {"name": "Wren Fable"},
        world=World(day, locale, "UTC", specimen),
        limits=limits or RenderLimits(),
    )
