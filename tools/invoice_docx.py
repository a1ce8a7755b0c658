"""Build the Word template of the invoice pack: `python tools/invoice_docx.py`; `--check` changes nothing and fails if it would.

A .docx cannot be reviewed in a diff, so this program is its source: paragraphs and tables with the expressions they hold.
Two runs write the same bytes.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import docx
from docugen_core.rendering.docx_template import check_docx_template
from docugen_core.rendering.ooxml import canonical_package
from docx.enum.table import WD_CELL_VERTICAL_ALIGNMENT, WD_TABLE_ALIGNMENT
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.opc.constants import RELATIONSHIP_TYPE
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Mm, Pt, RGBColor

TARGET = Path(__file__).resolve().parent.parent / "libs/docugen_core/templates/invoice/invoice.docx"
TITLE = "{{ labels.invoice.title }} {{ data.number }}"

FONT = "Calibri"
ACCENT, INK, MUTED = "0D4A5E", "17222C", "5A6874"
TINT, RULE = "F3F6F7", "D3DBE1"
LEFT, RIGHT = WD_ALIGN_PARAGRAPH.LEFT, WD_ALIGN_PARAGRAPH.RIGHT

BRANDING = "data.branding is defined and data.branding.{0} is defined"
HOUSE = f"{{{{ data.branding.name if ({BRANDING.format('name')} and data.branding.name) else data.seller.name }}}}"
FOOTER = (
    f"{{{{ data.branding.footer if ({BRANDING.format('footer')}) else (labels.invoice.footer"
    ' | replace("{seller}", data.seller.name) | replace("{number}", data.number)) }}'
)
IBAN = (
    "{% for group in data.seller.iban | list | batch(4) %}{{ group | join }}"
    '{{ "" if loop.last else "\\u00a0" }}{% endfor %}'
)
PAYMENT = (
    '{{ labels.payment.text | replace("{amount}", data.totals.gross | money(data.currency))'
    ' | replace("{date}", data.due_date | date("long")) | replace("{number}", data.number) }}'
)
VAT_PART = (
    '{{ labels.totals.vat | replace("{rate}", part.rate | percent) | replace("{net}", part.net | number(digits)) }}'
)
SET_DIGITS = "{%p set digits = world.currencies[data.currency].digits %}"
COLUMNS = (
    ("sku", 19, LEFT, "{{ line.sku }}"),
    ("description", 61, LEFT, "{{ line.description }}"),
    ("quantity", 18, RIGHT, "{{ line.quantity | number }}"),
    ("unit", 13, LEFT, "{{ line.unit }}"),
    ("unit_price", 21, RIGHT, "{{ line.unit_price | number }}"),
    ("vat_rate", 14, RIGHT, "{{ line.vat_rate | percent }}"),
    ("net", 24, RIGHT, "{{ line.net | number(digits) }}"),
)


def build() -> bytes:
    document = docx.Document()
    _page(document)
    _text(document.add_paragraph(), SET_DIGITS)
    _letterhead(document)
    _parties(document)
    _heading(document)
    _lines(document)
    _totals(document)
    _payment(document)
    _notes(document)
    _footer(document)
    for key, relation in list(document.part.package.rels.items()):
        if relation.reltype == RELATIONSHIP_TYPE.THUMBNAIL:
            del document.part.package.rels[key]
    buffer = io.BytesIO()
    document.save(buffer)
    template = canonical_package(buffer.getvalue(), title=TITLE, day=None)
    check_docx_template(template)
    return template


def _page(document: Any) -> None:
    section = document.sections[0]
    section.page_width, section.page_height = Mm(210), Mm(297)
    section.left_margin = section.right_margin = Mm(20)
    section.top_margin, section.bottom_margin = Mm(22), Mm(22)
    section.header_distance = section.footer_distance = Mm(10)
    normal = document.styles["Normal"]
    normal.font.name, normal.font.size, normal.font.color.rgb = FONT, Pt(10), RGBColor.from_string(INK)
    for script in ("w:eastAsia", "w:cs"):
        normal.element.rPr.rFonts.set(qn(script), FONT)
    normal.element.rPr.append(OxmlElement("w:noProof"))  # the document's language is not the template's
    normal.paragraph_format.space_before = normal.paragraph_format.space_after = Pt(0)
    normal.paragraph_format.line_spacing = 1.08


def _letterhead(document: Any) -> None:
    table = _table(document, (84, 86))
    left, right = table.rows[0].cells
    _text(left.paragraphs[0], HOUSE, size=17, colour=ACCENT, bold=True)
    small = {"size": 8, "colour": MUTED, "align": RIGHT}
    _text(right.paragraphs[0], f"{{%p if {BRANDING.format('address')} %}}", **small)
    _text(right.add_paragraph(), "{%p for line in data.branding.address %}", **small)
    _text(right.add_paragraph(), "{{ line }}", **small)
    _text(right.add_paragraph(), "{%p endfor %}", **small)
    _text(right.add_paragraph(), "{%p else %}", **small)
    _text(right.add_paragraph(), '{{ data.seller.address | join(" · ") }}', **small)
    phone = '{{ labels.invoice.phone | replace("{phone}", data.seller.phone) }} · {{ data.seller.email }}'
    _text(right.add_paragraph(), phone, **small)
    _text(right.add_paragraph(), "{{ labels.invoice.vat_id }} {{ data.seller.vat_id }}", **small)
    _text(right.add_paragraph(), "{%p endif %}", **small)
    _text(right.add_paragraph(), "", **small | {"size": 3})
    for cell in (left, right):
        _borders(cell, bottom=(12, ACCENT))
        cell.vertical_alignment = WD_CELL_VERTICAL_ALIGNMENT.BOTTOM


def _parties(document: Any) -> None:
    _gap(document, 22)
    table = _table(document, (92, 78))
    buyer, facts = table.rows[0].cells
    _text(buyer.paragraphs[0], "{{ labels.invoice.bill_to }}", size=8, colour=MUTED)
    _text(buyer.add_paragraph(), "{{ data.buyer.name }}", size=11, bold=True)
    for text in ("{%p for line in data.buyer.address %}", "{{ line }}", "{%p endfor %}"):
        _text(buyer.add_paragraph(), text, size=11)
    inner = facts.add_table(rows=0, cols=2)
    _widths(inner, (36, 42))
    _fact(inner, "{{ labels.invoice.number }}", "{{ data.number }}", bold=True)
    _fact(inner, "{{ labels.invoice.issue_date }}", '{{ data.issue_date | date("long") }}')
    _fact(inner, "{{ labels.invoice.due_date }}", '{{ data.due_date | date("long") }}', bold=True)
    _tag_row(inner, "{%tr if data.buyer.vat_id is defined %}")
    _fact(inner, "{{ labels.invoice.their_vat_id }}", "{{ data.buyer.vat_id }}")
    _tag_row(inner, "{%tr endif %}")
    facts._element.remove(facts.paragraphs[0]._element)
    _last_line(facts, 2)


def _heading(document: Any) -> None:
    _gap(document, 20)
    title = document.add_paragraph()
    title.paragraph_format.keep_with_next = True
    _run(title, "{{ labels.invoice.title }}", size=22, colour=ACCENT, bold=True)
    _run(title, "  {{ data.number }}", size=12, colour=MUTED)
    _gap(document, 8)


def _lines(document: Any) -> None:
    table = _table(document, [width for _, width, _, _ in COLUMNS], rows=4)
    head, begin, line, end = table.rows
    _mark_row(head, "w:tblHeader")
    for cell, (name, _, align, expression), body in zip(head.cells, COLUMNS, line.cells, strict=True):
        _text(cell.paragraphs[0], f"{{{{ labels.line.{name} }}}}", size=8.5, colour=ACCENT, bold=True, align=align)
        _borders(cell, bottom=(10, ACCENT))
        cell.vertical_alignment = WD_CELL_VERTICAL_ALIGNMENT.BOTTOM
        muted = {"colour": MUTED} if name in ("sku", "unit") else {}
        _text(body.paragraphs[0], expression, size=9.5 if name != "sku" else 8.5, align=align, **muted)
        _borders(body, bottom=(4, RULE))
    for row in (head, line):
        _mark_row(row, "w:cantSplit")
        for cell in row.cells:
            cell.paragraphs[0].paragraph_format.space_before = cell.paragraphs[0].paragraph_format.space_after = Pt(2.6)
    _text(begin.cells[0].paragraphs[0], "{%tr for line in data.lines %}")
    _text(end.cells[0].paragraphs[0], "{%tr endfor %}")


def _totals(document: Any) -> None:
    _gap(document, 6)
    table = _table(document, (72, 42), rows=0)
    table.alignment = WD_TABLE_ALIGNMENT.RIGHT
    _sum(table, "{{ labels.totals.net }}", "{{ data.totals.net | number(digits) }}")
    _tag_row(table, "{%tr for part in data.totals.vat_breakdown %}")
    _sum(table, VAT_PART, "{{ part.vat | number(digits) }}")
    _tag_row(table, "{%tr endfor %}")
    _sum(table, "{{ labels.totals.gross }}", "{{ data.totals.gross | money(data.currency) }}", total=True)


def _payment(document: Any) -> None:
    _gap(document, 16).paragraph_format.keep_with_next = True
    table = _table(document, (170,))
    (cell,) = table.rows[0].cells
    _shade(cell, TINT)
    _mark_row(table.rows[0], "w:cantSplit")
    title = cell.paragraphs[0]
    title.paragraph_format.space_before = Pt(6)
    _text(title, "{{ labels.payment.title }}", size=11, colour=ACCENT, bold=True)
    text = cell.add_paragraph()
    text.paragraph_format.space_before = text.paragraph_format.space_after = Pt(3)
    _text(text, PAYMENT)
    inner = cell.add_table(rows=0, cols=2)
    _widths(inner, (38, 120))
    _fact(inner, "{{ labels.payment.holder }}", "{{ data.seller.name }}")
    _fact(inner, "{{ labels.payment.iban }}", IBAN, bold=True)
    _fact(inner, "{{ labels.payment.bic }}", "{{ data.seller.bic }}")
    _last_line(cell, 12)


def _notes(document: Any) -> None:
    _text(document.add_paragraph(), "{%p if data.notes is defined %}")
    note = document.add_paragraph()
    note.paragraph_format.space_before = Pt(12)
    _text(note, "{{ data.notes }}", size=8.5, colour=MUTED)
    _text(document.add_paragraph(), "{%p endif %}")


def _footer(document: Any) -> None:
    """Page numbers are fields, which no label can hold: they stand as figures alone, in every language."""
    footer = document.sections[0].footer
    table = footer.add_table(1, 2, Mm(170))
    _widths(table, (120, 50))
    left, right = table.rows[0].cells
    _text(left.paragraphs[0], FOOTER, size=8, colour=MUTED)
    number = right.paragraphs[0]
    number.alignment = RIGHT
    _field(number, "PAGE")
    _run(number, " / ", size=8, colour=MUTED)
    _field(number, "NUMPAGES")
    for cell in (left, right):
        _borders(cell, top=(4, RULE))
        cell.paragraphs[0].paragraph_format.space_before = Pt(4)
    footer._element.remove(footer.paragraphs[0]._element)
    _last_line(footer, 1)


def _table(document: Any, widths: Any, rows: int = 1) -> Any:
    table = document.add_table(rows, len(widths))
    _widths(table, widths)
    return table


def _widths(table: Any, widths: Any) -> None:
    """Fixed widths in mm, without the cell margins at the outer edges: texts line up with the page's margins."""
    table.autofit = False
    properties = table._tbl.tblPr
    margins = OxmlElement("w:tblCellMar")
    for side, size in (("left", 0), ("right", 70)):
        margin = OxmlElement(f"w:{side}")
        margin.set(qn("w:w"), str(size))
        margin.set(qn("w:type"), "dxa")
        margins.append(margin)
    properties.append(margins)
    for column, width in zip(table.columns, widths, strict=True):
        column.width = Mm(width)
    for row in table.rows:
        _row_widths(row, widths)


def _row_widths(row: Any, widths: Any) -> None:
    for cell, width in zip(row.cells, widths, strict=True):
        cell.width = Mm(width)


def _new_row(table: Any) -> Any:
    row = table.add_row()
    _row_widths(row, [column.width.mm for column in table.columns])
    return row


def _tag_row(table: Any, tag: str) -> None:
    _text(_new_row(table).cells[0].paragraphs[0], tag)


def _fact(table: Any, label: str, value: str, *, bold: bool = False) -> None:
    left, right = _new_row(table).cells
    _text(left.paragraphs[0], label, size=9, colour=MUTED)
    _text(right.paragraphs[0], value, size=9.5, bold=bold)


def _sum(table: Any, label: str, value: str, *, total: bool = False) -> None:
    row = _new_row(table)
    _mark_row(row, "w:cantSplit")
    left, right = row.cells
    look: dict[str, Any] = {"size": 14, "colour": ACCENT, "bold": True} if total else {"size": 9.5}
    _text(left.paragraphs[0], label, align=RIGHT, **({"colour": MUTED} | look))
    _text(right.paragraphs[0], value, align=RIGHT, **look)
    for cell in (left, right):
        paragraph = cell.paragraphs[0].paragraph_format
        paragraph.space_before = Pt(5 if total else 1.2)
        paragraph.keep_with_next = True
        if total:
            _borders(cell, top=(10, ACCENT))


def _text(paragraph: Any, text: str, *, align: Any = None, **look: Any) -> None:
    if align is not None:
        paragraph.alignment = align
    if text or look:
        _run(paragraph, text, **look)


def _run(paragraph: Any, text: str, *, size: float = 10, colour: str = "", bold: bool = False) -> Any:
    run = paragraph.add_run(text)
    run.font.size, run.font.bold, run.font.cs_bold = Pt(size), bold or None, bold or None
    complex_size = OxmlElement("w:szCs")  # the size of Arabic and Hebrew letters
    complex_size.set(qn("w:val"), str(int(size * 2)))
    run._element.rPr.find(qn("w:sz")).addnext(complex_size)
    if colour:
        run.font.color.rgb = RGBColor.from_string(colour)
    return run


def _field(paragraph: Any, name: str) -> None:
    for kind in ("begin", None, "separate", "1", "end"):
        run = _run(paragraph, "1" if kind == "1" else "", size=8, colour=MUTED)
        if kind is None:
            instruction = OxmlElement("w:instrText")
            instruction.text = f" {name} "
            run._element.append(instruction)
        elif kind != "1":
            mark = OxmlElement("w:fldChar")
            mark.set(qn("w:fldCharType"), kind)
            run._element.append(mark)


def _last_line(story: Any, points: float) -> None:
    """A cell or a footer must not end with a table: the paragraph behind it is made small."""
    paragraph = story.paragraphs[-1] if story.paragraphs else story.add_paragraph()
    paragraph.paragraph_format.line_spacing = Pt(points)


def _gap(document: Any, points: float) -> Any:
    """Space between two tables, which would grow together without a paragraph."""
    paragraph = document.add_paragraph()
    paragraph.paragraph_format.line_spacing = Pt(points)
    return paragraph


def _mark_row(row: Any, mark: str) -> None:
    row._tr.get_or_add_trPr().append(OxmlElement(mark))


def _shade(cell: Any, fill: str) -> None:
    shade = OxmlElement("w:shd")
    for key, value in (("val", "clear"), ("color", "auto"), ("fill", fill)):
        shade.set(qn(f"w:{key}"), value)
    cell._tc.get_or_add_tcPr().append(shade)
    margins = OxmlElement("w:tcMar")
    for side in ("left", "right"):
        margin = OxmlElement(f"w:{side}")
        margin.set(qn("w:w"), "200")
        margin.set(qn("w:type"), "dxa")
        margins.append(margin)
    cell._tc.tcPr.append(margins)


def _borders(cell: Any, **sides: tuple[int, str]) -> None:
    borders = OxmlElement("w:tcBorders")
    for side, (eighths, colour) in sides.items():
        border = OxmlElement(f"w:{side}")
        for key, value in (("val", "single"), ("sz", str(eighths)), ("space", "0"), ("color", colour)):
            border.set(qn(f"w:{key}"), value)
        borders.append(border)
    cell._tc.get_or_add_tcPr().append(borders)


def main() -> int:
    built = build()
    if "--check" in sys.argv[1:]:
        if not TARGET.is_file() or TARGET.read_bytes() != built:
            print(f"{TARGET.name} is not what tools/invoice_docx.py builds: run it")
            return 1
        return 0
    TARGET.write_bytes(built)
    print(f"{TARGET.name}: {len(built)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
