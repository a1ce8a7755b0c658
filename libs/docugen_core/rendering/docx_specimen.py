"""The SPECIMEN mark of a Word document: a line at the head of every page, and the word across it.

It goes into the finished document, not into templates: an author cannot forget it, and cannot be asked to repeat it for
first pages, even pages and every section. A section whose header goes on from the one before shows that one's mark.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any
from xml.sax.saxutils import escape

from docx import Document
from docx.oxml.parser import parse_xml

_MARK = """\
<w:p xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" xmlns:v="urn:schemas-microsoft-com:vml"
 xmlns:o="urn:schemas-microsoft-com:office:office">\
<w:pPr><w:spacing w:before="0" w:after="120"/><w:jc w:val="center"/></w:pPr>\
<w:r><w:rPr><w:noProof/></w:rPr><w:pict>\
<v:shapetype id="_x0000_t136" coordsize="21600,21600" o:spt="136" adj="10800" path="m@7,l@8,m@5,21600l@6,21600e">\
<v:formulas><v:f eqn="sum #0 0 10800"/><v:f eqn="prod #0 2 1"/><v:f eqn="sum 21600 0 @1"/><v:f eqn="sum 0 0 @2"/>\
<v:f eqn="sum 21600 0 @3"/><v:f eqn="if @0 @3 0"/><v:f eqn="if @0 21600 @1"/><v:f eqn="if @0 0 @2"/>\
<v:f eqn="if @0 @4 21600"/><v:f eqn="mid @5 @6"/><v:f eqn="mid @8 @5"/><v:f eqn="mid @7 @8"/><v:f eqn="mid @6 @7"/>\
<v:f eqn="sum @6 0 @5"/></v:formulas>\
<v:path textpathok="t" o:connecttype="custom" o:connectlocs="@9,0;@10,10800;@11,21600;@12,10800"
 o:connectangles="270,180,90,0"/><v:textpath on="t" fitshape="t"/></v:shapetype>\
<v:shape id="SpecimenMark" type="#_x0000_t136" alt="SPECIMEN" style="position:absolute;margin-left:0;margin-top:0;\
width:520pt;height:87pt;rotation:308;z-index:-251658752;mso-position-horizontal:center;\
mso-position-horizontal-relative:page;mso-position-vertical:center;mso-position-vertical-relative:page"
 fillcolor="#e9ecef" stroked="f">\
<v:textpath style="font-family:&quot;Arial&quot;;font-size:1pt;font-weight:bold" string="SPECIMEN"/></v:shape></w:pict></w:r>\
<w:r><w:rPr><w:b/><w:color w:val="B00020"/><w:sz w:val="18"/></w:rPr><w:t xml:space="preserve">{words}</w:t></w:r></w:p>
"""


def mark_specimen(package: bytes, words: str) -> bytes:
    """The document in `package` with `words` at the top of every header that a page of it shows.

    It is opened anew because docxtpl leaves python-docx with two versions of each header.
    """
    document = Document(io.BytesIO(package))
    marked: list[Any] = []
    for header in _headers(document):
        # Asking a header for its part makes one where there is none, in the section the others follow.
        part = header.part
        if not any(part is earlier for earlier in marked):
            part.element.insert(0, parse_xml(_MARK.format(words=escape(words))))
            marked.append(part)
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def _headers(document: Any) -> Iterator[Any]:
    for section in document.sections:
        yield section.header
        if section.different_first_page_header_footer:
            yield section.first_page_header
        if document.settings.odd_and_even_pages_header_footer:
            yield section.even_page_header
