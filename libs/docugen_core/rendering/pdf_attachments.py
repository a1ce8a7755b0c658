"""Files inside a PDF: other artefacts of the bundle, and the data that the document itself was made of.

Why not Typst's own `pdf.attach`: its virtual files are UTF-8 text, so it could take CSV and JSON but no XLSX. Files are added
to what Typst wrote, in the form that PDF/A-3 (ISO 19005-3, 6.8) and PDF/A-4f ask for: a file specification with both names, a
media type, a date and a relationship, listed in the catalogue's `AF` and in the name tree `EmbeddedFiles`. Everything else of
the PDF stays as it is: standards that it met before, it meets afterwards.

The relationship (ISO 32000-2, 7.11.3) tells a reader what a file is to the document:

    Source       what the document was made of: `document-data.json`
    Data         figures that the document shows: csv, json, xlsx, xml
    Alternative  the same thing in another form: html, md, txt, other documents, pdf
    Supplement   what goes with it: zip, page images
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from docugen_core.domain.bundle import Format
from docugen_core.domain.identity import canonical_json
from docugen_core.errors import RenderFailed
from docugen_core.rendering.inputs import template_inputs
from docugen_core.rendering.packs import Template
from docugen_core.rendering.pdf_rewriting import UNDATED, opened, pdf_date, written
from docugen_core.rendering.task import RenderTask

if TYPE_CHECKING:
    import pikepdf

DATA_FILE = "document-data.json"
DATA_SCHEMA = "docugen.document-data/v1"
DEFLATE_LEVEL = 6

_DATA = ("csv", "json", "xlsx", "xml")
_SUPPLEMENT = ("png", "svg", "zip")


@dataclass(frozen=True, slots=True)
class EmbeddedFile:
    """relationship: Source, Data, Alternative or Supplement."""

    name: str
    media_type: str
    relationship: str
    data: bytes


def with_attachments(pdf: bytes, task: RenderTask, template: Template) -> bytes:
    """`pdf` with what `task` and `template` want inside; `pdf` itself where that is nothing.

    Raises RenderFailed where the PDF has a file of one of the names already (a template may embed files of its own).
    """
    files = [
        EmbeddedFile(a.name, a.format.media_type.partition(";")[0], _relationship(a.format), a.data)
        for a in task.attachments
    ]
    if template.pdf.embed_data:
        files.append(EmbeddedFile(DATA_FILE, "application/json", "Source", document_data(task)))
    return embedded(pdf, files, pdf_date(task.world.document_date or UNDATED)) if files else pdf


def document_data(task: RenderTask) -> bytes:
    """What a document is made of, as canonical JSON: with the pack of that digest it can be rendered again, byte by byte."""
    inputs = template_inputs(task)
    world = task.world
    return canonical_json(
        {
            "schema": DATA_SCHEMA,
            "template": {
                "pack": task.pack.name,
                "template": task.template,
                "version": task.pack.version,
                "digest": task.pack.digest,
            },
            "data": json.loads(inputs["data"]),
            "locale": world.locale,
            "time_zone": world.time_zone,
            "document_date": world.document_date.isoformat() if world.document_date else None,
            "specimen": world.specimen,
        }
    )


def embedded(pdf: bytes, files: Sequence[EmbeddedFile], date: str) -> bytes:
    """`pdf` with `files` inside, all of one date. Their order means nothing. Raises RenderFailed for a name it has already."""
    import pikepdf

    with opened(pdf) as document:
        names = _name_tree(document)
        related = document.Root.get(pikepdf.Name.AF, pikepdf.Array())
        for file in sorted(files, key=lambda f: f.name):
            if file.name in names:
                raise RenderFailed(
                    f"the PDF already holds a file {file.name!r}",
                    hint="The template embeds it itself. Give the attached document another name.",
                )
            names[file.name] = specification = _specification(document, file, date)
            related.append(specification)
        document.Root.AF = related
        return written(document)


def embedded_files(pdf: bytes) -> dict[str, bytes]:
    """The files inside `pdf` by name, inflated. Raises pikepdf.PdfError for what is no PDF."""
    with opened(pdf) as document:
        return {str(name): bytes(spec.EF.F.read_bytes()) for name, spec in _name_tree(document).items()}


def _name_tree(document: pikepdf.Pdf) -> pikepdf.NameTree:
    import pikepdf

    if pikepdf.Name.Names not in document.Root:
        document.Root.Names = pikepdf.Dictionary()
    if pikepdf.Name.EmbeddedFiles not in document.Root.Names:
        document.Root.Names.EmbeddedFiles = pikepdf.NameTree.new(document).obj
    return pikepdf.NameTree(document.Root.Names.EmbeddedFiles)


def _specification(document: pikepdf.Pdf, file: EmbeddedFile, date: str) -> Any:
    import pikepdf

    stream = document.make_stream(b"")
    deflated = zlib.compress(file.data, DEFLATE_LEVEL)
    if len(deflated) < len(file.data):
        stream.write(deflated, filter=pikepdf.Name.FlateDecode)
    else:
        stream.write(file.data)
    stream.Type = pikepdf.Name.EmbeddedFile
    stream.Subtype = pikepdf.Name("/" + file.media_type)
    stream.Params = pikepdf.Dictionary(
        Size=len(file.data),
        # The format's own checksum, for readers that find it missing; nothing rests on it.
        CheckSum=pikepdf.String(hashlib.md5(file.data, usedforsecurity=False).digest()),
        CreationDate=pikepdf.String(date),
        ModDate=pikepdf.String(date),
    )
    name = pikepdf.String(file.name)
    return document.make_indirect(
        pikepdf.Dictionary(
            Type=pikepdf.Name.Filespec,
            F=name,
            UF=name,
            Desc=name,
            AFRelationship=pikepdf.Name("/" + file.relationship),
            EF=pikepdf.Dictionary(F=stream, UF=stream),
        )
    )


def _relationship(format: Format) -> str:
    if format.value in _DATA:
        return "Data"
    return "Supplement" if format.value in _SUPPLEMENT else "Alternative"
