"""The same task is the same bytes, whatever the process rendered before. What surrounds a process: tests/determinism."""

from __future__ import annotations

from dataclasses import replace

import pytest
from docugen_core.domain.bundle import Format
from docugen_core.rendering.registry import formats, render
from docugen_core.rendering.task import RenderTask
from pack_examples import PLEX, TABLE_DATA, TABLE_TOML, a_task

WORD_TEXT = """\
{%p for line in data.lines %}
{{ line.item }} {{ line.price | money("EUR") }}
{%p endfor %}
{{ data | dictsort | map("first") | unique | join(", ") }} {{ world.document_date | date("full") }}
"""


def a_document(format: Format) -> RenderTask:
    if format in (Format.CSV, Format.XLSX):
        return a_task(TABLE_TOML, format, data=TABLE_DATA, locale="fr-FR")
    if format in (Format.PNG, Format.SVG):
        return replace(a_document(Format.PDF), format=format, page=2, ppi=72)
    if format is Format.PDF:
        head = PLEX + '#set heading(numbering: "1")\n#outline()\n= One\n#datetime.today().display()\n'
        words = '#json("world.json").months.wide.join(", ")\n'
        return a_task(f"{head}{words}#table(columns: 3, ..range(60).map(str))\n#lorem(900)")
    if format is Format.JSON:
        return a_task('{"data": {{ data }}, "world": {{ world }}}', format, data=TABLE_DATA)
    if format is Format.DOCX:
        return a_task(WORD_TEXT, format, data=TABLE_DATA, locale="fr-FR")
    if format is Format.XML:
        return a_task('<x a="{{ world.locale }}">{{ data }} {{ world }}</x>', format, data=TABLE_DATA)
    return a_task(
        '{{ data }} {{ world }} {{ "1234.5" | money("EUR") }} {{ world.document_date | date("full") }}\n', format
    )


@pytest.mark.parametrize("format", formats())
def test_what_was_rendered_before_does_not_matter(format: Format) -> None:
    first = render(a_document(format))
    for other in formats():
        render(a_document(other))

    assert render(a_document(format)) == first
