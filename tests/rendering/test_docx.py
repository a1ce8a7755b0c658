"""Word documents: filled from templates, opened again by python-docx."""

from __future__ import annotations

import datetime as dt
import io
import re
import zipfile
from typing import Any

import docx
import pytest
from docugen_core.domain.bundle import Format
from docugen_core.errors import RenderFailed
from docugen_core.rendering.ooxml import read_package
from docugen_core.rendering.registry import render
from docx.enum.section import WD_SECTION
from docx_examples import a_docx, edited, opened
from pack_examples import a_task

DATA = {
    "name": "Wren <Fable> & Co",
    "amount": "1234.5",
    "day": "2026-11-01",
    "none": None,
    "rows": ["one", "two"],
    "items": "own key",
    "true": True,
}
LABELS = {"en": {"specimen": "SPECIMEN, of no value"}}


def filled(source: str | bytes, **options: Any) -> bytes:
    return render(a_task(source, Format.DOCX, **{"data": DATA, "labels": LABELS, **options})).data


def text(source: str | bytes, **options: Any) -> str:
    return "\n".join(opened(filled(source, **options)))


def failure(source: str | bytes, **options: Any) -> RenderFailed:
    with pytest.raises(RenderFailed) as caught:
        filled(source, **options)
    assert "Fable" not in str(caught.value.failure().to_json())
    return caught.value


def test_values_are_text_whatever_they_hold() -> None:
    """docxtpl made "A  B " of "A & B <c>", and `{{` of somebody's `{_{`."""
    hostile = "A & B <c> \"q\" 'a' {{ data.rows }} {% x %} {_{ ]]> <w:p/> &amp; é漢😀"

    assert text("Dear {{ data.name }},", data={"name": hostile}) == f"Dear {hostile},"


def test_tabs_and_line_breaks_of_the_data_are_kept() -> None:
    assert text("{{ data.name }}", data={"name": "a\tb\nc"}) == "a\tb\nc"


def test_figures_and_days_are_written_as_in_html() -> None:
    source = '{{ data.amount | money("EUR") }}|{{ data.amount | number(2) }}|{{ data.day | date("long") }}|{{ "20" | percent }}'

    for locale in ("en-GB", "fr-FR"):
        page = render(a_task(source, Format.HTML, data=DATA, locale=locale)).data.decode()
        assert text(source, locale=locale) == page


def test_paragraphs_and_table_rows_are_repeated() -> None:
    document = docx.Document()
    table = document.add_table(3, 1)
    for cell, words in zip(
        table.column_cells(0), ("{%tr for r in data.rows %}", "{{ r }}", "{%tr endfor %}"), strict=True
    ):
        cell.text = words
    for words in ("{%p for r in data.rows %}", "row {{ loop.index }}: {{ r }}", "{%p endfor %}"):
        document.add_paragraph(words)
    buffer = io.BytesIO()
    document.save(buffer)

    written = docx.Document(io.BytesIO(filled(buffer.getvalue())))

    assert [row.cells[0].text for row in written.tables[0].rows] == ["one", "two"]
    assert [paragraph.text for paragraph in written.paragraphs] == ["row 1: one", "row 2: two"]


def test_headers_footers_and_the_title_are_filled() -> None:
    package = filled(
        a_docx("x", header="To {{ data.name }}", footer="{{ data.day | date }}", title="For {{ data.name }}")
    )
    document = docx.Document(io.BytesIO(package))

    assert document.sections[0].header.paragraphs[-1].text == "To Wren <Fable> & Co"
    assert document.sections[0].footer.paragraphs[0].text == "1 Nov 2026"
    assert document.core_properties.title == "For Wren <Fable> & Co"


def test_a_footnote_is_filled_once_however_many_sections_there_are() -> None:
    """docxtpl rendered footnotes again for each section: braces in the data became a template."""
    document = docx.Document(io.BytesIO(a_docx("x")))
    document.add_section(WD_SECTION.NEW_PAGE)
    main = document.part
    from docx.opc.packuri import PackURI
    from docx.opc.part import Part

    note = b'<w:footnotes xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:footnote w:id="2"><w:p>'
    note += b"<w:r><w:t>{{ data.name }}</w:t></w:r></w:p></w:footnote></w:footnotes>"
    kind = "application/vnd.openxmlformats-officedocument.wordprocessingml.footnotes+xml"
    relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/footnotes"
    main.relate_to(Part(PackURI("/word/footnotes.xml"), kind, note, main.package), relation)
    buffer = io.BytesIO()
    document.save(buffer)

    package = filled(buffer.getvalue(), data={"name": "{{ world.locale }}"})

    assert b">{{ world.locale }}</w:t>" in read_package(package)["word/footnotes.xml"]


def test_a_specimen_says_so_at_the_head_of_every_kind_of_page() -> None:
    document = docx.Document(io.BytesIO(a_docx("first", header="own header")))
    document.settings.odd_and_even_pages_header_footer = True
    second = document.add_section(WD_SECTION.NEW_PAGE)
    second.different_first_page_header_footer = True
    third = document.add_section(WD_SECTION.NEW_PAGE)
    third.header.is_linked_to_previous = False
    third.header.paragraphs[0].text = "another header"
    buffer = io.BytesIO()
    document.save(buffer)

    marked = docx.Document(io.BytesIO(filled(buffer.getvalue(), specimen=True)))
    plain = filled(buffer.getvalue(), specimen=False)

    first, second, third = marked.sections
    headers = (first.header, first.even_page_header, second.first_page_header, second.even_page_header, third.header)
    assert [header.paragraphs[0].text for header in headers] == ["SPECIMEN, of no value"] * 5
    assert [header.paragraphs[-1].text for header in (first.header, third.header)] == ["own header", "another header"]
    assert sum(p.text.startswith("SPECIMEN") for p in first.header.paragraphs) == 1
    assert all(b"SPECIMEN" not in part for part in read_package(plain).values())


def test_the_mark_holds_the_word_whatever_a_packs_labels_say() -> None:
    for labels in ({"en": {"specimen": "sample"}}, {"en": {"specimen": {"a": "b"}}}, {"en": {"x": "y"}}):
        document = docx.Document(io.BytesIO(filled("x", labels=labels)))
        assert document.sections[0].header.paragraphs[0].text == "SPECIMEN"


def test_a_document_knows_its_own_date_and_no_author_or_clock() -> None:
    template = docx.Document(io.BytesIO(a_docx("x")))
    template.core_properties.author = template.core_properties.last_modified_by = "Somebody Real"
    template.core_properties.comments = "on my machine"
    buffer = io.BytesIO()
    template.save(buffer)

    for day, stamp in ((dt.date(2026, 9, 30), (2026, 9, 30)), (None, (1980, 1, 1))):
        package = filled(buffer.getvalue(), day=day)
        properties = docx.Document(io.BytesIO(package)).core_properties
        assert (properties.author, properties.last_modified_by, properties.comments) == ("DocuGen", "DocuGen", "")
        for moment in (properties.created, properties.modified):
            assert moment is not None
            assert (moment.year, moment.month, moment.day, moment.hour) == (*stamp, 0)
        with zipfile.ZipFile(io.BytesIO(package)) as archive:
            assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert b"Somebody" not in b"".join(read_package(package).values())


def test_a_language_read_from_right_to_left_turns_paragraphs_and_tables_around() -> None:
    """An Arabic date in a paragraph from left to right reads "2 2026 October"."""
    document = docx.Document(io.BytesIO(a_docx("{{ data.day | date }}", header="h", footer="f")))
    table = document.add_table(1, 1)
    table.cell(0, 0).text = "cell"
    table.cell(0, 0).add_table(1, 1).cell(0, 0).text = "inner"
    buffer = io.BytesIO()
    document.save(buffer)

    parts = ("word/document.xml", "word/header1.xml", "word/footer1.xml")
    arabic, english = (read_package(filled(buffer.getvalue(), locale=locale)) for locale in ("ar-EG", "en-GB"))

    for part in parts:
        assert arabic[part].count(b"<w:bidi/>") == len(re.findall(rb"<w:p[ >]", arabic[part])) > 0
        assert b"<w:bidi/>" not in english[part]
    assert arabic[parts[0]].count(b"<w:bidiVisual/>") == 2
    # The order of the schema: Word refuses a file that has it otherwise.
    assert b"<w:tblStyle" not in arabic[parts[0]].split(b"<w:bidiVisual/>", 1)[1].split(b"</w:tblPr>", 1)[0]
    assert b'<w:bidi/><w:spacing w:before="0"' in arabic[parts[1]]


def test_an_undefined_value_is_named_with_its_paragraph() -> None:
    error = failure("first\nDear {{ data.nmae }},\nlast")

    assert error.message == "`data.nmae` is undefined"
    assert error.where is not None
    assert (error.where.file, error.where.expression) == ("notice.docx", "Dear {{ data.nmae }},")
    assert error.details == {"part": "word/document.xml"}
    assert "schema" in error.hint


def test_an_error_in_a_header_names_that_part() -> None:
    error = failure(a_docx("x", header="{{ data.nmae }}"))

    assert (error.message, error.details["part"]) == ("`data.nmae` is undefined", "word/header1.xml")


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("{{ nmae }}", "`nmae` is undefined"),
        ("{{ data[data.name] }}", "a value is undefined"),
        ("{{ data.none }}", "the value is null"),
        ("{{ data.name | money('EUR') }}", "filter money: needs a decimal text such as '1234.50'"),
        ("{{ data.amount | date }}", "filter date: needs a day such as '2026-09-30'"),
        ("{{ data.amount + 1 }}", "the expression fails (TypeError)"),
        ("{{ data.rows[0] / 2 }}", "the expression fails (TypeError)"),
        ("{{ 1 / 0 }}", "the expression fails (ZeroDivisionError)"),
        ("{{ data.rows }}", "the value is no text or number"),
        ("{{ data }}", "the value is no text or number"),
        ("{% if %}", "syntax error: Expected an expression, got 'end of statement block'"),
        ("{{ data.name", "syntax error: unexpected '/'"),
        ("{% include 'letter.docx' %}", "the expression fails (TypeError)"),
        ("{% macro f(n) %}{{ f(n) }}{% endmacro %}{{ f(1) }}", "the template recurses too deep"),
    ],
)
def test_what_fails_says_why_and_never_quotes_the_data(expression: str, message: str) -> None:
    error = failure(f"first\n{expression}")

    assert error.message == message
    assert error.hint
    assert error.where is not None
    assert error.where.file == "notice.docx"
    assert error.where.expression in (expression, "")


@pytest.mark.parametrize(
    "expression",
    [
        "{{ ''.__class__ }}",
        "{{ data.__class__.__mro__ }}",
        "{{ data['__class__'] }}",
        "{{ data | attr('__class__') }}",
        "{{ range.__call__.__globals__ }}",
        "{{ self.__init__ }}",
        "{{ data.name.upper() }}",
        "{{ '{0.__class__}'.format(data) }}",
        "{{ '%s' % data.name }}",
        "{{ lipsum() }}",
        "{{ cycler }}",
        "{{ data.rows | random }}",
        "{{ data.rows | map('upper') }}",
        "{{ range }}",
        "{{ self }}",
        "{{ data.name | safe }}",
        "{% autoescape false %}{{ data.name }}{% endautoescape %}",
        "{{ 'a' * 1000000000 }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ range(1000000000) | list | length }}",
        "{% for r in data.rows %}{{ loop.__class__ }}{% endfor %}",
        "{% import 'os' as os %}",
    ],
)
def test_a_template_reaches_neither_python_nor_chance_nor_unescaped_text(expression: str) -> None:
    assert failure(expression).message


def test_a_name_after_a_dot_is_a_key_of_the_data_and_never_a_method() -> None:
    assert text("{{ data.items }}") == "own key"
    assert failure("{{ data.values }}").message == "`data.values` is undefined"
    assert text("{{ data.true }} {{ data.rows | length }} {{ data.rows | join(', ') }}") == "true 2 one, two"


def test_no_expression_has_an_address_for_its_text() -> None:
    """`~` and filters turn anything into text: a generator or a function became another one in every process."""
    for expression in (
        "(data.rows | map('upper'))",
        "(data.rows | select)",
        "(data.rows | batch(1))",
        "(data.rows | reverse)",
        "(data | items)",
        "range",
        "range(3)",
        "dict",
        "namespace(a=1)",
    ):
        assert " at 0x" not in text(f"{{{{ {expression} ~ '' }}}} {{{{ {expression} | string | upper }}}}").lower()
    assert text("{% for n in range(3) %}{{ n }}{% endfor %}{{ data.rows | map('upper') | join }}") == "012ONETWO"


def test_tags_across_the_edge_of_a_table_are_an_error_and_lose_nothing() -> None:
    """docxtpl mends such XML by dropping what does not fit: half a document arrived without a word."""
    document = docx.Document(io.BytesIO(a_docx("{% if data.rows | length > 5 %}")))
    document.add_table(1, 1).cell(0, 0).text = "{% endif %}"
    buffer = io.BytesIO()
    document.save(buffer)

    error = failure(buffer.getvalue())

    assert error.message == "the filled word/document.xml is not well-formed"
    assert "{%p %}" in error.hint


def test_a_control_character_from_a_generator_is_an_error_with_its_code() -> None:
    error = failure("{{ data.name }}", data={"name": "a\x01b"})

    assert "the character U+0001, which XML cannot hold" in error.message


def test_a_table_without_a_grid_is_an_error_of_the_template() -> None:
    broken = edited(a_docx("x"), "<w:p>", "<w:tbl><w:tr><w:tc><w:p/></w:tc></w:tr></w:tbl><w:p>")

    assert failure(broken).message.startswith("the filled document cannot be put together")
