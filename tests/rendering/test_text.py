"""HTML, text, Markdown and JSON templates."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest
from docugen_core.domain.bundle import Format
from docugen_core.errors import RenderFailed
from docugen_core.rendering.registry import render
from pack_examples import PLEX, a_task
from shipped_packs import pages_of

DATA = {
    "name": "Wren <Fable>",
    "amount": "1234.5",
    "day": "2026-09-30",
    "none": None,
    "rows": [1, 2],
    "items": "own key",
}


def text(source: str, format: Format = Format.TXT, **options: object) -> str:
    return render(a_task(source, format, **{"data": DATA, **options})).data.decode()  # type: ignore[arg-type]


def failure(source: str, format: Format = Format.TXT, **options: object) -> RenderFailed:
    with pytest.raises(RenderFailed) as caught:
        text(source, format, **options)
    assert "Fable" not in str(caught.value.failure().to_json())
    return caught.value


def test_html_escapes_values_and_plain_text_does_not() -> None:
    assert text("{{ data.name }}", Format.HTML) == "Wren &lt;Fable&gt;"
    assert text("{{ data.name }}") == text("{{ data.name }}", Format.MD) == "Wren <Fable>"


def test_money_numbers_and_days_are_written_in_the_documents_locale() -> None:
    figures = '{{ data.amount | money("EUR") }}|{{ data.amount | number }}|{{ data.amount | number(2) }}'
    source = figures + '|{{ data.day | date("long") }}'

    assert text(source, locale="en-GB") == "€1,234.50|1,234.5|1,234.50|30 September 2026"
    assert text(source, locale="de-DE") == "1.234,50\u00a0€|1.234,5|1.234,50|30. September 2026"


@pytest.mark.parametrize("rate", ["20", "5.50", "0.125"])
@pytest.mark.parametrize("locale", ["en-GB", "fr-FR", "de-DE"])
def test_a_rate_reads_in_html_as_it_does_in_a_pdf(rate: str, locale: str) -> None:
    """`percent` took 0.2 here and "20" in Typst: the same data was 20 % in one document and 2000 % in the other."""
    (page,) = pages_of(render(a_task(f'#import "docugen.typ": *\n{PLEX}#percent("{rate}")', locale=locale)).data)

    assert text(f'{{{{ "{rate}" | percent }}}}', locale=locale).replace("\u00a0", " ") == page.strip()


@pytest.mark.parametrize("day", ["2026-11-01", "2026-11-02", "2026-11-11"])
@pytest.mark.parametrize("style", ["short", "medium", "long", "full"])
@pytest.mark.parametrize("locale", ["fr-FR", "fr-CA", "en-GB"])
def test_a_day_reads_in_html_as_it_does_in_a_pdf(day: str, style: str, locale: str) -> None:
    """The web page said "1 novembre 2026" where the PDF beside it said "1er novembre 2026"."""
    source = f'#import "docugen.typ": *\n{PLEX}#date("{day}", style: "{style}")'
    (page,) = pages_of(render(a_task(source, locale=locale)).data)

    assert text(f'{{{{ "{day}" | date("{style}") }}}}', locale=locale).replace("\u00a0", " ") == page.strip()


def test_a_rate_may_be_given_a_number_of_decimals() -> None:
    assert text('{{ "20" | percent(1) }}|{{ 5.5 | percent }}|{{ -2 | percent }}') == "20.0%|5.5%|-2%"


def test_templates_include_files_of_their_pack_and_no_others() -> None:
    assert text('{% include "part.txt" %}', files={"part.txt": "{{ world.locale }}"}) == "en-GB"
    assert "non-existing template" in failure('{% include "/etc/passwd" %}').message
    assert "non-existing template" in failure('{% include "../../etc/passwd" %}').message


def test_an_undefined_value_is_an_error_with_its_place() -> None:
    error = failure("Dear\n  {{ data.nmae }},")

    assert error.message == "`data.nmae` is undefined"
    assert str(error.where) == "notice.txt:2:6"
    assert error.where is not None
    assert error.where.expression == "data.nmae"


def test_an_error_in_an_included_file_names_that_file() -> None:
    error = failure('a\n{% include "part.txt" %}', files={"part.txt": "1\n2\n{{ data.nmae }}\n"})

    assert str(error.where) == "part.txt:3"
    assert error.where is not None
    assert error.where.expression == "{{ data.nmae }}"


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ('data.name | money("EUR")', "filter money: needs a decimal text such as '1234.50'"),
        ('data.amount | money("EURO")', "filter money: unknown currency 'EURO'; write an ISO 4217 code such as 'EUR'"),
        ("data.amount | money", "filter money: has the wrong arguments"),
        ("data.amount | date", "filter date: needs a day such as '2026-09-30'"),
        ("data.none", "the value is null"),
        ("data.rows.index(7)", "the call fails (ValueError)"),
    ],
)
def test_a_refused_value_is_located_and_never_quoted(expression: str, message: str) -> None:
    error = failure(f"one {{{{ data.day | date }}}}\n{{% if true %}}\nthree {{{{ {expression} }}}}\n{{% endif %}}")

    assert error.message == message
    assert str(error.where) == "notice.txt:3"
    assert error.where is not None
    assert expression in error.where.expression


def test_a_refused_value_in_an_included_file_is_located_there() -> None:
    error = failure('{{ data.day | date }}\n{% include "part.txt" %}', files={"part.txt": "x\n{{ data.name | date }}"})

    assert str(error.where) == "part.txt:2"


def test_a_python_method_never_reaches_the_output() -> None:
    """An absent key that is named like a method of Python's dict printed `<built-in method ... at 0x7f...>`."""
    assert text("{{ data.items }}") == "own key"

    assert failure("{{ data.values }}").message == "the value is a method, not data"
    assert failure('{"a": {{ data.values }}}', Format.JSON).message == "the value is a method, not data"


def test_a_template_can_neither_reach_classes_nor_dump_everything() -> None:
    assert "undefined" in failure("{{ data.__class__ }}").message
    assert "unknown function: debug" in failure("{{ debug() }}").message


@pytest.mark.slow
def test_an_endless_loop_runs_out_of_fuel() -> None:
    error = failure("{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}")

    assert error.message == "engine ran out of fuel"
    assert "loop" in error.hint


def test_a_syntax_error_names_its_line() -> None:
    error = failure("a\n{% if %}x{% endif %}")

    assert error.message.startswith("syntax error")
    assert str(error.where) == "notice.txt:2:7"


def test_json_is_escaped_sorted_and_ends_with_a_line_end() -> None:
    rows = "{% for n in data.rows %}{{ n }}{% if not loop.last %}, {% endif %}{% endfor %}"
    source = '{"z": {{ data.name }}, "a": [' + rows + '], "n": {{ data.none }}}'

    written = text(source, Format.JSON)

    assert json.loads(written) == {"a": [1, 2], "n": None, "z": "Wren <Fable>"}
    assert written == '{\n  "a": [\n    1,\n    2\n  ],\n  "n": null,\n  "z": "Wren <Fable>"\n}\n'


@pytest.mark.parametrize(
    ("source", "message", "line"),
    [
        ('{\n"a": 1,\n}', "the output is not JSON", "3"),
        ('{"a": "{{ data.name }}"}', "the output is not JSON", "1"),
        ('{"a": 1, "a": 2}', "the JSON has the key 'a' twice", ""),
        ('{"a": NaN}', "the JSON holds NaN", ""),
    ],
)
def test_output_that_is_not_json_is_refused(source: str, message: str, line: str) -> None:
    error = failure(source, Format.JSON)

    assert error.message.startswith(message)
    assert error.details.get("output_line", "") == line


def test_xml_values_come_back_as_they_were() -> None:
    hostile = "A & B <c> \"q\" 'a' ]]> &amp; é漢😀\r\n\tend"
    source = '<?xml version="1.0"?>\n<x a="{{ world.locale }}" s="{{ world.specimen }}">{{ data.name }}</x>'

    root = ElementTree.fromstring(text(source, Format.XML, data={"name": hostile}))  # noqa: S314 - our own bytes

    assert (root.text, root.attrib) == (hostile, {"a": "en-GB", "s": "true"})


@pytest.mark.parametrize(
    ("source", "message", "line"),
    [
        ("<x>\n<y></x>", "the output is not XML: it is not well-formed: mismatched tag", "2"),
        ("<x/>\n<y/>", "the output is not XML: it is not well-formed: junk after document element", "2"),
        ("", "the output is not XML: it is not well-formed: no element found", "1"),
        ("<a:x/>", "the output is not XML: it is not well-formed: unbound prefix", "1"),
        ("<x>{{ data.name | safe }}</x>", "the output is not XML: it is not well-formed: mismatched tag", "1"),
        ("<x>&nbsp;</x>", "the output is not XML: it is not well-formed: undefined entity", "1"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>', "the output is not XML: it has a DOCTYPE", "1"),
        ('<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>', "the output is not XML: it has a DOCTYPE", "1"),
        (
            '<?xml version="1.0" encoding="latin1"?><x/>',
            "the output is not XML: its encoding is declared as latin1",
            "1",
        ),
        ("<x>" * 501 + "</x>" * 501, "the output is not XML: its elements are nested more than 500 levels deep", "1"),
        ("\n<x>a\x01</x>", "the output is not XML: it holds the character U+0001, which XML cannot hold", "2"),
        ("<x>\uffff</x>", "the output is not XML: it holds the character U+FFFF, which XML cannot hold", "1"),
    ],
)
def test_output_that_is_not_plain_xml_is_refused(source: str, message: str, line: str) -> None:
    error = failure(source, Format.XML)

    assert error.message.startswith(message)
    assert error.details["output_line"] == line
    assert error.hint


def test_an_undefined_or_null_value_is_an_error_in_xml_too() -> None:
    assert failure("<x>{{ data.nmae }}</x>", Format.XML).message == "`data.nmae` is undefined"
    assert failure("<x>{{ data.none }}</x>", Format.XML).message == "the value is null"
