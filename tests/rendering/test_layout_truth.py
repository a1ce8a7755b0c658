"""Layout ground truth: in every box stands exactly the text it claims, in the ordinary PDF, whatever the data."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import groupby

import pypdfium2
import pytest
from docugen_core.domain.bundle import Format
from docugen_core.domain.json import JsonObject
from docugen_core.domain.seed import SeedStream
from docugen_core.errors import DeterminismViolation, RenderFailed
from docugen_core.generators.commerce import COMMERCE
from docugen_core.generators.generator import GeneratorContext
from docugen_core.generators.household_account import HOUSEHOLD_ACCOUNT
from docugen_core.generators.household_finance import HOUSEHOLD_FINANCE
from docugen_core.rendering.layout_truth import FieldBox, LayoutTruth, field_boxes, layout_truth, read_layout
from docugen_core.rendering.registry import render
from docugen_core.rendering.task import RenderTask
from docugen_core.rendering.world import World
from pack_examples import PLEX, a_task
from shipped_packs import DAY, LOCALES, shipped

FIELD = '#import "docugen.typ": *\n' + PLEX


def shipped_task(pack: str, template: str, data: JsonObject | None = None, locale: str = "en-GB") -> RenderTask:
    found = shipped(pack)
    data = found.templates[template].sample if data is None else data
    return RenderTask(template, Format.PDF, found, template, data, World(DAY, locale, "Europe/Paris", True))


def invoice(seed: str, locale: str) -> RenderTask:
    context = GeneratorContext(SeedStream.of(seed, "generate", "commerce"), locale)
    params: JsonObject = {"first_month": "2026-07", "invoices": 1, "lines_max": 40}
    return shipped_task("invoice", "invoice", COMMERCE.generate(params, context), locale)


def statement(seed: str, locale: str) -> RenderTask:
    context = GeneratorContext(SeedStream.of(seed, "generate", "household_account"), locale)
    params: JsonObject = {"first_month": "2026-07", "months": 1, "transactions_per_month": 24}
    return shipped_task("quarterly-account-pack", "statement", HOUSEHOLD_ACCOUNT.generate(params, context), locale)


def finance(template: str, seed: str, locale: str) -> RenderTask:
    context = GeneratorContext(SeedStream.of(seed, "generate", "household_finance"), locale, DAY)
    data = HOUSEHOLD_FINANCE.generate({"months": 12, "transactions_per_month": 20}, context)
    return shipped_task(template, template, data, locale)


def truth_of(task: RenderTask) -> LayoutTruth:
    return layout_truth(task, task.pack.templates[task.template])


def letters(text: str) -> str:
    """Without spaces: pdfium tells spaces from distances, and a line's end is one."""
    return re.sub(r"[\s\u00a0\u202f\ufffe\u0002]", "", text)


Letter = tuple[str, float, float]


def letters_of(pdf: bytes) -> list[list[Letter]]:
    """Each page's letters and their middles. Those of the mark across the page are left out, by their size."""
    pages = []
    document = pypdfium2.PdfDocument(pdf)
    for page in document:
        text, height = page.get_textpage(), page.get_height()
        found = []
        for i in range(text.count_chars()):
            left, bottom, right, top = text.get_charbox(i, loose=True)
            if top - bottom < 60:
                found.append((text.get_text_range(i, 1), (left + right) / 2, height - (top + bottom) / 2))
        pages.append(found)
    document.close()
    return pages


def letters_in(field: FieldBox, pages: list[list[Letter]]) -> str:
    left, top, right, bottom = field.box
    inside = [letter for letter, x, y in pages[field.page - 1] if left <= x <= right and top <= y <= bottom]
    return letters("".join(inside))


def printed(pdf: bytes, truth: LayoutTruth) -> Iterator[tuple[FieldBox, str, str]]:
    """Each print of a field: its first box, the letters it claims, and those that stand in all its boxes."""
    pages = letters_of(pdf)
    fields = sorted(truth.fields, key=lambda field: (field.path, field.occurrence, field.line))
    for _, group in groupby(fields, key=lambda field: (field.path, field.occurrence)):
        lines = list(group)
        assert [field.line for field in lines] == list(range(1, lines[0].lines + 1))
        yield lines[0], letters(lines[0].text), "".join(letters_in(field, pages) for field in lines)


def assert_every_box_holds_its_text(task: RenderTask) -> LayoutTruth:
    truth = truth_of(task)
    pdf = render(task).data
    assert truth.pdf_sha256 == hashlib.sha256(pdf).hexdigest()
    wrong = [(field, claimed, found) for field, claimed, found in printed(pdf, truth) if claimed != found]
    assert wrong == []
    return truth


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize(
    "made",
    [
        pytest.param(invoice, id="invoice"),
        pytest.param(statement, id="statement"),
        pytest.param(partial(finance, "payslip"), id="payslip"),
        pytest.param(partial(finance, "letter"), id="letter"),
    ],
)
def test_in_every_box_of_generated_documents_stands_its_text(made: object, locale: str) -> None:
    assert callable(made)
    for i in range(2):
        truth = assert_every_box_holds_its_text(made(f"layout-{locale}-{i}", locale))
        assert len(truth.fields) > 15


def test_all_that_an_invoice_prints_of_its_data_is_a_field() -> None:
    truth = assert_every_box_holds_its_text(shipped_task("invoice", "invoice"))
    paths = {field.path for field in truth.fields}
    sample = shipped("invoice").templates["invoice"].sample
    unprinted = {
        "branding.accent",
        *(f"lines[{i}].{name}" for i in range(12) for name in ("vat", "gross")),
        "totals.vat",
    }
    assert set(leaves(sample)) - paths == unprinted
    assert paths <= set(leaves(sample))


def leaves(value: object, path: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, part in value.items():
            yield from leaves(part, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for i, part in enumerate(value):
            yield from leaves(part, f"{path}[{i}]")
    else:
        yield path


def test_a_box_lies_on_its_page_and_has_the_value_the_data_has() -> None:
    task = statement("inside", "fr-FR")
    truth = truth_of(task)
    assert len(truth.pages) > 1
    for field in truth.fields:
        width, height = truth.pages[field.page - 1]
        left, top, right, bottom = field.box
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height
    balance = next(field for field in truth.fields if field.path == "transactions[3].balance")
    transactions = task.data["transactions"]
    assert isinstance(transactions, list)
    assert balance.value == transactions[3]["balance"]
    day = next(field for field in truth.fields if field.path == "world.document_date")
    assert (day.value, letters(day.text)) == ("2026-10-02", "2octobre2026")


def test_a_long_value_has_a_box_for_each_of_its_lines() -> None:
    data = {"name": "Wren Fable of the House with Nine Elders beside the Old Tannery " * 4}
    source = FIELD + '#set page(width: 90mm)\nDear #field("name", data.name): good morning.'
    truth = assert_every_box_holds_its_text(a_task(source, data=data))
    assert [field.line for field in truth.fields] == list(range(1, len(truth.fields) + 1))
    assert {field.lines for field in truth.fields} == {len(truth.fields)}
    assert len(truth.fields) > 4
    tops = [field.box[1] for field in truth.fields]
    assert tops == sorted(set(tops))


def test_a_value_that_goes_on_on_the_next_page_has_boxes_on_both() -> None:
    data = {"name": "Wren Fable, keeper of small weather. " * 12}
    source = FIELD + '#set page(width: 90mm, height: 40mm, margin: 10mm)\n#field("name", data.name)'
    truth = assert_every_box_holds_its_text(a_task(source, data=data))
    assert len({field.page for field in truth.fields}) == len(truth.pages) > 1


def test_a_value_printed_twice_has_two_boxes_also_side_by_side() -> None:
    source = FIELD + '#field("name", data.name) #field("name", data.name)'
    truth = assert_every_box_holds_its_text(a_task(source))
    assert [(field.path, field.occurrence, field.lines) for field in truth.fields] == [("name", 1, 1), ("name", 2, 1)]
    assert truth.fields[0].box[2] < truth.fields[1].box[0]


def test_values_inside_a_sentence_of_the_labels_are_fields_too() -> None:
    labels = {"en": {"greeting": "Dear {name} of {town}, good morning."}}
    source = FIELD + '#label("greeting", name: field("name", data.name), town: field("town", data.town))'
    truth = assert_every_box_holds_its_text(a_task(source, data={"name": "Wren", "town": "Wenlowe"}, labels=labels))
    assert [field.path for field in truth.fields] == ["name", "town"]


def test_a_field_is_as_tall_as_its_face_however_the_lines_are_led() -> None:
    """Plex Sans reaches 1.025 em above the base line and 0.275 em below."""
    source = FIELD + '#set text(size: 20pt)\n#set par(leading: {})\n#field("name", data.name)'
    for leading in ("0.2em", "0.65em", "3em"):
        (field,) = truth_of(a_task(source.replace("{}", leading))).fields
        assert field.box[3] - field.box[1] == pytest.approx(26, abs=0.05)


def test_a_field_that_names_nothing_in_the_data_is_an_error_only_when_labels_are_asked_for() -> None:
    task = a_task(FIELD + '#field("lines[0].price", "12.00")')
    assert render(task).pages == 1
    with pytest.raises(RenderFailed, match=re.escape("prints a field 'lines[0].price', which is not in the data")):
        truth_of(task)


def test_a_template_whose_layout_would_change_is_refused_rather_than_mislabelled() -> None:
    source = FIELD + '#show link: it => box(inset: 9pt, it)\n#field("name", data.name) is here.'
    with pytest.raises(DeterminismViolation, match="laid out otherwise"):
        truth_of(a_task(source))


def test_a_render_process_answers_a_labelled_task_with_boxes_and_the_very_pdf_they_belong_to() -> None:
    task = shipped_task("invoice", "invoice")
    answer = render(replace(task, labelled=True))
    layout, pdf = read_layout(answer.data)
    assert pdf == render(task).data
    assert answer.pages == 1
    truth = truth_of(task)
    assert layout == json.loads(json.dumps(truth.to_json()))
    assert field_boxes(task, task.pack.templates["invoice"]) == truth.fields


def test_a_document_without_fields_has_none() -> None:
    assert truth_of(a_task(PLEX + "Nothing to see")).fields == ()
