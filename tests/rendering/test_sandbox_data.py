"""Hostile data, tried in every format: formulas, markup and code in it are text."""

from __future__ import annotations

import csv
import io
import zipfile

import pytest
from docugen_core.adapters.render_pool import RenderPool
from docugen_core.domain.bundle import Format
from docugen_core.rendering.task import RenderTask
from pack_examples import PLEX, TABLE_TOML, a_task

pytestmark = pytest.mark.asyncio(loop_scope="module")

FORMULAS = ("=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1+1", '=HYPERLINK("http://x.example")')


def formulas_table(form: Format) -> RenderTask:
    lines = [{"item": item, "quantity": "1", "price": "1.00", "tax": "20", "sold": None} for item in FORMULAS]
    return a_task(TABLE_TOML, form, data={"currency": "EUR", "lines": lines, "totals": {"price": "6.00"}})


async def test_csv_cells_of_the_data_are_no_formulas(pool: RenderPool) -> None:
    data = (await pool.render(formulas_table(Format.CSV))).data

    cells = [row[0] for row in csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""))][1 : len(FORMULAS) + 1]
    assert cells == [f"'{item}" for item in FORMULAS]


async def test_xlsx_cells_of_the_data_are_texts_and_no_links(pool: RenderPool) -> None:
    with zipfile.ZipFile(io.BytesIO((await pool.render(formulas_table(Format.XLSX))).data)) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
        shared = book.read("xl/sharedStrings.xml").decode()

    assert sheet.count("<f>") <= 1, "the total alone is a formula"
    assert "HYPERLINK" not in sheet
    assert "hyperlink" not in sheet
    assert all(item.strip("\t").split('"')[0] in shared for item in FORMULAS)


async def test_markup_in_the_data_is_text_in_html_and_xml(pool: RenderPool) -> None:
    hostile = "<script>alert(1)</script>\"'&]]>"

    for form in (Format.HTML, Format.XML):
        source = '<p title="{{ data.name }}">{{ data.name }}</p>'
        assert b"<script" not in (await pool.render(a_task(source, form, data={"name": hostile}))).data


async def test_code_in_the_data_is_text_everywhere(pool: RenderPool) -> None:
    hostile = '{{ 7 * 7 }} #(7 * 7) {% include "x" %} #read("secret.txt")'

    text = await pool.render(a_task("{{ data.name }}", Format.TXT, data={"name": hostile}))
    assert text.data.decode() == hostile
    assert (await pool.render(a_task(PLEX + '#json("data.json").name', data={"name": hostile}))).pages == 1
