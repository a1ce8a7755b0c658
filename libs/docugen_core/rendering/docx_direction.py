"""A Word document that is read from right to left: paragraphs begin at the right, the first column of a table is the rightmost.

Word asks for it paragraph by paragraph and table by table. Alignment follows by itself: "right" means the end of a line.
"""

from __future__ import annotations

import io
from typing import Any

from docx import Document
from docx.oxml import OxmlElement
from docx.oxml.ns import qn

_AFTER_BIDI = (
    "adjustRightInd snapToGrid spacing ind contextualSpacing mirrorIndents suppressOverlap jc textDirection textAlignment "
    "textboxTightWrap outlineLvl divId cnfStyle rPr sectPr pPrChange"
)
_AFTER_BIDI_VISUAL = (
    "tblStyleRowBandSize tblStyleColBandSize tblW jc tblCellSpacing tblInd tblBorders shd tblLayout tblCellMar tblLook "
    "tblCaption tblDescription tblPrChange"
)


def turned(package: bytes) -> bytes:
    """The document in `package` with every paragraph and table from right to left, headers and footers included."""
    document = Document(io.BytesIO(package))
    stories = [part.element for part in document.part.package.iter_parts() if hasattr(part, "element")]
    for story in stories:
        for paragraph in story.iter(qn("w:p")):
            _add(paragraph.get_or_add_pPr(), "w:bidi", _AFTER_BIDI)
        for table in story.iter(qn("w:tbl")):
            _add(table.tblPr, "w:bidiVisual", _AFTER_BIDI_VISUAL)
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def _add(properties: Any, name: str, successors: str) -> None:
    """Word is strict about the order of properties."""
    if properties.find(qn(name)) is None:
        properties.insert_element_before(OxmlElement(name), *(f"w:{name}" for name in successors.split()))
