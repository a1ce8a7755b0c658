"""Word documents for tests: small ones made by python-docx, and packages with one part changed."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable

import docx
from docugen_core.rendering.ooxml import read_package, write_package

DOCUMENT = "word/document.xml"
RELATIONS = "word/_rels/document.xml.rels"


def a_docx(*paragraphs: str, header: str = "", footer: str = "", title: str = "") -> bytes:
    """A document of these paragraphs, as Word would save it."""
    document = docx.Document()
    for paragraph in paragraphs:
        document.add_paragraph(paragraph)
    for story, text in ((document.sections[0].header, header), (document.sections[0].footer, footer)):
        if text:
            story.paragraphs[0].text = text
    document.core_properties.title = title
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def with_part(package: bytes, name: str, content: bytes) -> bytes:
    """The package with one part put in or replaced."""
    return write_package(read_package(package) | {name: content})


def edited(package: bytes, old: str, new: str, *, part: str = DOCUMENT) -> bytes:
    """The package with a piece of one part replaced; it must be there."""
    content = read_package(package)[part].decode()
    assert old in content
    return with_part(package, part, content.replace(old, new).encode())


def related(package: bytes, kind: str, target: str, *, mode: str = "External") -> bytes:
    """The package whose document refers to something more. kind: the last word of the relationship's type."""
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    relation = f'<Relationship Id="rIdX" Type="{office}/{kind}" Target="{target}" TargetMode="{mode}"/>'
    return edited(package, "</Relationships>", relation + "</Relationships>", part=RELATIONS)


def opened(package: bytes) -> list[str]:
    """The text of each paragraph, tables left out."""
    return [paragraph.text for paragraph in docx.Document(io.BytesIO(package)).paragraphs]


def zipped(members: Iterable[tuple[str | zipfile.ZipInfo, bytes]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A ZIP as somebody else might write it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()
