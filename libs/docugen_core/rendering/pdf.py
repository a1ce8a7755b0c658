"""PDF by Typst: virtual files in, PDF/A out.

    main.typ      one line, includes the template, so that a diagnostic names the pack's own file and line
    docugen.typ   the library that ships with DocuGen, its parts in docugen/: the only files on disk (`typst_library`)
    data.json world.json labels.json docugen/branding.json
    ...           the pack's files, each under its own path (`TemplatePack.files_for`)

What Typst may not do here, and why it cannot:
- reach the network (packages): nothing is installed, and the render process has a dead proxy and no network namespace;
- read files: its root holds the library and nothing else; `../` and absolute paths stay inside it; packs hold no links;
- use other fonts: only installed ones and its pack's (`compilers`), in the order of `typesetting`, never "any that has one";
- print empty boxes: PDF/A makes a missing glyph an error, other PDFs are checked as one, and every warning is a failure;
- remember: inputs go in as files with fixed names, `sys_inputs` is always None (it would survive into the next document);
- know the date: see `timestamp`.

Virtual names are interned for the life of the process and end at 65 535, then the engine panics for good. Names here come from
packs, never from documents, and render processes are recycled long before.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace
from typing import Any

from docugen_core.domain.bundle import Format
from docugen_core.domain.failure import SourceLocation
from docugen_core.domain.identity import canonical_json
from docugen_core.errors import LimitExceeded, RenderFailed
from docugen_core.rendering.compilers import MAIN_FILE, compiler_for
from docugen_core.rendering.inputs import template_inputs
from docugen_core.rendering.missing_glyphs import MISSING_GLYPH
from docugen_core.rendering.packs import PdfOptions, Template
from docugen_core.rendering.page_format import check_pages
from docugen_core.rendering.pdf_diagnostics import render_failed
from docugen_core.rendering.task import Rendering, RenderTask
from docugen_core.rendering.typesetting import text_rule
from docugen_core.rendering.typst_library import library, unchanged_library

BRANDING_FILE = "docugen/branding.json"
FIELDS_FILE = "docugen/fields.typ"
LABELLED_FIELDS_FILE = "docugen/labelled-fields.typ"

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
BEFORE_TODAY = -377_705_116_800
"""-9999-01-01T00:00:00Z, the first second Typst knows."""

_ALWAYS_TAGGED = frozenset({"a-1a", "a-2a", "a-3a", "ua-1"})
_UNDATED = "#set document(date: datetime(year: 1980, month: 1, day: 1));"
_TODAY_ELSEWHERE = re.compile(rb"\btoday\s*\(\s*offset\b")


def render_pdf(task: RenderTask, template: Template) -> Rendering:
    """The PDF of `task`, with its attachments inside, and its page count. Raises what `compile_pdf` raises."""
    rendering = compile_pdf(task, template)
    if not (task.attachments or template.pdf.embed_data):
        return rendering
    from docugen_core.rendering.pdf_attachments import with_attachments

    return replace(rendering, data=with_attachments(rendering.data, task, template))


def compile_pdf(task: RenderTask, template: Template) -> Rendering:
    """What Typst makes of `task`, and its page count.

    Raises RenderFailed with the place in the pack for a template or data error, LimitExceeded beyond `pages_max`.
    """
    source = template.formats[Format.PDF]
    options = {"pdf_standards": list(template.pdf.standards), "pdf_tags": tagged(template.pdf)}
    pdf = _compiled(task, source, format="pdf", **options)
    assert isinstance(pdf, bytes)
    if not any(standard.startswith(("a-", "ua-")) for standard in template.pdf.standards):
        _refuse_missing_glyphs(task, source)
    pages = page_count(pdf)
    if pages > task.limits.pages_max:
        message = f"the document has {pages} pages, the limit is {task.limits.pages_max}"
        details = {"pages": str(pages), "limit": str(task.limits.pages_max)}
        raise LimitExceeded(message, hint="Ask for less, or raise DOCUGEN_MAX_PAGES.", details=details)
    if template.page is not None:
        check_pages(pdf, template.page, source)
    return Rendering(pdf, pages)


def compile_svg(task: RenderTask, template: Template) -> list[bytes]:
    """Every page as SVG. It does not tell a missing glyph or too many pages: `compile_pdf` first. Raises RenderFailed."""
    svg = _compiled(task, template.formats[Format.PDF], format="svg")
    return [svg] if isinstance(svg, bytes) else svg


def _compiled(task: RenderTask, source: str, **options: object) -> bytes | list[bytes]:
    import typst

    files = virtual_files(task, source)
    # Typst's own types do not mention the mapping of virtual files that its documentation offers.
    compile_files: Any = compiler_for(task.pack).compile_with_warnings
    try:
        with unchanged_library():
            made, warnings = compile_files(
                files, sys_inputs=None, timestamp=timestamp(task.world.document_date), **options
            )
    except typst.TypstError as error:
        raise render_failed(error.message, error.hints, error.diagnostic, {**library(), **files}, source) from None
    if warnings:
        first = warnings[0]
        raise render_failed(f"warning: {first.message}", first.hints, first.diagnostic, {**library(), **files}, source)
    compiled: bytes | list[bytes] = made
    return compiled


def _refuse_missing_glyphs(task: RenderTask, source: str) -> None:
    """Typst tells of a missing glyph only where a standard forbids one. Laid out already, the document is only written again.

    What else that standard finds is no matter here. Raises RenderFailed.
    """
    try:
        _compiled(task, source, format="pdf", pdf_standards=["a-2b"], pdf_tags=False)
    except RenderFailed as error:
        if MISSING_GLYPH in error.details:
            raise


def page_count(pdf: bytes) -> int:
    """Pages of a PDF with a plain cross-reference table (Typst writes no other): trailer -> catalogue -> page tree."""
    start = int(_last(rb"startxref\s+(\d+)", pdf, pdf.rfind(b"startxref")))
    entries = re.compile(rb"xref\s+0 (\d+)\s+").match(pdf, start)
    if entries is None:
        raise ValueError("the PDF has no plain cross-reference table")

    def position(reference: int) -> int:
        return int(pdf[entries.end() + 20 * reference :][:10])

    root = int(_last(rb"/Root (\d+) 0 R", pdf, pdf.rfind(b"trailer")))
    pages = int(_last(rb"/Pages (\d+) 0 R", pdf, position(root)))
    return int(_last(rb"/Count (\d+)", pdf, position(pages)))


def _last(pattern: bytes, pdf: bytes, start: int) -> bytes:
    found = re.compile(pattern).search(pdf, start)
    if found is None:
        raise ValueError(f"the PDF has no {pattern.decode()}")
    return found[1]


def virtual_files(task: RenderTask, source: str) -> dict[str, bytes]:
    """What Typst is handed for `task`, by virtual name; the library it reads from its root. source: of the format PDF."""
    undated = task.world.document_date is None
    if undated:
        _refuse_other_todays(task)
    files = task.pack.files_for(Format.PDF)
    if task.labelled:
        files[FIELDS_FILE] = library()[LABELLED_FIELDS_FILE]
    files |= {f"{name}.json": data for name, data in template_inputs(task).items()}
    files[BRANDING_FILE] = canonical_json(task.data.get("branding", {}))
    files[MAIN_FILE] = (_UNDATED * undated + text_rule(task) + f'#include "{source}"').encode()
    return files


def timestamp(day: dt.date | None) -> int:
    """The timestamp of the PDF, in seconds, which is also what `datetime.today()` answers from.

    With a day: its noon in UTC, so that it is the same day in any time zone the process may be in. Without one: the first
    second Typst knows. Render processes run twelve hours west of UTC, where that second lies before the first day, so
    `datetime.today()` fails ("unable to get the current date") at the line that asks.
    """
    if day is None:
        return BEFORE_TODAY
    noon = dt.datetime(day.year, day.month, day.day, 12, tzinfo=dt.UTC)
    return int((noon - EPOCH).total_seconds())


def _refuse_other_todays(task: RenderTask) -> None:
    """`datetime.today(offset: 0)` names its own zone and would get a day in the year -9999."""
    for file, data in sorted(task.pack.files.items()):
        found = _TODAY_ELSEWHERE.search(data) if file.endswith(".typ") else None
        if found:
            line = data[: found.start()].count(b"\n") + 1
            expression = data.decode().split("\n")[line - 1].strip()
            raise RenderFailed(
                "the template asks for today's date, but the bundle has no document_date",
                where=SourceLocation(file, line, 0, expression),
                hint="Set document_date in the bundle.",
            )


def tagged(options: PdfOptions) -> bool:
    """Whether the PDF gets tags: asked for, or part of a standard it claims."""
    return options.tags or not _ALWAYS_TAGGED.isdisjoint(options.standards)
