"""Which renderer makes which format. Engines are imported when first needed: a cold start pays for one, not for all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from docugen_core.domain.bundle import Format
from docugen_core.errors import LimitExceeded, RenderFailed
from docugen_core.rendering.packs import Template
from docugen_core.rendering.task import MergeTask, Rendering, RenderTask, Task

RenderFunction = Callable[[RenderTask, Template], Rendering]


def _pdf() -> RenderFunction:
    from docugen_core.rendering.pdf import render_pdf

    return render_pdf


def _page_image() -> RenderFunction:
    from docugen_core.rendering.page_images import render_page_image

    return render_page_image


def _text() -> RenderFunction:
    from docugen_core.rendering.text import render_text

    return render_text


def _docx() -> RenderFunction:
    from docugen_core.rendering.docx import render_docx

    return render_docx


def _csv() -> RenderFunction:
    from docugen_core.rendering.csv import render_csv

    return render_csv


def _xlsx() -> RenderFunction:
    from docugen_core.rendering.xlsx import render_xlsx

    return render_xlsx


_RENDERERS: Mapping[Format, Callable[[], RenderFunction]] = {
    Format.PDF: _pdf,
    Format.PNG: _page_image,
    Format.SVG: _page_image,
    Format.HTML: _text,
    Format.TXT: _text,
    Format.MD: _text,
    Format.DOCX: _docx,
    Format.JSON: _text,
    Format.XML: _text,
    Format.CSV: _csv,
    Format.XLSX: _xlsx,
}


def formats() -> tuple[Format, ...]:
    """The formats templates can be rendered to. Archives are not among them: `archive.pack_archive` makes those."""
    return tuple(_RENDERERS)


def render(task: Task) -> Rendering:
    """The document's bytes: a pure function of `task` and the engine.

    Raises RenderFailed (with document, place and hint) and LimitExceeded. Run it in a render process: a template can hang
    or exhaust memory, and only a process can be killed.
    """
    try:
        rendering = _merged(task) if isinstance(task, MergeTask) else _rendered(task)
        if len(rendering.data) > task.limits.bytes_max:
            raise _too_big(len(rendering.data), task.limits.bytes_max)
    except RenderFailed as error:
        error.document = error.document or task.document
        raise
    return rendering


def _rendered(task: RenderTask) -> Rendering:
    template = task.pack.templates.get(task.template)
    if template is None or task.format not in template.offered:
        raise RenderFailed(f"{task.pack.name}/{task.template} offers no {task.format.value}")
    files = task.pack.files_for(task.format)
    if len(files) < len(task.pack.files):
        task = replace(task, pack=replace(task.pack, files=files))
    if task.labelled:
        from docugen_core.rendering.layout_truth import render_layout

        return render_layout(task, template)
    return _RENDERERS[task.format]()(task, template)


def _merged(task: MergeTask) -> Rendering:
    from docugen_core.rendering.pdf_merge import merge_pdfs

    return merge_pdfs(task)


def _too_big(size: int, limit: int) -> LimitExceeded:
    message = f"the document has {size} bytes, the limit is {limit}"
    hint = "Ask for less, or raise DOCUGEN_MAX_ARTEFACT_BYTES."
    return LimitExceeded(message, hint=hint, details={"bytes": str(size), "limit": str(limit)})
