"""The promise itself: the same task is the same bytes, whatever the process it is rendered in."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from docugen_core.domain.bundle import Format
from docugen_core.domain.identity import content_digest
from docugen_core.rendering.packs import PdfOptions
from docugen_core.rendering.registry import formats, render
from docugen_core.rendering.task import Artefact, MergeTask, RenderTask
from pack_examples import PLEX, TABLE_DATA, TABLE_TOML, a_task

TESTS = Path(__file__).parent.parent

PROGRAM = """
import json
import sys
sys.path.insert(0, sys.argv[1])
from rendering_digests import digests
print(json.dumps(digests()))
"""

WORLDS = [
    {
        "PYTHONHASHSEED": "1",
        "TZ": "Asia/Tokyo",
        "LANG": "de_DE.UTF-8",
        "LC_ALL": "de_DE.UTF-8",
        "RAYON_NUM_THREADS": "8",
    },
    {"PYTHONHASHSEED": "777", "TZ": "America/Los_Angeles", "LC_ALL": "C", "RAYON_NUM_THREADS": "1"},
    {"PYTHONHASHSEED": "0", "TZ": "NODATE12", "LC_ALL": "C.UTF-8", "SOURCE_DATE_EPOCH": "1"},
]

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


def digests() -> dict[str, str]:
    made = {format: render(a_document(format)).data for format in formats()}
    parts = tuple(Artefact(f"part.{format.value}", format, data) for format, data in made.items())
    pdf = next(part for part in parts if part.format is Format.PDF)
    holding = replace(
        a_task(PLEX + "#set document(title: [T])\nx", pdf=PdfOptions(("a-3a", "ua-1"), embed_data=True)),
        attachments=parts,
    )
    found = {format.value: content_digest(data) for format, data in made.items()}
    found["merged"] = content_digest(render(MergeTask("all.pdf", (pdf, pdf), holding.world)).data)
    return found | {"attachments": content_digest(render(holding).data)}


@pytest.mark.slow
def test_every_format_is_the_same_in_processes_that_differ_in_everything_else(tmp_path: Path) -> None:
    (tmp_path / "rendering_digests.py").write_text(Path(__file__).read_text())
    found = []
    for number, world in enumerate(WORLDS):
        home = tmp_path / f"home{number}"
        home.mkdir()
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(tmp_path)],
            env={"HOME": str(home), "PYTHONPATH": str(TESTS), **world},
            cwd=home,
            umask=(0o022, 0o077, 0o000)[number],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        found.append(json.loads(done.stdout))

    assert found[0] == found[1] == found[2] == digests()


@pytest.mark.parametrize("format", formats())
def test_what_was_rendered_before_does_not_matter(format: Format) -> None:
    first = render(a_document(format))
    for other in formats():
        render(a_document(other))

    assert render(a_document(format)) == first
