"""The example of household_finance end to end: what one document says of the money, the others say too."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from docugen_core.composition import compose, generated_data
from docugen_core.domain.bundle import Format
from docugen_core.domain.json import JsonObject
from docugen_core.generators.registry import GeneratorRegistry
from docugen_core.rendering.registry import render
from docugen_core.rendering.task import RenderTask
from docugen_core.rendering.world import World
from finance_invariants import assert_reconciles
from shipped_packs import catalogue, example, pages_of, resolved

BUNDLE = resolved(example("household-finance"))
DOCUMENTS = {document.name: document for document in BUNDLE.documents}
PAYSLIPS = sorted(name for name in DOCUMENTS if name.startswith("bulletin-"))
DAYS = (
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
)


@cache
def generated() -> JsonObject:
    return generated_data(BUNDLE, GeneratorRegistry.load())


@cache
def document(name: str) -> bytes:
    """The document as the bundle's run would render it."""
    spec = DOCUMENTS[name]
    assert spec.template is not None
    pack = next(pack for pack in catalogue().packs() if pack.digest == spec.template.digest)
    data = compose(BUNDLE.data, generated(), spec.data)
    world = World(BUNDLE.document_date, BUNDLE.locale, BUNDLE.time_zone, BUNDLE.specimen)
    return render(RenderTask(name, spec.format, pack, spec.template.template, data, world)).data


def text_of(name: str) -> str:
    return " ".join(" ".join(pages_of(document(name))).split())


def found(pattern: str, text: str, read: Callable[[re.Match[str]], str] = lambda match: match[1]) -> str:
    match = re.search(pattern, text)
    assert match is not None, pattern
    return read(match)


def test_the_data_of_the_example_reconciles() -> None:
    assert_reconciles(generated())


@pytest.mark.slow
def test_the_net_pay_read_from_each_payslip_is_an_entry_of_the_statement_that_is_read_too() -> None:
    statement = text_of("releve-de-compte.pdf")
    references = []
    for name in PAYSLIPS:
        payslip = text_of(name)
        net = found(r"Net payé ([\d ]+,\d\d) €", payslip)
        reference = found(r"référence (\d{4}-P-\d{4})", payslip)
        day, month = re.search(r"le (\d+) (\w+) \d{4} sur le compte", payslip).groups()  # type: ignore[union-attr]
        on = f"{int(day):02d}/{DAYS.index(month) + 1:02d}"
        assert re.search(rf"{on} {on} Virement reçu – [^/]* {reference} {net} ", statement), name
        references.append(reference)
    assert len(set(references)) == len(PAYSLIPS) == 12
    assert sorted(references) == sorted(re.findall(r"\d{4}-P-\d{4}", statement))


def test_letter_statement_and_proof_name_the_same_balance_and_account_holder() -> None:
    letter, proof = text_of("lettre.pdf"), text_of("attestation-de-solde.pdf")
    overview = " ".join(pages_of(document("releve-de-compte.pdf"))[0].split())
    balance = found(r"Solde du compte au 30 septembre 2026 ([\d ]+,\d\d €)", letter)
    assert f"un solde créditeur de {balance}" in proof
    assert balance in overview
    holder: Any = generated()["holder"]
    assert all(holder["name"] in text for text in (letter, proof, overview, text_of(PAYSLIPS[0])))


def test_the_last_payslip_of_a_year_and_the_summary_agree_on_its_sums() -> None:
    rows = list(csv.DictReader(io.StringIO(document("recapitulatif-de-paie.csv").decode())))
    assert len(rows) == 12
    this_year = [row for row in rows if row["Mois"].startswith("2026")]
    net = sum(int(row["Net payé"].replace(".", "")) for row in this_year)
    printed = f"{net // 100:,},{net % 100:02d}".replace(",", " ", f"{net // 100:,}".count(","))
    assert printed in found(r"Cumuls de l’année 2026(.*)Congés", text_of("bulletin-2026-09.pdf"))


def test_the_letter_lists_as_many_payslips_as_the_bundle_holds() -> None:
    assert f"{len(PAYSLIPS)} bulletins de paie (octobre 2025 – septembre 2026)" in text_of("lettre.pdf")
    assert BUNDLE.documents[[d.format for d in BUNDLE.documents].index(Format.ZIP)].members == tuple(
        sorted(name for name in DOCUMENTS if name != "dossier.zip")
    )
